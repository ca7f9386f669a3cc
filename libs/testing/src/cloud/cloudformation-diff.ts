import { canonical, type Json } from '@goldenthread/core';
import type { Xml } from './aws-wire.ts';
import type { FakeChange } from './cloudformation-world.ts';

/** What stands for a value that is only known later. */
export const LATER = '{{changeSet:KNOWN_AFTER_APPLY}}';

/** The properties whose change makes another resource of it, and those that may. */
const RECREATES: Readonly<Record<string, string>> = { Name: 'Always', Size: 'Conditionally' };

/** A place where two values differ. */
export interface Leaf {
  readonly path: readonly string[];
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Whether a value has members. */
export const isObject = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  value !== null && typeof value === 'object';

/** All places where two values differ. */
export function leaves(
  before: Json | undefined,
  after: Json | undefined,
  path: readonly string[] = [],
): readonly Leaf[] {
  if (canonical(before ?? null) === canonical(after ?? null)) return [];
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => leaves(before[key], after[key], [...path, key]));
}

const at = (value: Json, path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((here, part) => (isObject(here) ? here[part] : undefined), value);

const written = (value: Json | undefined): string | undefined =>
  value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value);

/** A difference as a change set tells it. */
export function detail(
  { path, after, before }: Leaf,
  shown: { readonly before: Json; readonly after: Json },
): Xml {
  const [property = ''] = path;
  const values = { BeforeValue: written(at(shown.before, path)), AfterValue: written(at(shown.after, path)) };
  return {
    Target: {
      Attribute: property === 'Tags' ? 'Tags' : 'Properties',
      ...(property === 'Tags' ? {} : { Name: property }),
      RequiresRecreation: RECREATES[property] ?? 'Never',
      Path: `/Properties/${path.join('/')}`,
      ...(values.BeforeValue === undefined ? {} : { BeforeValue: values.BeforeValue }),
      ...(values.AfterValue === undefined ? {} : { AfterValue: values.AfterValue }),
      AttributeChangeType: before === undefined ? 'Add' : after === undefined ? 'Remove' : 'Modify',
    },
    Evaluation: written(after)?.includes(LATER) === true ? 'Dynamic' : 'Static',
    ChangeSource: 'DirectModification',
  };
}

/** Whether these differences make another resource of it. */
export const replacing = (found: readonly Leaf[]): FakeChange['replacement'] => {
  const kinds = new Set(found.map(({ path: [property = ''] }) => RECREATES[property]));
  return kinds.has('Always') ? 'True' : kinds.has('Conditionally') ? 'Conditional' : 'False';
};
