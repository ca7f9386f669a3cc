import type { Call, Event, InfraEngine, Json, Previewed, Result, StackOrder } from '@goldenthread/core';
import { CFN_NAME, cfnError, cfnStack, type CfnStack } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Parts } from '../parts.ts';
import { createCloudformation } from './cloudformation.ts';

const FILE = 'infra/net/template.yaml';

let world: CfnStack;
let engine: InfraEngine;
let events: Event[];
let call: Call;
beforeEach(async () => {
  world = await cfnStack();
  engine = createCloudformation({} as Parts, world.options);
  events = [];
  call = { signal: new AbortController().signal, emit: (event) => void events.push(event) };
});
afterEach(() => world.dispose());

/** Waits for it, however busy the machine is. */
const seen = <T>(look: () => T | Promise<T>) => vi.waitUntil(look, { timeout: 15_000 });
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const order = async (things: Readonly<Record<string, Json>>): Promise<StackOrder> => {
  const resources = Object.entries(things).map(([name, properties]) => [
    name,
    { Type: 'Fake::Thing', Properties: properties },
  ]);
  await world.write({ [FILE]: JSON.stringify({ Resources: Object.fromEntries(resources) as Json }) });
  return world.order();
};
const plan = async (things: Readonly<Record<string, Json>>): Promise<Previewed> =>
  value(await engine.preview(await order(things), 'apply', call));
const apply = async (things: Readonly<Record<string, Json>>): Promise<void> =>
  void value(await (await plan(things)).apply(call));
const destruction = async (): Promise<Previewed> =>
  value(await engine.preview(await order({ one: {} }), 'destroy', call));
const said = (type: 'note' | 'output'): readonly string[] =>
  events.flatMap((event) =>
    event.type === 'note' && type === 'note'
      ? [event.text]
      : event.type === 'output' && type === 'output'
        ? [event.line]
        : [],
  );
const there = (): Readonly<Record<string, Json>> =>
  Object.fromEntries(Array.from(world.aws.stack(CFN_NAME).resources, ([name, { live }]) => [name, live]));
const failed = (detail: RegExp) => ({
  ok: false,
  failures: [
    {
      code: 'apply-failed',
      stack: 'net',
      environment: 'test',
      detail: expect.stringMatching(detail) as string,
    },
  ],
});
const outdated = (moved: RegExp) => ({
  ok: false,
  failures: [
    { code: 'plan-outdated', stack: 'net', environment: 'test', moved: [expect.stringMatching(moved)] },
  ],
});

