import { writeFile } from 'node:fs/promises';
import type { Call, InfraEngine, Result, StackOrder } from '@goldenthread/core';
import { kubernetesStack, kubernetesThing, type KubernetesStack } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKubernetes } from './kubernetes.ts';

const call: Call = { signal: new AbortController().signal, emit: () => undefined };

describe('the way to a cluster', () => {
  let stack: KubernetesStack;
  let engine: InfraEngine;
  let order: StackOrder;
  beforeEach(async () => {
    stack = await kubernetesStack();
    engine = createKubernetes({ root: stack.root, home: stack.root, blobs: null as never }, { interval: 5 });
    order = await stack.order(kubernetesThing('one', 'a'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await stack.dispose();
  });

  const failures = (result: Result<unknown>): unknown => (result.ok ? null : result.failures);
  const refusal = async (of = order): Promise<unknown> => failures(await engine.preview(of, 'apply', call));

  it('is shown by a kubeconfig', async () => {
    vi.stubEnv('KUBECONFIG', `${stack.root}/none`);
    expect(await refusal()).toMatchObject([
      { code: 'usage', detail: expect.stringContaining('ENOENT') as string },
    ]);
    vi.stubEnv('KUBECONFIG', '');
    vi.stubEnv('HOME', stack.root);
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
    expect(await refusal()).toMatchObject([{ code: 'usage', detail: 'there is no kubeconfig' }]);
  });

  it.each(['', '{', 'token: plant-44\n  :', '{"clusters": 3}', '{"current-context": "x"}'])(
    'is not made up where the kubeconfig is %j',
    async (text) => {
      await writeFile(stack.kubeconfig, text);
      const refused = await refusal();
      expect(refused).toMatchObject([{ code: 'usage' }]);
      expect(JSON.stringify(refused)).not.toContain('plant-44');
    },
  );

  it('is that of the context which the stack names', async () => {
    expect(await refusal(await stack.order('', { kubernetes: { context: 'fake' } }))).toBeNull();
    expect(await refusal(await stack.order('', { kubernetes: { context: 'fale' } }))).toEqual([
      {
        code: 'usage',
        detail: 'the kubeconfig has no context fale; it has fake',
        hint: 'Did you mean fake?',
      },
    ]);
  });

  it('leads to the namespace of the context where the stack names none', async () => {
    await stack.cluster.kubeconfig(stack.kubeconfig, 'admin', 'shop');
    const { namespace: _namespace, ...kubernetes } = order.stack.kubernetes;
    const made = await engine.preview({ ...order, stack: { ...order.stack, kubernetes } }, 'apply', call);
    expect(made.ok && made.value.content.changes.map(({ address }) => address)).toEqual([
      'v1/ConfigMap shop/one',
    ]);
  });

  it('ends where nobody listens, or somebody else does', async () => {
    const origin = stack.cluster.origin;
    stack.cluster.intercept = () => ({ status: 200, body: '<html>' });
    expect(await refusal()).toMatchObject([{ code: 'unreachable', what: origin }]);
    stack.cluster.intercept = () => ({ status: 503, body: '{"kind":"Status","message":"not yet"}' });
    expect(await refusal()).toMatchObject([{ code: 'unreachable', what: origin, detail: 'not yet' }]);
    stack.cluster.intercept = () => 'cut';
    expect(await refusal()).toMatchObject([{ code: 'unreachable', what: origin }]);
    const config = JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
    await writeFile(stack.kubeconfig, config);
    expect(await refusal()).toMatchObject([
      {
        code: 'unreachable',
        what: 'https://127.0.0.1:1',
        detail: expect.stringContaining('ECONNREFUSED') as string,
      },
    ]);
  });

  it('does not trust a server that is not whom the kubeconfig knows', async () => {
    const config = JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: stack.cluster.origin } }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
    await writeFile(stack.kubeconfig, config);
    expect(await refusal()).toMatchObject([{ code: 'unreachable' }]);
    expect(stack.cluster.asked).toEqual([]);
  });

  it('is closed to a stranger', async () => {
    await stack.cluster.kubeconfig(stack.kubeconfig, 'stranger');
    expect(await refusal()).toMatchObject([
      { code: 'not-permitted', hint: expect.stringContaining('log in') as string },
    ]);
  });

  it('says what an account may not do', async () => {
    await stack.cluster.kubeconfig(stack.kubeconfig, 'reader');
    expect(await refusal()).toMatchObject([
      {
        code: 'not-permitted',
        what: expect.stringMatching(
          /^planning v1\/ConfigMap shop\/one .*"reader" cannot patch resource "configmaps".*"shop"/,
        ) as string,
      },
    ]);
    expect(failures(await engine.outputs(order, call))).toBeNull();
  });

  it('says how a log-in failed, which is a program of the kubeconfig', async () => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: `${stack.root}/no-such-login` };
    const config = JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: stack.cluster.origin } }],
      users: [{ name: 'u', user: { exec } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
    await writeFile(stack.kubeconfig, config);
    expect(await refusal()).toMatchObject([
      { code: 'not-permitted', hint: expect.stringContaining('no-such-login') as string },
    ]);
  });

  it('is enough with the rights in one namespace', async () => {
    await stack.cluster.kubeconfig(stack.kubeconfig, 'tenant');
    for (const value of ['a', 'b']) {
      const made = await engine.preview(await stack.order(kubernetesThing('one', value)), 'apply', call);
      expect(failures(made)).toBeNull();
      expect(made.ok && failures(await made.value.apply(call))).toBeNull();
    }
    expect(stack.cluster.object('ConfigMap', 'shop', 'one')?.['data']).toEqual({ value: 'b' });
    expect(failures(await engine.drift(order, call))).toBeNull();
  });

  it('is left when it is cancelled while a server does not answer', async () => {
    stack.cluster.intercept = () => 'never';
    const stop = new AbortController();
    const asking = engine.preview(order, 'apply', { ...call, signal: stop.signal });
    await vi.waitUntil(() => stack.cluster.asked.length > 0, { timeout: 20_000 });
    stop.abort();
    expect(failures(await asking)).toEqual([{ code: 'cancelled' }]);
  });
});
