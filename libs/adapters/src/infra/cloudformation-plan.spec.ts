import {
  Secret,
  type Call,
  type Event,
  type InfraEngine,
  type Json,
  type Previewed,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { CFN_NAME, cfnError, cfnStack, type CfnStack } from '@goldenthread/testing';
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
const write = (template: Json): Promise<void> => world.write({ [FILE]: JSON.stringify(template) });
const thing = (properties: Json) => ({ Type: 'Fake::Thing', Properties: properties });
const plan = async (order: StackOrder): Promise<Previewed> =>
  value(await engine.preview(order, 'apply', call));
const apply = async (order: StackOrder): Promise<void> => void value(await (await plan(order)).apply(call));
const notes = (): readonly string[] => events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
const changeSets = (): number => world.aws.world.changeSets.size;

describe('a plan of CloudFormation', () => {
  it('says what a new resource gets, where it lies, and its tags, those of the stack among them', async () => {
    await write({
      Resources: {
        one: thing({ Value: 'a', Ports: [1, 2], Tags: [{ Key: 'team', Value: 'edge' }] }),
        two: thing({ Link: { Ref: 'one' } }),
      },
    });
    const { content } = await plan(await world.order({}, { tags: { owner: 'net' } }));
    expect(content).toMatchObject({
      state: null,
      values: null,
      secrets: null,
      outputs: {},
      changedOutputs: [],
    });
    expect(content.changes[0]).toMatchObject({
      address: 'one',
      type: 'Fake::Thing',
      action: 'create',
      region: 'eu-west-1',
      tags: { owner: 'net', team: 'edge' },
    });
    expect(content.changes[0]?.attributes).toContainEqual({
      path: 'Ports.1',
      before: { is: 'absent' },
      after: { is: 'value', value: '2' },
      forces: false,
    });
    expect(content.changes[1]?.attributes).toEqual([
      { path: 'Link', before: { is: 'absent' }, after: { is: 'unknown' }, forces: false },
    ]);
  });

  it('leaves the tags of a stack alone that nobody declares', async () => {
    await write({ Resources: { one: thing({ Value: 'a' }) } });
    await apply(await world.order({}, { tags: { owner: 'net' } }));
    await write({ Resources: { one: thing({ Value: 'b' }) } });
    const { content } = await plan(await world.order());
    expect(content.changes[0]?.tags).toEqual({ owner: 'net' });
    await apply(await world.order());
    expect(world.aws.stack(CFN_NAME).tags).toEqual(new Map([['owner', 'net']]));
  });

  it('says what is replaced, why, and what follows from it', async () => {
    const template = (name: string, size: string) => ({
      Resources: {
        one: thing({ Name: name, Value: 'a' }),
        two: thing({ Link: { 'Fn::Sub': 'to-${one}' } }),
        three: thing({ Size: size, Keep: 'k' }),
      },
    });
    await write(template('a', '1'));
    await apply(await world.order());
    await write(template('b', '2'));
    const { content } = await plan(await world.order());
    expect(content.changes.map(({ address, action }) => [address, action])).toEqual([
      ['one', 'replace'],
      ['three', 'replace'],
      ['two', 'update'],
    ]);
    const [one, three, two] = content.changes;
    expect(one?.attributes).toEqual([
      { path: 'Name', before: { is: 'value', value: 'a' }, after: { is: 'value', value: 'b' }, forces: true },
    ]);
    expect(three?.attributes[0]).toMatchObject({ path: 'Size', forces: true });
    expect(two?.attributes).toEqual([
      expect.objectContaining({ path: 'Link', after: { is: 'unknown' }, forces: false }),
    ]);
    expect(one?.tags).toBeNull();
    expect(notes()).toContainEqual(expect.stringMatching(/^three: whether it is replaced is only decided/));
  });

  it('knows outputs of what stays, and no others', async () => {
    const template = (value: string, name = 'a') => ({
      Parameters: {
        Zone: { Type: 'String', Default: 'z1' },
        Store: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/path' },
      },
      Conditions: { Never: { 'Fn::Equals': ['a', 'b'] } },
      Resources: { one: thing({ Name: name, Value: value }), two: thing({ Value: 'steady' }) },
      Outputs: {
        Fixed: { Value: 'text' },
        Zone: { Value: { 'Fn::Sub': '${AWS::Region}${Zone}' } },
        Store: { Value: { Ref: 'Store' } },
        OneId: { Value: { Ref: 'one' } },
        OneValue: { Value: { 'Fn::GetAtt': ['one', 'Value'] } },
        TwoValue: { Value: { 'Fn::GetAtt': ['two', 'Value'] } },
        Maybe: { Condition: 'Never', Value: 'text' },
      },
    });
    await write(template('a'));
    const first = await plan(await world.order());
    expect(Object.fromEntries(first.outputs)).toEqual({ Fixed: 'text', Zone: 'eu-west-1z1' });
    expect(first.content.outputs['TwoValue']).toEqual({ is: 'unknown' });
    value(await first.apply(call));
    const now = value(await engine.outputs(await world.order(), call));
    await write(template('b'));
    const updated = await plan(await world.order());
    expect([...updated.outputs.keys()].toSorted()).toEqual(['Fixed', 'OneId', 'Store', 'TwoValue', 'Zone']);
    for (const [name, known] of updated.outputs) expect(known).toBe(now?.get(name));
    expect(updated.content.changedOutputs).toEqual(['Maybe', 'OneValue']);
    await write(template('a', 'b'));
    const replaced = await plan(await world.order());
    expect([...replaced.outputs.keys()].toSorted()).toEqual(['Fixed', 'Store', 'TwoValue', 'Zone']);
    await write(template('a'));
    const moved = await plan(await world.order({ Zone: 'z2' }));
    expect([moved.content.changes, moved.content.changedOutputs, moved.outputs.get('Zone')]).toEqual([
      [],
      ['Maybe', 'Zone'],
      'eu-west-1z2',
    ]);
  });

  it('sees an output that only says something else, such as the name of its export', async () => {
    const template = (name: string) => ({
      Resources: { one: thing({ Value: 'a' }) },
      Outputs: {
        Id: { Value: { 'Fn::GetAtt': ['one', 'Value'] }, Export: { Name: name } },
        Same: { Value: 'x' },
      },
    });
    await write(template('a'));
    await apply(await world.order());
    await write(template('b'));
    // As the real one, which makes a change set without changes of this.
    world.aws.interfere = () => {
      for (const one of world.aws.world.changeSets.values())
        if (one.execution === 'UNAVAILABLE') Object.assign(one, { fails: null, execution: 'AVAILABLE' });
      return null;
    };
    const { content, outputs } = await plan(await world.order());
    expect([content.changes, content.changedOutputs]).toEqual([[], ['Id']]);
    expect(Object.fromEntries(outputs)).toEqual({ Same: 'x' });
  });

  it('leaves no change set lying there that has nothing to do, and none that was discarded', async () => {
    await write({ Resources: { one: thing({ Value: 'a' }) } });
    const order = await world.order();
    const [first, second] = [await plan(order), await plan(order)];
    expect([changeSets(), world.aws.stack(CFN_NAME).status]).toEqual([2, 'REVIEW_IN_PROGRESS']);
    await first.discard();
    expect([changeSets(), world.aws.stack(CFN_NAME).status]).toEqual([1, 'REVIEW_IN_PROGRESS']);
    await second.discard();
    expect(changeSets()).toBe(0);
    expect(() => world.aws.stack(CFN_NAME)).toThrow(/does not exist/);
    const third = await plan(order);
    value(await third.apply(call));
    await third.discard();
    const before = changeSets();
    const empty = await plan(order);
    expect([empty.content.changes, changeSets()]).toEqual([[], before]);
    expect(value(await empty.apply(call))).toEqual(new Map());
    expect(world.aws.asked.filter((one) => one.startsWith('DeleteStack '))).toHaveLength(1);
  });

  it('reads answers page by page, and the change sets of nested stacks', async () => {
    const { templates } = world.aws.world;
    world.aws.world.page = 2;
    const parent = (given: string) => ({
      Resources: {
        ...Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, thing({ Value: name })])),
        inner: {
          Type: 'AWS::CloudFormation::Stack',
          Properties: { TemplateURL: 'u', Parameters: { Given: given } },
        },
      },
    });
    templates.set(
      'u',
      JSON.stringify({
        Parameters: { Given: { Type: 'String' } },
        Resources: { deep: thing({ Value: { Ref: 'Given' } }) },
      }),
    );
    await write(parent('x'));
    const order = await world.order();
    const addresses = async (aim: 'apply' | 'destroy') =>
      value(await engine.preview(order, aim, call)).content.changes.map(
        ({ address, action }) => `${action} ${address}`,
      );
    const all = ['a', 'b', 'c', 'd', 'e', 'inner', 'inner.deep'];
    expect(await addresses('apply')).toEqual(all.map((name) => `create ${name}`));
    await apply(order);
    expect(await addresses('destroy')).toEqual(all.map((name) => `delete ${name}`));
    await write(parent('y'));
    expect(await addresses('apply')).toEqual(['update inner', 'update inner.deep']);
    await apply(order);
    expect(await addresses('apply')).toEqual([]);
  });
});

