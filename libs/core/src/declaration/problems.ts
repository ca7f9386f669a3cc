import type { z } from 'zod';
import { near } from '../near.ts';
import type { Position } from '../position.ts';
import { at, members, positionOfValue, type YamlValue } from '../yaml.ts';
import { branches, isInteger, isMapSchema, keysOf, requiredKeys, schemaAt, type Schema } from './shape.ts';

/** Something a schema refuses: where, what stands there, and what should. */
export interface Problem {
  readonly at: Position;
  readonly found: string;
  readonly expected: string;
}

/** A declaration that was refused. */
export interface Reading {
  readonly schema: Schema;
  readonly source: YamlValue;
  readonly data: unknown;
}

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

const LONGEST = 80;

const isMap = (value: unknown): value is Readonly<Record<PropertyKey, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const valueAt = (data: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key],
    data,
  );

function describe(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}...` : text;
}

const oneOf = (names: readonly string[]): string =>
  names.length === 1 ? (names[0] ?? '') : `one of ${names.join(', ')}`;

const mapWith = (schemas: readonly Schema[]): string => {
  const keys = schemas.flatMap(requiredKeys);
  return `a map with ${keys.length === 1 ? 'the key' : 'one of the keys'} ${keys.join(', ')}`;
};

/** Where the key of a path's last part stands; without one (an item of a list, a key that is not there), its value's place. */
function keyPosition({ source }: Reading, path: Path): Position {
  const key = path.at(-1);
  const holder = at(source, path.slice(0, -1));
  return members(holder).find((pair) => pair.key === String(key))?.keyAt ?? positionOfValue(at(source, path));
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a map',
  record: 'a map',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

const FORMATS: Readonly<Record<string, string>> = {
  url: 'an address with its scheme, such as https://…',
  datetime: 'a time with its zone, such as 2026-01-31T00:00:00Z',
};

function bound(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const small = issue.code === 'too_small';
  const limit = String(small ? issue.minimum : issue.maximum);
  if (issue.origin === 'string')
    return small && limit === '1'
      ? 'a text that is not empty'
      : `a text of at ${small ? 'least' : 'most'} ${limit} characters`;
  const unit = issue.origin === 'array' ? ' items' : '';
  return `at ${small ? 'least' : 'most'} ${limit}${unit}`;
}

/** What was expected, in words. A rule of our own brings its words along as the issue's message. */
function expected(issue: Issue, schema: Schema | undefined): string {
  switch (issue.code) {
    case 'invalid_type':
      return schema && isInteger(schema) ? 'a whole number' : (TYPES[issue.expected] ?? issue.expected);
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'invalid_format':
      return FORMATS[issue.format] ?? issue.message;
    case 'too_small':
    case 'too_big':
      return bound(issue);
    default:
      return issue.message;
  }
}

function unknownKey(reading: Reading, path: Path, key: string): Problem {
  const holder = schemaAt(reading.schema, path);
  const given = valueAt(reading.data, path);
  const keys = holder ? keysOf(holder) : [];
  const open = keys.filter((name) => !isMap(given) || !Object.hasOwn(given, name));
  const meant = near(key, open);
  const quoted = (meant.length > 0 ? meant : open.slice(0, open.length === 1 ? 1 : 0))
    .map((name) => `"${name}"`)
    .join(' or ');
  const wanted = open.length > 0 ? quoted || oneOf(open) : 'no other key';
  return { at: keyPosition(reading, [...path, key]), found: `the unknown key "${key}"`, expected: wanted };
}

/** Whether a missing key is there after all, misspelt: the unknown key in its place says what it should be. */
function isMisspelt({ schema, data }: Reading, path: Path): boolean {
  const [holder, key] = [path.slice(0, -1), String(path.at(-1))];
  const [given, known] = [valueAt(data, holder), schemaAt(schema, holder)];
  if (!isMap(given) || !known) return false;
  return Object.keys(given).some((other) => !keysOf(known).includes(other) && near(other, [key]).length > 0);
}

function simple(issue: Issue, reading: Reading): readonly Problem[] {
  const given = valueAt(reading.data, issue.path);
  const wanted = expected(issue, schemaAt(reading.schema, issue.path));
  if (given === undefined && issue.path.length > 0) {
    if (isMisspelt(reading, issue.path)) return [];
    const key = issue.path.map(String).join('.');
    return [
      {
        at: keyPosition(reading, issue.path.slice(0, -1)),
        found: 'nothing',
        expected: `${wanted} for "${key}"`,
      },
    ];
  }
  const place =
    given === null ? keyPosition(reading, issue.path) : positionOfValue(at(reading.source, issue.path));
  return [{ at: place, found: describe(given), expected: wanted }];
}

/** More than one branch of a union begun in one map, such as two kinds of base; null where that is not what is wrong. */
function severalBranches(reading: Reading, path: Path): Problem | null {
  const schema = schemaAt(reading.schema, path);
  const given = valueAt(reading.data, path);
  if (!schema || !isMap(given)) return null;
  const keys = branches(schema).flatMap(requiredKeys);
  const [first, second] = Object.keys(given).filter((key) => keys.includes(key));
  if (first === undefined || second === undefined) return null;
  return {
    at: keyPosition(reading, [...path, second]),
    found: `"${second}" beside "${first}"`,
    expected: `only ${oneOf(keys)}`,
  };
}

/** A union names its branches' issues: those of the branch that the author began count, or else the choice is named. */
function ofUnion(issue: z.core.$ZodIssueInvalidUnion, reading: Reading): readonly Problem[] {
  const several = severalBranches(reading, issue.path);
  if (several) return [several];
  const schema = schemaAt(reading.schema, issue.path);
  const all = schema ? branches(schema) : [];
  const given = valueAt(reading.data, issue.path);
  const begun = isMap(given)
    ? all.findIndex((branch) => requiredKeys(branch).some((key) => Object.hasOwn(given, key)))
    : all.findIndex((branch) => !isMapSchema(branch));
  const inner = (issue.errors[begun] ?? []).map((error): Issue => ({
    ...error,
    path: [...issue.path, ...error.path],
  }));
  if (isMap(given)) return inner.length > 0 ? problemsOf(inner, reading) : noBranch(reading, issue.path, all);
  const maps = all.filter(isMapSchema);
  if (typeof given === 'string' && inner.length > 0) return problemsOf(inner, reading);
  const words = [
    ...inner.slice(0, 1).map((error) => expected(error, all[begun])),
    ...(maps.length > 0 ? [mapWith(maps)] : []),
  ];
  return simple({ ...issue, code: 'custom', params: {}, message: words.join(' or ') }, reading);
}

function noBranch(reading: Reading, path: Path, all: readonly Schema[]): readonly Problem[] {
  const given = valueAt(reading.data, path);
  const keys = all.flatMap(requiredKeys);
  const misspelt = isMap(given) ? Object.keys(given).find((key) => near(key, keys).length > 0) : undefined;
  if (misspelt !== undefined) return [unknownKey(reading, path, misspelt)];
  return [
    {
      at: positionOfValue(at(reading.source, path)),
      found: describe(given),
      expected: mapWith(all.filter(isMapSchema)),
    },
  ];
}

function problems(issue: Issue, reading: Reading): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const several = severalBranches(reading, issue.path);
    return several ? [several] : issue.keys.map((key) => unknownKey(reading, issue.path, key));
  }
  if (issue.code === 'invalid_union') return ofUnion(issue, reading);
  if (issue.code !== 'invalid_key') return simple(issue, reading);
  const words = issue.issues.map((inner) => expected(inner, undefined)).join(', ');
  return [
    {
      at: keyPosition(reading, issue.path),
      found: `the key "${String(issue.path.at(-1))}"`,
      expected: words,
    },
  ];
}

/** What is wrong in a declaration, by the issues of its schema; of several about one value the first. */
export function problemsOf(issues: readonly Issue[], reading: Reading): readonly Problem[] {
  const first = new Map<string, Issue>();
  for (const issue of issues) {
    const key = JSON.stringify([issue.path.map(String), issue.code === 'unrecognized_keys']);
    if (!first.has(key)) first.set(key, issue);
  }
  return [...first.values()].flatMap((issue) => problems(issue, reading));
}