describe('applying', () => {
  it('says what happens while it happens, each event once, and nothing of operations before', async () => {
    world.aws.world.page = 2;
    await apply({ one: { Value: 'a' }, two: { Value: 'a' } });
    const lines = said('output');
    expect(lines).toEqual([
      'CREATE_IN_PROGRESS net-test (AWS::CloudFormation::Stack): User Initiated',
      'CREATE_COMPLETE one (Fake::Thing)',
      'CREATE_COMPLETE two (Fake::Thing)',
      'CREATE_COMPLETE net-test (AWS::CloudFormation::Stack)',
    ]);
    events.length = 0;
    await apply({ one: { Value: 'b' } });
    expect(said('output')).toEqual([
      'UPDATE_IN_PROGRESS net-test (AWS::CloudFormation::Stack): User Initiated',
      'UPDATE_COMPLETE one (Fake::Thing)',
      'DELETE_COMPLETE two (Fake::Thing)',
      'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS net-test (AWS::CloudFormation::Stack)',
      'UPDATE_COMPLETE net-test (AWS::CloudFormation::Stack)',
    ]);
  });

  it('says why an update was taken back, by what failed first', async () => {
    await apply({ one: { Value: 'a' } });
    world.aws.world.failing.set('two', 'the quota of things is used up');
    const refused = await (await plan({ one: { Value: 'b' }, two: {} })).apply(call);
    expect(refused).toMatchObject(
      failed(
        /^CREATE_FAILED two \(Fake::Thing\): the quota of things is used up\nCloudFormation took the changes back.*\(UPDATE_ROLLBACK_COMPLETE\)/s,
      ),
    );
    expect(JSON.stringify(refused)).not.toContain('Bystander');
    expect(there()).toEqual({ one: { Value: 'a' } });
    world.aws.world.failing.clear();
    await apply({ one: { Value: 'b' }, two: {} });
  });

  it('says why a creation was taken back, what to do, and begins anew after that', async () => {
    world.aws.world.failing.set('one', 'no such zone');
    const refused = await (await plan({ one: {} })).apply(call);
    expect(refused).toMatchObject(failed(/no such zone\n.*destroyed \(ROLLBACK_COMPLETE\)/s));
    expect(value(await engine.outputs(await order({ one: {} }), call))).toBeNull();
    const away = await destruction();
    expect(away.content.changes).toMatchObject([
      { address: 'net-test', type: 'AWS::CloudFormation::Stack', action: 'delete' },
    ]);
    value(await away.apply(call));
    world.aws.world.failing.clear();
    await apply({ one: {} });
  });

  it('says what failed inside a nested stack', async () => {
    world.aws.world.failing.set('inner', 'Embedded stack was not successfully created');
    await world.write({
      [FILE]: JSON.stringify({
        Resources: { inner: { Type: 'AWS::CloudFormation::Stack', Properties: { TemplateURL: 'u' } } },
      }),
    });
    const previewed = value(await engine.preview(await world.order(), 'apply', call));
    world.aws.interfere = (action, form) => {
      const nested = 'arn:aws:cloudformation:eu-west-1:1:stack/nested/2';
      if (action !== 'DescribeStackEvents') return null;
      const events = world.aws.stack(CFN_NAME).events;
      for (const [index, event] of events.entries())
        if (event.resource === 'inner') events[index] = { ...event, physical: nested };
      if (form.get('StackName') !== nested) return null;
      const event =
        '<EventId>x</EventId><LogicalResourceId>deep</LogicalResourceId><PhysicalResourceId></PhysicalResourceId><ResourceType>Fake::Thing</ResourceType><ResourceStatus>CREATE_FAILED</ResourceStatus><ResourceStatusReason>the disk is too small</ResourceStatusReason>';
      const body = `<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents><member>${event}</member></StackEvents></DescribeStackEventsResult></DescribeStackEventsResponse>`;
      return { status: 200, headers: { 'content-type': 'text/xml' }, body };
    };
    expect(await previewed.apply(call)).toMatchObject(
      failed(/inner.*\n {2}in inner: CREATE_FAILED deep \(Fake::Thing\): the disk is too small/s),
    );
  });

  it('refuses a plan when the stack has moved, by whomever', async () => {
    await apply({ one: { Value: 'a' } });
    const overtaken = await plan({ one: { Value: 'b' } });
    world.aws.overtake(CFN_NAME);
    expect(await overtaken.apply(call)).toMatchObject(
      outdated(/^the stack net-test was net-test\/.* at 2026-.*, and is net-test\/.* at 2026-/),
    );
    const obsolete = await plan({ one: { Value: 'b' } });
    for (const one of world.aws.world.changeSets.values()) one.execution = 'OBSOLETE';
    expect(await obsolete.apply(call)).toMatchObject(
      outdated(/^CloudFormation does not carry .* \(OBSOLETE\)$/),
    );
    const gone = await plan({ one: { Value: 'b' } });
    world.aws.world.changeSets.clear();
    expect(await gone.apply(call)).toMatchObject(outdated(/has its change set no more/));
    const raced = await plan({ one: { Value: 'b' } });
    world.aws.interfere = (action) =>
      action === 'ExecuteChangeSet' ? cfnError('InvalidChangeSetStatus', 'is in EXECUTE_IN_PROGRESS') : null;
    expect(await raced.apply(call)).toMatchObject(outdated(/EXECUTE_IN_PROGRESS/));
    world.aws.interfere = () => null;
    const another = await plan({ one: { Value: 'b' } });
    value(await (await destruction()).apply(call));
    expect(await another.apply(call)).toMatchObject(outdated(/and is not there$/));
  });

  it('does not take a stack that is not yet at it for one that is done', async () => {
    await apply({ one: { Value: 'a' } });
    const previewed = await plan({ one: { Value: 'b' } });
    const stack = world.aws.stack(CFN_NAME);
    let late = 0;
    world.aws.interfere = (action) => {
      // As if the answer came from a copy that has not heard of it: as it was before.
      if (action !== 'DescribeStacks' || stack.status !== 'UPDATE_IN_PROGRESS' || (late += 1) > 3)
        return null;
      const { status, updated } = stack;
      const body = `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackId>${stack.id}</StackId><StackName>x</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>${stack.created}</CreationTime><LastUpdatedTime>${before}</LastUpdatedTime></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`;
      expect([status, updated]).not.toEqual(['CREATE_COMPLETE', before]);
      return { status: 200, headers: { 'content-type': 'text/xml' }, body };
    };
    const before = stack.updated;
    value(await previewed.apply(call));
    expect([late > 3, there()]).toEqual([true, { one: { Value: 'b' } }]);
  });
});

describe('an answer that is lost', () => {
  it('is asked for again, and nothing is done twice', async () => {
    for (const action of ['CreateChangeSet', 'ExecuteChangeSet']) world.aws.lose(action);
    await apply({ one: { Value: 'a' } });
    expect(there()).toEqual({ one: { Value: 'a' } });
    for (const action of ['CreateChangeSet', 'ExecuteChangeSet'])
      expect([action, world.aws.said(action).length]).toEqual([action, 2]);
    expect(
      world.aws.stack(CFN_NAME).events.filter(({ status }) => status === 'CREATE_IN_PROGRESS'),
    ).toHaveLength(1);
  });
});

