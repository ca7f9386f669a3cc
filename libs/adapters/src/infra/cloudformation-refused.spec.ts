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

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const write = (template: Json): Promise<void> => world.write({ [FILE]: JSON.stringify(template) });
const thing = (properties: Json) => ({ Type: 'Fake::Thing', Properties: properties });
const plan = async (order: StackOrder): Promise<Previewed> =>
  value(await engine.preview(order, 'apply', call));
const apply = async (order: StackOrder): Promise<void> => void value(await (await plan(order)).apply(call));
const failureOf = async (order: StackOrder): Promise<unknown> => {
  const refused = await engine.preview(order, 'apply', call);
  return refused.ok ? refused.value.content : refused.failures[0];
};
const changeSets = (): number => world.aws.world.changeSets.size;

describe('a plan that cannot be made', () => {
  const ONE = {
    Parameters: { Zone: { Type: 'String' }, Zones: { Type: 'CommaDelimitedList', Default: '' } },
    Resources: { one: thing({ Value: { Ref: 'Zone' } }) },
  };

  it.each<[string, Readonly<Record<string, Json>>, object]>([
    [
      'a parameter that the template does not have',
      { Zone: 'a', Zoens: 'b' },
      {
        code: 'reference-missing',
        kind: `parameter in ${FILE}`,
        name: 'Zoens',
        near: ['Zones'],
        at: { file: 'infra/net/stack.yaml', line: 4 },
      },
    ],
    [
      'a parameter without a value',
      {},
      { code: 'declaration-invalid', found: `no value for the parameter Zone of ${FILE}` },
    ],
    [
      'an object',
      { Zone: { a: 1 } },
      { code: 'declaration-invalid', found: 'an object for the parameter Zone' },
    ],
    [
      'a list of lists',
      { Zone: 'a', Zones: [['a']] },
      { code: 'declaration-invalid', found: expect.stringContaining('a list of more than') as string },
    ],
    [
      'an item with a comma',
      { Zone: 'a', Zones: ['a,b'] },
      { code: 'declaration-invalid', found: expect.stringContaining('has a comma') as string },
    ],
  ])('%s', async (_, inputs, failure) => {
    await write(ONE);
    expect(await failureOf(await world.order(inputs))).toMatchObject(failure);
    expect(world.aws.asked).toEqual([]);
  });

  it('hands lists, numbers and truths over as texts', async () => {
    await write({
      ...ONE,
      Parameters: { ...ONE.Parameters, Count: { Type: 'Number' }, On: { Type: 'String' } },
    });
    await plan(await world.order({ Zone: 'a', Zones: ['x', 2], Count: 3, On: true }));
    const [form] = world.aws.said('CreateChangeSet');
    const given = [1, 2, 3, 4].map((index) =>
      ['Key', 'Value'].map((part) => form?.get(`Parameters.member.${index}.Parameter${part}`)),
    );
    expect(given).toEqual([
      ['Zone', 'a'],
      ['Zones', 'x,2'],
      ['Count', '3'],
      ['On', 'true'],
    ]);
  });

  it('a template that is not there, is too large, or needs what was not granted', async () => {
    expect(await failureOf(await world.order({}, { template: 'else.yaml' }))).toMatchObject({
      code: 'reference-missing',
      name: 'infra/net/else.yaml',
      at: { line: 2 },
    });
    const large = `Resources:\n  one: { Type: Fake::Thing }\n# ${'x'.repeat(51_200)}\n`;
    await world.write({ [FILE]: large });
    expect(await failureOf(await world.order())).toMatchObject({
      code: 'declaration-invalid',
      found: `${large.length} bytes`,
      expected: expect.stringContaining('at most 51200 bytes') as string,
    });
    // White space does not count where it means nothing.
    await world.write({
      [FILE]: JSON.stringify({ Resources: { one: thing({}) } }, null, 1).replace(
        '\n',
        `\n${' '.repeat(51_200)}`,
      ),
    });
    expect((await plan(await world.order())).content.changes).toHaveLength(1);
    await write({ Resources: { role: { Type: 'AWS::IAM::Role', Properties: {} } } });
    expect(await failureOf(await world.order())).toMatchObject({
      code: 'declaration-invalid',
      found: 'capabilities: none',
      expected: expect.stringContaining('CAPABILITY_IAM') as string,
    });
    expect(
      (await plan(await world.order({}, { capabilities: ['CAPABILITY_IAM'] }))).content.changes,
    ).toHaveLength(1);
  });

  it.each([
    [
      'ROLLBACK_COMPLETE',
      {
        code: 'plan-deferred',
        why: expect.stringMatching(
          /taken back.*delete-stack --stack-name net-test.*goldenthread destroy net/,
        ) as string,
      },
    ],
    ['DELETE_FAILED', { code: 'plan-deferred', why: expect.stringContaining('delete-stack') as string }],
    [
      'UPDATE_ROLLBACK_FAILED',
      { code: 'plan-deferred', why: expect.stringContaining('continue-update-rollback') as string },
    ],
    [
      'UPDATE_ROLLBACK_IN_PROGRESS',
      {
        code: 'state-locked',
        holder: expect.stringContaining('UPDATE_ROLLBACK_IN_PROGRESS, since 2026-') as string,
      },
    ],
  ])('on a stack that is %s', async (status, failure) => {
    await write({ Resources: { one: thing({}) } });
    const order = await world.order();
    await apply(order);
    world.aws.stack(CFN_NAME).status = status;
    expect(await failureOf(order)).toMatchObject({ stack: 'net', environment: 'test', ...failure });
  });

  it('says what CloudFormation says of a change set that it cannot make', async () => {
    await write({ Resources: { one: thing({}) } });
    const order = await world.order();
    world.aws.interfere = (action) => {
      for (const one of world.aws.world.changeSets.values())
        Object.assign(one, { fails: 'Transform AWS::Serverless failed' });
      return action === 'Never' ? cfnError('', '') : null;
    };
    expect(await failureOf(order)).toMatchObject({
      code: 'tool-failed',
      detail: expect.stringContaining('Transform AWS::Serverless failed') as string,
    });
    expect(changeSets()).toBe(0);
  });
});

