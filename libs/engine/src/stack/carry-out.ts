import {
  fail,
  isEmpty,
  isUnchecked,
  ok,
  upstreamsOf,
  within,
  type Aim,
  type Environment,
  type Failure,
  type Preview,
  type Result,
  type StackRecord,
  type Violation,
  words,
} from '@goldenthread/core';
import { approved, type Approvals } from './approval.ts';
import { judgePlan } from './judge.ts';
import { outputsDigest, previewSite, type Draft, type Held } from './preview.ts';
import { recordFrom, title, writeRecord, type Outcome } from './records.ts';
import { recordOf, type StackLedger, type StackWorld } from './world.ts';
import { trackedIn, uncommitted } from './sources.ts';

/** How plans are carried out. */
export interface ApplyOptions {
  readonly approvals: Approvals;
  /** Files that make the stack need not be committed. */
  readonly allowDirty?: boolean;
  /** Say what would be done; do nothing. */
  readonly dryRun?: boolean;
}

/** One place whose plan is to be carried out. */
export interface Settling {
  readonly world: StackWorld;
  readonly ledger: StackLedger;
  /** Null where the environment is no longer declared. */
  readonly environment: Environment | null;
  readonly draft: Draft;
  readonly aim: Aim;
  readonly reasons: readonly string[];
  readonly options: ApplyOptions;
}

/** What became of a place. */
export interface Settled {
  readonly state: 'applied' | 'destroyed' | 'unchanged' | 'would-apply';
  readonly plan: Preview;
  readonly violations: readonly Violation[];
}

/** The first of what went wrong, for a record. */
const wordsOf = ([first]: readonly Failure[]): string => (first ? words(first).what : 'something went wrong');

const reasonOf = ({ reasons, aim }: Settling): string =>
  reasons.length > 0 ? reasons.join('; ') : `${aim} was asked for`;

function upstreamDigests({ ledger, draft }: Settling): StackRecord['upstreams'] {
  const { project, place, graph } = draft.site;
  return Object.fromEntries(
    upstreamsOf(graph, project).flatMap(({ stack }) => {
      const outputs = recordOf(ledger, { ...place, stack })?.outputs ?? null;
      return outputs === null ? [] : [[stack, outputs]];
    }),
  );
}

/** Writes the record of a plan in some condition over the one before; answers it, or null where somebody else has written there meanwhile. */
async function note(
  settling: Settling,
  plan: Preview,
  before: StackRecord | null,
  outcome: Pick<Outcome, 'condition' | 'reason' | 'outputs' | 'state' | 'approved'>,
): Promise<Result<StackRecord | null>> {
  const { world, draft } = settling;
  const run = await world.ports.run(world.call);
  if (!run.ok) return run;
  const made: Outcome = {
    plan,
    root: draft.site.project.root,
    upstreams: upstreamDigests(settling),
    ...outcome,
  };
  const record = recordFrom(made, run.value, world.ports.now().toISOString());
  const { place } = draft.site;
  const what = title(settling.aim, place, outcome.condition);
  const written = await writeRecord(world, { place, before, record, what, why: outcome.reason });
  if (!written.ok) return written;
  return ok(written.value ? record : null);
}

/** What somebody else wrote stays; whoever looks next sees that something is left to be seen to. */
const overtaken = ({ world, draft }: Settling): Result<void> => {
  const text = 'another run has written its record meanwhile, which stays: the next apply looks again';
  world.call.emit({ type: 'note', project: draft.site.place.stack, text });
  return ok(undefined);
};

/** Files that nobody committed, of those that make the stack, and of the environment whose rules it has to keep. */
async function dirtyFiles({ world, draft, environment }: Settling): Promise<Result<readonly string[]>> {
  const tracked = await trackedIn(world.ports.workspace, world.call);
  if (!tracked.ok) return tracked;
  const project = environment && world.graph.projects.get(environment.name);
  const rules = project ? [project.root, ...project.files] : [];
  const ofRules = tracked.value.changed.filter((path) => rules.some((root) => within(path, root)));
  const own = draft.commit?.dirty ? uncommitted(draft.site, tracked.value) : [];
  return ok([...new Set([...own, ...ofRules])]);
}

/** What allows a plan: rules that only warn, and the digest by which it was approved. */
interface Allowed {
  readonly violations: readonly Violation[];
  readonly approved: string;
}

