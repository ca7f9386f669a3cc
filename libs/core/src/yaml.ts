import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  stringify,
  type Document,
  type Node,
} from 'yaml';
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

// With the log level `silent`, the library would drop every document but the first without a word.
const OPTIONS = { keepSourceTokens: false, uniqueKeys: true, logLevel: 'error', version: '1.2' } as const;

// Ansible's own tags: their content is text to us, never evaluated.
const ANSIBLE_TAGS = ['!vault', '!unsafe'].map((tag) => ({ tag, resolve: (value: string) => value }));

/** Reads a YAML text; syntax errors become failures with their positions, the first of each line: others follow from it. */
export function parseYaml(file: string, text: string): Result<YamlValue> {
  const document = parseDocument(text, {
    ...OPTIONS,
    customTags: ANSIBLE_TAGS,
    lineCounter: new LineCounter(),
  });
  if (document.errors.length === 0) return ok({ file, text, document, node: document.contents });
  // What is missing is noticed at the end of the file: the last thing written there shows more than an empty line.
  const end = Math.max(0, text.trimEnd().length - 1);
  const firsts = new Map<number, Failure>();
  for (const { pos, message } of document.errors) {
    const at = positionAt(file, text, Math.min(pos[0], end), pos[1] - pos[0]);
    const detail = (message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
    if (!firsts.has(at.line))
      firsts.set(at.line, { code: 'source-unparsable', at, language: 'YAML', detail });
  }
  return fail(...firsts.values());
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

/** One member of a map. */
export interface Member {
  readonly key: string;
  readonly keyAt: Position;
  readonly value: YamlValue;
}

/**
 * The members of a map; empty for anything else. Merge keys (`<<`) are followed: what the map itself says goes before what
 * it merges in, and of several merged maps the first.
 */
export function members(value: YamlValue): readonly Member[] {
  if (!isMap(value.node)) return [];
  const own: Member[] = [];
  const merged: Member[] = [];
  for (const pair of value.node.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const of = with_(value, pair.value);
    if (key === '<<') merged.push(...(isSeq(of.node) ? items(of) : [of]).flatMap(members));
    else own.push({ key, keyAt: positionOfValue(with_(value, pair.key)), value: of });
  }
  if (merged.length === 0) return own;
  const first = new Map<string, Member>();
  for (const one of [...own, ...merged]) if (!first.has(one.key)) first.set(one.key, one);
  return [...first.values()];
}

/** The member of a map, or null. */
export const member = (value: YamlValue, key: string): YamlValue | null =>
  members(value).find((one) => one.key === key)?.value ?? null;

/** The items of a list; empty for anything else. */
export const items = (value: YamlValue): readonly YamlValue[] =>
  isSeq(value.node) ? value.node.items.map((item) => with_(value, item)) : [];

/** The text of a scalar, or null. Numbers and booleans count as their text. */
export function scalar(value: YamlValue | null): string | null {
  if (!value || !isScalar(value.node) || value.node.value === null) return null;
  return textOf(value.node.value);
}

/** A scalar's value as text; a date or bytes, which are objects, as JSON writes them. */
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);

/** A scalar as it is written, before its type is guessed. */
export interface WrittenScalar {
  readonly text: string;
  /** Without quotes or a block's `|`, so that its text may stand for a number, a boolean or nothing. */
  readonly bare: boolean;
  /** Such as `!vault`; null where none is written. */
  readonly tag: string | null;
  readonly value: Json;
}

/** A scalar as it is written; null for anything else. */
export function writtenScalar({ node }: YamlValue): WrittenScalar | null {
  if (!isScalar(node)) return null;
  const { tag = null, type, source, value } = node;
  return {
    text: source ?? textOf(value ?? ''),
    bare: type === 'PLAIN' && tag === null,
    tag,
    value: value as Json,
  };
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

/** The plain data of a value, merge keys followed. Text with `*` must have gone through `readYaml`, which bounds its aliases. */
export function plain(value: YamlValue): Json {
  const { node } = value;
  if (isSeq(node)) return items(value).map(plain);
  if (isMap(node)) return Object.fromEntries(members(value).map((one) => [one.key, plain(one.value)]));
  return isScalar(node) ? (node.value as Json) : null;
}

/** Follows a path of keys and indexes as far as it goes: the value there, or the last one on the way. */
export function at(value: YamlValue, path: readonly PropertyKey[]): YamlValue {
  let here = value;
  for (const part of path) {
    const next =
      typeof part === 'number'
        ? items(here)[part]
        : members(here).find((pair) => pair.key === String(part))?.value;
    if (!next) return here;
    here = next;
  }
  return here;
}

/** Plain data as YAML text, for files that people read and only we write. */
export const yamlText = (value: Json): string => stringify(value, { lineWidth: 0, version: '1.2' });
