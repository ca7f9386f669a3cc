import type { z } from 'zod';
import type { Hash } from '../bake/fingerprint.ts';
import { canonical, type Json } from '../canonical.ts';
import { declaredAt, parseDeclaration } from '../declaration/parse.ts';
import type { Failure } from '../failure.ts';
import { fail, ok, type Result } from '../result.ts';
import { yamlText } from '../yaml.ts';
import type { LedgerSnapshot } from './ledger.ts';

const sealOf = (content: object, hash: Hash): string => hash(canonical(content as Json));

/** The record by which the ledger is written, and read: what reading would refuse is never written. */
export interface Kind<T> {
  readonly schema: z.ZodType<T & { readonly seal: string }>;
  readonly path: (record: T) => string;
}

/** A file to write: its path and its text, sealed. Throws where the record is not what its schema says: that would be our bug. */
export const written =
  <T extends object>({ schema, path }: Kind<T>) =>
  (record: T, hash: Hash): readonly [string, string] => {
    const sealed = { ...record, seal: sealOf(record, hash) };
    return [path(record), yamlText(schema.parse(sealed))];
  };

/** How a file of the ledger is refused. */
const corrupt = (failure: Failure): Failure => {
  if (failure.code === 'declaration-invalid') return { ...failure, code: 'ledger-corrupt' };
  if (failure.code === 'source-unparsable')
    return { code: 'ledger-corrupt', at: failure.at, found: failure.detail, expected: 'YAML' };
  return failure;
};

/** Reads one file: its schema, its seal, and that it stands under the name that its content asks for. */
function readSealed<T extends object>(
  { schema, path }: Kind<T>,
  file: { readonly path: string; readonly text: string; readonly ledger: string },
  hash: Hash,
): Result<T> {
  const parsed = parseDeclaration(schema, `${file.ledger}:${file.path}`, file.text);
  if (!parsed.ok) return fail(...parsed.failures.map(corrupt));
  const { seal, ...rest } = parsed.value.written;
  // Without its seal a record is what it was before it was sealed.
  const content = rest as unknown as T;
  const refuse = (key: string, found: string, expected: string): Result<never> =>
    fail({ code: 'ledger-corrupt', at: declaredAt(parsed.value, [key]), found, expected });
  if (sealOf(content, hash) !== seal)
    return refuse('seal', 'content that was edited by hand', 'the content that was sealed');
  return path(content) === file.path
    ? ok(content)
    : refuse('image', `what belongs to ${path(content)}`, `what belongs to ${file.path}`);
}

/** Every record of one kind in a folder of the ledger, and every file that is refused. */
export function allIn<T extends object>(
  folder: string,
  kind: Kind<T>,
  from: { readonly snapshot: LedgerSnapshot; readonly ledger: string; readonly hash: Hash },
): { readonly records: readonly T[]; readonly failures: readonly Failure[] } {
  const { snapshot, ledger, hash } = from;
  const read = [...snapshot.files]
    .filter(([path]) => path.startsWith(`${folder}/`))
    .map(([path, text]) => readSealed(kind, { path, text, ledger }, hash));
  return {
    records: read.flatMap((one) => (one.ok ? [one.value] : [])),
    failures: read.flatMap((one) => (one.ok ? [] : one.failures)),
  };
}
