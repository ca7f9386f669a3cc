import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  all,
  fail,
  howToGet,
  ok,
  type Call,
  type Finding,
  type Linter,
  type LintTarget,
  type Result,
} from '@goldenthread/core';
import { environment, run, toolFailure } from '../host.ts';
import type { Parts } from '../parts.ts';
import { EITHER } from '../terraform/tool.ts';
import { validate } from '../terraform/validate.ts';

const HUNK = /^@@ -(\d+)/;

/** The files that `terraform fmt -check -diff` would change, each at the first line that it would change. */
export function formFindings(diff: string): readonly Finding[] {
  const findings: Finding[] = [];
  let [file, line] = ['', 0];
  for (const text of diff.split('\n')) {
    const hunk = HUNK.exec(text);
    if (text.startsWith('--- old/')) [file, line] = [text.slice('--- old/'.length), 0];
    else if (hunk && file !== '') line = Number(hunk[1]);
    else if (line > 0 && /^[-+]/.test(text) && !text.startsWith('+++ new/')) {
      const message = `not in the form that \`${EITHER.name} fmt\` gives it: \`${EITHER.name} fmt ${file}\` does`;
      findings.push({ file, line, column: 1, message, rule: `${EITHER.name} fmt`, level: 'error' });
      [file, line] = ['', 0];
    } else if (line > 0) line += 1;
  }
  return findings;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Terraform's own checks: the form of the files of a folder and its tests, and what they say. */
export function createTerraformLinter({ root, home }: Parts): Linter {
  const form = async (folder: string, call: Call): Promise<Result<readonly Finding[]>> => {
    const tests = join(folder, 'tests');
    const argv = [EITHER.name, 'fmt', '-check', '-diff', '-no-color', folder === '' ? '.' : folder];
    if (isFolder(join(root, tests))) argv.push(tests);
    let diff = '';
    const command = {
      argv,
      cwd: root,
      env: environment({ CHECKPOINT_DISABLE: '1' }),
      purpose: EITHER.purpose,
      install: howToGet(EITHER),
    };
    const done = await run({ ...command, whole: (text) => (diff = text) }, call);
    if (!done.ok) return done;
    const findings = formFindings(diff);
    return done.value.code === 0 || findings.length > 0
      ? ok(findings)
      : fail(toolFailure(command, done.value));
  };
  const both = async (
    folder: string,
    { file }: LintTarget,
    call: Call,
  ): Promise<Result<readonly Finding[]>> => {
    const wrong = await validate({ tool: EITHER, home, within: { root, folder }, file }, call);
    if (!wrong.ok) return wrong;
    const formed = await form(folder, call);
    // What does not parse has no form.
    if (!formed.ok && wrong.value.length > 0 && formed.failures.every(({ code }) => code === 'tool-failed'))
      return wrong;
    return formed.ok ? ok([...wrong.value, ...formed.value]) : formed;
  };
  return {
    name: 'terraform',
    tools: [EITHER],
    optional: false,
    async lint(target, call) {
      const found = all(await Promise.all(target.files.map((folder) => both(folder, target, call))));
      return found.ok ? ok(found.value.flat()) : found;
    },
  };
}
