import { canonical, type Json } from '@goldenthread/core';
import { AwsRefusal, type Parameters, type Xml } from './aws-wire.ts';
import { changeSetIn, type CfnAction } from './cloudformation-actions.ts';
import { needed } from './cloudformation-request.ts';
import { advance } from './cloudformation-run.ts';
import { parseTemplate } from './cloudformation-template.ts';
import { stackIn, type CfnWorld, type FakeResource, type FakeStack } from './cloudformation-world.ts';

/** One page of a list, under its name, and where the next one begins. */
function paged(
  world: CfnWorld,
  form: Parameters,
  name: string,
  all: readonly Xml[],
): Readonly<Record<string, Xml>> {
  const start = Number(form.get('NextToken') ?? 0);
  const end = start + world.page;
  return { [name]: all.slice(start, end), ...(end < all.length ? { NextToken: String(end) } : {}) };
}

function stackXml(stack: FakeStack): Xml {
  const hidden = parseTemplate(stack.template)?.parameters;
  return {
    StackId: stack.id,
    StackName: stack.name,
    StackStatus: stack.status,
    CreationTime: stack.created,
    ...(stack.updated === null ? {} : { LastUpdatedTime: stack.updated }),
    ...(stack.changeSet === undefined ? {} : { ChangeSetId: stack.changeSet }),
    EnableTerminationProtection: stack.isProtected,
    DriftInformation: { StackDriftStatus: stack.drift },
    Parameters: Array.from(hidden ?? [], ([ParameterKey, { hidden: isHidden, fallback }]) => ({
      ParameterKey,
      ParameterValue: isHidden ? '****' : (stack.parameters.get(ParameterKey) ?? fallback ?? ''),
    })),
    Tags: Array.from(stack.tags, ([Key, Value]) => ({ Key, Value })),
    Outputs: Array.from(stack.outputs, ([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
  };
}

const describeStacks: CfnAction = (world, form) => {
  const stack = stackIn(world, needed(form, 'StackName'));
  const before = stackXml(stack);
  // What is asked for is answered as it is; the work goes on until it is asked for again.
  advance(world, stack);
  return { Stacks: [before] };
};

const VALUES = new Set(['BeforeValue', 'AfterValue', 'BeforeContext', 'AfterContext']);

/** Without the values of properties, which are only told on demand. */
function valueless(xml: Xml): Xml {
  if (typeof xml !== 'object') return xml;
  if (Array.isArray(xml)) return xml.map((one: Xml) => valueless(one));
  return Object.fromEntries(
    Object.entries(xml)
      .filter(([key]) => !VALUES.has(key))
      .map(([key, one]: [string, Xml | undefined]) => [key, one === undefined ? one : valueless(one)]),
  );
}

const describeChangeSet: CfnAction = (world, form) => {
  const found = changeSetIn(world, form);
  const isReady = found.looks <= 0;
  if (!isReady) found.looks -= 1;
  const status = isReady ? (found.fails === null ? 'CREATE_COMPLETE' : 'FAILED') : 'CREATE_IN_PROGRESS';
  const withValues = form.get('IncludePropertyValues') === 'true';
  const changes = isReady
    ? found.changes.map(({ xml }): Xml => ({
        Type: 'Resource',
        ResourceChange: withValues ? xml : valueless(xml),
      }))
    : [];
  return {
    ChangeSetId: found.id,
    ChangeSetName: found.name,
    StackId: found.stack,
    Status: status,
    ExecutionStatus: isReady ? found.execution : 'UNAVAILABLE',
    ...(found.fails === null || !isReady ? {} : { StatusReason: found.fails }),
    ...paged(world, form, 'Changes', changes),
  };
};

const listChangeSets: CfnAction = (world, form) => {
  const stack = stackIn(world, needed(form, 'StackName'));
  const own = [...world.changeSets.values()].filter((one) => one.stack === stack.id);
  return paged(
    world,
    form,
    'Summaries',
    own.map(({ id, name }) => ({ ChangeSetId: id, ChangeSetName: name, StackId: stack.id })),
  );
};

const listStackResources: CfnAction = (world, form) => {
  const stack = stackIn(world, needed(form, 'StackName'));
  const all = Array.from(stack.resources, ([name, { type, physical }]) => ({
    LogicalResourceId: name,
    PhysicalResourceId: physical,
    ResourceType: type,
    ResourceStatus: 'CREATE_COMPLETE',
    LastUpdatedTimestamp: stack.created,
  }));
  return paged(world, form, 'StackResourceSummaries', all);
};

const describeStackEvents: CfnAction = (world, form) => {
  const stack = stackIn(world, needed(form, 'StackName'));
  const all = stack.events
    .toReversed()
    .map(({ id, token, resource, physical, type, status, reason, time }) => ({
      EventId: id,
      StackId: stack.id,
      StackName: stack.name,
      LogicalResourceId: resource,
      PhysicalResourceId: physical,
      ResourceType: type,
      ResourceStatus: status,
      Timestamp: time,
      ...(token === '' ? {} : { ClientRequestToken: token }),
      ...(reason === undefined ? {} : { ResourceStatusReason: reason }),
    }));
  return paged(world, form, 'StackEvents', all);
};

const getTemplate: CfnAction = (world, form) => ({
  TemplateBody: stackIn(world, needed(form, 'StackName')).template,
});

const isObject = (value: Json): value is Readonly<Record<string, Json>> =>
  value !== null && typeof value === 'object';

const stateOf = ({ properties, live }: FakeResource): 'IN_SYNC' | 'DELETED' | 'MODIFIED' =>
  live === null ? 'DELETED' : canonical(live) === canonical(properties) ? 'IN_SYNC' : 'MODIFIED';

const describeStackDriftDetectionStatus: CfnAction = (world, form) => {
  const id = needed(form, 'StackDriftDetectionId');
  const looking = world.looking.get(id);
  if (!looking) throw new AwsRefusal('ValidationError', `DriftDetection [${id}] does not exist`);
  const stack = stackIn(world, looking.stack);
  const base = { StackId: stack.id, StackDriftDetectionId: id, Timestamp: stack.created };
  looking.looks -= 1;
  if (looking.looks >= 0) return { ...base, DetectionStatus: 'DETECTION_IN_PROGRESS' };
  const isClean = [...stack.resources.values()].every((one) => stateOf(one) === 'IN_SYNC');
  stack.drift = isClean ? 'IN_SYNC' : 'DRIFTED';
  return { ...base, DetectionStatus: 'DETECTION_COMPLETE', StackDriftStatus: stack.drift };
};

const written = (value: Json | undefined): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null);

function differences({ shown, live, properties }: FakeResource): readonly Xml[] {
  if (!isObject(live) || !isObject(properties) || !isObject(shown)) return [];
  const names = [...new Set([...Object.keys(properties), ...Object.keys(live)])];
  return names
    .filter((name) => canonical(live[name] ?? null) !== canonical(properties[name] ?? null))
    .map((name) => ({
      PropertyPath: `/${name}`,
      ExpectedValue: written(shown[name]),
      ActualValue: written(live[name]),
      DifferenceType:
        properties[name] === undefined ? 'ADD' : live[name] === undefined ? 'REMOVE' : 'NOT_EQUAL',
    }));
}

const describeStackResourceDrifts: CfnAction = (world, form) => {
  const stack = stackIn(world, needed(form, 'StackName'));
  const filters = form.list('StackResourceDriftStatusFilters.member');
  const all = Array.from(stack.resources, ([name, one]) => ({
    StackId: stack.id,
    LogicalResourceId: name,
    PhysicalResourceId: one.physical,
    ResourceType: one.type,
    StackResourceDriftStatus: stateOf(one),
    PropertyDifferences: differences(one),
    Timestamp: stack.created,
  }));
  const wanted = all.filter(
    ({ StackResourceDriftStatus: state }) => filters.length === 0 || filters.includes(state),
  );
  return paged(world, form, 'StackResourceDrifts', wanted);
};

/** What only looks at the small CloudFormation, by the action's name. */
export const CFN_READS: Readonly<Record<string, CfnAction>> = {
  DescribeStacks: describeStacks,
  DescribeChangeSet: describeChangeSet,
  ListChangeSets: listChangeSets,
  ListStackResources: listStackResources,
  DescribeStackEvents: describeStackEvents,
  GetTemplate: getTemplate,
  DescribeStackDriftDetectionStatus: describeStackDriftDetectionStatus,
  DescribeStackResourceDrifts: describeStackResourceDrifts,
};
