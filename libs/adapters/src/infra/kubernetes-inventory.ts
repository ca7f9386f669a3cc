import { gunzipSync, gzipSync } from 'node:zlib';
import { fail, ok, type Call, type Json, type Result, type StackOrder } from '@goldenthread/core';
import { get, refused, type Kube } from './kubernetes-client.ts';
import { objectPath, type Resource } from './kubernetes-discovery.ts';
import {
  address,
  digestOf,
  isMap,
  MANAGER,
  ownLabels,
  ownerOf,
  type KubeObject,
  type Ref,
} from './kubernetes-object.ts';

/** An object that a stack has made, and what of it. */
export interface Entry {
  readonly ref: Ref;
  /** The fields that were applied, as they are named in conflicts but without the items of lists: `spec.containers[].image`. */
  readonly fields: readonly string[];
  /** Paths of values that came from a secret: what is there now must not be shown either when it is another tomorrow. */
  readonly sensitive: readonly (readonly string[])[];
}

/** What a stack owns in an environment: a ConfigMap, beside its objects. */
export interface Inventory {
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly entries: readonly Entry[];
}

const CONFIG_MAPS: Resource = { plural: 'configmaps', namespaced: true, categories: [] };
const OF = 'goldenthread.dev/inventory';

/** `goldenthread-network-production-1f0c…`: the hash keeps apart what would be called alike otherwise. */
export function inventoryName(order: StackOrder): string {
  const plain = `goldenthread-${order.stack.name}-${order.environment}`.replaceAll(/[^a-z0-9-]/g, '-');
  return `${plain}-${markOf(order).slice(0, 8)}`;
}

/** What finds it: a label's value has at most 63 characters. */
const markOf = ({ stack, environment }: StackOrder): string => digestOf([stack.name, environment]);

const refOf = (order: StackOrder, namespace: string): Ref => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  namespace,
  name: inventoryName(order),
});

const MOST_BYTES = 64 * 1024 * 1024;

function entriesOf(object: KubeObject): readonly Entry[] | null {
  const held = isMap(object['binaryData']) ? object['binaryData']['entries'] : undefined;
  if (typeof held !== 'string') return null;
  try {
    const text = gunzipSync(Buffer.from(held, 'base64'), { maxOutputLength: MOST_BYTES }).toString();
    const read: unknown = JSON.parse(text);
    return Array.isArray(read) ? (read as readonly Entry[]) : null;
  } catch {
    return null;
  }
}

function inventoryOf(object: KubeObject, order: StackOrder): Result<Inventory> {
  const { namespace = '', uid = '', resourceVersion = '' } = object.metadata;
  const entries = ownerOf(object, order) === 'ours' ? entriesOf(object) : null;
  if (entries) return ok({ namespace, uid, resourceVersion, entries });
  return fail({
    code: 'content-corrupt',
    what: `the inventory ${address(refOf(order, namespace))}`,
    expected: `what goldenthread wrote for ${order.stack.name} in ${order.environment}`,
    found: 'something else',
  });
}

/**
 * The inventory of a stack; null before its first apply. It stays in the namespace in which it was begun: it is looked for by its
 * label in all of them, or in `namespace` alone where that is not permitted.
 */
export async function readInventory(
  kube: Kube,
  order: StackOrder,
  namespace: string,
  call: Call,
): Promise<Result<Inventory | null>> {
  const path = objectPath(CONFIG_MAPS, { apiVersion: 'v1', namespace: null, name: '' });
  const query = { labelSelector: `${OF}=${markOf(order)}` };
  const doing = 'looking for the inventory of the stack';
  const listed = await kube.ask({ method: 'GET', path, query, doing }, call);
  if (!listed.ok && listed.failures.every(({ code }) => code === 'not-permitted')) {
    const ref = refOf(order, namespace);
    const found = await get(kube, objectPath(CONFIG_MAPS, ref), address(ref), call);
    return found.ok && found.value ? inventoryOf(found.value, order) : (found as Result<null>);
  }
  if (!listed.ok) return listed;
  const { body, status } = listed.value;
  if (status !== 200 || !isMap(body)) return fail(refused(kube, doing, listed.value));
  const found = (Array.isArray(body['items']) ? body['items'] : []) as readonly KubeObject[];
  const [first, second] = found;
  if (!first) return ok(null);
  if (!second) return inventoryOf(first, order);
  const places = found.map(({ metadata }) => metadata.namespace ?? '').join(' and ');
  return fail({
    code: 'usage',
    detail: `${order.stack.name} has an inventory (ConfigMap ${inventoryName(order)}) in ${places}: it was applied by accounts that see one namespace each`,
    hint: 'Delete the one whose objects are gone, after a look at what it lists.',
  });
}

const bodyOf = (order: StackOrder, inventory: Inventory): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: inventoryName(order),
    namespace: inventory.namespace,
    labels: { ...ownLabels(order), [OF]: markOf(order) },
    ...(inventory.uid === '' ? {} : { uid: inventory.uid, resourceVersion: inventory.resourceVersion }),
  },
  // For people; the other is what is read again.
  data: { objects: inventory.entries.map(({ ref }) => `${address(ref)}\n`).join('') },
  binaryData: { entries: gzipSync(JSON.stringify(inventory.entries)).toString('base64') },
});

/** Writes an inventory, or begins one (whose uid is empty). Null: somebody else has written it since it was read. */
export async function writeInventory(
  kube: Kube,
  order: StackOrder,
  inventory: Inventory,
  call: Call,
): Promise<Result<Inventory | null>> {
  const fresh = inventory.uid === '';
  const ref = refOf(order, inventory.namespace);
  const path = objectPath(CONFIG_MAPS, fresh ? { ...ref, name: '' } : ref);
  const doing = `writing the inventory ${address(ref)}`;
  const body = bodyOf(order, inventory);
  const query = { fieldManager: MANAGER };
  const answered = await kube.ask({ method: fresh ? 'POST' : 'PUT', path, query, body, doing }, call);
  if (!answered.ok) return answered;
  const { status } = answered.value;
  if (status === 409 || (status === 404 && !fresh)) return ok(null);
  if (status !== 200 && status !== 201) return fail(refused(kube, doing, answered.value));
  return inventoryOf(answered.value.body as KubeObject, order);
}

/** Takes an inventory away that has nothing in it any more. */
export async function removeInventory(
  kube: Kube,
  order: StackOrder,
  { namespace, uid }: Inventory,
  call: Call,
): Promise<Result<void>> {
  const ref = refOf(order, namespace);
  const doing = `deleting the inventory ${address(ref)}`;
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } };
  const answered = await kube.ask(
    { method: 'DELETE', path: objectPath(CONFIG_MAPS, ref), body, doing },
    call,
  );
  if (!answered.ok) return answered;
  const { status } = answered.value;
  return status < 300 || status === 404 ? ok(undefined) : fail(refused(kube, doing, answered.value));
}
