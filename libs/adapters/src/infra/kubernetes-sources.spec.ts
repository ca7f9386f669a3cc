import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Secret,
  type Call,
  type Finding,
  type InfraEngine,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import {
  hasKustomize,
  kubernetesStack,
  kubernetesThing,
  stubTool,
  withPath,
  type KubernetesStack,
  type StubAnswer,
} from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKubernetes } from './kubernetes.ts';

const call: Call = { signal: new AbortController().signal, emit: () => undefined };

const missing = !hasKustomize();

describe('the sources of a stack for Kubernetes', () => {
  let stack: KubernetesStack;
  let engine: InfraEngine;
  let bin: string;
  beforeEach(async () => {
    stack = await kubernetesStack();
    engine = createKubernetes({ root: stack.root, home: stack.root, blobs: null as never }, { interval: 5 });
    bin = join(stack.root, 'bin');
    await mkdir(bin);
  });
  afterEach(() => stack.dispose());

  const must = <T>(result: Result<T>): T => {
    if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
    return result.value;
  };
  const failures = (result: Result<unknown>): unknown => (result.ok ? null : result.failures);
  const addresses = async (order: StackOrder): Promise<readonly string[]> =>
    must(await engine.preview(order, 'apply', call)).content.changes.map(({ address }) => address);
  const findings = async (order: StackOrder): Promise<readonly Finding[]> =>
    must(await engine.validate(order, call));
  const stub = (name: string, answer: StubAnswer) => stubTool(bin, name, answer);
  const withStubs = <T>(work: () => Promise<T>): Promise<T> =>
    withPath([bin, '/usr/bin', '/bin'], work, true);

  it('are the YAML and JSON files below manifests/, or those that it names', async () => {
    const json = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'two' } });
    const files = {
      'manifests/one.yaml': kubernetesThing('one', 'a'),
      'manifests/deep/two.json': json,
      'manifests/.three.yaml': kubernetesThing('three', 'a'),
      'manifests/README.md': 'no manifest',
      'more/four.yml': kubernetesThing('four', 'a'),
    };
    expect(await addresses(await stack.order(files))).toEqual([
      'v1/ConfigMap shop/one',
      'v1/ConfigMap shop/two',
    ]);
    const named = { kubernetes: { manifests: ['more', 'manifests/one.yaml'] } };
    expect(await addresses(await stack.order(files, named))).toEqual([
      'v1/ConfigMap shop/four',
      'v1/ConfigMap shop/one',
    ]);
  });

  it('are checked without a cluster, each finding at its place', async () => {
    const files = {
      'manifests/a.yaml': `${kubernetesThing('one', '"${regin}"')}---\nkind: X\nmetadata: {name: y}\n`,
      'manifests/b.yaml': `a: [\n`,
    };
    const found = await findings(await stack.order(files, { inputs: { region: 'x' } }));
    expect(found.map(({ file, line, column, level }) => [file, line, column, level])).toEqual([
      ['infra/shop/manifests/a.yaml', 6, 10, 'error'],
      ['infra/shop/manifests/a.yaml', 8, 1, 'error'],
      ['infra/shop/manifests/b.yaml', 1, 4, 'error'],
    ]);
    expect(found[0]?.message).toMatch(/\$\{regin\}.*\$\{region\}/);
    const twice = await findings(
      await stack.order([1, 2].map(() => kubernetesThing('one', 'a')).join('---\n')),
    );
    expect(twice).toMatchObject([{ line: 8, message: expect.stringContaining('all.yaml:1:1') as string }]);
    expect(stack.cluster.asked).toEqual([]);
  });

  it('that are not there are told at the declaration', async () => {
    const order = await stack.order({}, { kubernetes: { manifests: ['manifest/all.yaml'] } });
    expect(await findings(order)).toMatchObject([
      { file: 'infra/shop/stack.yaml', line: 7, message: 'there is no infra/shop/manifest/all.yaml' },
    ]);
  });

  it('that are for Kustomize are not taken for plain ones', async () => {
    const order = await stack.order({ 'manifests/kustomization.yaml': 'resources: []\n' });
    expect(await findings(order)).toMatchObject([
      {
        file: 'infra/shop/manifests/kustomization.yaml',
        message: expect.stringContaining('kustomize: <its folder>') as string,
      },
    ]);
  });

  const OVERLAY = {
    'base/kustomization.yaml': 'resources: [one.yaml]\n',
    'base/one.yaml': kubernetesThing('one', '"${value}"'),
    'overlay/kustomization.yaml': 'resources: [../base]\nnamePrefix: my-\n',
  };

  it.skipIf(missing)('are built by the real Kustomize, with values put in afterwards', async () => {
    const order = await stack.order(OVERLAY, {
      kubernetes: { kustomize: 'overlay' },
      inputs: { value: 'x' },
    });
    expect(engine.tools(order.stack).map(({ name }) => name)).toEqual(['kubectl']);
    must(await must(await engine.preview(order, 'apply', call)).apply(call));
    expect(stack.cluster.object('ConfigMap', 'shop', 'my-one')?.['data']).toEqual({ value: 'x' });
  });

  it.skipIf(missing)('fail with the words of Kustomize', async () => {
    const files = { 'overlay/kustomization.yaml': 'resources: [nowhere.yaml]\n' };
    const refused = await engine.validate(
      await stack.order(files, { kubernetes: { kustomize: 'overlay' } }),
      call,
    );
    expect(failures(refused)).toMatchObject([
      { code: 'tool-failed', tool: 'kubectl', detail: expect.stringContaining('nowhere.yaml') as string },
    ]);
  });

  it('are built by kubectl, or by kustomize where there is none', async () => {
    const order = await stack.order(OVERLAY, { kubernetes: { kustomize: 'overlay' } });
    const kustomize = await stub('kustomize', { stdout: kubernetesThing('one', 'a') });
    const folder = join(stack.root, 'infra/shop/overlay');
    // What a stub needs, and no kubectl beside it.
    for (const tool of ['cat', 'rm']) await symlink(`/bin/${tool}`, join(bin, tool));
    expect(await withPath([bin], () => addresses(order), true)).toEqual(['v1/ConfigMap shop/one']);
    expect(await kustomize.calls()).toEqual([['build', folder]]);
    const kubectl = await stub('kubectl', { stdout: kubernetesThing('one', 'a') });
    expect(await withStubs(() => addresses(order))).toEqual(['v1/ConfigMap shop/one']);
    expect(await kubectl.calls()).toEqual([['kustomize', folder]]);
  });

  it('say which tool is missing, what for, and how to get it', async () => {
    const order = await stack.order({}, { kubernetes: { render: ['no-such-renderer', 'template', '.'] } });
    expect(engine.tools(order.stack)).toMatchObject([{ name: 'no-such-renderer' }]);
    expect(failures(await engine.validate(order, call))).toMatchObject([
      { code: 'tool-missing', tool: 'no-such-renderer', purpose: "rendering the stack's manifests" },
    ]);
  });

  it('are rendered in the folder of the stack, with its values in the environment and none in the arguments', async () => {
    const script =
      'pwd > seen; printf "%s" "$GOLDENTHREAD_INPUT_API_TOKEN $GOLDENTHREAD_INPUT_ZONES $GOLDENTHREAD_ENVIRONMENT" >> seen';
    const helm = await stub('helm', { script, stdout: kubernetesThing('one', '"${HOME}"') });
    const inputs = { 'api-token': new Secret('plant-51'), zones: ['a'] };
    const order = await stack.order(
      {},
      { kubernetes: { render: ['helm', 'template', './chart; ls'] }, inputs },
    );
    must(await must(await withStubs(() => engine.preview(order, 'apply', call))).apply(call));
    expect(await helm.calls()).toEqual([['template', './chart; ls']]);
    expect(stack.cluster.object('ConfigMap', 'shop', 'one')?.['data']).toEqual({ value: '${HOME}' });
    const seen = await readFile(join(stack.root, 'infra/shop/seen'), 'utf8');
    expect(seen).toBe(`${join(stack.root, 'infra/shop')}\nplant-51 ["a"] production`);
  });

  it('may be rendered by a script of the stack', async () => {
    const script = `#!/bin/sh\ncat <<END\n${kubernetesThing('one', 'a')}END\n`;
    const order = await stack.order({ 'render.sh': script }, { kubernetes: { render: ['./render.sh'] } });
    expect(engine.tools(order.stack)).toEqual([]);
    expect(await addresses(order)).toEqual(['v1/ConfigMap shop/one']);
  });

  it('hide a secret that a renderer was given and put somewhere', async () => {
    const script =
      '#!/bin/sh\necho "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {url: \'x:$GOLDENTHREAD_INPUT_TOKEN@y\'}}"\n';
    const options = { kubernetes: { render: ['./render.sh'] }, inputs: { token: new Secret('plant-60') } };
    const { content } = must(
      await engine.preview(await stack.order({ 'render.sh': script }, options), 'apply', call),
    );
    expect(content.changes[0]?.attributes).toContainEqual({
      path: 'data.url',
      before: { is: 'absent' },
      after: { is: 'sensitive' },
      forces: false,
    });
    expect(JSON.stringify(content)).not.toContain('plant-60');
  });

  it('that were rendered badly are told at the declaration, with the line that was printed, and without secrets', async () => {
    const render = { kubernetes: { render: ['./render.sh'] }, inputs: { token: new Secret('plant-61') } };
    const printing = (text: string): string => `#!/bin/sh\ncat <<END\n${text}END\n`;
    const bad = await findings(await stack.order({ 'render.sh': printing('\n\nkind: X\n') }, render));
    expect(bad).toMatchObject([
      {
        file: 'infra/shop/stack.yaml',
        line: 6,
        message: expect.stringContaining('line 3 of what ./render.sh prints') as string,
      },
      { file: 'infra/shop/stack.yaml' },
    ]);
    const failing = '#!/bin/sh\necho "no chart for $GOLDENTHREAD_INPUT_TOKEN" >&2\nexit 3\n';
    const refused = failures(
      await engine.validate(await stack.order({ 'render.sh': failing }, render), call),
    );
    expect(refused).toMatchObject([{ code: 'tool-failed', detail: 'no chart for ***' }]);
  });

  it('are not rendered to the end when it is cancelled', async () => {
    const script = '#!/bin/sh\ntouch begun\nexec sleep 600\n';
    const order = await stack.order({ 'render.sh': script }, { kubernetes: { render: ['./render.sh'] } });
    const stop = new AbortController();
    const rendering = engine.preview(order, 'apply', { ...call, signal: stop.signal });
    await vi.waitUntil(() => existsSync(join(stack.root, 'infra/shop/begun')), { timeout: 20_000 });
    stop.abort();
    expect(failures(await rendering)).toEqual([{ code: 'cancelled' }]);
  });
});
