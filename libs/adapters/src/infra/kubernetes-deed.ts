import { fail, ok, type Call, type Failure, type Result, type StackOrder } from '@goldenthread/core';
import { refused } from './kubernetes-client.ts';
import { objectPath, type Resource } from './kubernetes-discovery.ts';
import { applied, type Applied } from './kubernetes-dry-run.ts';
import type { Thing } from './kubernetes-look.ts';
import { address, typeOf, type KubeObject, type Ref } from './kubernetes-object.ts';
import type { Move, Plan } from './kubernetes-plan.ts';
import { until, untilGone, untilKnown, untilReady, type Seen, type Waiting } from './kubernetes-wait.ts';

/** An apply under way. */
export interface Work {
  readonly order: StackOrder;
  readonly plan: Plan;
  readonly waiting: Waiting;
}

// A server needs a moment until it serves a kind whose definition it has accepted.
const KNOWN_MS = 15_000;

const where = ({
  stack,
  environment,
}: StackOrder): { readonly stack: string; readonly environment: string } => ({
  stack: stack.name,
  environment,
});

/** An apply that did not get through, in words. */
export const failed = (order: StackOrder, detail: string): Failure => ({
  code: 'apply-failed',
  ...where(order),
  detail,
});

/** What moved since the plan was made, in words. */
export const outdated = (order: StackOrder, moved: readonly string[]): Failure => ({
  code: 'plan-outdated',
  ...where(order),
  moved,
});

/** Does something that people see as one step. */
export const step = async (
  work: Work,
  what: string,
  call: Call,
  use: () => Promise<Result<void>>,
): Promise<Result<void>> => {
  const said = { type: 'step', project: work.order.stack.name, step: what } as const;
  const started = performance.now();
  call.emit({ ...said, state: 'started' });
  const done = await use();
  call.emit({ ...said, state: done.ok ? 'done' : 'failed', seconds: (performance.now() - started) / 1000 });
  return done;
};

/** The kind of a thing as the server knows it by now: its definition may have come with this very stack. */
export async function resourceOf(
  { order, plan, waiting }: Work,
  thing: Thing,
  call: Call,
): Promise<Result<Resource>> {
  if (thing.resource) return ok(thing.resource);
  const defines = plan.moves.some(({ thing: { ref } }) => ref.kind === 'CustomResourceDefinition');
  const end = defines ? Math.min(waiting.end, Date.now() + KNOWN_MS) : 0;
  const found = await untilKnown({ ...waiting, end }, thing.ref, call);
  if (!found.ok) return found;
  if ('done' in found.value) return ok(found.value.done);
  return fail(
    failed(order, `${address(thing.ref)}: ${found.value.why}: what defines it has to be applied before`),
  );
}

async function gone(
  work: Work,
  resource: Resource,
  of: { ref: Ref; uid: string | null },
  call: Call,
): Promise<Result<void>> {
  const waited = await untilGone(work.waiting, resource, of, call);
  if (!waited.ok) return waited;
  if ('done' in waited.value) return ok(undefined);
  return fail(failed(work.order, `${address(of.ref)} is not gone in time: ${waited.value.why}`));
}

/** Deletes this very object, and waits until it is gone. */
export async function deleted(
  work: Work,
  { ref, live }: Thing,
  resource: Resource,
  call: Call,
): Promise<Result<void>> {
  const uid = live?.metadata.uid ?? null;
  const doing = `deleting ${address(ref)}`;
  const preconditions = uid === null ? {} : { preconditions: { uid } };
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', ...preconditions };
  const { kube } = work.plan.world;
  const answered = await kube.ask({ method: 'DELETE', path: objectPath(resource, ref), body, doing }, call);
  if (!answered.ok) return answered;
  const { status } = answered.value;
  if (status === 409) return fail(outdated(work.order, [`${address(ref)} was made anew by somebody else`]));
  if (status >= 300 && status !== 404) return fail(refused(kube, doing, answered.value));
  return gone(work, resource, { ref, uid }, call);
}

/** Waits until a thing is ready. */
export async function ready(work: Work, thing: Thing, resource: Resource, call: Call): Promise<Result<void>> {
  const waited = await untilReady(work.waiting, resource, thing.ref, call);
  if (!waited.ok) return waited;
  if ('done' in waited.value) return ok(undefined);
  return fail(failed(work.order, `${address(thing.ref)} is not ready: ${waited.value.why}`));
}

/** What was taken for an object in a namespace, as its kind was not known, may turn out to have none, and the other way round. */
function misplaced({ ref, resource }: Thing, { namespaced }: Resource): readonly string[] {
  if (resource || namespaced === (ref.namespace !== null)) return [];
  return [`${typeOf(ref)} is known by now, and has ${namespaced ? 'a' : 'no'} namespace`];
}

/** Applies an object; to a kind that has just been defined, until the server really serves it. */
async function appliedSoon(
  work: Work,
  thing: Thing,
  object: KubeObject,
  call: Call,
): Promise<Result<Applied>> {
  const { waiting, plan } = work;
  const resource = await resourceOf(work, thing, call);
  if (!resource.ok) return resource;
  const wrong = misplaced(thing, resource.value);
  if (wrong.length > 0) return fail(outdated(work.order, wrong));
  const force = plan.moves.some((move) => move.thing === thing && move.force);
  const manner = {
    path: objectPath(resource.value, thing.ref),
    dry: false,
    force,
    address: address(thing.ref),
  };
  if (thing.resource) return applied(plan.world.kube, object, manner, call);
  const look = async (): Promise<Result<Seen<Applied>>> => {
    const answered = await applied(plan.world.kube, object, manner, call);
    if (!answered.ok) return answered;
    return ok(answered.value.is === 'homeless' ? { why: 'it is not served yet' } : { done: answered.value });
  };
  const end = Math.min(waiting.end, Date.now() + KNOWN_MS);
  const waited = await until({ ...waiting, end }, look, `${typeOf(thing.ref)} to be served`, call);
  return waited.ok ? ok('done' in waited.value ? waited.value.done : { is: 'homeless' }) : waited;
}

/** Carries one creation, update or replacement out. */
export async function carried(work: Work, { thing, change }: Move, call: Call): Promise<Result<void>> {
  const found = await resourceOf(work, thing, call);
  if (!found.ok) return found;
  const { ref, wanted, leaving } = thing;
  if (leaving) {
    const away = await gone(work, found.value, { ref, uid: null }, call);
    if (!away.ok) return away;
  }
  if (change?.action === 'replace') {
    const away = await deleted(work, thing, found.value, call);
    if (!away.ok) return away;
  }
  if (!wanted) return ok(undefined);
  const uid = change?.action === 'update' ? { uid: thing.live?.metadata.uid ?? '' } : {};
  const object = { ...wanted, metadata: { ...wanted.metadata, ...uid } };
  const answered = await appliedSoon(work, thing, object, call);
  if (!answered.ok) return answered;
  if (answered.value.is === 'conflict' || answered.value.is === 'immutable')
    return fail(outdated(work.order, [`${address(ref)} was changed by somebody else just now`]));
  if (answered.value.is === 'homeless')
    return fail(failed(work.order, `${address(ref)}: the namespace ${ref.namespace ?? ''} is not there`));
  return ref.kind === 'CustomResourceDefinition' ? ready(work, thing, found.value, call) : ok(undefined);
}
