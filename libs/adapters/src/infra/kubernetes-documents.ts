import {
  at,
  fail,
  items,
  member,
  members,
  ok,
  parseYaml,
  place,
  positionOfValue,
  scalar,
  type Failure,
  type Inputs,
  type Json,
  type Position,
  type Result,
  type YamlValue,
} from '@goldenthread/core';
import { jsonOf, type Reading } from './kubernetes-values.ts';
import { identity, isMap, typeOf, type KubeObject, type Ref } from './kubernetes-object.ts';

/** An object as it is declared. */
export interface Manifest {
  readonly object: KubeObject;
  /** Where it is declared. */
  readonly at: Position;
  /** Paths of the values that came from a secret. */
  readonly sensitive: readonly (readonly string[])[];
}

/** A text of manifests, and what is put into it. */
export interface Text {
  /** Relative to the workspace root. */
  readonly file: string;
  readonly text: string;
  /** Null: placeholders are left as they are. */
  readonly inputs: Inputs | null;
}

/**
 * The documents of a text, each with empty lines for all that stands before it, so that positions hold. A line that begins with
 * `---` ends a document even within a block of text.
 */
function documents(text: string): readonly string[] {
  const found: string[] = [];
  let lines: string[] = [];
  const end = (passed: number): void => {
    found.push(lines.join('\n'));
    lines = Array.from({ length: passed }, () => '');
  };
  text.split('\n').forEach((line, index) => {
    if (/^\.\.\.(\s|$)/.test(line)) return end(index + 1);
    if (/^%/.test(line)) return lines.push('');
    if (!/^---(\s|$)/.test(line)) return lines.push(line);
    end(index);
    lines.push(`   ${line.slice(3)}`);
  });
  end(0);
  return found;
}

const invalid = (value: YamlValue, found: string, expected: string): Failure => ({
  code: 'declaration-invalid',
  at: positionOfValue(value),
  found,
  expected,
});

const VERSION = /^(?:[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/)?v[0-9][a-z0-9]*$/;
// What the API itself refuses in a path; a name must not lead a request elsewhere.
const isSegment = (text: string): boolean => text !== '.' && text !== '..' && !/[/%]/.test(text);

function wrong(value: YamlValue): readonly Failure[] {
  const text = (...path: readonly string[]): string | null => {
    const there = path.reduce<YamlValue | null>((here, key) => here && member(here, key), value);
    return scalar(there) === '' ? null : scalar(there);
  };
  const needs: readonly (readonly [string | null, string, (text: string) => boolean, string])[] = [
    [text('apiVersion'), 'apiVersion', (found) => VERSION.test(found), 'a version such as v1 or apps/v1'],
    [text('kind'), 'kind', (found) => /^[A-Za-z]\w*$/.test(found), 'a kind such as Deployment'],
    [text('metadata', 'name'), 'metadata.name', isSegment, 'the name of the object'],
    [text('metadata', 'namespace') ?? 'none', 'metadata.namespace', isSegment, 'a namespace'],
  ];
  return needs.flatMap(([found, key, fits, expected]) => {
    if (found === null) return [invalid(value, `an object without ${key}`, expected)];
    return fits(found) ? [] : [invalid(at(value, key.split('.')), `the ${key} ${found}`, expected)];
  });
}

/** The texts of a Secret as the API keeps them: with server-side apply, a key taken out of `stringData` would stay for ever. */
function encoded(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object;
  if (object.kind !== 'Secret' || object.apiVersion !== 'v1' || !isMap(stringData)) return object;
  const texts = Object.entries(stringData).map(([key, value]): [string, Json] => [
    key,
    typeof value === 'string' ? Buffer.from(value).toString('base64') : (value ?? null),
  ]);
  const given = isMap(rest['data']) ? rest['data'] : {};
  return { ...rest, data: { ...given, ...Object.fromEntries(texts) } };
}

function manifests(value: YamlValue, inputs: Inputs | null): Result<readonly Manifest[]> {
  if (value.node === null || (scalar(value) === null && members(value).length + items(value).length === 0))
    return ok([]);
  if (members(value).length === 0)
    return fail(invalid(value, 'something else', 'an object: a map with apiVersion, kind and metadata'));
  const list = member(value, 'items');
  if (/List$/.test(scalar(member(value, 'kind')) ?? '') && list !== null) {
    const each = items(list).map((item) => manifests(item, inputs));
    const failures = each.flatMap((one) => (one.ok ? [] : one.failures));
    if (failures.length > 0) return { ok: false, failures };
    return ok(each.flatMap((one) => (one.ok ? one.value : [])));
  }
  const reading: Reading = { inputs, failures: [], sensitive: [], left: 200_000 };
  const failures = wrong(value);
  const object = encoded(jsonOf(value, [], reading) as KubeObject);
  if (failures.length + reading.failures.length > 0) return fail(...failures, ...reading.failures);
  const sensitive = reading.sensitive.map((path) => path.map((key) => (key === 'stringData' ? 'data' : key)));
  return ok([{ object, at: positionOfValue(value), sensitive }]);
}

/** Within `{ }` a bare placeholder is no YAML, which its parser says in words that help nobody. */
function hinted(failure: Failure): Failure {
  if (failure.code !== 'source-unparsable') return failure;
  const [placeholder] = /\$\{[\w.-]+\}/.exec(failure.at.text) ?? [];
  if (placeholder === undefined) return failure;
  const detail = `${failure.detail} (a placeholder within { } or [ ] stands in quotes: "${placeholder}")`;
  return { ...failure, detail };
}

/** Reads manifests: all objects, with lists taken apart, or everything that is wrong with them. */
export function readManifests({ file, text, inputs }: Text): Result<readonly Manifest[]> {
  const found: Manifest[] = [];
  const failures: Failure[] = [];
  for (const document of documents(text.replaceAll('\r\n', '\n'))) {
    const parsed = parseYaml(file, document);
    const read = parsed.ok ? manifests(parsed.value, inputs) : parsed;
    if (read.ok) found.push(...read.value);
    else failures.push(...read.failures.map(hinted));
  }
  return failures.length > 0 ? { ok: false, failures } : ok(found);
}

/** Objects that are declared more than once; what names no namespace is in `namespace`. */
export function duplicates(all: readonly Manifest[], namespace: string): readonly Failure[] {
  const first = new Map<string, Manifest>();
  return all.flatMap((one): readonly Failure[] => {
    const { apiVersion, kind, metadata } = one.object;
    const ref: Ref = { apiVersion, kind, namespace: metadata.namespace ?? namespace, name: metadata.name };
    const before = first.get(identity(ref));
    if (!before) {
      first.set(identity(ref), one);
      return [];
    }
    const found = `${typeOf(ref)} ${metadata.name} a second time`;
    const expected = `each object once; the first stands in ${place(before.at)}`;
    return [{ code: 'declaration-invalid', at: one.at, found, expected }];
  });
}
