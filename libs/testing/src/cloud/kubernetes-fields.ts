import type { Json } from '@goldenthread/core';

/** A value of JSON whose members can be set. */
export type Open = null | boolean | number | string | Open[] | { [key: string]: Open };

/** A map whose members can be set. */
export type OpenMap = { [key: string]: Open };

/** Leaves by their path: keys, and `[name="web"]` for the items of lists that have keys. The path is JSON. */
export type Flat = Map<string, Open>;

// Lists whose items have a key, as their schemas say; all others are one value.
const KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  conditions: ['type'],
  ports: ['containerPort', 'port'],
};

const isMap = (value: Open | undefined): value is OpenMap =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function itemKey(key: string | undefined, items: readonly Open[]): string | null {
  const names = KEYS[key ?? ''] ?? [];
  return names.find((name) => items.length > 0 && items.every((item) => isMap(item) && name in item)) ?? null;
}

/** A text; empty for anything else. */
export const textOf = (value: Open | undefined): string => (typeof value === 'string' ? value : '');

/** Takes a value apart. A selector is one value. */
export function flatten(value: Open, path: readonly string[] = [], flat: Flat = new Map()): Flat {
  const last = path.at(-1);
  if (isMap(value) && Object.keys(value).length > 0 && last !== 'selector') {
    for (const [key, one] of Object.entries(value)) flatten(one, [...path, key], flat);
    return flat;
  }
  const key = Array.isArray(value) ? itemKey(last, value) : null;
  if (!Array.isArray(value) || key === null) return flat.set(JSON.stringify(path), value);
  for (const item of value)
    flatten(item, [...path, `[${key}=${JSON.stringify((item as OpenMap)[key])}]`], flat);
  return flat;
}

type Node = Map<string, Node> & { leaf?: Open };

function built(node: Node): Open {
  if (node.size === 0) return node.leaf ?? {};
  const entries = [...node].map(([key, child]): [string, Open] => [key, built(child)]);
  return entries.every(([key]) => key.startsWith('['))
    ? entries.map(([, one]) => one)
    : Object.fromEntries(entries);
}

/** Puts a value together again. */
export function unflatten(flat: Flat): OpenMap {
  const root: Node = new Map();
  for (const [path, leaf] of flat) {
    let here = root;
    for (const key of JSON.parse(path) as string[]) {
      const next: Node = here.get(key) ?? new Map();
      here.set(key, next);
      here = next;
    }
    here.leaf = leaf;
  }
  return built(root) as OpenMap;
}

/** `.spec.containers[name="web"].image`, as messages say it. */
export const pathText = (path: string): string =>
  (JSON.parse(path) as string[]).map((key) => (key.startsWith('[') ? key : `.${key}`)).join('');

/** The fields as `managedFields` holds them. */
export function fieldsV1(paths: Iterable<string>): OpenMap {
  const root: OpenMap = {};
  for (const path of paths) {
    let here = root;
    for (const key of JSON.parse(path) as string[]) {
      const item = /^\[(\w+)=(.*)\]$/.exec(key);
      const name = item ? `k:{"${item[1] ?? ''}":${item[2] ?? ''}}` : `f:${key}`;
      here = (here[name] ??= {}) as OpenMap;
    }
  }
  return root;
}

/** Who manages which fields: paths by manager and operation. */
export type Managers = Map<string, { manager: string; operation: 'Apply' | 'Update'; paths: Set<string> }>;

/** A field that another manager has with another value. */
export interface FieldConflict {
  readonly path: string;
  readonly manager: string;
}

const equal = (a: Open | undefined, b: Open | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Fields that nobody manages, as they name the object or are the server's. */
const NOBODYS =
  /^\["(apiVersion|kind|status)"|^\["metadata","(name|namespace|uid|resourceVersion|generation|creationTimestamp|managedFields|deletionTimestamp)"/;

const owned = (flat: Flat): Flat => new Map([...flat].filter(([path]) => !NOBODYS.test(path)));

/** Applies a configuration as its manager: what it does not say any more goes, what others changed is a conflict. */
export function applyFields(
  live: OpenMap,
  config: OpenMap,
  managers: Managers,
  by: { readonly manager: string; readonly force: boolean },
):
  | { readonly object: OpenMap; readonly managers: Managers }
  | { readonly conflicts: readonly FieldConflict[] } {
  const [before, wanted] = [flatten(live), owned(flatten(config))];
  const key = `${by.manager} Apply`;
  const others = [...managers].filter(([name]) => name !== key);
  const conflicts = [...wanted].flatMap(([path, value]) =>
    before.has(path) && !equal(before.get(path), value)
      ? others
          .filter(([, { paths }]) => paths.has(path))
          .map(([, { manager, operation }]) => ({
            path,
            manager:
              operation === 'Apply' ? `"${manager}"` : `"${manager}" using ${textOf(live['apiVersion'])}`,
          }))
      : [],
  );
  if (conflicts.length > 0 && !by.force) return { conflicts };
  const taken = new Set(conflicts.map(({ path }) => path));
  const next: Managers = new Map(
    others.map(([name, one]) => [
      name,
      { ...one, paths: new Set([...one.paths].filter((path) => !taken.has(path))) },
    ]),
  );
  const dropped = [...(managers.get(key)?.paths ?? [])].filter(
    (path) => !wanted.has(path) && !others.some(([, { paths }]) => paths.has(path)),
  );
  for (const path of dropped) before.delete(path);
  for (const [path, value] of wanted) before.set(path, value);
  next.set(key, { manager: by.manager, operation: 'Apply', paths: new Set(wanted.keys()) });
  return { object: unflatten(before), managers: next };
}

/** Notes a change that was no apply: whoever changes a field has it from then on. */
export function updateFields(before: OpenMap, after: OpenMap, managers: Managers, manager: string): Managers {
  const [old, fresh] = [owned(flatten(before)), owned(flatten(after))];
  const changed = [...fresh].filter(([path, value]) => !equal(old.get(path), value)).map(([path]) => path);
  const gone = new Set([...old.keys()].filter((path) => !fresh.has(path)));
  const moved = new Set(changed);
  const next: Managers = new Map(
    [...managers].map(([name, one]) => [
      name,
      { ...one, paths: new Set([...one.paths].filter((path) => !moved.has(path) && !gone.has(path))) },
    ]),
  );
  const key = `${manager} Update`;
  const mine = next.get(key)?.paths ?? [];
  next.set(key, { manager, operation: 'Update', paths: new Set([...mine, ...changed]) });
  return next;
}

/** A JSON merge patch. */
export function merged(target: Open, patch: Open): Open {
  if (!isMap(patch)) return patch;
  const result: OpenMap = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key] ?? null, value);
  }
  return result;
}

/** A copy that can be changed. */
export const open = (value: Json): OpenMap => JSON.parse(JSON.stringify(value)) as OpenMap;
