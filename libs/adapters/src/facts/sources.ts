import {
  ABSENT,
  basename,
  folder,
  positionAt,
  PRESENT,
  type Facts,
  type Failure,
  type Result,
  type SourceFile,
} from '@goldenthread/core';
import { MOST_BYTES, type Content } from './look.ts';

/** What is read for one request. */
export interface Reader {
  /** Content of a path; it becomes part of what the facts depend on. */
  readonly read: (path: string) => Content;
  /** Whether it is on the ignore list. */
  readonly ignored: (path: string) => boolean;
}

/** Facts of something that is there and cannot be understood. */
export const failing = (failures: readonly Failure[]): Facts => ({ ...PRESENT, failures });

/** The text of a file: null where there is none; a failure where it is too large or may not be read. */
export function source(path: string, reader: Reader): Result<SourceFile> | null {
  const { state, text } = reader.read(path);
  if (text !== undefined) return { ok: true, value: { path, text } };
  if (state.startsWith('x')) {
    const detail = `it has ${state.slice(1)} bytes, and a source has at most ${MOST_BYTES}`;
    return {
      ok: false,
      failures: [{ code: 'source-unparsable', at: positionAt(path, '', 0), language: 'source text', detail }],
    };
  }
  if (state.startsWith('e')) {
    const hint =
      'Let the user who runs this read the file, or put it on the ignore list of the plugin in nx.json.';
    return {
      ok: false,
      failures: [{ code: 'not-permitted', what: `reading ${path} (${state.slice(1)})`, hint }],
    };
  }
  return null;
}

/** Facts of one file by its text. */
export function ofFile(path: string, reader: Reader, facts: (file: SourceFile) => Facts): Facts {
  const file = source(path, reader);
  if (file === null) return ABSENT;
  return file.ok ? facts(file.value) : failing(file.failures);
}

/** The names in a folder. */
export const namesIn = (path: string, reader: Reader): readonly string[] => reader.read(path).names ?? [];

/** Whether there is something at a path. */
export const has = (path: string, reader: Reader): boolean => {
  const names = namesIn(folder(path), reader);
  return names.includes(basename(path)) || names.includes(`${basename(path)}/`);
};

/** The nearest folder at or above a path that is declared as one of `kinds`. */
export function declaredAbove(path: string, kinds: readonly string[], reader: Reader): string | undefined {
  for (let at = path; ; at = folder(at)) {
    const names = namesIn(at, reader);
    if (kinds.some((kind) => names.includes(`${kind}.yaml`))) return at;
    if (at === '') return undefined;
  }
}
