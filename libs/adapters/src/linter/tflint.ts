import { existsSync } from 'node:fs';
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
import { environment, run, toolFailure } from '../host.ts';
import type { Parts } from '../parts.ts';

/** Knows what providers refuse before they are asked, and habits that lead astray. */
export const TFLINT: Tool = {
  name: 'tflint',
  purpose: 'checking Terraform against what its providers take',
  version: ['--version'],
  install: 'Install TFLint (https://github.com/terraform-linters/tflint).',
};

interface Range {
  readonly filename: string;
  readonly start: { readonly line: number; readonly column: number };
}

/** What `tflint --format=json` prints. */
interface Report {
  readonly issues?: readonly {
    readonly rule: { readonly name: string; readonly severity: string };
    readonly message: string;
    readonly range: Range;
  }[];
  readonly errors?: readonly {
    readonly summary?: string;
    readonly message: string;
    readonly range?: Range;
  }[];
}

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Findings of TFLint's JSON, in which files are named from the folder that it ran in; what has no place is about `file`. */
export function tflintFindings(report: string, folder: string, file: string): readonly Finding[] {
  const { issues = [], errors = [] } = JSON.parse(report) as Report;
  const at = (range: Range | undefined): Pick<Finding, 'file' | 'line' | 'column'> => ({
    file: range === undefined || range.filename === '' ? file : join(folder, range.filename),
    line: Math.max(1, range?.start.line ?? 1),
    column: Math.max(1, range?.start.column ?? 1),
  });
  return [
    ...issues.map(({ rule, message, range }): Finding => ({
      ...at(range),
      message: plain(message),
      rule: `tflint ${rule.name}`,
      level: rule.severity === 'error' ? 'error' : 'warning',
    })),
    ...errors.map(({ summary, message, range }): Finding => ({
      ...at(range),
      message: plain([summary, message].filter(Boolean).join(': ')),
      rule: 'tflint error',
      level: 'error',
    })),
  ];
}

/** TFLint, by the folder's own `.tflint.hcl` or else that of the workspace. */
export function createTflint({ root }: Parts): Linter {
  const lint = async (folder: string, file: string, call: Call): Promise<Result<readonly Finding[]>> => {
    const shared = join(root, '.tflint.hcl');
    const own = existsSync(join(root, folder, '.tflint.hcl')) || !existsSync(shared);
    const argv = [TFLINT.name, '--format=json', '--no-color', ...(own ? [] : [`--config=${shared}`])];
    const command = {
      argv,
      cwd: join(root, folder),
      env: environment(),
      purpose: TFLINT.purpose,
      install: howToGet(TFLINT),
    };
    let report = '';
    const done = await run({ ...command, whole: (text) => (report = text) }, call);
    if (!done.ok) return done;
    try {
      return ok(tflintFindings(report, folder, file));
    } catch {
      return fail(toolFailure(command, done.value));
    }
  };
  return {
    name: 'tflint',
    tools: [TFLINT],
    optional: true,
    async lint({ files, file }, call) {
      const found = all(await Promise.all(files.map((folder) => lint(folder, file, call))));
      return found.ok ? ok(found.value.flat()) : found;
    },
  };
}
