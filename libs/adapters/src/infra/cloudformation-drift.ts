import type { StackResourceDrift } from '@aws-sdk/client-cloudformation';
import {
  fail,
  ok,
  scalar,
  member,
  sortChanges,
  type AttributeChange,
  type Call,
  type PlanContent,
  type ResourceChange,
  type Result,
  type Shown,
} from '@goldenthread/core';
import { until, type Pace } from '../cloud/wait.ts';
import { fromHidden, pathOf, valueOf, type Wording } from './cloudformation-attributes.ts';
import {
  describe,
  isUnborn,
  listResources,
  NESTED,
  pages,
  regionOf,
  revisionOf,
  unlocked,
  type Target,
} from './cloudformation-client.ts';
import { deployed, outputsThere, shownOutputs } from './cloudformation-deployed.ts';
import { readSource } from './cloudformation-source.ts';
import { section } from './cloudformation-template.ts';

/** Looks whether resources are as they were made, which takes CloudFormation its time. */
async function detect(target: Target, id: string, pace: Pace, call: Call): Promise<Result<void>> {
  const begun = await target.ask(
    `looking for drift in ${target.name}`,
    async (client, options) =>
      (await client.detectStackDrift({ StackName: id }, options)).StackDriftDetectionId,
    call,
  );
  if (!begun.ok) return begun;
  const what = `the look for drift in ${target.name}`;
  const ended = await until(
    async () => {
      const seen = await target.ask(
        `looking for drift in ${target.name}`,
        (client, options) =>
          client.describeStackDriftDetectionStatus({ StackDriftDetectionId: begun.value }, options),
        call,
      );
      if (!seen.ok) return seen;
      return ok(seen.value.DetectionStatus === 'DETECTION_IN_PROGRESS' ? null : seen.value);
    },
    { image: target.order.stack.name, what },
    pace,
    call,
  );
  if (!ended.ok) return ended;
  if (ended.value.DetectionStatus === 'DETECTION_COMPLETE') return ok(undefined);
  const why = ended.value.DetectionStatusReason ?? 'it does not say why';
  return fail({ code: 'tool-failed', tool: 'CloudFormation', detail: `${what} failed: ${why}` });
}

const found = (target: Target, id: string, call: Call): Promise<Result<readonly StackResourceDrift[]>> =>
  target.ask(
    `reading the drift of ${target.name}`,
    (client, options) =>
      pages(async (token) => {
        const { StackResourceDrifts: items, NextToken: next } = await client.describeStackResourceDrifts(
          {
            StackName: id,
            StackResourceDriftStatusFilters: ['MODIFIED', 'DELETED'],
            ...(token === undefined ? {} : { NextToken: token }),
          },
          options,
        );
        return { items, next };
      }),
    call,
  );

function attributes(drift: StackResourceDrift, wording: Wording): readonly AttributeChange[] {
  return (drift.PropertyDifferences ?? []).map(
    ({ PropertyPath: pointer = '', ActualValue: actual, ExpectedValue: expected, DifferenceType: kind }) => {
      const path = pathOf(pointer);
      const hide = fromHidden(wording, drift.LogicalResourceId ?? '', path);
      const shown = (text: string | undefined, absent: boolean): Shown => {
        if (text === undefined || absent) return { is: 'absent' };
        return hide || wording.hidden.holds(text)
          ? { is: 'sensitive' }
          : { is: 'value', value: valueOf(text) };
      };
      return {
        path: path.join('.'),
        before: shown(actual, kind === 'REMOVE'),
        after: shown(expected, kind === 'ADD'),
        forces: false,
      };
    },
  );
}

/** What would put a resource right that somebody else has changed or taken away. */
function repair(drift: StackResourceDrift, wording: Wording): ResourceChange {
  const gone = drift.StackResourceDriftStatus === 'DELETED';
  return {
    address: `${wording.prefix}${drift.LogicalResourceId ?? ''}`,
    type: drift.ResourceType ?? '',
    action: gone ? 'create' : 'update',
    attributes: gone ? [] : attributes(drift, wording),
    region: wording.region,
    tags: null,
  };
}

/** Where there is no stack at all: everything that its template says is missing. */
async function allOfIt(target: Target, region: string, call: Call): Promise<Result<PlanContent>> {
  const source = await readSource(target.order, call);
  if (!source.ok) return source;
  const changes = section(source.value.template, 'Resources').map(({ key, value }): ResourceChange => {
    const type = scalar(member(value, 'Type')) ?? '';
    return { address: key, type, action: 'create', attributes: [], region, tags: null };
  });
  const names = section(source.value.template, 'Outputs').map(({ key }) => key);
  const outputs = Object.fromEntries(names.map((name): [string, Shown] => [name, { is: 'unknown' }]));
  return ok({
    changes: sortChanges(changes),
    outputs,
    changedOutputs: names.toSorted(),
    state: null,
    values: null,
    secrets: null,
  });
}

/** What of a stack, and of those in it, has to be put right: CloudFormation looks into no nested stack by itself. */
async function repairs(
  target: Target,
  id: string,
  { wording, pace }: { readonly wording: Wording; readonly pace: Pace },
  call: Call,
): Promise<Result<readonly ResourceChange[]>> {
  const detected = await detect(target, id, pace, call);
  if (!detected.ok) return detected;
  const drifts = await found(target, id, call);
  if (!drifts.ok) return drifts;
  const all = drifts.value.map((one) => repair(one, wording));
  const resources = await listResources(target, id, call);
  if (!resources.ok) return resources;
  const gone = new Set(
    drifts.value
      .filter((one) => one.StackResourceDriftStatus === 'DELETED')
      .map((one) => one.LogicalResourceId),
  );
  for (const {
    LogicalResourceId: name = '',
    ResourceType: type,
    PhysicalResourceId: inner,
  } of resources.value) {
    if (type !== NESTED || inner === undefined || gone.has(name)) continue;
    const within: Wording = { ...wording, prefix: `${wording.prefix}${name}.`, template: null };
    const more = await repairs(target, inner, { wording: within, pace }, call);
    if (!more.ok) return more;
    all.push(...more.value);
  }
  return ok(all);
}

/** What in a stack is not as it was made, by CloudFormation's own look. */
export async function drift(target: Target, pace: Pace, call: Call): Promise<Result<PlanContent>> {
  const region = await regionOf(target, call);
  if (!region.ok) return region;
  const there = await describe(target, target.name, call);
  if (!there.ok) return there;
  if (!there.value || isUnborn(there.value)) return allOfIt(target, region.value, call);
  const free = unlocked(target, there.value);
  if (!free.ok) return free;
  const id = there.value.StackId ?? target.name;
  const now = await deployed(target, there.value, call);
  if (!now.ok) return now;
  const { hidden, template } = now.value;
  const wording: Wording = { prefix: '', region: region.value, tags: {}, hidden, template };
  const changes = await repairs(target, id, { wording, pace }, call);
  if (!changes.ok) return changes;
  return ok({
    changes: sortChanges(changes.value),
    outputs: shownOutputs(outputsThere(now.value)),
    changedOutputs: [],
    state: revisionOf(there.value),
    values: null,
    secrets: hidden.hash,
  });
}
