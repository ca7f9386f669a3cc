import type { z } from 'zod';
import type { Failure } from '../failure.ts';
import { readYaml } from '../graph/read-yaml.ts';
import type { Position } from '../position.ts';
import { fail, ok, type Result } from '../result.ts';
import { at, members, plain, positionOfValue, type YamlValue } from '../yaml.ts';
import { problemsOf } from './problems.ts';

/** A declaration's content and where each part of it stands. */
export interface Declared<T> {
  readonly written: T;
  readonly source: YamlValue;
}

const inOrder = (a: Position, b: Position): number => a.line - b.line || a.column - b.column;

/** Reads a declaration by its schema: every problem at once, each at its place. An empty file counts as an empty map. */
export function parseDeclaration<T>(schema: z.ZodType<T>, file: string, text: string): Result<Declared<T>> {
  const parsed = readYaml({ path: file, text });
  if (!parsed.ok) return parsed;
  const data = plain(parsed.value) ?? {};
  const checked = schema.safeParse(data);
  if (checked.success) return ok({ written: checked.data, source: parsed.value });
  const problems = problemsOf(checked.error.issues, { schema, source: parsed.value, data });
  const failures = problems.map((problem): Failure => ({ code: 'declaration-invalid', ...problem }));
  // What an anchor holds is wrong once, however many aliases repeat it.
  const distinct = [...new Map(failures.map((failure) => [JSON.stringify(failure), failure])).values()];
  return fail(...distinct.sort((a, b) => ('at' in a && 'at' in b ? inOrder(a.at, b.at) : 0)));
}

/** The position of a key's value in a declaration, or of the whole of it. */
export const declaredAt = (declared: Declared<unknown>, path: readonly PropertyKey[]): Position =>
  positionOfValue(at(declared.source, path));

/** The position of the last key of a path itself; where there is none (an item of a list), of its value. */
export function declaredKeyAt(declared: Declared<unknown>, path: readonly PropertyKey[]): Position {
  const holder = at(declared.source, path.slice(0, -1));
  const pair = members(holder).find(({ key }) => key === path.at(-1));
  return pair?.keyAt ?? declaredAt(declared, path);
}