describe('what is secret', () => {
  it('is hidden wherever a template puts it, and said aloud where CloudFormation would show it', async () => {
    const planted = 'plant-0a1b2c';
    const template = (hidden: boolean) => ({
      Parameters: { Token: { Type: 'String', ...(hidden ? { NoEcho: true } : {}) } },
      Resources: {
        one: thing({
          Deep: { List: ['x', { 'Fn::Join': ['-', ['p', { Ref: 'Token' }]] }] },
          Tags: [{ Key: 't', Value: { Ref: 'Token' } }],
        }),
      },
      Outputs: { Token: { Value: { Ref: 'Token' } } },
    });
    for (const hidden of [true, false]) {
      await write(template(hidden));
      const name = hidden ? 'hidden' : 'open';
      const order = await world.order({ Token: new Secret(planted) }, { stack_name: name });
      const previewed = await plan(order);
      expect(previewed.content.outputs).toEqual({ Token: { is: 'sensitive' } });
      const path = 'Deep.List.1';
      expect(previewed.content.changes[0]?.attributes).toContainEqual(
        expect.objectContaining({ path, after: { is: 'sensitive' } }),
      );
      expect(previewed.outputs.get('Token')).toBeInstanceOf(Secret);
      value(await previewed.apply(call));
      const now = value(await engine.outputs(order, call));
      expect(now?.get('Token')).toEqual(new Secret(planted));
      const drift = value(await engine.drift(order, call));
      expect(JSON.stringify([previewed.content, drift, events, [...(now ?? [])]])).not.toContain(planted);
    }
    expect(notes().filter((note) => note.includes('the parameter Token gets a secret'))).toHaveLength(1);
  });

  it('may be in any output of a stack whose template cannot be read', async () => {
    await write({
      Parameters: { Token: { Type: 'String', NoEcho: true } },
      Resources: { one: thing({}) },
      Outputs: { Open: { Value: 'open' } },
    });
    const order = await world.order({ Token: new Secret('plant-5e5e') });
    await apply(order);
    expect(value(await engine.outputs(order, call))?.get('Open')).toBe('open');
    world.aws.interfere = (action) =>
      action === 'GetTemplate' ? cfnError('ValidationError', 'no template') : null;
    expect(value(await engine.outputs(order, call))?.get('Open')).toBeInstanceOf(Secret);
  });

  it('is a parameter with NoEcho even where its value is none to us', async () => {
    await write({
      Parameters: { Token: { Type: 'String', NoEcho: true } },
      Resources: { one: thing({ Value: { Ref: 'Token' } }) },
    });
    const { content } = await plan(await world.order({ Token: 'plain-7711' }));
    expect(content.secrets).toMatch(/^scrypt:/);
    expect(JSON.stringify(content)).not.toContain('plain-7711');
  });

  it('is taken out of what CloudFormation quotes when it refuses', async () => {
    const planted = 'plant-3c2b1a';
    await write({ Parameters: { Token: { Type: 'String', NoEcho: true } }, Resources: { one: thing({}) } });
    world.aws.interfere = (action) =>
      action === 'CreateChangeSet' ? cfnError('ValidationError', `The value ${planted} is no number`) : null;
    const refused = await engine.preview(await world.order({ Token: new Secret(planted) }), 'apply', call);
    expect(refused).toMatchObject({
      ok: false,
      failures: [{ code: 'store-refused', detail: 'ValidationError: The value *** is no number' }],
    });
  });

  it('is taken out of events and reasons', async () => {
    const planted = 'plant-9f8e7d';
    world.aws.world.failing.set('one', `the password ${planted} is too weak`);
    await write({
      Parameters: { Token: { Type: 'String', NoEcho: true } },
      Resources: { one: thing({ Value: { Ref: 'Token' } }) },
    });
    const failed = await (await plan(await world.order({ Token: new Secret(planted) }))).apply(call);
    expect(failed).toMatchObject({
      ok: false,
      failures: [
        { code: 'apply-failed', detail: expect.stringContaining('the password *** is too weak') as string },
      ],
    });
    expect(JSON.stringify([failed, events])).not.toContain(planted);
  });
});
