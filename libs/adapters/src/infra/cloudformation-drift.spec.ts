import type { Call, Event, InfraEngine, Json, Previewed, Result, StackOrder } from '@goldenthread/core';
import { CFN_NAME, cfnStack, type CfnStack } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
const there = (): Readonly<Record<string, Json>> =>
  Object.fromEntries(Array.from(world.aws.stack(CFN_NAME).resources, ([name, { live }]) => [name, live]));

describe('drift', () => {
  const drift = async (things: Readonly<Record<string, Json>>) =>
    value(await engine.drift(await order(things), call));

  it('is told attribute by attribute, as what would put it right, and put right by the next plan', async () => {
    const things = { one: { Value: 'a', Keep: 'k' }, two: { Value: 'b' } };
    await apply(things);
    world.aws.tamper(CFN_NAME, 'one', { Value: 'z', Extra: { a: 1 } });
    const found = await drift(things);
    expect(found.changes).toEqual([
      {
        address: 'one',
        type: 'Fake::Thing',
        action: 'update',
        attributes: [
          {
            path: 'Value',
            before: { is: 'value', value: 'z' },
            after: { is: 'value', value: 'a' },
            forces: false,
          },
          { path: 'Keep', before: { is: 'absent' }, after: { is: 'value', value: 'k' }, forces: false },
          { path: 'Extra', before: { is: 'value', value: { a: 1 } }, after: { is: 'absent' }, forces: false },
        ],
        region: 'eu-west-1',
        tags: null,
      },
    ]);
    await apply(things);
    expect(there()).toEqual(things);
    expect((await drift(things)).changes).toEqual([]);
  });

  it('is looked for in nested stacks as well', async () => {
    world.aws.world.templates.set(
      'u',
      JSON.stringify({ Resources: { deep: { Type: 'Fake::Thing' }, kept: { Type: 'Fake::Thing' } } }),
    );
    const inner = { Type: 'AWS::CloudFormation::Stack', Properties: { TemplateURL: 'u' } };
    await world.write({ [FILE]: JSON.stringify({ Resources: { inner } }) });
    const target = await world.order();
    value(await value(await engine.preview(target, 'apply', call)).apply(call));
    world.aws.tamper(world.aws.resource(CFN_NAME, 'inner').physical, 'deep', null);
    const found = value(await engine.drift(target, call));
    expect(found.changes.map(({ address, action }) => [address, action])).toEqual([['inner.deep', 'create']]);
    world.aws.stack(world.aws.resource(CFN_NAME, 'inner').physical).status = 'DELETE_COMPLETE';
    world.aws.tamper(CFN_NAME, 'inner', null);
    const gone = value(await engine.drift(target, call));
    expect(gone.changes.map(({ address, action }) => [address, action])).toEqual([['inner', 'create']]);
  });

  it('is everything where the whole stack is gone', async () => {
    expect(
      (await drift({ one: {}, two: {} })).changes.map(({ address, action }) => [address, action]),
    ).toEqual([
      ['one', 'create'],
      ['two', 'create'],
    ]);
  });

  it('is unknown where CloudFormation could not look, or somebody is at it', async () => {
    await apply({ one: {} });
    world.aws.interfere = (action) =>
      action === 'DescribeStackDriftDetectionStatus'
        ? {
            status: 200,
            headers: { 'content-type': 'text/xml' },
            body: '<DescribeStackDriftDetectionStatusResponse><DescribeStackDriftDetectionStatusResult><DetectionStatus>DETECTION_FAILED</DetectionStatus><DetectionStatusReason>not authorized to read things</DetectionStatusReason></DescribeStackDriftDetectionStatusResult></DescribeStackDriftDetectionStatusResponse>',
          }
        : null;
    expect(await engine.drift(await order({ one: {} }), call)).toMatchObject({
      ok: false,
      failures: [
        { code: 'tool-failed', detail: expect.stringContaining('not authorized to read things') as string },
      ],
    });
    world.aws.stack(CFN_NAME).status = 'UPDATE_IN_PROGRESS';
    expect(await engine.drift(await order({ one: {} }), call)).toMatchObject({
      ok: false,
      failures: [{ code: 'state-locked' }],
    });
  });
});
