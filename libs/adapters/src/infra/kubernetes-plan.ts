import {
  canonical,
  fail,
  ok,
  sortChanges,
  type Aim,
  type Call,
  type Failure,
  type PlanContent,
  type ResourceChange,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { slowHash } from '../slow-hash.ts';
import { changeOf, creation, replacement, update } from './kubernetes-change.ts';
import { objectPath } from './kubernetes-discovery.ts';
import type { Manifest } from './kubernetes-documents.ts';
import { applied, shapeOf, type Applied, type Conflict } from './kubernetes-dry-run.ts';
import { each, stateOf, type Thing, type World } from './kubernetes-look.ts';
import { address, ownerOf, typeOf } from './kubernetes-object.ts';
import { allSecrets } from './kubernetes-secrets.ts';

/** What would be done to one object. */
export interface Move {
  readonly thing: Thing;
  /** Null: it stays as it is. */
  readonly change: ResourceChange | null;
  /** Fields of ours that somebody else has taken over are taken back. */
  readonly force: boolean;
}

/** A plan, and how it is carried out. */
export interface Plan {
  readonly aim: Aim;
  readonly world: World;
  readonly moves: readonly Move[];
  readonly content: PlanContent;
}

/** Adds to it what people should know beside the plan. */
type Note = (text: string) => void;

/** Whether each of these fields was ours at the last apply: then somebody else has changed it since, and it is put back. */
function wereOurs({ entry, live }: Thing, conflicts: readonly Conflict[], order: StackOrder): boolean {
  if (!entry || !live || ownerOf(live, order) !== 'ours') return false;
  return conflicts.every(({ field }) => {
    const shape = shapeOf(field);
    return entry.fields.some(
      (ours) => ours === shape || ours.startsWith(`${shape}.`) || ours.startsWith(`${shape}[`),
    );
  });
}

function contested({ ref }: Thing, conflicts: readonly Conflict[]): Failure {
  const fields = conflicts.map(({ field, manager }) => `${field} (managed by ${manager})`).join(', ');
  const words = conflicts.length === 1 ? 'that field' : 'those fields';
  return {
    code: 'not-permitted',
    what: `changing ${fields} of ${address(ref)}, as somebody else manages ${words}`,
    hint: `Leave ${words} out of the manifest, or take them over once: kubectl apply --server-side --force-conflicts --field-manager=goldenthread -f <the manifest>.`,
  };
}

/** What cannot be changed would have to be deleted first, which is done to nothing that is not ours. */
const untouchable = ({ ref }: Thing, fields: readonly string[]): Failure => ({
  code: 'not-permitted',
  what: `replacing ${address(ref)}, which is there already and belongs to no stack (${fields.join(', ')} cannot be changed)`,
  hint: 'Declare it as it is there, or delete it yourself first, or give yours another name.',
});

const homeless = ({ ref }: Thing, order: StackOrder): Failure => ({
  code: 'plan-deferred',
  stack: order.stack.name,
  environment: order.environment,
  why: `the namespace ${ref.namespace ?? ''} is not there, and the stack does not declare it`,
});

/** Namespaces that the stack makes, and which are not there yet: nothing in them can be tried. */
const comingNamespaces = ({ things }: World): ReadonlySet<string> =>
  new Set(
    things
      .filter(
        ({ ref, wanted, live }) => ref.kind === 'Namespace' && ref.apiVersion === 'v1' && wanted && !live,
      )
      .map(({ ref }) => ref.name),
  );

interface Drafting {
  readonly order: StackOrder;
  readonly world: World;
  readonly coming: ReadonlySet<string>;
  readonly note: Note;
}

async function tried(
  drafting: Drafting,
  thing: Thing,
  call: Call,
): Promise<Result<{ answer: Applied; force: boolean }>> {
  const { ref, resource, wanted } = thing;
  if (!resource || !wanted) throw new Error('only what can be applied is tried');
  const manner = { path: objectPath(resource, ref), dry: true, address: address(ref) };
  const first = await applied(drafting.world.kube, wanted, { ...manner, force: false }, call);
  if (!first.ok || first.value.is !== 'conflict')
    return first.ok ? ok({ answer: first.value, force: false }) : first;
  const { conflicts } = first.value;
  if (!wereOurs(thing, conflicts, drafting.order)) return fail(contested(thing, conflicts));
  const second = await applied(drafting.world.kube, wanted, { ...manner, force: true }, call);
  return second.ok ? ok({ answer: second.value, force: true }) : second;
}

async function drafted(drafting: Drafting, thing: Thing, call: Call): Promise<Result<Move>> {
  const { order, coming, note } = drafting;
  const { ref, resource, live, leaving } = thing;
  const blind = (): Move => ({ thing, change: creation(thing, null, order), force: false });
  if (!resource) {
    note(`${address(ref)} could not be tried: the server does not know ${typeOf(ref)} yet`);
    return ok(blind());
  }
  // What is on its way out is made anew when it is gone.
  if (leaving || (ref.namespace !== null && coming.has(ref.namespace))) return ok(blind());
  const answered = await tried(drafting, thing, call);
  if (!answered.ok) return answered;
  const { answer, force } = answered.value;
  if (answer.is === 'homeless') return fail(homeless(thing, order));
  if (answer.is === 'conflict') return fail(contested(thing, answer.conflicts));
  if (answer.is === 'immutable' && live && ownerOf(live, order) !== 'ours')
    return fail(untouchable(thing, answer.fields));
  if (answer.is === 'immutable')
    return ok({ thing, change: replacement(thing, answer.fields, order), force: false });
  const change = live ? update(thing, answer.object, order) : creation(thing, answer.object, order);
  if (live && change && ownerOf(live, order) === 'nobody')
    note(
      `${address(ref)} is there already and belongs to no stack: from now on it belongs to ${order.stack.name}`,
    );
  return ok({ thing, change, force });
}

/** What was made and is not declared any more goes, where it still is ours. */
function dropped(thing: Thing, order: StackOrder, note: Note): Move {
  const { live, ref } = thing;
  if (!live) return { thing, change: null, force: false };
  if (ownerOf(live, order) === 'ours')
    return { thing, change: changeOf({ thing, order }, 'delete', []), force: false };
  note(
    `${address(ref)} is left alone: it was made for ${order.stack.name}, and its labels do not say so any more`,
  );
  return { thing, change: null, force: false };
}

/** A namespace must not go while there is something in it that stays: all of it would go along. */
function emptied(moves: readonly Move[], { inventory }: World, order: StackOrder): readonly Failure[] {
  const staying = moves.filter(({ thing }) => thing.manifest !== null);
  return moves.flatMap(({ thing: { ref }, change }) => {
    if (change?.action !== 'delete' || ref.kind !== 'Namespace' || ref.apiVersion !== 'v1') return [];
    const inside = staying.find(({ thing }) => thing.ref.namespace === ref.name);
    const held = staying.length > 0 && inventory?.namespace === ref.name;
    if (!inside && !held) return [];
    const what = inside ? address(inside.thing.ref) : "the stack's inventory";
    const why = `it does not declare the namespace ${ref.name} any more, and ${what} is in it`;
    const next = `Declare the namespace again, or move what is in it first (destroy the stack and apply it anew).`;
    return [{ code: 'destroy-refused', stack: order.stack.name, environment: order.environment, why, next }];
  });
}

/** Many objects may meet one and the same failure. */
const distinct = (failures: readonly Failure[]): readonly Failure[] => [
  ...new Map(failures.map((failure) => [JSON.stringify(failure), failure])).values(),
];

/** Plans what would be done to everything that is declared, or was and is not any more. */
export async function plan(
  order: StackOrder,
  manifests: readonly Manifest[],
  world: World,
  call: Call,
): Promise<Result<Omit<Plan, 'aim'>>> {
  const note: Note = (text) => call.emit({ type: 'note', project: order.stack.name, text });
  const drafting: Drafting = { order, world, coming: comingNamespaces(world), note };
  const moves = await each(world.things, async (thing) =>
    thing.wanted ? drafted(drafting, thing, call) : ok(dropped(thing, order, note)),
  );
  if (!moves.ok) return fail(...distinct(moves.failures));
  const refused = emptied(moves.value, world, order);
  if (refused.length > 0) return { ok: false, failures: refused };
  const secrets = allSecrets(order, manifests);
  const changes = moves.value.flatMap(({ change }) => (change ? [change] : []));
  return ok({
    world,
    moves: moves.value,
    content: {
      changes: sortChanges(changes),
      outputs: {},
      changedOutputs: [],
      state: stateOf(world, order),
      values: null,
      secrets: secrets === null ? null : slowHash(canonical(secrets)),
    },
  });
}
