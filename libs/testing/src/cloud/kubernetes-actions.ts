import type { Answered } from './serve.ts';
import {
  applyFields,
  merged,
  open,
  pathText,
  textOf,
  updateFields,
  type FieldConflict,
  type Managers,
  type OpenMap,
} from './kubernetes-fields.ts';
import { defaulted, invalid, mistyped, type FakeKind } from './kubernetes-kinds.ts';
import { about, drop, finished, keep, keyOf, tick, type Kept, type KubeWorld } from './kubernetes-store.ts';

/** An answer in JSON. */
export const json = (status: number, body: unknown): Answered => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

/** A refusal as the API words it. */
export const refusal = (code: number, reason: string, message: string, details: unknown = {}): Answered =>
  json(code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details,
    code,
  });

/** What a request is for. */
export interface Target {
  readonly of: FakeKind;
  readonly namespace: string | null;
  /** Null: all of the kind. */
  readonly name: string | null;
}

/** How something is written. */
export interface Writing {
  readonly dry: boolean;
  readonly manager: string;
  readonly force: boolean;
}

const group = ({ apiVersion }: FakeKind): string => apiVersion.split('/').slice(0, -1).join('');

const qualified = (of: FakeKind): string => (group(of) === '' ? of.plural : `${of.plural}.${group(of)}`);

/** What is there of a target. */
export const found = (world: KubeWorld, { of, namespace, name }: Target): Kept | undefined =>
  world.objects.get(keyOf(of, namespace, name ?? ''));

const missing = ({ of, name }: Target): Answered =>
  refusal(404, 'NotFound', `${qualified(of)} "${name ?? ''}" not found`, { name, kind: of.plural });

function conflict(target: Target, conflicts: readonly FieldConflict[]): Answered {
  const one = conflicts.length === 1 ? 'conflict' : 'conflicts';
  const words = conflicts
    .map(({ path, manager }) => `conflict with ${manager}: ${pathText(path)}`)
    .join('\n');
  const causes = conflicts.map(({ path, manager }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field: pathText(path),
  }));
  const details = { name: target.name, causes };
  return refusal(409, 'Conflict', `Apply failed with ${conflicts.length} ${one}: ${words}`, details);
}

/** Checks what would be kept and keeps it, unless it is only tried. */
function kept(
  world: KubeWorld,
  target: Target,
  after: { object: OpenMap; managers: Managers },
  dry: boolean,
): Answered {
  const { of, namespace, name } = target;
  const before = found(world, target) ?? null;
  const metadata = { ...about(after.object), name, ...(namespace === null ? {} : { namespace }) };
  const object = defaulted(of, { ...after.object, metadata });
  const wrong = invalid(of, object, before?.object ?? null);
  if (wrong.length > 0) {
    const words = wrong.map(({ field, message }) => `${field}: ${message}`).join(', ');
    const causes = wrong.map(({ field, message }) => ({ reason: 'FieldValueInvalid', field, message }));
    const details = { name, group: group(of), kind: of.kind, causes };
    return refusal(422, 'Invalid', `${of.kind} "${name ?? ''}" is invalid: ${words}`, details);
  }
  const next: Kept = { of, object, managers: after.managers, reads: 0 };
  const done = dry ? finished(world, next, before) : keep(world, next);
  return json(before ? 200 : 201, done.object);
}

function homeless(world: KubeWorld, { namespace }: Target): Answered | null {
  if (namespace === null) return null;
  const home = world.objects.get(`|Namespace||${namespace}`);
  if (!home)
    return refusal(404, 'NotFound', `namespaces "${namespace}" not found`, {
      name: namespace,
      kind: 'namespaces',
    });
  if (about(home.object)['deletionTimestamp'] === undefined) return null;
  return refusal(
    403,
    'Forbidden',
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
}

/** Server-side apply. */
export function apply(world: KubeWorld, target: Target, body: OpenMap, writing: Writing): Answered {
  const nowhere = homeless(world, target);
  if (nowhere) return nowhere;
  const type = mistyped(target.of, body);
  if (type !== null)
    return refusal(
      500,
      '',
      `failed to create typed patch object (${target.name ?? ''}; ${target.of.kind}): ${type}`,
    );
  const before = found(world, target);
  const { uid } = about(body);
  if (uid !== undefined && uid !== about(before?.object ?? {})['uid'])
    return refusal(409, 'Conflict', `Precondition failed: UID in precondition: ${textOf(uid)}`);
  const { uid: _uid, ...metadata } = about(body);
  const live = before?.object ?? { apiVersion: target.of.apiVersion, kind: target.of.kind };
  const after = applyFields(live, { ...body, metadata }, before?.managers ?? new Map(), writing);
  return 'conflicts' in after ? conflict(target, after.conflicts) : kept(world, target, after, writing.dry);
}

/** Everything that is no apply: POST, PUT and the other patches. */
export function write(world: KubeWorld, target: Target, body: OpenMap, writing: Writing): Answered {
  const nowhere = homeless(world, target);
  if (nowhere) return nowhere;
  const before = found(world, target);
  const [old, { uid, resourceVersion }] = [about(before?.object ?? {}), about(body)];
  if (
    (uid !== undefined && uid !== old['uid']) ||
    (resourceVersion !== undefined && resourceVersion !== old['resourceVersion'])
  )
    return refusal(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${qualified(target.of)} "${target.name ?? ''}": the object has been modified`,
    );
  const status = before?.object['status'];
  const object = { ...body, ...(status === undefined ? {} : { status }) };
  const managers = updateFields(before?.object ?? {}, object, before?.managers ?? new Map(), writing.manager);
  return kept(world, target, { object, managers }, writing.dry);
}

/** A merge patch. */
export function patch(world: KubeWorld, target: Target, body: OpenMap, writing: Writing): Answered {
  const before = found(world, target);
  if (!before) return missing(target);
  const { resourceVersion: _version, ...metadata } = about(before.object);
  return write(world, target, merged(open({ ...before.object, metadata }), body) as OpenMap, writing);
}

/** GET of one object, which controllers are at meanwhile. */
export function read(world: KubeWorld, target: Target): Answered {
  const there = found(world, target);
  if (there) tick(world, there);
  const still = found(world, target);
  return still ? json(200, still.object) : missing(target);
}

/** GET of all of a kind. */
export function list(world: KubeWorld, { of, namespace }: Target, selector: string | null): Answered {
  const [label = '', value] = (selector ?? '').split('=');
  const items = [...world.objects.values()]
    .filter((one) => one.of.kind === of.kind && one.of.apiVersion === of.apiVersion)
    .filter(({ object }) => namespace === null || about(object)['namespace'] === namespace)
    .filter(({ object }) => label === '' || ((about(object)['labels'] ?? {}) as OpenMap)[label] === value)
    .map(({ object }) => object);
  return json(200, {
    apiVersion: of.apiVersion,
    kind: `${of.kind}List`,
    metadata: { resourceVersion: String(world.revision) },
    items,
  });
}

/** DELETE of one object. */
export function remove(world: KubeWorld, target: Target, body: OpenMap): Answered {
  const there = found(world, target);
  if (!there) return missing(target);
  const { uid } = (body['preconditions'] ?? {}) as OpenMap;
  if (uid !== undefined && uid !== about(there.object)['uid'])
    return refusal(409, 'Conflict', `Precondition failed: UID in precondition: ${textOf(uid)}`);
  drop(world, there);
  return json(200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: target.name },
  });
}
