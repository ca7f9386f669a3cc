import { isAbsolute, join, relative } from 'node:path';
import type { Finding, Position } from '@goldenthread/core';

interface Point {
  readonly line: number;
  readonly column: number;
}

/** An error or warning as Terraform says it in JSON. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly summary: string;
  readonly detail: string;
  /** The resource that it is about, where it came up while something was done to one. */
  readonly address?: string;
  readonly range?: { readonly filename: string; readonly start: Point; readonly end: Point };
  readonly snippet?: {
    readonly code?: string;
    readonly values?: readonly { readonly traversal: string }[];
  };
}

/** One line of what Terraform says in JSON. */
export interface Line {
  readonly '@message'?: string;
  readonly '@timestamp'?: string;
  readonly '@testfile'?: string;
  readonly '@testrun'?: string;
  readonly type?: string;
  readonly diagnostic?: Diagnostic;
  readonly hook?: {
    readonly resource?: { readonly addr: string };
    readonly action?: string;
    readonly elapsed_seconds?: number;
  };
  readonly test_run?: {
    readonly path: string;
    readonly run: string;
    readonly progress: string;
    readonly status?: string;
  };
}

/** Parses one line; null where it is no JSON. */
export function readLine(text: string): Line | null {
  if (!text.startsWith('{')) return null;
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null;
  }
}

const KEPT_LINES = 40;

/** Gathers what Terraform says line by line. */
export interface Heard {
  readonly line: (text: string) => void;
  readonly diagnostics: readonly Diagnostic[];
  /** The end of what was no JSON. */
  rest(): string;
}

/** Listens to lines; `each` gets those that are JSON. */
export function listen(each: (line: Line) => void = () => undefined): Heard {
  const diagnostics: Diagnostic[] = [];
  let rest: string[] = [];
  return {
    diagnostics,
    line: (text) => {
      const said = readLine(text);
      if (!said) return void (rest = [...rest, text].slice(-KEPT_LINES));
      if (said.diagnostic) diagnostics.push(said.diagnostic);
      each(said);
    },
    rest: () => rest.join('\n').trim(),
  };
}

const LONGEST = 1_500;

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** A diagnostic in one line. */
export function diagnosticText({ summary, detail }: Diagnostic): string {
  const text = [summary, detail].map(plain).filter(Boolean).join(': ');
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}

/** The folder of a stack, relative to the root of its tree. */
export interface Within {
  /** Absolute. */
  readonly root: string;
  readonly folder: string;
}

/** The file of a diagnostic, relative to the root; null where it has none, or one that is none of the workspace's. */
export function fileOf({ range }: Diagnostic, { root, folder }: Within): string | null {
  if (!range || range.filename === '') return null;
  const { filename } = range;
  const path = relative(root, isAbsolute(filename) ? filename : join(root, folder, filename));
  return path.startsWith('..') || isAbsolute(path) ? null : path;
}

/** The position of a diagnostic in a text of its file. */
export function positionIn(file: string, text: string, range: NonNullable<Diagnostic['range']>): Position {
  const { start, end } = range;
  const line = (text.split('\n')[start.line - 1] ?? '').replace(/\r$/, '');
  const column = Math.max(1, Math.min(start.column, line.length + 1));
  const until = end.line === start.line ? end.column : line.length + 1;
  const length = Math.max(1, Math.min(until, line.length + 1) - column);
  return { file, line: start.line, column, length, text: line };
}

/** Diagnostics as findings; what has no place in the workspace is about `file`. */
export const diagnosticFindings = (
  diagnostics: readonly Diagnostic[],
  within: Within,
  file: string,
  rule: string,
): readonly Finding[] =>
  diagnostics.map((one) => {
    const found = fileOf(one, within);
    const start = found === null ? undefined : one.range?.start;
    return {
      file: found ?? file,
      line: start?.line ?? 1,
      column: start?.column ?? 1,
      message: diagnosticText(one),
      rule,
      level: one.severity,
    };
  });
