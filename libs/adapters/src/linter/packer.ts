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
  type Result,
  type Tool,
} from '@goldenthread/core';
import { environment, run, toolFailure, type Finished } from '../host.ts';
import type { Parts } from '../parts.ts';

/** Reads templates without building. */
export const PACKER_SYNTAX: Tool = {
  name: 'packer',
  purpose: 'checking Packer templates',
  version: ['version'],
  install: 'Install Packer (https://developer.hashicorp.com/packer/install).',
  debian: 'packer',
};

const HCL_ERROR =
  /Error: ([^\n]+)\n+\s+on ([^\n]+?) line (\d+)[^\n]*:\n([\s\S]*?)(?=\n+Error: |\n+Warning: |$)/g;
const JSON_ERROR =
  /Failed to parse template: (?:Error parsing JSON: )?([\s\S]*?)(?:\s*At line (\d+), column (\d+)[\s\S]*)?$/;

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** What `packer validate` says is wrong: HCL errors at their lines, JSON errors at their characters, others at the start. */
export function validateFindings(said: string, template: string): readonly Finding[] {
  const finding = (file: string, line: number, column: number, message: string): Finding => ({
    file,
    line,
    column,
    message,
    rule: 'packer validate',
    level: 'error',
  });
  const hcl = [...said.matchAll(HCL_ERROR)].map(([, headline = '', file = template, line, body = '']) => {
    const details = body.split('\n').filter((one) => !/^\s*(\d+:|\(source code not available\))/.test(one));
    return finding(file, Number(line), 1, plain(`${headline}: ${details.join(' ')}`).replace(/:$/, ''));
  });
  if (hcl.length > 0) return hcl;
  const json = JSON_ERROR.exec(said);
  const message = (json?.[1] ?? said).replace(/^\d+ errors? occurred:\s*\*?/, '');
  return [
    finding(
      template,
      Number(json?.[2] ?? 1),
      Number(json?.[3] ?? 1),
      plain(message) || 'Packer refuses it and does not say why',
    ),
  ];
}

const HUNK = /^@@ -(\d+)/;

/** Where `packer fmt -check -diff` would change a file: the first line of each run of changed lines. */
export function formatFindings(diff: string): readonly Finding[] {
  const findings: Finding[] = [];
  let [file, line, changing] = ['', 0, false];
  for (const text of diff.split('\n')) {
    const hunk = HUNK.exec(text);
    if (text.startsWith('--- old/')) file = text.slice('--- old/'.length);
    if (hunk) [line, changing] = [Number(hunk[1]), false];
    if (hunk || /^(---|\+\+\+) (old|new)\//.test(text) || line === 0) continue;
    const changes = /^[-+]/.test(text);
    if (changes && !changing)
      findings.push({
        file,
        line,
        column: 1,
        message: 'not in the form that `packer fmt` gives it',
        rule: 'packer fmt',
        level: 'error',
      });
    changing = changes;
    if (!text.startsWith('+')) line += 1;
  }
  return findings;
}

const isTemplate = (path: string): boolean => !/\.pkrvars\.(hcl|json)$/.test(path);

/** HCL2 templates, files of variables, and folders of them; JSON has no form of its own. */
const hasForm = (root: string, path: string): boolean =>
  /\.hcl$/.test(path) || (statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() ?? false);

/** Packer's own check of a template's syntax, and of the form of HCL2. */
export function createPackerLinter({ root }: Parts): Linter {
  const packer = (args: readonly string[], call: Call): Promise<Result<Finished>> => {
    const { name, purpose } = PACKER_SYNTAX;
    const install = howToGet(PACKER_SYNTAX);
    // Packer asks its maker for news unless it is told not to.
    return run(
      { argv: [name, ...args], cwd: root, env: environment({ CHECKPOINT_DISABLE: '1' }), purpose, install },
      call,
    );
  };
  const validate = async (path: string, call: Call): Promise<Result<readonly Finding[]>> => {
    const done = await packer(['validate', '-syntax-only', path], call);
    if (!done.ok || done.value.code === 0) return done.ok ? ok([]) : done;
    return ok(validateFindings(`${done.value.stderr}\n${done.value.stdout}`.trim(), path));
  };
  const format = async (path: string, call: Call): Promise<Result<readonly Finding[]>> => {
    const args = ['fmt', '-check', '-diff', path];
    const done = await packer(args, call);
    if (!done.ok) return done;
    const findings = formatFindings(done.value.stdout);
    return done.value.code === 0 || findings.length > 0
      ? ok(findings)
      : fail(toolFailure({ argv: [PACKER_SYNTAX.name, ...args] }, done.value));
  };
  const both = async (path: string, call: Call): Promise<Result<readonly Finding[]>> => {
    const wrong = isTemplate(path) ? await validate(path, call) : ok([]);
    // What does not parse has no form.
    return wrong.ok && wrong.value.length === 0 && hasForm(root, path) ? format(path, call) : wrong;
  };
  return {
    name: 'packer',
    tools: [PACKER_SYNTAX],
    optional: false,
    async lint({ files }, call) {
      const found = all(await Promise.all(files.map((path) => both(path, call))));
      return found.ok ? ok(found.value.flat()) : found;
    },
  };
}