describe('cancelling', () => {
  /** Cancels as soon as the stack has this status. */
  const cancelAt = async (status: string, previewed: Previewed): Promise<Result<unknown>> => {
    const stop = new AbortController();
    world.aws.interfere = () => {
      const stack = [...world.aws.world.stacks.values()].at(-1);
      if (stack?.status === status) stop.abort();
      return null;
    };
    const answer = await previewed.apply({ ...call, signal: stop.signal });
    expect(stop.signal.aborted).toBe(true);
    await seen(() => world.aws.waiting() === 0);
    return answer;
  };

  it('stops an update, which is taken back then', async () => {
    await apply({ one: { Value: 'a' } });
    const answer = await cancelAt(
      'UPDATE_IN_PROGRESS',
      await plan({ one: { Value: 'b' }, two: {}, three: {} }),
    );
    expect(answer).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(world.aws.said('CancelUpdateStack')).toHaveLength(1);
    expect(said('note')).toContainEqual(expect.stringMatching(/^the update was stopped/));
    await seen(async () => (await engine.preview(await order({ one: {} }), 'destroy', call)).ok);
    expect([world.aws.stack(CFN_NAME).status, there()]).toEqual([
      'UPDATE_ROLLBACK_COMPLETE',
      { one: { Value: 'a' } },
    ]);
  });

  it('says what cannot be stopped', async () => {
    const answer = await cancelAt('CREATE_IN_PROGRESS', await plan({ one: {}, two: {} }));
    expect(answer).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(said('note')).toContainEqual(
      expect.stringMatching(/goes on by itself: net-test is CREATE_IN_PROGRESS/),
    );
    expect(await engine.preview(await order({ one: {}, two: {} }), 'apply', call)).toMatchObject({
      ok: false,
      failures: [{ code: 'state-locked' }],
    });
    const again = await seen(async () => {
      const planned = await engine.preview(await order({ one: {}, two: {} }), 'apply', call);
      return planned.ok ? planned.value : null;
    });
    expect(again.content.changes).toEqual([]);
  });

  it("does not stop somebody else's update", async () => {
    await apply({ one: { Value: 'a' } });
    const previewed = await plan({ one: { Value: 'b' } });
    const stop = new AbortController();
    world.aws.interfere = (action) => {
      if (action !== 'ExecuteChangeSet') return null;
      Object.assign(world.aws.stack(CFN_NAME), { status: 'UPDATE_IN_PROGRESS', changeSet: 'another' });
      stop.abort();
      return 'never';
    };
    expect(await previewed.apply({ ...call, signal: stop.signal })).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
    expect(world.aws.said('CancelUpdateStack')).toEqual([]);
  });
});

describe('destroying', () => {
  it('has nothing to do where there is nothing', async () => {
    const away = await destruction();
    expect(away.content).toEqual({
      changes: [],
      outputs: {},
      changedOutputs: [],
      state: null,
      values: null,
      secrets: null,
    });
    expect(value(await away.apply(call))).toEqual(new Map());
    expect(world.aws.said('DeleteStack')).toEqual([]);
  });

  it('has nothing to do where there is only a plan', async () => {
    const held = await plan({ one: {} });
    const away = await destruction();
    expect(away.content).toMatchObject({ changes: [], state: null });
    value(await away.apply(call));
    expect(world.aws.said('DeleteStack')).toEqual([]);
    value(await held.apply(call));
  });

  it('needs no template, and says why it failed', async () => {
    await apply({ one: {}, two: {} });
    world.aws.world.failing.set('two', 'it is not empty');
    const target = await world.order({}, { template: 'gone.yaml' });
    const away = value(await engine.preview(target, 'destroy', call));
    expect(await away.apply(call)).toMatchObject(
      failed(/^DELETE_FAILED two \(Fake::Thing\): it is not empty\n.*\(DELETE_FAILED\)/s),
    );
    expect(Object.keys(there())).toEqual(['two']);
    world.aws.world.failing.clear();
    const rest = await destruction();
    expect(rest.content.changes.map(({ address }) => address)).toEqual(['two']);
    value(await rest.apply(call));
    expect(() => world.aws.stack(CFN_NAME)).toThrow(/does not exist/);
  });

  it('does not go against the protection of a stack', async () => {
    await apply({ one: {} });
    const away = await destruction();
    world.aws.stack(CFN_NAME).isProtected = true;
    const refusal = {
      ok: false,
      failures: [
        {
          code: 'destroy-refused',
          why: expect.stringContaining('termination protection') as string,
          next: expect.stringContaining('--no-enable-termination-protection --stack-name net-test') as string,
        },
      ],
    };
    expect(await away.apply(call)).toMatchObject(refusal);
    expect(await engine.preview(await order({ one: {} }), 'destroy', call)).toMatchObject(refusal);
    expect(Object.keys(there())).toEqual(['one']);
  });
});
