import { randomUUID } from 'node:crypto';
import type {
  ChangeSetType,
  CreateChangeSetInput,
  DescribeChangeSetOutput,
  ResourceChange as Change,
} from '@aws-sdk/client-cloudformation';
import { fail, ok, positionOf, type Call, type Result } from '@goldenthread/core';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until, type Pace } from '../cloud/wait.ts';
import { codeOf, pages, saysNoStack, type Target } from './cloudformation-client.ts';

/** A change set as it is made: its name is known before CloudFormation has heard of it. */
export interface ChangeSet {
  readonly name: string;
  readonly type: ChangeSetType;
}

/** What a change set needs beside its name. */
export type Wanted = Omit<CreateChangeSetInput, 'StackName' | 'ChangeSetName' | 'ChangeSetType'>;

/** What a change set says; `none` where there is nothing to do. */
export type Said =
  | { readonly is: 'none' }
  | { readonly is: 'changes'; readonly id: string; readonly changes: readonly NestedChange[] };

/** A change and the names of the nested stacks that it is in. */
export interface NestedChange {
  readonly within: readonly string[];
  readonly change: Change;
}

/** A name that no other change set has. */
export const changeSetName = (): string => `goldenthread-${randomUUID()}`;

const NOTHING = /didn't contain changes|No updates are to be performed/i;

/** A change set by its id or its name; null where there is none (any more). */
export const look = (
  { name: stack, ask }: Target,
  changeSet: string,
  call: Call,
): Promise<Result<DescribeChangeSetOutput | null>> =>
  ask(
    `looking at the change set ${changeSet}`,
    async (client, options) => {
      try {
        return await client.describeChangeSet({ StackName: stack, ChangeSetName: changeSet }, options);
      } catch (error) {
        if (codeOf(error) === 'ChangeSetNotFound' || saysNoStack(error)) return null;
        throw error;
      }
    },
    call,
  );

async function unfit({ order: { root, stack } }: Target, said: string): Promise<Result<never>> {
  const text = await readFile(join(root, stack.file), 'utf8').catch(() => '');
  const declared = stack.cloudformation.capabilities?.join(', ') ?? 'none';
  return fail({
    code: 'declaration-invalid',
    at: positionOf(stack.file, text, text.includes('capabilities') ? 'capabilities' : 'cloudformation'),
    found: `capabilities: ${declared}`,
    expected: `what the template needs: ${said}`,
  });
}

/** Asks for a change set; an empty text where it was asked for, and else what is missing in the stack's declaration. */
async function request(
  target: Target,
  { name, type }: ChangeSet,
  wanted: Wanted,
  call: Call,
): Promise<Result<void>> {
  const asked = await target.ask(
    `planning ${target.name}`,
    async (client, options) => {
      try {
        await client.createChangeSet(
          // The token tells a request that is sent again from another one.
          {
            ...wanted,
            StackName: target.name,
            ChangeSetName: name,
            ChangeSetType: type,
            ClientToken: name,
          },
          options,
        );
        return null;
      } catch (error) {
        if (codeOf(error) !== 'InsufficientCapabilities') throw error;
        return (error as Error).message;
      }
    },
    call,
  );
  if (!asked.ok) return asked;
  return asked.value === null ? ok(undefined) : unfit(target, asked.value);
}

/** All changes of a change set, page by page, and those of the nested ones that it leads to. */
async function changesOf(
  target: Target,
  id: string,
  within: readonly string[],
  call: Call,
): Promise<Result<readonly NestedChange[]>> {
  const listed = await target.ask(
    `reading the change set ${id}`,
    (client, options) =>
      pages(async (token) => {
        const { Changes: items, NextToken: next } = await client.describeChangeSet(
          {
            ChangeSetName: id,
            IncludePropertyValues: true,
            ...(token === undefined ? {} : { NextToken: token }),
          },
          options,
        );
        return { items, next };
      }),
    call,
  );
  if (!listed.ok) return listed;
  const found: NestedChange[] = [];
  for (const { ResourceChange: change } of listed.value) {
    if (!change) continue;
    found.push({ within, change });
    if (change.ChangeSetId === undefined) continue;
    const inner = await changesOf(
      target,
      change.ChangeSetId,
      [...within, change.LogicalResourceId ?? ''],
      call,
    );
    if (!inner.ok) return inner;
    found.push(...inner.value);
  }
  return ok(found);
}

/** Makes a change set and reads what it would do. */
export async function make(
  target: Target,
  set: ChangeSet,
  { wanted, pace }: { readonly wanted: Wanted; readonly pace: Pace },
  call: Call,
): Promise<Result<Said>> {
  const asked = await request(target, set, wanted, call);
  if (!asked.ok) return asked;
  const what = `the change set of ${target.name}`;
  const settled = await until(
    async () => {
      const seen = await look(target, set.name, call);
      if (!seen.ok) return seen;
      // Nobody sees at once what was just made.
      const status = seen.value?.Status ?? 'CREATE_PENDING';
      return ok(seen.value && (status === 'CREATE_COMPLETE' || status === 'FAILED') ? seen.value : null);
    },
    { image: target.order.stack.name, what },
    pace,
    call,
  );
  if (!settled.ok) return settled;
  const {
    Status: status,
    StatusReason: reason = 'it does not say why',
    ChangeSetId: id = '',
  } = settled.value;
  if (status === 'FAILED')
    return NOTHING.test(reason)
      ? ok({ is: 'none' })
      : fail({ code: 'tool-failed', tool: 'CloudFormation', detail: `${what} failed: ${reason}` });
  const changes = await changesOf(target, id, [], call);
  return changes.ok ? ok({ is: 'changes', id, changes: changes.value }) : changes;
}