/** Everything that can refuse a plan before anything is done. */
async function mayApply(settling: Settling, { plan }: Held): Promise<Result<Allowed>> {
  const { world, environment, options, draft } = settling;
  const { stack, environment: name, digest } = plan;
  if (!environment)
    return fail({
      code: 'destroy-refused',
      stack,
      environment: name,
      why: `the environment ${name} is gone from the workspace, and its rules with it`,
      next: 'Bring its environment.yaml back, let it retire its stacks, and delete it afterwards.',
    });
  const judged = await judgePlan(world, environment, plan);
  if (!judged.ok) return judged;
  const violations = judged.value;
  const denied = violations.filter(({ level }) => level === 'deny');
  if (denied.length > 0)
    return fail({ code: 'policy-violated', stack, environment: name, violations: denied });
  if (options.dryRun) return ok({ violations, approved: digest });
  if (draft.commit === null && !options.allowDirty)
    return fail({
      code: 'not-permitted',
      what: `applying ${stack} without a commit`,
      hint: 'Commit it, so that others can see what runs; --allow-dirty is for an environment of your own.',
    });
  const dirty = options.allowDirty ? ok([]) : await dirtyFiles(settling);
  if (!dirty.ok) return dirty;
  if (dirty.value.length > 0)
    return fail({
      code: 'not-permitted',
      what: `applying ${stack} from files that are not committed (${dirty.value.join(', ')})`,
      hint: 'Commit them, so that others can see what runs; --allow-dirty is for an environment of your own.',
    });
  const allowed = await approved(options.approvals, plan, { record: draft.record, violations });
  return allowed.ok ? ok({ violations, approved: allowed.value }) : allowed;
}

/** Looks again: what was applied has to be at rest. Answers the state that it left. */
async function atRest({ world, draft, aim }: Settling): Promise<Result<Preview>> {
  // Of what was destroyed there is no state any more.
  const again = await previewSite(world, aim === 'destroy' ? { ...draft, record: null } : draft, aim);
  if (!again.ok) return again;
  await again.value.previewed.discard();
  const { plan } = again.value;
  if (isEmpty(plan)) return ok(plan);
  const changes = [
    ...plan.changes.map(({ action, address }) => `${action} ${address}`),
    ...plan.changedOutputs.map((name) => `output ${name}`),
  ];
  return fail({ code: 'not-settled', stack: plan.stack, environment: plan.environment, changes });
}

// What an engine answers before it has changed anything.
const REFUSALS: ReadonlySet<Failure['code']> = new Set(['state-locked', 'plan-outdated']);

/** Not every backend says who holds its lock; the ledger knows who began and did not end. */
function whoBegan(failure: Failure, record: StackRecord | null): Failure {
  if (failure.code !== 'state-locked' || record?.condition !== 'reconciling') return failure;
  const { by, run, time } = record;
  return {
    ...failure,
    holder: `${failure.holder}; ${by} began an apply at ${time} that did not end (${run})`,
  };
}

/** Nothing was done: the record says again what it said before. */
async function takenBack(
  { world, draft, aim }: Settling,
  begun: StackRecord,
  failures: readonly Failure[],
): Promise<Result<never>> {
  const named = failures.map((failure) => whoBegan(failure, draft.record));
  const written = await writeRecord(world, {
    place: draft.site.place,
    before: begun,
    record: draft.record,
    what: title(aim, draft.site.place, 'not begun'),
    why: wordsOf(failures),
  });
  return written.ok ? fail(...named) : fail(...named, ...written.failures);
}

/** Says that an apply begins; fails with `plan-outdated` where somebody else has begun one since the ledger was read. */
async function begin(settling: Settling, plan: Preview, digest: string): Promise<Result<StackRecord>> {
  const { draft } = settling;
  const begun = await note(settling, plan, draft.record, {
    condition: 'reconciling',
    reason: reasonOf(settling),
    outputs: null,
    state: plan.state,
    approved: digest,
  });
  if (!begun.ok) return begun;
  if (begun.value) return ok(begun.value);
  return fail({
    code: 'plan-outdated',
    ...draft.site.place,
    moved: ['another run has begun to apply it meanwhile'],
  });
}

