import { randomUUID } from 'node:crypto';
import type { Stack as There } from '@aws-sdk/client-cloudformation';
import { fail, ok, type Call, type Outputs, type Result } from '@goldenthread/core';
import type { Pace } from '../cloud/wait.ts';
import { look } from './cloudformation-change-set.ts';
import { codeOf, describe, revisionOf, unlocked, type Target } from './cloudformation-client.ts';
import { failed, follow, type Operation } from './cloudformation-follow.ts';
import { outputsNow } from './cloudformation-deployed.ts';
import type { Hidden } from './cloudformation-parameters.ts';

/** A plan that may be carried out. */
export interface Plan {
  /** Of the stack that it was made on; null where there was none. */
  readonly revision: string | null;
  /** The change set that is the plan; null where it has nothing to do. */
  readonly changeSet: string | null;
  readonly hidden: Hidden;
  readonly pace: Pace;
}

const outdated = ({ order }: Target, moved: string): Result<never> =>
  fail({ code: 'plan-outdated', stack: order.stack.name, environment: order.environment, moved: [moved] });

/** The stack as the plan knows it; fails where somebody is at it, or it has moved. */
export async function unmoved(
  target: Target,
  revision: string | null,
  call: Call,
): Promise<Result<There | null>> {
  const there = await describe(target, target.name, call);
  if (!there.ok) return there;
  const free = unlocked(target, there.value);
  if (!free.ok) return free;
  const now = revisionOf(there.value);
  return now === revision
    ? there
    : outdated(
        target,
        `the stack ${target.name} was ${revision ?? 'not there'}, and is ${now ?? 'not there'}`,
      );
}

async function executable(target: Target, changeSet: string, call: Call): Promise<Result<string>> {
  const seen = await look(target, changeSet, call);
  if (!seen.ok) return seen;
  const { StackId: id, ExecutionStatus: status = 'UNAVAILABLE' } = seen.value ?? {};
  if (!seen.value || id === undefined)
    return outdated(target, 'CloudFormation has its change set no more: another one was carried out since');
  return status === 'AVAILABLE'
    ? ok(id)
    : outdated(target, `CloudFormation does not carry its change set out any more (${status})`);
}

async function execute(target: Target, changeSet: string, token: string, call: Call): Promise<Result<void>> {
  const done = await target.ask(
    `applying to ${target.name}`,
    async (client, options) => {
      try {
        await client.executeChangeSet({ ChangeSetName: changeSet, ClientRequestToken: token }, options);
        return null;
      } catch (error) {
        if (codeOf(error) === 'InvalidChangeSetStatus' || codeOf(error) === 'ChangeSetNotFound')
          return (error as Error).message;
        throw error;
      }
    },
    call,
  );
  if (!done.ok) return done;
  return done.value === null ? ok(undefined) : outdated(target, done.value);
}

const PATIENCE_MS = 30_000;

/** After a cancel: stops an update that is this change set's; what cannot be stopped is said. */
async function callOff(target: Target, changeSet: string, token: string, { emit }: Call): Promise<void> {
  const call: Call = { signal: AbortSignal.timeout(PATIENCE_MS), emit };
  const there = await describe(target, target.name, call);
  if (!there.ok || !there.value) return;
  const { StackStatus: status = '', ChangeSetId: at, StackId: id } = there.value;
  if (at !== changeSet || !status.endsWith('_IN_PROGRESS') || status === 'REVIEW_IN_PROGRESS') return;
  const note = (text: string): void => emit({ type: 'note', project: target.order.stack.name, text });
  if (status !== 'UPDATE_IN_PROGRESS')
    return note(`CloudFormation cannot be stopped now, and goes on by itself: ${target.name} is ${status}`);
  const stopped = await target.ask(
    `stopping the update of ${target.name}`,
    async (client, options) => {
      try {
        await client.cancelUpdateStack({ StackName: id, ClientRequestToken: token }, options);
        return true;
      } catch (error) {
        if (codeOf(error) === 'ValidationError') return false;
        throw error;
      }
    },
    call,
  );
  note(
    stopped.ok && stopped.value
      ? `the update was stopped: CloudFormation takes back what it had changed in ${target.name}`
      : `the update could not be stopped, and goes on by itself: see the events of ${target.name}`,
  );
}

const GOOD: ReadonlySet<string> = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE']);

/** Carries a change set out, and nothing else, and waits for its end. */
export async function apply(target: Target, plan: Plan, call: Call): Promise<Result<Outputs>> {
  const { revision, changeSet, hidden, pace } = plan;
  const same = await unmoved(target, revision, call);
  if (!same.ok) return same;
  if (changeSet !== null) {
    const able = await executable(target, changeSet, call);
    if (!able.ok) return able;
    const token = `goldenthread-${randomUUID()}`;
    const begun = await execute(target, changeSet, token, call);
    const begins = (there: There): boolean => revisionOf(there) !== revision;
    const operation: Operation = {
      id: able.value,
      token,
      what: `the change of ${target.name}`,
      hidden,
      begun: begins,
    };
    const ended = begun.ok ? await follow(target, operation, pace, call) : begun;
    if (call.signal.aborted) {
      // It may have begun even where its answer was not waited for.
      await callOff(target, changeSet, token, call);
      return fail({ code: 'cancelled' });
    }
    if (!ended.ok) return ended;
    if (!ended.value)
      return fail({
        code: 'apply-failed',
        stack: target.order.stack.name,
        environment: target.order.environment,
        detail: `${target.name} was deleted meanwhile`,
      });
    if (!GOOD.has(ended.value.StackStatus ?? '')) return failed(target, operation, ended.value, call);
  }
  const outputs = await outputsNow(target, call);
  return outputs.ok ? ok(outputs.value ?? new Map()) : outputs;
}