describe('CloudFormation', () => {
  beforeEach(() => write({ Resources: { one: thing({ Value: 'a' }) } }));

  it('may refuse: the right that is missing is named', async () => {
    const words =
      'User: arn:aws:iam::111122223333:user/ci is not authorized to perform: cloudformation:CreateChangeSet';
    world.aws.interfere = (action) =>
      action === 'CreateChangeSet' ? cfnError('AccessDenied', words, 403) : null;
    expect(await failureOf(await world.order())).toMatchObject({
      code: 'not-permitted',
      what: 'planning net-test in AWS',
      hint: expect.stringContaining('cloudformation:CreateChangeSet') as string,
    });
  });

  it('knows our keys', async () => {
    const credentials = { ...world.options.credentials, secretAccessKey: 'another' };
    engine = createCloudformation({} as Parts, { ...world.options, credentials });
    expect(await failureOf(await world.order())).toMatchObject({ code: 'not-permitted' });
  });

  it('may throttle us, and is asked again', async () => {
    let left = 2;
    world.aws.interfere = (action) =>
      action === 'CreateChangeSet' && (left -= 1) >= 0 ? cfnError('Throttling', 'Rate exceeded') : null;
    expect((await plan(await world.order())).content.changes).toHaveLength(1);
    expect(world.aws.said('CreateChangeSet')).toHaveLength(3);
  });

  it('may not be there, or may not answer', async () => {
    engine = createCloudformation({} as Parts, {
      ...world.options,
      endpoint: 'http://127.0.0.1:9',
      attempts: 1,
    });
    expect(await failureOf(await world.order())).toMatchObject({ code: 'unreachable' });
    world.aws.interfere = () => 'never';
    engine = createCloudformation({} as Parts, { ...world.options, timeout: 0.05, attempts: 1 });
    expect(await failureOf(await world.order())).toMatchObject({ code: 'timeout' });
  });

  it('needs credentials and a region', async () => {
    const names = Object.keys(process.env).filter((name) => name.startsWith('AWS_'));
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) delete process.env[name];
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: world.root,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    });
    const { endpoint, pace } = world.options;
    engine = createCloudformation({} as Parts, { endpoint, pace });
    expect(await failureOf(await world.order())).toMatchObject({
      code: 'not-permitted',
      hint: expect.stringContaining('AWS_REGION') as string,
    });
    expect(await failureOf(await world.order({}, { region: 'eu-west-1' }))).toMatchObject({
      code: 'not-permitted',
      hint: expect.stringMatching(/credentials/i) as string,
    });
    for (const name of ['AWS_EC2_METADATA_DISABLED', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE'])
      delete process.env[name];
    for (const [name, text] of before) process.env[name] = text;
  });

  it('is left as it was when a plan is cancelled half-way', async () => {
    const stop = new AbortController();
    world.aws.world.looks = 4;
    world.aws.interfere = (action) => {
      if (action === 'DescribeChangeSet') stop.abort();
      return null;
    };
    const cancelled = await engine.preview(await world.order(), 'apply', { ...call, signal: stop.signal });
    expect(cancelled).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(changeSets()).toBe(0);
    expect(() => world.aws.stack(CFN_NAME)).toThrow(/does not exist/);
    await vi.waitUntil(() => world.aws.waiting() === 0, { timeout: 15_000 });
  });

  it('gives up waiting for a change set in the end', async () => {
    world.aws.world.looks = 10_000;
    engine = createCloudformation({} as Parts, { ...world.options, pace: { interval: 1, patience: 0.05 } });
    world.aws.interfere = (action) =>
      action === 'DeleteChangeSet' ? cfnError('ChangeSetNotFound', 'gone', 404) : null;
    expect(await failureOf(await world.order())).toMatchObject({ code: 'timeout' });
  });
});
