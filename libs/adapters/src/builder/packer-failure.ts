import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { positionAt, type Failure, type Position } from '@goldenthread/core';
import { saysDiskFull } from '../host.ts';
import { playFailure } from './ansible-output.ts';
import type { PackerReport } from './packer-output.ts';
import type { Template } from './packer-template.ts';

/** The run that failed. */
export interface FailedRun {
  /** Absolute path of the workspace. */
  readonly root: string;
  readonly image: string;
  readonly template: Template;
  readonly log: string;
  /** Where space would be short. */
  readonly home: string;
}

const HCL_ERROR =
  /Error: ([^\n]+)\n+\s+on ([^\n]+?) line (\d+)[^\n]*:\n([\s\S]*?)(?=\n+Error: |\n+Warning: |$)/g;
const JSON_ERROR =
  /Failed to parse template: (?:Error parsing JSON: )?([\s\S]*?)(?:\s*At line (\d+), column (\d+)[\s\S]*)?$/;
const UNKNOWN_KEY = /Unknown root level key in template: '([^']+)'/;

async function lineOf(root: string, file: string, line: number): Promise<Position> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const written = lines[line - 1] ?? '';
  const indent = written.length - written.trimStart().length;
  return positionAt(relative(root, file), text, start + indent, written.trim().length);
}

/** What HCL's errors say: a headline, and below the quoted source the details. */
const detailOf = (headline: string, body: string): string => {
  const details = body.split('\n').filter((line) => !/^\s*(\d+:|\(source code not available\))/.test(line));
  return `${headline}: ${details.join(' ').replace(/\s+/g, ' ').trim()}`.replace(/:\s*$/, '');
};

/** Errors of the template itself, each at its place; none where Packer says of no file and line. */
async function templateFailures({ root, template }: FailedRun, text: string): Promise<readonly Failure[]> {
  const found = [...text.matchAll(HCL_ERROR)].map(
    async ([, headline = '', file = '', line, body = '']): Promise<Failure> => {
      const at = await lineOf(root, resolve(template.folder, file), Number(line));
      return { code: 'source-unparsable', at, language: 'Packer HCL', detail: detailOf(headline, body) };
    },
  );
  if (found.length > 0) return Promise.all(found);
  const old = JSON_ERROR.exec(text);
  if (!old || template.modern) return [];
  const file = resolve(root, template.path);
  const content = await readFile(file, 'utf8').catch(() => '');
  const key = UNKNOWN_KEY.exec(text)?.[1];
  const named =
    key === undefined
      ? null
      : positionAt(template.path, content, content.indexOf(`"${key}"`), key.length + 2);
  const at = named ?? (await lineOf(root, file, Number(old[2] ?? 1)));
  const detail = (old[1] ?? '').replace(/\d+ errors? occurred:\s*\*?\s*/, '').trim();
  return [{ code: 'source-unparsable', at, language: 'Packer JSON', detail }];
}

/** Ansible's own output among what Packer printed, from its last play on. */
const ansibleFailed = (tail: readonly string[]): boolean =>
  tail.some((line) => /^(fatal|failed): \[.*=> /.test(line) || /^ERROR! /.test(line));

const SHOWN = 12;

/** Lines in which a program of the template, not Packer, speaks: the cause stands there. */
const spoken = (tail: readonly string[]): readonly string[] => {
  const end = tail.findIndex((line) => /^Provisioning step had errors/.test(line));
  return (end === -1 ? [] : tail.slice(0, end)).filter((line) => line !== '').slice(-SHOWN);
};

/** The failures that a run of Packer met, in its own words and those of what it ran. */
export async function packerFailures(run: FailedRun, report: PackerReport): Promise<readonly Failure[]> {
  const { image, log, root, template } = run;
  const text = report.errors.map((error) => error.text).join('\n');
  const all = `${text}\n${report.tail.join('\n')}`;
  const wrong = await templateFailures(run, text);
  if (wrong.length > 0) return wrong;
  if (saysDiskFull(all)) return [{ code: 'disk-full', folder: run.home }];
  if (ansibleFailed(report.tail) && /[Aa]nsible/.test(all)) {
    const said = report.tail.join('\n');
    return [{ code: 'step-failed', image, step: template.path, ...playFailure(said, said, root), log }];
  }
  const builds = report.errors.map((error) =>
    error.build === '' ? error.text : `${error.build}: ${error.text}`,
  );
  const detail =
    [...spoken(report.tail), ...builds].join('\n') ||
    report.tail
      .filter((line) => line !== '')
      .slice(-SHOWN)
      .join('\n');
  return [{ code: 'tool-failed', tool: 'packer', detail: detail === '' ? 'it said nothing' : detail, log }];
}
