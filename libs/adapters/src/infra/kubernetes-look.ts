import {
  all,
  fail,
  ok,
  type Aim,
  type Call,
  type Failure,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { connect, get, type Kube } from './kubernetes-client.ts';
import { discovery, objectPath, type Discovery, type Resource } from './kubernetes-discovery.ts';
import { declaredObjects } from './kubernetes-sources.ts';
import { duplicates, type Manifest } from './kubernetes-documents.ts';
import { inventoryName, readInventory, type Entry, type Inventory } from './kubernetes-inventory.ts';
import {
  address,
  digestOf,
  identity,
  isMap,
  ownerOf,
  ownLabels,
  revision,
  type KubeObject,
  type Ref,
} from './kubernetes-object.ts';
import { isBuiltIn } from './kubernetes-order.ts';

/** One object that a stack declares, or has made. */
export interface Thing {
  readonly ref: Ref;
  /** Null: it is not declared (any more). */
  readonly manifest: Manifest | null;
  /** What would be applied: with its namespace and our labels. */
  readonly wanted: KubeObject | null;
  /** Where the API keeps it; null where it does not know the kind. */
  readonly resource: Resource | null;
  /** What is there; null also where it is on its way out. */
  readonly live: KubeObject | null;
  /** It is being deleted. */
  readonly leaving: boolean;
  /** Of the last apply; null where it was none of it. */
  readonly entry: Entry | null;
}

/** A stack in its cluster, as it is. */
export interface World {
  readonly kube: Kube;
  /** The namespace of what names none. */
  readonly namespace: string;
  readonly inventory: Inventory | null;
  readonly things: readonly Thing[];
  /** Where what is there stands, by address. */
  readonly revisions: ReadonlyMap<string, string>;
}

const AT_ONCE = 8;

/** Does something for each item, some at once; all values, or all failures. */
export async function each<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<Result<R>>,
): Promise<Result<readonly R[]>> {
  const results: Result<R>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++)
      results[index] = await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return all(results);
}

/** The scope that a CustomResourceDefinition among these gives a kind; null where none defines it. */
function definedScope(manifests: readonly Manifest[], { apiVersion, kind }: KubeObject): string | null {
  const specs = manifests
    .filter(({ object }) => object.kind === 'CustomResourceDefinition')
    .map(({ object }) => (isMap(object['spec']) ? object['spec'] : {}));
  const group = apiVersion.split('/')[0];
  const found = specs.find(({ group: of, names }) => of === group && isMap(names) && names['kind'] === kind);
  const scope = found?.['scope'];
  return typeof scope === 'string' ? scope : null;
}

interface Site {
  readonly order: StackOrder;
  readonly kube: Kube;
  readonly kinds: Discovery;
  readonly namespace: string;
  readonly manifests: readonly Manifest[];
  readonly inventory: Inventory | null;
}

const typo = ({ apiVersion, kind }: KubeObject, { at }: Manifest): Failure => ({
  code: 'declaration-invalid',
  at,
  found: `the kind ${kind} of ${apiVersion}, which the server does not know`,
  expected: 'one of the kinds that `kubectl api-resources` lists',
});

/** What a manifest means in this cluster. */
async function placed(
  site: Site,
  manifest: Manifest,
  call: Call,
): Promise<Result<Pick<Thing, 'ref' | 'manifest' | 'wanted' | 'resource'>>> {
  const { object } = manifest;
  const found = await site.kinds.find(object.apiVersion, object.kind, call);
  if (!found.ok) return found;
  const resource = found.value;
  if (!resource && isBuiltIn(object.apiVersion)) return fail(typo(object, manifest));
  const namespaced = resource?.namespaced ?? definedScope(site.manifests, object) !== 'Cluster';
  const { namespace: own, ...about } = object.metadata;
  const namespace = namespaced ? (own ?? site.namespace) : null;
  const labels = { ...about.labels, ...ownLabels(site.order) };
  const metadata = { ...about, labels, ...(namespace === null ? {} : { namespace }) };
  const ref = { apiVersion: object.apiVersion, kind: object.kind, namespace, name: object.metadata.name };
  return ok({ ref, manifest, wanted: { ...object, metadata }, resource });
}

