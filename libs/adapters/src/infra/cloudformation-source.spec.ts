import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Call, Event, InfraEngine, Json, Result, StackOrder } from '@goldenthread/core';
import { cfnStack, stubTool, withPath, type CfnStack, type Stub } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Parts } from '../parts.ts';
import { createCloudformation } from './cloudformation.ts';

let world: CfnStack;
let engine: InfraEngine;
let events: Event[];
let call: Call;
let bin: string;
let temporary: string | undefined;
beforeEach(async () => {
  world = await cfnStack();
  engine = createCloudformation({} as Parts, world.options);
  events = [];
  call = { signal: new AbortController().signal, emit: (event) => void events.push(event) };
  bin = join(world.root, 'bin');
  temporary = process.env['TMPDIR'];
  await Promise.all(['bin', 'tmp'].map((folder) => mkdir(join(world.root, folder))));
  process.env['TMPDIR'] = join(world.root, 'tmp');
});
afterEach(async () => {
  expect(await readdir(join(world.root, 'tmp'))).toEqual([]);
  if (temporary === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = temporary;
  await world.dispose();
});

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const template = (text: string): Json => ({
  Parameters: { Boot: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/b' } },
  Resources: { one: { Type: 'Fake::Thing', Properties: { Value: text } } },
});
const addresses = async (order: StackOrder): Promise<unknown> => {
  const previewed = await withPath([bin], () => engine.preview(order, 'apply', call));
  if (!previewed.ok) return previewed.failures[0];
  await previewed.value.discard();
  return previewed.value.content.changes.map(({ address, attributes }) => [
    address,
    ...attributes.map(({ after }) => ('value' in after ? after.value : after.is)),
  ]);
};

/** Lines of sh that write files below the folder that the argument after `option` names. */
const writes = (option: string, files: Readonly<Record<string, Json>>): string =>
  [
    `while [ "$1" != '${option}' ]; do shift; done`,
    ...Object.entries(files).map(
      ([path, content]) =>
        `mkdir -p "$2/$(dirname '${path}')"\ncat > "$2/${path}" <<'END'\n${JSON.stringify(content)}\nEND`,
    ),
  ].join('\n');

describe('a stack of the CDK', () => {
  let cdk: Stub;
  beforeEach(async () => {
    cdk = await stubTool(bin, 'cdk');
    await world.write({ 'infra/net/cdk.json': '{}' });
  });
  const stack = (name: string, stackName?: string) => ({
    type: 'aws:cloudformation:stack',
    displayName: `App/${name}`,
    properties: {
      templateFile: `${name}.template.json`,
      tags: { made: 'cdk' },
      ...(stackName === undefined ? {} : { stackName }),
    },
  });
  const assets = (name: string) => ({
    type: 'cdk:asset-manifest',
    properties: { file: `${name}.assets.json` },
  });
  const answer = (files: Readonly<Record<string, Json>>): Promise<void> =>
    cdk.answer({ script: writes('--output', files) });
  const order = (more: Readonly<Record<string, Json>> = {}) => world.order({}, { synth: 'cdk', ...more });

  it('is made by cdk synth in its folder, and says aloud that assets have to be published', async () => {
    await answer({
      'manifest.json': {
        version: '36.0.0',
        artifacts: { Tree: { type: 'cdk:tree' }, Net: stack('Net'), 'Net.assets': assets('Net') },
      },
      'Net.template.json': template('x'),
      'Net.assets.json': {
        files: { a: { source: { path: 'Net.template.json' } }, b: { source: { path: 'asset.b' } } },
        dockerImages: { c: {} },
      },
    });
    expect(await addresses(await order({ tags: { owner: 'net' } }))).toEqual([['one', 'x']]);
    const [argv = []] = await cdk.calls();
    expect([...argv.slice(0, 3), ...argv.slice(4)]).toEqual([
      'synth',
      '--quiet',
      '--output',
      '-c',
      'environment=test',
    ]);
    const [form] = world.aws.said('CreateChangeSet');
    expect(['Key', 'Value'].map((part) => form?.get(`Tags.member.2.${part}`))).toEqual(['owner', 'net']);
    expect(form?.get('Tags.member.1.Value')).toBe('cdk');
    expect(events).toContainEqual({
      type: 'note',
      project: 'net',
      text: expect.stringContaining('Net.template.json uses 2 assets') as string,
    });
    expect(value(await withPath([bin], async () => engine.validate(await order(), call)))).toEqual([]);
  });

  it('is the one of several that is called so, in whatever stage', async () => {
    await answer({
      'manifest.json': {
        artifacts: {
          Other: stack('Other'),
          Stage: { type: 'cdk:cloud-assembly', properties: { directoryName: 'assembly-Stage' } },
        },
      },
      'Other.template.json': template('other'),
      'assembly-Stage/manifest.json': { artifacts: { Deep: stack('Deep', 'wanted') } },
      'assembly-Stage/Deep.template.json': template('deep'),
    });
    expect(await addresses(await order({ stack_name: 'wanted' }))).toEqual([['one', 'deep']]);
    expect(await addresses(await order({ stack_name: 'Other' }))).toEqual([['one', 'other']]);
    expect(await addresses(await order())).toMatchObject({
      code: 'tool-failed',
      detail: expect.stringMatching(
        /these stacks: Other, wanted; .*called net-test: set cloudformation.stack_name in infra\/net\/stack.yaml/,
      ) as string,
    });
  });

  it.each<[string, Readonly<Record<string, Json>>, RegExp]>([
    ['no manifest', {}, /wrote no manifest.json/],
    ['no stack', { 'manifest.json': { artifacts: {} } }, /these stacks: none/],
    ['no template', { 'manifest.json': { artifacts: { Net: stack('Net') } } }, /wrote no Net.template.json/],
  ])('that comes with %s is a failure', async (_, files, says) => {
    await answer(files);
    expect(await addresses(await order())).toMatchObject({
      code: 'tool-failed',
      tool: 'cdk',
      detail: expect.stringMatching(says) as string,
    });
  });

  it('fails by the words of its tool, or for want of it', async () => {
    await cdk.answer({ code: 1, stderr: 'TypeError: Cannot read app.ts\n' });
    const told = await order();
    expect(await addresses(told)).toMatchObject({
      code: 'tool-failed',
      tool: 'cdk',
      detail: expect.stringContaining('Cannot read app.ts') as string,
    });
    expect(engine.tools(told.stack).map(({ name }) => name)).toEqual(['cdk']);
    const refused = await withPath(
      [join(world.root, 'tmp')],
      () => engine.preview(told, 'apply', call),
      true,
    );
    expect(refused).toMatchObject({
      ok: false,
      failures: [
        { code: 'tool-missing', tool: 'cdk', install: expect.stringContaining('aws-cdk') as string },
      ],
    });
  });

  it('leaves nothing running and nothing behind when it is cancelled', async () => {
    await cdk.answer({ script: 'sleep 60' });
    const stop = new AbortController();
    const told = await order();
    const previewing = withPath([bin], async () => {
      const previewed = engine.preview(told, 'apply', { ...call, signal: stop.signal });
      await vi.waitUntil(async () => (await cdk.calls()).length > 0, { timeout: 15_000 });
      stop.abort();
      return previewed;
    });
    expect(await previewing).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
  });
});

describe('a service of the Serverless Framework', () => {
  let serverless: Stub;
  beforeEach(async () => {
    serverless = await stubTool(bin, 'serverless');
    await world.write({ 'infra/net/serverless.yml': 'service: net\n' });
  });

  it('is made by serverless package for the stage of the environment', async () => {
    await serverless.answer({
      script: writes('--package', { 'cloudformation-template-update-stack.json': template('s') }),
    });
    const order = await world.order({}, { synth: 'serverless' });
    expect(await addresses(order)).toEqual([['one', 's']]);
    expect(events.filter(({ type }) => type === 'note')).toEqual([]);
    const [argv = []] = await serverless.calls();
    expect([...argv.slice(0, 2), ...argv.slice(3)]).toEqual(['package', '--package', '--stage', 'test']);
    expect(engine.tools(order.stack).map(({ name }) => name)).toEqual(['serverless']);
  });

  it('says aloud that nobody uploads what its functions are made from', async () => {
    const code = (part: string, key: string) => ({
      Type: 'Fake::Thing',
      Properties: { Value: key, [part]: { S3Bucket: { Ref: 'Bucket' }, S3Key: key } },
    });
    const body = {
      Resources: {
        Bucket: { Type: 'Fake::Thing', Properties: { Value: 'b' } },
        one: code('Code', 'serverless/net/net.zip'),
        two: code('Code', 'serverless/net/net.zip'),
        layer: code('Content', 'serverless/net/layer.zip'),
      },
    };
    await serverless.answer({
      script: writes('--package', { 'cloudformation-template-update-stack.json': body }),
    });
    await addresses(await world.order({}, { synth: 'serverless' }));
    const notes = events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
    expect(notes).toEqual([
      expect.stringMatching(
        /uses 2 packages .* nobody uploads them: .*as serverless\/net\/net\.zip, serverless\/net\/layer\.zip\) before it is applied/,
      ),
    ]);
  });

  it('that comes without a template is a failure', async () => {
    const failure = {
      code: 'tool-failed',
      tool: 'serverless',
      detail: expect.stringContaining('cloudformation-template-update-stack.json') as string,
    };
    expect(await addresses(await world.order({}, { synth: 'serverless' }))).toMatchObject(failure);
  });
});
