import {
  addMoved,
  fail,
  ok,
  UNMOVED,
  versionName,
  type Access,
  type Failure,
  type LedgerState,
  type Moved,
  type Result,
} from '@goldenthread/core';
import { lacking, planRelease, type ReleaseObservation, type ReleaseStep } from '@goldenthread/core/release';
import { observe, type ReleaseCase } from './observe.ts';
import { readState } from './state.ts';
import { runSteps } from './steps.ts';

/** What a release came to. */
export interface Progress {
  readonly steps: readonly ReleaseStep[];
  readonly moved: Moved;
  /** What the accounts have, as it was last seen. */
  readonly access: readonly Access[];
  /** What the ledger said when it was last looked at. */
  readonly state: LedgerState;
}

interface Look {
  readonly seen: ReleaseObservation;
  readonly steps: readonly ReleaseStep[];
}

/** Looks at everything, and plans what is missing. */
async function look(one: ReleaseCase): Promise<Result<Look>> {
  const state = await readState(one.ports, one.call);
  if (!state.ok) return state;
  const seen = await observe(one, state.value);
  if (!seen.ok) return seen;
  const steps = planRelease(seen.value);
  return steps.ok ? ok({ seen: seen.value, steps: steps.value }) : steps;
}

/** What was seen, with what was done so far. */
const progressOf = (
  { homes, state }: ReleaseObservation,
  steps: readonly ReleaseStep[],
  moved: Moved,
): Progress => ({ steps, moved, access: homes.flatMap(({ access }) => access), state });

/** What would be done for a release, from what is seen now. */
export async function rehearse(one: ReleaseCase): Promise<Result<Progress>> {
  const now = await look(one);
  return now.ok ? ok(progressOf(now.value.seen, now.value.steps, UNMOVED)) : now;
}

/** What must hold before a phase: nothing is shared that is not signed, and no channel moves before all accounts have it. */
type Condition = (seen: ReleaseObservation) => readonly Failure[];

const signed: Condition = ({ attested, record }) =>
  attested
    ? []
    : [
        {
          code: 'untrusted',
          what: versionName(record),
          why: 'no trusted key has signed what it is and of what it consists',
        },
      ];

const everywhere: Condition = (seen) => {
  const accounts = lacking(seen);
  return accounts.length === 0 ? [] : [{ code: 'not-shared', version: versionName(seen.record), accounts }];
};

/** Steps that are done in one go. After each phase in which something was done everything is looked at anew: a plan holds for what was seen. */
interface Phase {
  readonly steps: readonly ReleaseStep['do'][];
  readonly needs: Condition;
}

const SPREAD: readonly Phase[] = [
  { steps: ['put', 'attest'], needs: () => [] },
  // A version that nobody signed names nothing, neither in git nor in a store.
  { steps: ['tag', 'label', 'share'], needs: signed },
];
const PHASES: readonly Phase[] = [...SPREAD, { steps: ['default', 'unshare'], needs: everywhere }];

/** Does what a release still needs, in order, up to the first thing that cannot be done. */
export const carryOut = (one: ReleaseCase): Promise<Result<Progress>> => through(one, PHASES);

/** Sees that a release is signed and everywhere where it should be, whatever the channels say. */
export const spread = (one: ReleaseCase): Promise<Result<Progress>> =>
  through(one, [...SPREAD, { steps: [], needs: everywhere }]);

async function through(one: ReleaseCase, phases: readonly Phase[]): Promise<Result<Progress>> {
  const first = await look(one);
  if (!first.ok) return first;
  let now = first.value;
  let progress = progressOf(now.seen, [], UNMOVED);
  for (const phase of phases) {
    const failures = phase.needs(now.seen);
    if (failures.length > 0) return fail(...failures);
    const steps = now.steps.filter((step) => phase.steps.includes(step.do));
    const done = await runSteps(one, steps);
    if (!done.ok) return done;
    progress = progressOf(now.seen, [...progress.steps, ...steps], addMoved(progress.moved, done.value));
    if (steps.length === 0 || phase === phases.at(-1)) continue;
    const next = await look(one);
    if (!next.ok) return next;
    now = next.value;
  }
  return ok(progress);
}
