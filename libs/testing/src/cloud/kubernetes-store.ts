import { randomUUID } from 'node:crypto';
import type { FakeKind } from './kubernetes-kinds.ts';
import { definedKinds, KINDS, statusOf } from './kubernetes-kinds.ts';
import { fieldsV1, textOf, type Managers, type Open, type OpenMap } from './kubernetes-fields.ts';

/** An object as a cluster keeps it. */
export interface Kept {
  readonly of: FakeKind;
  object: OpenMap;
  managers: Managers;
  /** How often it was looked at since it last changed. */
  reads: number;
}

/** What is in a cluster. */
export interface KubeWorld {
  readonly objects: Map<string, Kept>;
  /** Kinds that it knows, and those that definitions brought. */
  readonly kinds: FakeKind[];
  /** Objects (`Deployment web`) that do not get ready, and why in words. */
  readonly stuck: Map<string, string>;
  /** Looks after which a controller is done with an object. */
  pace: number;
  revision: number;
}

/** A cluster with these namespaces in it. */
export function kubeWorld(namespaces: readonly string[]): KubeWorld {
  const world: KubeWorld = {
    objects: new Map(),
    kinds: [...KINDS],
    stuck: new Map(),
    pace: 2,
    revision: 100,
  };
  const [namespace] = KINDS;
  if (!namespace) throw new Error('there are no kinds');
  for (const name of namespaces) {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, status: { phase: 'Active' } };
    keep(world, { of: namespace, object, managers: new Map(), reads: 0 });
  }
  return world;
}

/** The metadata of an object. */
export const about = (object: OpenMap): OpenMap => (object['metadata'] ?? {}) as OpenMap;

/** What an object is kept under. */
export const keyOf = ({ apiVersion, kind }: FakeKind, namespace: string | null, name: string): string =>
  [apiVersion.split('/').slice(0, -1).join(''), kind, namespace ?? '', name].join('|');

/** The key of an object that is kept. */
const keyOfKept = ({ of, object }: Kept): string => {
  const { namespace, name } = about(object);
  return keyOf(of, of.namespaced ? textOf(namespace) : null, textOf(name));
};

const counts = (object: OpenMap): string => {
  const { metadata: _metadata, status: _status, ...rest } = object;
  return JSON.stringify(rest);
};

const bare = (object: OpenMap, managers: Managers): string => {
  const {
    resourceVersion: _version,
    managedFields: _fields,
    generation: _generation,
    ...metadata
  } = about(object);
  const who = [...managers].map(([name, { paths }]) => [name, [...paths].sort()]);
  return JSON.stringify([{ ...object, metadata }, who]);
};

/** An object as it would be kept: what the server says about it, and who manages it. Without a change it stays as it was. */
export function finished(world: KubeWorld, kept: Kept, before: Kept | null): Kept {
  const { of, managers } = kept;
  if (before && bare(before.object, before.managers) === bare(kept.object, managers)) return before;
  const old = before ? about(before.object) : {};
  const bumped = before !== null && counts(before.object) !== counts(kept.object);
  const generation = of.counted
    ? { generation: Number(old['generation'] ?? 0) + (before === null || bumped ? 1 : 0) }
    : {};
  const managed = [...managers.values()]
    .filter(({ paths }) => paths.size > 0)
    .map(({ manager, operation, paths }) => ({
      manager,
      operation,
      apiVersion: of.apiVersion,
      fieldsType: 'FieldsV1',
      fieldsV1: fieldsV1(paths),
    }));
  const metadata: OpenMap = {
    ...about(kept.object),
    uid: old['uid'] ?? randomUUID(),
    creationTimestamp: old['creationTimestamp'] ?? new Date().toISOString(),
    resourceVersion: String(world.revision + 1),
    ...generation,
    managedFields: managed,
  };
  return { of, object: { ...kept.object, metadata }, managers, reads: bumped || !before ? 0 : before.reads };
}

/** Keeps an object in the cluster. */
export function keep(world: KubeWorld, kept: Kept): Kept {
  const before = world.objects.get(keyOfKept(kept)) ?? null;
  const done = finished(world, kept, before);
  if (done === before) return before;
  world.revision += 1;
  world.objects.set(keyOfKept(kept), done);
  return done;
}

function within(world: KubeWorld, namespace: string): readonly [string, Kept][] {
  return [...world.objects].filter(
    ([, { of, object }]) => of.namespaced && about(object)['namespace'] === namespace,
  );
}

/** Begins to delete an object: it is gone at once, or when its finalizers are, or (a namespace) when it was looked at. */
export function drop(world: KubeWorld, kept: Kept): void {
  const key = keyOfKept(kept);
  const { finalizers, name } = about(kept.object);
  const held = Array.isArray(finalizers) && finalizers.length > 0;
  const namespace = kept.of.kind === 'Namespace';
  if (!held && !namespace) return void world.objects.delete(key);
  const deletionTimestamp = new Date().toISOString();
  kept.object = { ...kept.object, metadata: { ...about(kept.object), deletionTimestamp } };
  kept.reads = 0;
  if (namespace) for (const [inner] of within(world, textOf(name))) world.objects.delete(inner);
}

const write = (world: KubeWorld, kept: Kept, status: Open): void => {
  world.revision += 1;
  const metadata = { ...about(kept.object), resourceVersion: String(world.revision) };
  kept.object = { ...kept.object, metadata, status };
};

/** What controllers do by the time that an object is looked at. */
export function tick(world: KubeWorld, kept: Kept): void {
  kept.reads += 1;
  const { of, object } = kept;
  const { deletionTimestamp, name } = about(object);
  if (kept.reads < world.pace) return;
  if (deletionTimestamp !== undefined && of.kind === 'Namespace')
    return void world.objects.delete(keyOfKept(kept));
  const stuck = world.stuck.get(`${of.kind} ${textOf(name)}`) ?? null;
  const status = statusOf(of, object, stuck);
  if (status === null || JSON.stringify(object['status']) === JSON.stringify(status)) return;
  write(world, kept, status);
  if (of.kind !== 'CustomResourceDefinition') return;
  for (const one of definedKinds(object))
    if (!world.kinds.some(({ kind }) => kind === one.kind)) world.kinds.push(one);
}
