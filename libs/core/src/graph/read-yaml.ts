import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  visit,
  type Document,
  type Node,
} from 'yaml';
import type { Failure } from '../failure.ts';
import { positionAt, type Position } from '../position.ts';
import { fail, type Result } from '../result.ts';
import { items, parseYaml, positionOfValue, type YamlValue } from '../yaml.ts';
import type { SourceFile } from './facts.ts';

// Aliases of aliases can stand for more nodes than any memory holds; no real source comes near this many.
const MOST_NODES = 200_000;

/** Whether a whole file is encrypted by Ansible Vault: then it is valid, and nothing can be known of it. */
export const isVault = (text: string): boolean => text.startsWith('$ANSIBLE_VAULT;');

/** How many nodes a node stands for once its aliases are followed; Infinity where it contains itself. */
function expanded(node: unknown, document: Document, sizes: Map<unknown, number>): number {
  if (isPair(node)) return expanded(node.key, document, sizes) + expanded(node.value, document, sizes);
  if (isAlias(node)) return expanded(node.resolve(document), document, sizes);
  if (!isCollection(node)) return 1;
  const known = sizes.get(node);
  if (known !== undefined) return known;
  sizes.set(node, Infinity);
  const size = node.items.reduce<number>((sum, item) => sum + expanded(item, document, sizes), 1);
  sizes.set(node, size);
  return size;
}

/** Aliases without an anchor, and those that stand for too much: both would lose edges without a word. */
function aliasFailures({ file, text, document, node }: YamlValue): readonly Failure[] {
  const failures: Failure[] = [];
  const refuse = (alias: Node, detail: string): void => {
    const at = positionAt(
      file,
      text,
      alias.range?.[0] ?? 0,
      (alias.range?.[1] ?? 1) - (alias.range?.[0] ?? 0),
    );
    failures.push({ code: 'source-unparsable', at, language: 'YAML', detail });
  };
  visit(document, {
    Alias: (_, alias, path) => {
      const target = alias.resolve(document);
      if (!isNode(target)) refuse(alias, `there is no anchor &${alias.source} before this alias`);
      else if (path.includes(target)) refuse(alias, `the anchor &${alias.source} contains its own alias`);
    },
  });
  if (failures.length === 0 && node !== null && expanded(node, document, new Map()) > MOST_NODES)
    refuse(node, `its aliases stand for more than ${MOST_NODES} values`);
  return failures;
}

/** Reads a YAML source; besides errors of syntax, an alias that leads nowhere or to itself fails with its position. */
export function readYaml(source: SourceFile): Result<YamlValue> {
  const parsed = parseYaml(source.path, source.text);
  if (!parsed.ok || !source.text.includes('*')) return parsed;
  const failures = aliasFailures(parsed.value);
  return failures.length === 0 ? parsed : fail(...failures);
}

/** A member of a map: where its key stands, and its value. */
export interface Field {
  readonly at: Position;
  readonly value: YamlValue;
}

const follow = (value: YamlValue, node: unknown): YamlValue => {
  const followed = isAlias(node) ? node.resolve(value.document) : node;
  return { ...value, node: isNode(followed) ? followed : null };
};

/** The members of a map by key; what the map itself says goes before what it merges in by `<<`. */
export function fields(value: YamlValue): ReadonlyMap<string, Field> {
  const all = new Map<string, Field>();
  if (!isMap(value.node)) return all;
  const merged: YamlValue[] = [];
  for (const pair of value.node.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const of = follow(value, pair.value);
    if (key === '<<') merged.push(...(isSeq(of.node) ? items(of) : [of]));
    else all.set(key, { at: positionOfValue(follow(value, pair.key)), value: of });
  }
  for (const map of merged) for (const [key, field] of fields(map)) if (!all.has(key)) all.set(key, field);
  return all;
}

/** Whether a value is there at all: `tasks:` with nothing behind it is not. */
export const isEmpty = (value: YamlValue): boolean =>
  value.node === null || (isScalar(value.node) && value.node.value === null);

/** Whether a value is a list. */
export const isList = (value: YamlValue): boolean => isSeq(value.node);

/** Whether a value is a map. */
export const isMapping = (value: YamlValue): boolean => isMap(value.node);

/** Every scalar below a value, aliases followed. */
export function leaves(value: YamlValue): readonly YamlValue[] {
  if (isSeq(value.node)) return items(value).flatMap(leaves);
  if (isMap(value.node)) return Array.from(fields(value).values()).flatMap((field) => leaves(field.value));
  return [value];
}
