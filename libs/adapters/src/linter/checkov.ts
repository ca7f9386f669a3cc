import { isAbsolute, join, relative } from 'node:path';
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

/** Looks for what is unsafe in infrastructure. */
export const CHECKOV: Tool = {
  name: 'checkov',
  purpose: 'checking infrastructure for what is unsafe',
  version: ['--version'],
  install: 'pip install checkov.',
};

/** What `checkov -o json` prints for one kind of files. */
interface Report {
  readonly results?: {
    readonly failed_checks?: readonly {
      readonly check_id: string;
      readonly check_name: string;
      readonly file_path: string;
      readonly file_abs_path?: string;
      readonly file_line_range?: readonly [number, number];
      readonly resource?: string;
      readonly guideline?: string | null;
    }[];
    /** Absolute paths. */
    readonly parsing_errors?: readonly string[];
  };
}

/** The path of a file below the root; Checkov's own are absolute, or from the folder that it read. */
function pathOf(
  root: string,
  folder: string,
  { file_path: path, file_abs_path: absolute }: { file_path: string; file_abs_path?: string },
): string {
  const inside = absolute === undefined ? '..' : relative(root, absolute);
  return inside.startsWith('..') || isAbsolute(inside) ? join(folder, path.replace(/^\/+/, '')) : inside;
}

/** Findings of Checkov's JSON: one report, a list of them, or a count where it had nothing to read. */
export function checkovFindings(
  text: string,
  root: string,
  folder: string,
  level: Finding['level'],
): readonly Finding[] {
  const json = JSON.parse(text) as Report | readonly Report[];
  return [json].flat().flatMap(({ results }) => [
    ...(results?.failed_checks ?? []).map((check): Finding => {
      const about = check.resource === undefined ? '' : `${check.resource}: `;
      const more = typeof check.guideline === 'string' ? ` (${check.guideline})` : '';
      return {
        file: pathOf(root, folder, check),
        line: Math.max(1, check.file_line_range?.[0] ?? 1),
        column: 1,
        message: `${about}${check.check_name}${more}`.replace(/\s+/g, ' '),
        rule: `checkov ${check.check_id}`,
        level,
      };
    }),
    ...(results?.parsing_errors ?? []).map((path): Finding => ({
      file: pathOf(root, folder, { file_path: path, ...(isAbsolute(path) ? { file_abs_path: path } : {}) }),
      line: 1,
      column: 1,
      message: 'Checkov cannot read this file',
      rule: 'checkov parsing',
      level: 'warning',
    })),
  ]);
}

/** Checkov, by the workspace's own `.checkov.yaml`. */
export function createCheckov({ root }: Parts): Linter {
  const lint = async (folder: string, call: Call): Promise<Result<readonly Finding[]>> => {
    // What its maker's service knows besides is not asked for: a check needs no network.
    const argv = [
      CHECKOV.name,
      '--directory',
      folder === '' ? '.' : folder,
      '--output',
      'json',
      '--skip-download',
    ];
    const command = {
      argv,
      cwd: root,
      env: environment(),
      purpose: CHECKOV.purpose,
      install: howToGet(CHECKOV),
    };
    let report = '';
    const done = await run({ ...command, whole: (text) => (report = text) }, call);
    if (!done.ok) return done;
    try {
      // Where its settings let checks fail softly it ends well in spite of them.
      return ok(checkovFindings(report, root, folder, done.value.code === 0 ? 'warning' : 'error'));
    } catch {
      return fail(toolFailure(command, done.value));
    }
  };
  return {
    name: 'checkov',
    tools: [CHECKOV],
    optional: true,
    async lint({ files }, call) {
      const found = all(await Promise.all(files.map((folder) => lint(folder, call))));
      return found.ok ? ok(found.value.flat()) : found;
    },
  };
}
