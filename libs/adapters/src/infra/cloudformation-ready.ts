import type { Stack as There } from '@aws-sdk/client-cloudformation';
import { fail, type Call, type Result } from '@goldenthread/core';
import { describe, unlocked, type Target } from './cloudformation-client.ts';

/** States in which nothing can be planned: why, and what to do. */
const STUCK: Readonly<Record<string, { readonly why: string; readonly verb: string }>> = {
  ROLLBACK_COMPLETE: { why: 'its first creation failed and was taken back', verb: 'delete-stack' },
  ROLLBACK_FAILED: { why: 'its first creation failed and could not be taken back', verb: 'delete-stack' },
  DELETE_FAILED: { why: 'it was to be deleted, and that failed', verb: 'delete-stack' },
  UPDATE_ROLLBACK_FAILED: {
    why: 'an update failed and could not be taken back',
    verb: 'continue-update-rollback',
  },
};

/** The stack as it is, free for a plan; fails where someone is at it, or it is in a state in which nothing can be planned. */
export async function ready(target: Target, call: Call): Promise<Result<There | null>> {
  const there = await describe(target, target.name, call);
  if (!there.ok) return there;
  const free = unlocked(target, there.value);
  if (!free.ok) return free;
  const stuck = STUCK[there.value?.StackStatus ?? ''];
  if (stuck === undefined) return there;
  const { order, name } = target;
  const way = `aws cloudformation ${stuck.verb} --stack-name ${name}`;
  const own =
    stuck.verb === 'delete-stack'
      ? ` (or \`goldenthread destroy ${order.stack.name} --environment ${order.environment}\`)`
      : '';
  return fail({
    code: 'plan-deferred',
    stack: order.stack.name,
    environment: order.environment,
    why: `the stack ${name} is ${there.value?.StackStatus}: ${stuck.why}; first \`${way}\`${own}`,
  });
}
