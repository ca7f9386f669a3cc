import type { Stack as There } from '@aws-sdk/client-cloudformation';
import { randomUUID } from 'node:crypto';
import {
  fail,
  ok,
  sortChanges,
  type Call,
  type Outputs,
  type PlanContent,
  type Previewed,
  type ResourceChange,
  type Result,
} from '@goldenthread/core';
import type { Pace } from '../cloud/wait.ts';
import { unmoved } from './cloudformation-apply.ts';
import {
  describe,
  isUnborn,
  listResources,
  NESTED,
  regionOf,
  revisionOf,
  unlocked,
  type Target,
} from './cloudformation-client.ts';
import { failed, follow, type Operation } from './cloudformation-follow.ts';
import { hiding } from './cloudformation-parameters.ts';
import type { Wording } from './cloudformation-attributes.ts';

const NOTHING_HIDDEN = hiding(new Set(), new Map());

/** Fails where a stack is protected against being deleted. */
function unprotected({ order, name }: Target, there: There | null): Result<void> {
  if (there?.EnableTerminationProtection !== true) return ok(undefined);
  return fail({
    code: 'destroy-refused',
    stack: order.stack.name,
    environment: order.environment,
    why: `the termination protection of the stack ${name} is on`,
    next: `Take it off where that is meant: \`aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name ${name}\`; then run it again.`,
  });
}

/** Deletes the stack that was planned to be deleted, and waits until it is gone. */
async function destroy(
  target: Target,
  { revision, pace }: { readonly revision: string | null; readonly pace: Pace },
  call: Call,
): Promise<Result<Outputs>> {
  const there = await unmoved(target, revision, call);
  if (!there.ok) return there;
  const id = revision === null ? undefined : there.value?.StackId;
  if (!there.value || id === undefined) return ok(new Map());
  const open = unprotected(target, there.value);
  if (!open.ok) return open;
  const token = `goldenthread-${randomUUID()}`;
  const before = there.value.StackStatus;
  const asked = await target.ask(
    `deleting ${target.name}`,
    async (client, options) => {
      await client.deleteStack({ StackName: id, ClientRequestToken: token }, options);
    },
    call,
  );
  if (!asked.ok) return asked;
  // A stack that failed to be deleted before says so until the new attempt has begun.
  let started = before !== 'DELETE_FAILED';
  const begun = ({ StackStatus: status }: There): boolean => (started ||= status !== before);
  const operation: Operation = {
    id,
    token,
    what: `the deletion of ${target.name}`,
    hidden: NOTHING_HIDDEN,
    begun,
  };
  const ended = await follow(target, operation, pace, call);
  if (call.signal.aborted)
    call.emit({
      type: 'note',
      project: target.order.stack.name,
      text: `CloudFormation goes on deleting ${target.name} by itself`,
    });
  if (!ended.ok) return ended;
  const status = ended.value?.StackStatus ?? 'DELETE_COMPLETE';
  return ended.value && status !== 'DELETE_COMPLETE'
    ? failed(target, operation, ended.value, call)
    : ok(new Map());
}

/** Everything in a stack and in the stacks in it. */
async function inside(
  target: Target,
  id: string,
  { prefix, region }: Pick<Wording, 'prefix' | 'region'>,
  call: Call,
): Promise<Result<readonly ResourceChange[]>> {
  const listed = await listResources(target, id, call);
  if (!listed.ok) return listed;
  const found: ResourceChange[] = [];
  for (const {
    LogicalResourceId: name = '',
    ResourceType: type = '',
    PhysicalResourceId: physical,
  } of listed.value) {
    if (physical === undefined) continue;
    found.push({ address: `${prefix}${name}`, type, action: 'delete', attributes: [], region, tags: null });
    if (type !== NESTED) continue;
    const inner = await inside(target, physical, { prefix: `${prefix}${name}.`, region }, call);
    if (!inner.ok) return inner;
    found.push(...inner.value);
  }
  return ok(found);
}

/** What a destroy would take away: everything in the stack. */
export async function previewDestroy(target: Target, pace: Pace, call: Call): Promise<Result<Previewed>> {
  const there = await describe(target, target.name, call);
  if (!there.ok) return there;
  const [free, open] = [unlocked(target, there.value), unprotected(target, there.value)];
  if (!free.ok) return free;
  if (!open.ok) return open;
  const region = await regionOf(target, call);
  if (!region.ok) return region;
  const id = there.value && !isUnborn(there.value) ? (there.value.StackId ?? target.name) : null;
  const found = id === null ? ok([]) : await inside(target, id, { prefix: '', region: region.value }, call);
  if (!found.ok) return found;
  // Of a stack whose creation failed nothing is left but itself, and even so it is in the way.
  const itself: ResourceChange = {
    address: target.name,
    type: NESTED,
    action: 'delete',
    attributes: [],
    region: region.value,
    tags: null,
  };
  const changes = id !== null && found.value.length === 0 ? [itself] : found.value;
  const revision = revisionOf(there.value);
  const outputs = (there.value?.Outputs ?? []).flatMap(({ OutputKey: name }) => name ?? []);
  const content: PlanContent = {
    changes: sortChanges(changes),
    outputs: {},
    changedOutputs: outputs.toSorted(),
    state: revision,
    values: null,
    secrets: null,
  };
  return ok({
    content,
    outputs: new Map(),
    apply: (applying) => destroy(target, { revision, pace }, applying),
    discard: async () => undefined,
  });
}
