import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { Json } from './canonical.ts';
import type { Failure } from './failure.ts';
import { positionAt, type Position } from './position.ts';
import { fail, ok, type Result } from './result.ts';

/** A YAML node together with where it stands. Anchors and aliases are followed. */
export interface YamlValue {
  readonly file: string;
  readonly text: string;
  readonly document: Document;
  readonly node: Node | null;
}

// A file that names a hundred aliases of aliases is an attack or a mistake, not a declaration.
const OPTIONS = { keepSourceTokens: false, uniqueKeys: true, logLevel: 'silent', version: '1.2' } as const;

// Ansible's own tags: their content is text to us, never evaluated.
const ANSIBLE_TAGS = ['!vault', '!unsafe'].map((tag) => ({ tag, resolve: (value: string) => value }));

/** Reads a YAML text; a syntax error becomes a failure with its position. */
export function parseYaml(file: string, text: string): Result<YamlValue> {
  const document = parseDocument(text, { ...OPTIONS, customTags: ANSIBLE_TAGS, lineCounter: new LineCounter() });
  if (document.errors.length === 0) return ok({ file, text, document, node: document.contents });
  const failures = document.errors.map((error): Failure => ({
    code: 'source-unparsable',
    at: positionAt(file, text, error.pos[0], error.pos[1] - error.pos[0]),
    language: 'YAML',
    detail: (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, ''),
  }));
  return fail(...failures);
}

const with_ = (value: YamlValue, node: unknown): YamlValue => {
  const followed = isAlias(node) ? node.resolve(value.document) : node;
  return { ...value, node: isNode(followed) ? followed : null };
};

/** Where the value stands; an empty one at the start of the file. */
export function positionOfValue(value: YamlValue): Position {
  const range = value.node?.range;
  if (!range) return positionAt(value.file, value.text, 0);
  return positionAt(value.file, value.text, range[0], range[1] - range[0]);
}

/** The member of a map, or null. */
export function member(value: YamlValue, key: string): YamlValue | null {
  if (!isMap(value.node)) return null;
  const node = value.node.get(key, true);
  return node === undefined ? null : with_(value, node);
}

/** The members of a map as key, position of the key, and value; empty for anything else. Merge keys (`<<`) are followed. */
export function members(value: YamlValue): readonly { key: string; keyAt: Position; value: YamlValue }[] {
  if (!isMap(value.node)) return [];
  return value.node.items.flatMap((pair) => {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const of = with_(value, pair.value);
    if (key === '<<') return isSeq(of.node) ? items(of).flatMap(members) : members(of);
    return [{ key, keyAt: positionOfValue(with_(value, pair.key)), value: of }];
  });
}

/** The items of a list; empty for anything else. */
export const items = (value: YamlValue): readonly YamlValue[] =>
  isSeq(value.node) ? value.node.items.map((item) => with_(value, item)) : [];

/** The text of a scalar, or null. Numbers and booleans count as their text. */
export function scalar(value: YamlValue | null): string | null {
  if (!value || !isScalar(value.node) || value.node.value === null) return null;
  return String(value.node.value);
}

/** A list of texts, or a single text as a list of one: Ansible takes both in many places. */
export function scalars(value: YamlValue | null): readonly { text: string; at: Position }[] {
  if (!value) return [];
  const list = isSeq(value.node) ? items(value) : [value];
  return list.flatMap((item) => {
    const text = scalar(item);
    return text === null ? [] : [{ text, at: positionOfValue(item) }];
  });
}

/** Whether a text holds a Jinja expression, whose value only a run shows. */
export const isTemplated = (text: string): boolean => text.includes('{{') || text.includes('{%');

/** The plain data of a value. */
export const plain = (value: YamlValue): Json => (value.node ? (value.node.toJS(value.document) as Json) : null);

/** Follows a path of keys and indexes as far as it goes: the value there, or the last one on the way. */
export function at(value: YamlValue, path: readonly PropertyKey[]): YamlValue {
  let here = value;
  for (const part of path) {
    const next = typeof part === 'number' ? items(here)[part] : members(here).find((pair) => pair.key === String(part))?.value;
    if (!next) return here;
    here = next;
  }
  return here;
}