/** Carries a plan out that may be, and sees that it came to rest; what happened is recorded either way. */
async function carryOut(
  settling: Settling,
  { plan, previewed }: Held,
  digest: string,
): Promise<Result<void>> {
  const { world } = settling;
  const begun = await begin(settling, plan, digest);
  if (!begun.ok) return begun;
  const applied = await previewed.apply(world.call);
  const rest = applied.ok ? await atRest(settling) : applied;
  if (!rest.ok) {
    const { failures } = rest;
    if (failures.every(({ code }) => REFUSALS.has(code))) return takenBack(settling, begun.value, failures);
    const stalled = await note(settling, plan, begun.value, {
      condition: 'stalled',
      reason: wordsOf(failures),
      outputs: null,
      state: plan.state,
      approved: digest,
    });
    return stalled.ok ? rest : fail(...failures, ...stalled.failures);
  }
  if (settling.aim === 'destroy') return forget(settling, begun.value, reasonOf(settling));
  const ready = await note(settling, plan, begun.value, {
    condition: 'ready',
    reason: reasonOf(settling),
    outputs: outputsDigest(world, applied.ok ? applied.value : new Map()),
    state: rest.value.state,
    approved: digest,
  });
  if (!ready.ok) return ready;
  return ready.value ? ok(undefined) : overtaken(settling);
}

/** Takes the record of what is gone away; the history of the ledger keeps it. */
async function forget(settling: Settling, before: StackRecord | null, why: string): Promise<Result<void>> {
  const { world, draft } = settling;
  const { place } = draft.site;
  const written = await writeRecord(world, {
    place,
    before,
    record: null,
    what: title('destroy', place, 'gone'),
    why,
  });
  if (!written.ok) return written;
  return written.value ? ok(undefined) : overtaken(settling);
}

/** Nothing has to be done: the record follows what is declared where it says something else. */
async function follow(settling: Settling, { plan, previewed }: Held): Promise<Result<void>> {
  const { world, draft, aim } = settling;
  const { record } = draft;
  const unchecked = plan.changes
    .filter(isUnchecked)
    .map(({ address }) => `${address} cannot be checked, so it was not run`);
  if (unchecked.length > 0) return fail({ code: 'not-settled', ...draft.site.place, changes: unchecked });
  if (aim === 'destroy') return forget(settling, record, reasonOf(settling));
  const outputs = outputsDigest(world, previewed.outputs);
  const upstreams = JSON.stringify(upstreamDigests(settling));
  const same =
    record !== null &&
    record.condition === 'ready' &&
    record.drift === null &&
    record.sources === plan.sources &&
    record.outputs === outputs &&
    record.values === plan.values &&
    JSON.stringify(record.images) === JSON.stringify(plan.images) &&
    JSON.stringify(record.upstreams) === upstreams;
  if (same) return ok(undefined);
  const ready = await note(settling, plan, record, {
    condition: 'ready',
    reason: `nothing had to be changed: ${reasonOf(settling)}`,
    outputs,
    state: plan.state,
  });
  if (!ready.ok) return ready;
  return ready.value ? ok(undefined) : overtaken(settling);
}

/** Plans a place and carries the plan out, if it may be: observe, plan, gate, run, record. The place is held by the caller. */
export async function settle(settling: Settling): Promise<Result<Settled>> {
  const { world, draft, aim, options } = settling;
  const held = await previewSite(world, draft, aim);
  if (!held.ok) return held;
  try {
    const { plan } = held.value;
    // What was left half done changes nothing more, and yet may not be there: its engine has to see to it once more.
    const halfDone = aim === 'apply' && (draft.record?.condition ?? 'ready') !== 'ready';
    if (isEmpty(plan) && options.dryRun) return ok({ state: 'unchanged', plan, violations: [] });
    if (isEmpty(plan) && !halfDone) {
      const followed = await follow(settling, held.value);
      if (!followed.ok) return followed;
      return ok({ state: aim === 'destroy' ? 'destroyed' : 'unchanged', plan, violations: [] });
    }
    const may = isEmpty(plan)
      ? ok({ violations: [], approved: plan.digest })
      : await mayApply(settling, held.value);
    if (!may.ok) return may;
    const { violations, approved: digest } = may.value;
    if (options.dryRun) return ok({ state: 'would-apply', plan, violations });
    const done = await carryOut(settling, held.value, digest);
    return done.ok ? ok({ state: aim === 'destroy' ? 'destroyed' : 'applied', plan, violations }) : done;
  } finally {
    await held.value.previewed.discard();
  }
}
