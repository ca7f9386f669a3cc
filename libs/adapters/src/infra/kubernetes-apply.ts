import {
  fail,
  ok,
  type Call,
  type Failure,
  type Outputs,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { carried, deleted, failed, outdated, ready, resourceOf, step, type Work } from './kubernetes-deed.ts';
import { bothEntries, entryOf, movedSince } from './kubernetes-entries.ts';
import { removeInventory, writeInventory, type Inventory } from './kubernetes-inventory.ts';
import { each, look } from './kubernetes-look.ts';
import { address } from './kubernetes-object.ts';
import { inOrder } from './kubernetes-order.ts';
import type { Move, Plan } from './kubernetes-plan.ts';
import { heldTexts, redacted, secretTexts } from './kubernetes-secrets.ts';
import type { Waiting } from './kubernetes-wait.ts';

const DEFAULT_SECONDS = 300;
async function carriedAll(work: Work, moves: readonly Move[], call: Call): Promise<Result<void>> {
  for (const move of moves) {
    const what = `${move.change?.action ?? ''} ${address(move.thing.ref)}`;
    const done = await step(work, what, call, () => carried(work, move, call));
    if (!done.ok) return done;
  }
  return ok(undefined);
}

/** Waits for everything that is declared, also what this plan did not change: an earlier apply may have ended before it was ready. */
async function allReady(work: Work, call: Call): Promise<Result<void>> {
  const things = work.plan.moves.flatMap(({ thing }) => (thing.wanted ? [thing] : []));
  if (things.length === 0) return ok(undefined);
  return step(work, 'ready', call, async () => {
    const waited = await each(things, async (thing) => {
      const found = await resourceOf(work, thing, call);
      return found.ok ? ready(work, thing, found.value, call) : found;
    });
    return waited.ok ? ok(undefined) : waited;
  });
}

async function allDeleted(work: Work, moves: readonly Move[], call: Call): Promise<Result<void>> {
  for (const { thing } of moves) {
    const { resource } = thing;
    if (!resource) continue;
    const done = await step(work, `delete ${address(thing.ref)}`, call, () =>
      deleted(work, thing, resource, call),
    );
    if (!done.ok) return done;
  }
  return ok(undefined);
}

/** Writes what is about to be owned, before anything of it is made. Whoever writes first wins; the other has an old plan. */
async function begun(work: Work, namespace: string, call: Call): Promise<Result<Inventory>> {
  const { kube, inventory } = work.plan.world;
  const base = inventory ?? { namespace, uid: '', resourceVersion: '', entries: [] };
  const written = await writeInventory(kube, work.order, { ...base, entries: bothEntries(work.plan) }, call);
  if (!written.ok) return written;
  return written.value
    ? ok(written.value)
    : fail(outdated(work.order, ['the stack is being applied by somebody else']));
}

/** Writes what is owned now, or takes the inventory away when that is nothing. */
async function ended(work: Work, inventory: Inventory, call: Call): Promise<Result<void>> {
  const { kube } = work.plan.world;
  const entries = work.plan.moves.flatMap(({ thing }) => (thing.wanted ? [entryOf(thing)] : []));
  if (work.plan.aim === 'destroy') return removeInventory(kube, work.order, inventory, call);
  const written = await writeInventory(kube, work.order, { ...inventory, entries }, call);
  if (!written.ok) return written;
  const detail = 'all was applied, but somebody else has changed the inventory of the stack meanwhile';
  return written.value ? ok(undefined) : fail(failed(work.order, detail));
}

/** Namespaces come first, and then the inventory, which may be in one of them. */
async function all(work: Work, call: Call): Promise<Result<Outputs>> {
  const { moves, world, aim } = work.plan;
  if (aim === 'destroy' && world.inventory === null) return ok(new Map());
  const due = inOrder(moves.map((move) => ({ ...move, ref: move.thing.ref })));
  const making = due.filter(({ change }) => change !== null && change.action !== 'delete');
  const home = making.filter(
    ({ ref, change }) =>
      change?.action === 'create' && ref.kind === 'Namespace' && ref.name === world.namespace,
  );
  const first = world.inventory ? [] : home;
  const housed = await carriedAll(work, first, call);
  if (!housed.ok) return housed;
  const inventory = await begun(work, world.namespace, call);
  if (!inventory.ok) return inventory;
  const made = await carriedAll(
    work,
    making.filter((move) => !first.includes(move)),
    call,
  );
  if (!made.ok) return made;
  const settled = await allReady(work, call);
  if (!settled.ok) return settled;
  const dropping = due.filter(({ change }) => change?.action === 'delete').toReversed();
  const dropped = await allDeleted(work, dropping, call);
  if (!dropped.ok) return dropped;
  const finished = await ended(work, inventory.value, call);
  return finished.ok ? ok(new Map()) : finished;
}

/** A failure in the midst of an apply; what other codes say by themselves is kept. */
function during(order: StackOrder, failure: Failure): Failure {
  if (failure.code !== 'store-refused') return failure;
  return failed(order, `${failure.doing} was refused: ${failure.detail}`);
}

/** Does what a plan says, where nothing has moved since. */
export async function carryOut(
  order: StackOrder,
  plan: Plan,
  interval: number,
  call: Call,
): Promise<Result<Outputs>> {
  const manifests = plan.moves.flatMap(({ thing }) => (thing.manifest ? [thing.manifest] : []));
  const clean = redacted([...secretTexts(order), ...heldTexts(manifests)]);
  const now = await look(order, manifests, call);
  if (!now.ok) return fail(...now.failures.map(clean));
  const moved = movedSince(plan.world, now.value);
  if (moved.length > 0) return fail(outdated(order, moved));
  const seconds = order.stack.kubernetes.timeout ?? DEFAULT_SECONDS;
  const waiting: Waiting = {
    kube: plan.world.kube,
    project: order.stack.name,
    interval,
    end: Date.now() + seconds * 1000,
  };
  const done = await all(
    { order, plan: { ...plan, world: { ...now.value, things: plan.world.things } }, waiting },
    call,
  );
  return done.ok ? done : fail(...done.failures.map((failure) => clean(during(order, failure))));
}
