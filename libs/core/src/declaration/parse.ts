import { z } from 'zod';
import type { Failure } from '../failure.ts';
import { fail, ok, type Result } from '../result.ts';
import { at, members, parseYaml, plain, positionOfValue, type YamlValue } from '../yaml.ts';
import type { Position } from '../position.ts';

const describeFound = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

const ARTICLES: Readonly<Record<string, string>> = { array: 'a list', object: 'a map', string: 'a text', number: 'a number', int: 'a whole number', boolean: 'true or false', record: 'a map' };

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return ARTICLES[issue.expected] ?? issue.expected;
  if (issue.code === 'invalid_value') return `one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_format') return issue.message.replace(/^Invalid string: must match pattern .*$/, 'another form');
  return issue.message.replace(/^Invalid input: expected /, '').replace(/^Too (small|big): expected /, '');
}

/** Where the key of the path's last member stands: for a key that should not be there. */
function keyPosition(value: YamlValue, path: readonly PropertyKey[], key: string): Position {
  const holder = at(value, path);
  return members(holder).find((pair) => pair.key === key)?.keyAt ?? positionOfValue(holder);
}

// A union fails with the issues of every branch: the one that got furthest is what the author meant.
function flatten(issue: z.core.$ZodIssue, data: unknown): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const given = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], data);
  const branches = issue.errors.map((errors) => errors.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })));
  const meant = branches.filter((errors) => given !== null && typeof given === 'object' && !errors.some((inner) => missesDistinctKey(inner, issue.path.length)));
  const [best] = (meant.length > 0 ? meant : branches).toSorted((a, b) => depth(b) - depth(a) || a.length - b.length);
  return (best ?? [issue]).flatMap((inner) => flatten(inner, data));
}

const depth = (errors: readonly z.core.$ZodIssue[]): number => Math.max(...errors.map((error) => error.path.length));

// A branch whose own top-level key is missing is not the one the author began to write.
const missesDistinctKey = (issue: z.core.$ZodIssue, base: number): boolean =>
  issue.code === 'invalid_type' && issue.path.length === base + 1 && issue.message.endsWith('received undefined');

function toFailures(issue: z.core.$ZodIssue, value: YamlValue, data: unknown): readonly Failure[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      code: 'declaration-invalid',
      at: keyPosition(value, issue.path, key),
      found: `the unknown key "${key}"`,
      expected: 'a key of the reference (unknown keys are refused, so that a typing error cannot hide)',
    }));
  }
  const there = at(value, issue.path);
  const given = issue.path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], data);
  const missing = given === undefined && issue.path.length > 0 ? ` for "${issue.path.map(String).join('.')}"` : '';
  return [{ code: 'declaration-invalid', at: positionOfValue(there), found: describeFound(given), expected: `${expected(issue)}${missing}` }];
}

/** A declaration's content and where each part of it stands. */
export interface Declared<T> {
  readonly written: T;
  readonly source: YamlValue;
}

/** Reads a declaration by its schema: every problem at once, each at its place. An empty file counts as an empty map. */
export function parseDeclaration<T>(schema: z.ZodType<T>, file: string, text: string): Result<Declared<T>> {
  const parsed = parseYaml(file, text);
  if (!parsed.ok) return parsed;
  const data = plain(parsed.value) ?? {};
  const checked = schema.safeParse(data);
  if (checked.success) return ok({ written: checked.data, source: parsed.value });
  return fail(...checked.error.issues.flatMap((issue) => flatten(issue, data)).flatMap((issue) => toFailures(issue, parsed.value, data)));
}

/** The position of a key's value in a declaration, or of the whole of it. */
export const declaredAt = (declared: Declared<unknown>, path: readonly PropertyKey[]): Position =>
  positionOfValue(at(declared.source, path));
