import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  fail,
  howToGet,
  ok,
  type Call,
  type Finding,
  type Linter,
  type Result,
  type Tool,
} from '@goldenthread/core';
import { environment, run, toolFailure } from '../host.ts';
import type { Parts } from '../parts.ts';

/** Checks YAML for form: what parses may still be read otherwise than meant. */
export const YAMLLINT: Tool = {
  name: 'yamllint',
  purpose: 'checking the form of YAML files',
  version: ['--version'],
  install: 'pip install yamllint.',
  debian: 'yamllint',
};

const LINE = /^(.+?):(\d+):(\d+): \[(error|warning)\] (.*?)(?: \(([\w-]+)\))?$/;

/** Findings of yamllint's `parsable` format. */
export function readParsable(text: string): readonly Finding[] {
  return text.split('\n').flatMap((line): Finding[] => {
    const [, file, row, column, level, message = '', rule = 'syntax'] = LINE.exec(line) ?? [];
    if (file === undefined) return [];
    const severity = level === 'error' ? 'error' : 'warning';
    return [
      {
        file: file.replace(/^\.\//, ''),
        line: Number(row),
        column: Number(column),
        message,
        rule: `yamllint ${rule}`,
        level: severity,
      },
    ];
  });
}

const SETTINGS = ['.yamllint', '.yamllint.yaml', '.yamllint.yml'];
// An argument vector has a limit; a project rarely has more files.
const AT_ONCE = 1_000;

async function lint(root: string, files: readonly string[], call: Call): Promise<Result<readonly Finding[]>> {
  const own = SETTINGS.some((name) => existsSync(join(root, name)));
  const argv = [YAMLLINT.name, '-f', 'parsable', ...(own ? [] : ['-d', 'relaxed']), '--', ...files];
  const { purpose } = YAMLLINT;
  const install = howToGet(YAMLLINT);
  // Someone's own settings elsewhere must not decide: those of the workspace do, or else the relaxed ones.
  const env = environment({ YAMLLINT_CONFIG_FILE: undefined });
  let report = '';
  const command = { argv, cwd: root, env, purpose, install };
  const done = await run({ ...command, whole: (text) => (report = text) }, call);
  if (!done.ok) return done;
  return done.value.code === 0 || done.value.code === 1
    ? ok(readParsable(report))
    : fail(toolFailure(command, done.value));
}

/** The form of YAML files, by the workspace's own `.yamllint`. */
export function createYamllint({ root }: Parts): Linter {
  return {
    name: 'yamllint',
    tools: [YAMLLINT],
    optional: true,
    async lint({ files }, call) {
      const findings: Finding[] = [];
      for (let start = 0; start < files.length; start += AT_ONCE) {
        const found = await lint(root, files.slice(start, start + AT_ONCE), call);
        if (!found.ok) return found;
        findings.push(...found.value);
      }
      return ok(findings);
    },
  };
}
