import type { Stack as There, StackEvent } from '@aws-sdk/client-cloudformation';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { until, type Pace } from '../cloud/wait.ts';
import { describe, saysNoStack, type Target } from './cloudformation-client.ts';
import type { Hidden } from './cloudformation-parameters.ts';

/** An operation on a stack that has begun. */
export interface Operation {
  /** Of the stack: its name may be another stack's by now. */
  readonly id: string;
  /** Marks the events that are this operation's; null for all events. */
  readonly token: string | null;
  readonly what: string;
  readonly hidden: Hidden;
  /** Whether what is seen of the stack is of this operation at all, and not still of the one before. */
  readonly begun: (there: There) => boolean;
}

const MOST_PAGES = 20;

/** Events of an operation that were not seen yet, oldest first. Best effort: it is only for words. */
async function fresh(
  target: Target,
  { id, token }: Pick<Operation, 'id' | 'token'>,
  seen: Set<string>,
  call: Call,
): Promise<readonly StackEvent[]> {
  const found: StackEvent[] = [];
  let next: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const read = await target.ask(
      `reading the events of ${target.name}`,
      async (client, options) => {
        try {
          return await client.describeStackEvents(
            { StackName: id, ...(next === undefined ? {} : { NextToken: next }) },
            options,
          );
        } catch (error) {
          if (saysNoStack(error)) return { StackEvents: [], NextToken: undefined };
          throw error;
        }
      },
      call,
    );
    if (!read.ok) break;
    const all = read.value.StackEvents ?? [];
    const own = all.filter(({ ClientRequestToken: of }) => token === null || of === token);
    const news = own.filter(({ EventId: event = '' }) => !seen.has(event));
    found.push(...news);
    next = read.value.NextToken;
    // The newest come first: where one was seen, or is of an operation before, so are all that follow.
    if (next === undefined || news.length < all.length) break;
  }
  for (const { EventId: event = '' } of found) seen.add(event);
  return found.reverse();
}

const reasonOf = ({ ResourceStatusReason: reason }: StackEvent): string =>
  reason === undefined || reason === '' ? '' : `: ${reason}`;

const line = (event: StackEvent): string =>
  `${event.ResourceStatus} ${event.LogicalResourceId} (${event.ResourceType})${reasonOf(event)}`;

const isFailed = ({ ResourceStatus: status }: StackEvent): boolean => (status ?? '').endsWith('_FAILED');

const CONSEQUENCE = /cancelled/i;
const MOST_REASONS = 5;
const DEEPEST = 5;

/** Why an operation failed, in lines: the resources that failed by themselves, first of all. */
async function reasons(
  target: Target,
  operation: Pick<Operation, 'id' | 'token'>,
  call: Call,
  depth = 0,
): Promise<readonly string[]> {
  const failed = (await fresh(target, operation, new Set(), call)).filter(isFailed);
  const own = failed.filter(({ PhysicalResourceId: physical }) => physical !== operation.id);
  const first = own.filter(({ ResourceStatusReason: reason = '' }) => !CONSEQUENCE.test(reason));
  const lines: string[] = [];
  for (const event of (first.length > 0 ? first : failed).slice(0, MOST_REASONS)) {
    lines.push(line(event));
    const nested = event.ResourceType === 'AWS::CloudFormation::Stack' ? event.PhysicalResourceId : undefined;
    if (nested === undefined || nested === '' || nested === operation.id || depth >= DEEPEST) continue;
    const inner = await reasons(target, { id: nested, token: null }, call, depth + 1);
    lines.push(...inner.map((one) => `  in ${event.LogicalResourceId}: ${one}`));
  }
  return lines;
}

/** Follows an operation to its end, saying what happens, and answers what has become of the stack; null where it is gone. */
export async function follow(
  target: Target,
  operation: Operation,
  pace: Pace,
  call: Call,
): Promise<Result<There | null>> {
  const seen = new Set<string>();
  const project = target.order.stack.name;
  const ended = await until(
    async () => {
      const there = await describe(target, operation.id, call);
      if (!there.ok) return there;
      for (const event of await fresh(target, operation, seen, call))
        call.emit({ type: 'output', project, line: operation.hidden.redact(line(event)) });
      const { value } = there;
      if (value && (!operation.begun(value) || (value.StackStatus ?? '').endsWith('_IN_PROGRESS')))
        return ok(null);
      return ok({ value });
    },
    { image: project, what: operation.what },
    pace,
    call,
  );
  return ended.ok ? ok(ended.value.value) : ended;
}

const CAME_TO: Readonly<Record<string, string>> = {
  ROLLBACK_COMPLETE:
    'CloudFormation took back what it had made. Before it can be planned again, what is left of the stack has to be destroyed',
  UPDATE_ROLLBACK_COMPLETE: 'CloudFormation took the changes back; the stack is as it was',
  UPDATE_ROLLBACK_FAILED:
    'CloudFormation could not take the changes back: `aws cloudformation continue-update-rollback` goes on with that',
  DELETE_FAILED: 'CloudFormation could not delete all of it',
};

/** The failure of an operation that has ended badly, with the reasons of what failed first. */
export async function failed(
  target: Target,
  operation: Operation,
  there: There,
  call: Call,
): Promise<Result<never>> {
  const status = there.StackStatus ?? 'an unknown state';
  const why = await reasons(target, operation, call);
  const told = why.length > 0 ? why : [there.StackStatusReason ?? 'it does not say why'];
  const { stack, environment } = target.order;
  const detail = operation.hidden.redact(
    [...told, `${CAME_TO[status] ?? 'It has ended badly'} (${status}).`].join('\n'),
  );
  return fail({ code: 'apply-failed', stack: stack.name, environment, detail });
}
