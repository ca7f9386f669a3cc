import type { Failure } from './failure.ts';

/** What a step that may fail answers: its value, or every failure it met (at least one). */
export type Result<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failures: readonly Failure[] };

/** A success. */
export const ok = <T>(value: T): Result<T> => ({ ok: true, value });

/** A refusal with one or more failures. */
export const fail = (...failures: readonly Failure[]): Result<never> => ({ ok: false, failures });

/** Turns a list of answers into one: all values, or all failures together. */
export function all<T>(results: readonly Result<T>[]): Result<readonly T[]> {
  const failures = results.flatMap((result) => (result.ok ? [] : result.failures));
  if (failures.length > 0) return { ok: false, failures };
  return ok(results.flatMap((result) => (result.ok ? [result.value] : [])));
}