async function forgotten(
  site: Site,
  { ref }: Entry,
  call: Call,
): Promise<Result<Omit<Thing, 'live' | 'leaving' | 'entry'>>> {
  const found = await site.kinds.find(ref.apiVersion, ref.kind, call);
  return found.ok ? ok({ ref, manifest: null, wanted: null, resource: found.value }) : found;
}

async function seen(
  site: Site,
  thing: Omit<Thing, 'live' | 'leaving' | 'entry'>,
  call: Call,
): Promise<Result<Thing>> {
  const entry = site.inventory?.entries.find(({ ref }) => identity(ref) === identity(thing.ref)) ?? null;
  if (!thing.resource) return ok({ ...thing, live: null, leaving: false, entry });
  const live = await get(site.kube, objectPath(thing.resource, thing.ref), address(thing.ref), call);
  if (!live.ok) return live;
  const leaving = live.value?.metadata.deletionTimestamp !== undefined;
  return ok({ ...thing, live: leaving ? null : live.value, leaving, entry });
}

function foreign({ live, ref, manifest }: Thing, order: StackOrder): readonly Failure[] {
  const owner = live && manifest ? ownerOf(live, order) : 'nobody';
  if (typeof owner === 'string') return [];
  const what = `managing ${address(ref)}, which belongs to ${owner.by}`;
  const hint =
    'Declare it in one of the two stacks only; where the other is gone, take its labels goldenthread.dev/* off the object.';
  return [{ code: 'not-permitted', what, hint }];
}

/** Where everything stands that a stack declares and has made; changes when anybody else changes anything of it. */
export const revisionsOf = (things: readonly Thing[]): ReadonlyMap<string, string> =>
  new Map(
    things.map(({ ref, live, leaving }) => [
      address(ref),
      leaving ? 'leaving' : live ? revision(live) : 'absent',
    ]),
  );

/** Names the state of a stack: by its inventory, which stays the same from the first apply to the destroy, and its revision; null before. */
export function stateOf({ inventory, revisions }: World, order: StackOrder): string | null {
  if (!inventory) return null;
  const entries = inventory.entries.map(({ ref }) => address(ref));
  return `${inventoryName(order)}/${inventory.uid} ${digestOf([inventory.uid, entries, [...revisions].map((one) => [...one])])}`;
}

/** What a stack is made of; of a destroy nothing is asked but what was made. */
export async function sources(order: StackOrder, aim: Aim, call: Call): Promise<Result<readonly Manifest[]>> {
  return aim === 'destroy' ? ok([]) : declaredObjects(order, call);
}

/** Looks at everything that a stack declares and has made. */
export async function look(
  order: StackOrder,
  manifests: readonly Manifest[],
  call: Call,
): Promise<Result<World>> {
  const connected = await connect(order);
  if (!connected.ok) return connected;
  const kube = connected.value;
  const namespace = order.stack.kubernetes.namespace ?? kube.namespace;
  const inventory = await readInventory(kube, order, namespace, call);
  if (!inventory.ok) return inventory;
  const site: Site = {
    order,
    kube,
    kinds: discovery(kube),
    namespace,
    manifests,
    inventory: inventory.value,
  };
  const twice = duplicates(manifests, namespace);
  if (twice.length > 0) return fail(...twice);
  const declared = await each(manifests, (manifest) => placed(site, manifest, call));
  if (!declared.ok) return declared;
  const names = new Set(declared.value.map(({ ref }) => identity(ref)));
  const left = (inventory.value?.entries ?? []).filter(({ ref }) => !names.has(identity(ref)));
  const orphans = await each(left, (entry) => forgotten(site, entry, call));
  if (!orphans.ok) return orphans;
  const things = await each([...declared.value, ...orphans.value], (thing) => seen(site, thing, call));
  if (!things.ok) return things;
  const failures = things.value.flatMap((thing) => foreign(thing, order));
  if (failures.length > 0) return { ok: false, failures };
  return ok({
    kube,
    namespace,
    inventory: inventory.value,
    things: things.value,
    revisions: revisionsOf(things.value),
  });
}
