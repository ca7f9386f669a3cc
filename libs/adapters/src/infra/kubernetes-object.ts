import { createHash } from 'node:crypto';
import { canonical, type Json, type StackOrder } from '@goldenthread/core';

/** What every object has about itself. */
export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly [key: string]: Json | undefined;
}

/** An object of Kubernetes, as JSON. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [key: string]: Json | undefined;
}

/** What names an object; its namespace is null where its kind has none. */
export interface Ref {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
}

/** The name under which fields are applied. */
export const MANAGER = 'goldenthread';

const STACK = 'goldenthread.dev/stack';
const ENVIRONMENT = 'goldenthread.dev/environment';

/** The labels that say whose an object is. */
export const ownLabels = ({ stack, environment }: StackOrder): Readonly<Record<string, string>> => ({
  [STACK]: stack.name,
  [ENVIRONMENT]: environment,
});

/** Whose an object is, by its labels: ours, another stack's (in words), or nobody's. */
export function ownerOf({ metadata }: KubeObject, order: StackOrder): 'ours' | 'nobody' | { by: string } {
  const { [STACK]: stack, [ENVIRONMENT]: environment } = metadata.labels ?? {};
  if (stack === undefined) return 'nobody';
  if (stack === order.stack.name && environment === order.environment) return 'ours';
  return { by: `the stack ${stack} in ${environment ?? 'no environment'}` };
}

/** `apps/v1/Deployment` */
export const typeOf = ({ apiVersion, kind }: Pick<Ref, 'apiVersion' | 'kind'>): string =>
  `${apiVersion}/${kind}`;

/** `apps/v1/Deployment shop/web`; without a namespace `v1/Namespace shop`. */
export const address = (ref: Ref): string =>
  `${typeOf(ref)} ${ref.namespace === null ? '' : `${ref.namespace}/`}${ref.name}`;

/** `apps` of `apps/v1`; empty for the core group. */
export const groupOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';

/** Equal for one and the same object, whatever version of its group it is written in. */
export const identity = ({ apiVersion, kind, namespace, name }: Ref): string =>
  [groupOf(apiVersion), kind, namespace ?? '', name].join('|');

/** Whether a value is a map. */
export const isMap = (value: Json | undefined): value is { readonly [key: string]: Json | undefined } =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** The value at a path of keys and indexes; undefined where there is none. */
export function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  let here = value;
  for (const key of path) {
    if (here === null || typeof here !== 'object') return undefined;
    here = (here as Readonly<Record<string, Json | undefined>>)[key];
  }
  return here;
}

/** The paths of all that is no map and no list, and of empty ones. */
export function leaves(
  value: Json | undefined,
  path: readonly string[] = [],
): readonly (readonly string[])[] {
  if (value === undefined) return [];
  if (value === null || typeof value !== 'object') return [path];
  const entries = Object.entries(value as Readonly<Record<string, Json | undefined>>);
  return entries.length === 0 ? [path] : entries.flatMap(([key, one]) => leaves(one, [...path, key]));
}

/** What a server adds for itself: no part of what is declared, and mostly other with each look. */
const NOISE: ReadonlySet<string> = new Set([
  'managedFields',
  'resourceVersion',
  'generation',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'name',
  'namespace',
]);

const NOTES: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deployment.kubernetes.io/revision',
]);

const without = (value: Json | undefined, keys: ReadonlySet<string>): Record<string, Json | undefined> =>
  isMap(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => !keys.has(key))) : {};

/** The part of an object that counts: what people write, or what a server made of it. */
export function content(object: KubeObject): Readonly<Record<string, Json | undefined>> {
  const { apiVersion: _apiVersion, kind: _kind, status: _status, metadata, ...rest } = object;
  const { annotations, ...about } = without(metadata, NOISE);
  const notes = without(annotations, NOTES);
  const kept = Object.keys(notes).length > 0 ? { ...about, annotations: notes } : about;
  return Object.keys(kept).length > 0 ? { ...rest, metadata: kept } : rest;
}

/** The part of a value that has the shape of another: the same keys, and items where there are as many. */
export function project(value: Json | undefined, shape: Json | undefined): Json | undefined {
  if (Array.isArray(value) && Array.isArray(shape) && value.length === shape.length)
    return value.map((item: Json, index) => project(item, (shape as readonly Json[])[index]) ?? null);
  if (!isMap(value) || !isMap(shape)) return value;
  const keys = Object.keys(shape).filter((key) => value[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [key, project(value[key], shape[key])]));
}

/** A short hash of a value. */
export const digestOf = (value: Json): string =>
  createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);

/**
 * Names the state of an object, other with every change that matters. What controllers write all the time, its status, moves
 * the resource version and not the generation; what has neither status nor generation moves by its resource version alone.
 */
export function revision(object: KubeObject): string {
  const { uid = '', generation, resourceVersion = '' } = object.metadata;
  if (generation !== undefined) return `${uid}:g${generation}`;
  // No hash of a Secret's content may lie where people read it.
  if (object['status'] === undefined) return `${uid}:r${resourceVersion}`;
  return `${uid}:${digestOf(content(object))}`;
}
