import {
  fail,
  isRemainder,
  ok,
  outdated,
  type Place,
  type Preview,
  type Result,
  type StackRecord,
  type Violation,
} from '@goldenthread/core';

/** What allows to carry a plan out: a plan that was looked at, or only its digest. */
export type Approval =
  { readonly by: 'plan'; readonly plan: Preview } | { readonly by: 'digest'; readonly digest: string };

/** Where approvals come from. */
export interface Approvals {
  /** The approval for a place, if somebody gave one. */
  find(place: Place): Promise<Result<Approval | null>>;
  /** Shows a plan to a person and asks; null where nobody is there to be asked. */
  readonly ask: ((plan: Preview, violations: readonly Violation[]) => Promise<Result<boolean>>) | null;
  /** Whatever the plan says, it is carried out; rules of policy hold all the same. */
  readonly auto: boolean;
}

/** Whether an apply of this very plan began and did not come to its end. */
const wasBrokenOff = (record: StackRecord | null, approved: Preview): boolean =>
  record !== null && record.condition !== 'ready' && record.plan === approved.digest;

/** The digest that stands for the approval, if it still holds. */
function holds(approval: Approval, plan: Preview, record: StackRecord | null): Result<string> {
  const { stack, environment, digest } = plan;
  if (approval.by === 'digest')
    return approval.digest === digest
      ? ok(digest)
      : fail({
          code: 'plan-outdated',
          stack,
          environment,
          moved: [`approved was ${approval.digest}, the plan is ${digest} now`],
        });
  const moved = outdated(approval.plan, plan);
  if (moved.length === 0) return ok(digest);
  if (wasBrokenOff(record, approval.plan) && isRemainder(approval.plan, plan))
    return ok(approval.plan.digest);
  return fail({ code: 'plan-outdated', stack, environment, moved: moved.map(({ detail }) => detail) });
}

/**
 * The digest by which a plan may be carried out: it is the approved one, or what is left of it after an apply that was broken
 * off, or a person says yes. Fails with `plan-outdated` and `plan-missing`.
 */
export async function approved(
  approvals: Approvals,
  plan: Preview,
  known: { readonly record: StackRecord | null; readonly violations: readonly Violation[] },
): Promise<Result<string>> {
  const { stack, environment, digest } = plan;
  const found = await approvals.find({ stack, environment });
  if (!found.ok) return found;
  const held = found.value ? holds(found.value, plan, known.record) : null;
  // An approval of something else is none of this: whoever sits there may look at what it is now.
  if (held && (held.ok || !approvals.ask)) return held;
  if (approvals.auto) return ok(digest);
  const missing = held ?? fail({ code: 'plan-missing', stack, environment });
  if (!approvals.ask) return missing;
  const said = await approvals.ask(plan, known.violations);
  if (!said.ok) return said;
  return said.value ? ok(digest) : fail({ code: 'plan-missing', stack, environment });
}
