import {
  difference,
  type Action,
  type AttributeChange,
  type Json,
  type Mask,
  type ResourceChange,
  type StackOrder,
} from '@goldenthread/core';
import { shapeOf } from './kubernetes-dry-run.ts';
import type { Thing } from './kubernetes-look.ts';
import { address, content, project, typeOf, valueAt, type KubeObject } from './kubernetes-object.ts';
import { HIDDEN, hide, maskOf, secretTexts } from './kubernetes-secrets.ts';

const value = (object: Readonly<Record<string, Json | undefined>> | null): Json | undefined =>
  object ?? undefined;

function masked(object: KubeObject | null, thing: Thing, order: StackOrder): Mask {
  if (!object) return false;
  const paths = [...(thing.manifest?.sensitive ?? []), ...(thing.entry?.sensitive ?? [])];
  return maskOf(object, paths, secretTexts(order));
}

// Given by the server at random, so that a dry run gives others than the apply.
const GIVEN = /(^|\.)(nodePort|healthCheckNodePort|clusterIPs?)(\.|$)/;

const settled = (change: AttributeChange, wanted: KubeObject): AttributeChange =>
  change.before.is === 'absent' &&
  GIVEN.test(change.path) &&
  valueAt(wanted, change.path.split('.')) === undefined
    ? { ...change, after: { is: 'unknown' } }
    : change;

/** Its labels, which everybody reads: a secret among them stays hidden. */
function tagsOf(thing: Thing, order: StackOrder): Readonly<Record<string, string>> {
  const paths = [...(thing.manifest?.sensitive ?? []), ...(thing.entry?.sensitive ?? [])];
  const hidden = new Set(
    paths.flatMap(([top, part, key]) => (top === 'metadata' && part === 'labels' ? [key] : [])),
  );
  const labels = Object.entries((thing.wanted ?? thing.live)?.metadata.labels ?? {});
  return Object.fromEntries(
    labels.map(([key, text]) => [key, hidden.has(key) ? HIDDEN : hide(text, secretTexts(order))]),
  );
}

/** What becomes of a thing, free of secrets. */
export const changeOf = (
  { thing, order }: { readonly thing: Thing; readonly order: StackOrder },
  action: Action,
  attributes: readonly AttributeChange[],
): ResourceChange => ({
  address: address(thing.ref),
  type: typeOf(thing.ref),
  action,
  attributes,
  region: null,
  tags: tagsOf(thing, order),
});

/** All that is declared of an object, as the server would take it; what a server adds is not shown, as much of it is random. */
export function creation(thing: Thing, made: KubeObject | null, order: StackOrder): ResourceChange {
  const { wanted, manifest } = thing;
  const shape = manifest ? content(manifest.object) : {};
  const after = project(value(made ? content(made) : wanted && content(wanted)), shape);
  const sensitive = masked(made ?? wanted, thing, order);
  return changeOf({ thing, order }, 'create', difference({ value: undefined }, { value: after, sensitive }));
}

/** What differs between what is there and what would be made anew; these fields cannot be changed in a living object. */
export function replacement(thing: Thing, fields: readonly string[], order: StackOrder): ResourceChange {
  const { wanted, live } = thing;
  const shapes = fields.map(shapeOf);
  const wantedContent = value(wanted && content(wanted));
  const before = {
    value: project(value(live && content(live)), wantedContent),
    sensitive: masked(live, thing, order),
  };
  const after = { value: wantedContent, sensitive: masked(wanted, thing, order) };
  // The server names `spec.clusterIPs[0]` where `spec.clusterIP` was written, and at times only the head of what is fixed.
  const forces = (path: readonly string[]): boolean =>
    shapes.some((shape) => {
      const [named, here] = [
        shape.replaceAll('[]', '').replace(/s$/, ''),
        path.filter((key) => !/^\d+$/.test(key)).join('.'),
      ];
      return (
        here === named ||
        here.startsWith(`${named}.`) ||
        here.startsWith(`${named}s`) ||
        named.startsWith(`${here}.`)
      );
    });
  const attributes = difference(before, after, forces);
  // Where none is named, all that differs leads to it.
  const found = attributes.some((one) => one.forces);
  return changeOf(
    { thing, order },
    'replace',
    attributes.map((one) => ({ ...one, forces: found ? one.forces : true })),
  );
}

/** What differs between what is there and what the server would make of it; null: nothing. */
export function update(thing: Thing, made: KubeObject, order: StackOrder): ResourceChange | null {
  const { live, wanted } = thing;
  if (!live || !wanted) return null;
  const found = difference(
    { value: value(content(live)), sensitive: masked(live, thing, order) },
    { value: value(content(made)), sensitive: masked(made, thing, order) },
  ).map((change) => settled(change, wanted));
  return found.length === 0 ? null : changeOf({ thing, order }, 'update', found);
}
