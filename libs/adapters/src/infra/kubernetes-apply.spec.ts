import type { Call, Event, InfraEngine, Outputs, Previewed, Result, StackOrder } from '@goldenthread/core';
import { kubernetesStack, kubernetesThing, type KubernetesStack } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKubernetes } from './kubernetes.ts';

const deployment = (name = 'web', replicas = 1): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template: {metadata: {labels: {app: ${name}}}, spec: {containers: [{name: web, image: "web:1"}]}}
`;

const CLAIM =
  'apiVersion: platform.example.org/v1alpha1\nkind: Database\nmetadata: {name: main}\nspec: {size: small}\n';
const JOB =
  'apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: "a:1"}]}}}\n';

const THREE = ['one', 'two', 'three'].map((name) => kubernetesThing(name, 'a')).join('---\n');

describe('an apply to Kubernetes', () => {
  let stack: KubernetesStack;
  let engine: InfraEngine;
  let events: Event[];
  let call: Call;
  beforeEach(async () => {
    stack = await kubernetesStack();
    engine = createKubernetes({ root: stack.root, home: stack.root, blobs: null as never }, { interval: 5 });
    events = [];
    call = { signal: new AbortController().signal, emit: (event) => void events.push(event) };
  });
  afterEach(() => stack.dispose());

  const must = <T>(result: Result<T>): T => {
    if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
    return result.value;
  };
  const preview = async (order: StackOrder, aim: 'apply' | 'destroy' = 'apply'): Promise<Previewed> =>
    must(await engine.preview(order, aim, call));
  const apply = async (order: StackOrder): Promise<Result<Outputs>> => (await preview(order)).apply(call);
  const changes = async (order: StackOrder): Promise<readonly string[]> =>
    (await preview(order)).content.changes.map(({ action, address }) => `${action} ${address}`);
  const failures = (result: Result<unknown>): unknown => (result.ok ? null : result.failures);
  /** What was really written, in order: the method and the last two parts of the path. */
  const written = (): readonly string[] =>
    stack.cluster.asked
      .filter((one) => !one.startsWith('GET') && !one.includes('dryRun'))
      .map(
        (one) =>
          `${one.split(' ')[0]} ${(one.split(' ')[1] ?? '').split('?')[0]?.split('/').slice(-2).join('/')}`,
      );

  it('writes down what it will own first, then makes things in a sane order, and deletes last', async () => {
    must(await apply(await stack.order({ 'manifests/old.yaml': kubernetesThing('old', 'a') })));
    stack.cluster.asked.length = 0;
    const sources = [
      deployment(),
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n',
      kubernetesThing('one', 'a'),
    ];
    must(await apply(await stack.order(sources.join('---\n'))));
    expect(written()).toEqual([
      expect.stringMatching(/^PUT configmaps\/goldenthread-shop-production-[0-9a-f]{8}$/),
      'PATCH serviceaccounts/web',
      'PATCH configmaps/one',
      'PATCH deployments/web',
      'DELETE configmaps/old',
      expect.stringMatching(/^PUT configmaps\/goldenthread-shop-production-/),
    ]);
    const steps = events.flatMap((event) =>
      event.type === 'step' && event.state === 'done' ? [event.step] : [],
    );
    expect(steps).toContain('create apps/v1/Deployment shop/web');
    expect(steps.at(-1)).toBe('delete v1/ConfigMap shop/old');
  });

  it('lists for people what it owns', async () => {
    must(await apply(await stack.order(THREE)));
    const name =
      [...stack.cluster.world.objects.keys()].find((key) => key.includes('goldenthread-shop')) ?? '';
    const inventory = stack.cluster.object('ConfigMap', 'shop', name.split('|').at(-1) ?? '');
    expect(inventory?.['data']).toEqual({
      objects: 'v1/ConfigMap shop/one\nv1/ConfigMap shop/two\nv1/ConfigMap shop/three\n',
    });
  });

  it('waits until deployments, jobs and claims are ready', async () => {
    const order = await stack.order([deployment(), CLAIM, JOB].join('---\n'));
    must(await apply(order));
    expect(stack.cluster.object('Deployment', 'shop', 'web')?.['status']).toMatchObject({
      availableReplicas: 1,
    });
    expect(stack.cluster.object('Database', 'shop', 'main')?.['status']).toMatchObject({
      conditions: [{}, { status: 'True' }],
    });
    expect(await changes(order)).toEqual([]);
  });

  it('fails where something is not ready in time, with its own words', async () => {
    stack.cluster.world.stuck.set('Database main', 'no such subnet');
    const refused = await apply(await stack.order(CLAIM, { kubernetes: { timeout: 1 } }));
    expect(failures(refused)).toEqual([
      {
        code: 'apply-failed',
        stack: 'shop',
        environment: 'production',
        detail:
          'platform.example.org/v1alpha1/Database shop/main is not ready: its condition Ready is False: Stuck: no such subnet',
      },
    ]);
  });

  it('waits also where nothing is left to be changed: an earlier one may have been broken off while it waited', async () => {
    stack.cluster.world.stuck.set('Database main', 'no such subnet');
    const order = await stack.order(CLAIM, { kubernetes: { timeout: 1 } });
    expect(failures(await apply(order))).toMatchObject([{ code: 'apply-failed' }]);
    expect(await changes(order)).toEqual([]);
    expect(failures(await apply(order))).toMatchObject([{ code: 'apply-failed' }]);
    stack.cluster.world.stuck.clear();
    must(await apply(order));
  });

  it('does not wait for what has failed', async () => {
    stack.cluster.world.stuck.set('Job migrate', 'exit code 1');
    const refused = await apply(await stack.order(JOB, { kubernetes: { timeout: 600 } }));
    expect(failures(refused)).toMatchObject([
      { code: 'apply-failed', detail: expect.stringContaining('exit code 1') as string },
    ]);
  });

  it('keeps what is to be deleted while something new is not ready', async () => {
    must(await apply(await stack.order(kubernetesThing('old', 'a'))));
    stack.cluster.world.stuck.set('Deployment web', 'no image');
    const order = await stack.order(deployment(), { kubernetes: { timeout: 1 } });
    expect(failures(await apply(order))).toMatchObject([
      { detail: expect.stringContaining('no image') as string },
    ]);
    expect(stack.cluster.object('ConfigMap', 'shop', 'old')).toBeDefined();
    stack.cluster.world.stuck.clear();
    expect(await changes(order)).toEqual(['delete v1/ConfigMap shop/old']);
    must(await apply(order));
    expect(await changes(order)).toEqual([]);
  });

  it.each([1, 2, 3])('is finished by the next run when it is broken off after %i writes', async (most) => {
    const order = await stack.order(THREE);
    let writes = 0;
    stack.cluster.intercept = ({ method, url }) =>
      method !== 'GET' && !url.searchParams.has('dryRun') && ++writes > most ? 'cut' : null;
    expect(failures(await apply(order))).toMatchObject([{ code: 'unreachable' }]);
    stack.cluster.intercept = null;
    const left = await changes(order);
    expect(left).toHaveLength(4 - most);
    must(await apply(order));
    expect(await changes(order)).toEqual([]);
    must(await (await preview(order, 'destroy')).apply(call));
    expect(stack.cluster.world.objects.size).toBe(2);
  });

  it('forgets nothing of an apply that was broken off and is not wanted any more', async () => {
    const order = await stack.order(THREE);
    stack.cluster.intercept = ({ method, url }) =>
      method === 'PATCH' && url.pathname.endsWith('/three') && !url.searchParams.has('dryRun') ? 'cut' : null;
    expect((await apply(order)).ok).toBe(false);
    stack.cluster.intercept = null;
    expect(await changes(await stack.order(kubernetesThing('four', 'a')))).toEqual([
      'create v1/ConfigMap shop/four',
      'delete v1/ConfigMap shop/one',
      'delete v1/ConfigMap shop/two',
    ]);
  });

  it('is refused when something it looked at has changed, and names it', async () => {
    const order = await stack.order([deployment(), kubernetesThing('one', 'a')].join('---\n'));
    must(await apply(order));
    const next = await stack.order([deployment('web', 3), kubernetesThing('one', 'b')].join('---\n'));
    const previewed = await preview(next);
    stack.cluster.change(['Deployment', 'shop', 'web'], { spec: { minReadySeconds: 5 } });
    stack.cluster.remove('ConfigMap', 'shop', 'one');
    stack.cluster.asked.length = 0;
    expect(failures(await previewed.apply(call))).toEqual([
      {
        code: 'plan-outdated',
        stack: 'shop',
        environment: 'production',
        moved: ['apps/v1/Deployment shop/web was changed by somebody else', 'v1/ConfigMap shop/one is gone'],
      },
    ]);
    expect(written()).toEqual([]);
  });

  it('is not refused because a controller wrote the status meanwhile', async () => {
    const order = await stack.order(deployment());
    must(await apply(order));
    const previewed = await preview(await stack.order(deployment('web', 2)));
    const before = previewed.content.state;
    stack.cluster.change(['Deployment', 'shop', 'web'], { status: { readyReplicas: 0 } }, 'controller');
    expect((await preview(await stack.order(deployment('web', 2)))).content.state).toBe(before);
    must(await previewed.apply(call));
  });

  it('is made on a state whose name says which inventory, and then how far things are', async () => {
    const things = kubernetesThing('one', 'a');
    must(await apply(await stack.order(things)));
    must(await apply(await stack.order(things.replaceAll('one', 'two'), { name: 'other' })));
    const names = [
      (await preview(await stack.order(things))).content.state,
      (await preview(await stack.order(things.replaceAll('one', 'two'), { name: 'other' }))).content.state,
    ];
    expect(names).toEqual([
      expect.stringMatching(/^goldenthread-shop-production-[0-9a-f]{8}\/\S+ \w+$/),
      expect.stringMatching(/^goldenthread-other-production-[0-9a-f]{8}\/\S+ \w+$/),
    ]);
    expect((await preview(await stack.order(things))).content.state).toBe(names[0]);
  });

  it('is refused when somebody made a thing meanwhile that it would make', async () => {
    const order = await stack.order(kubernetesThing('one', 'a'));
    const previewed = await preview(order);
    must(await apply(await stack.order(kubernetesThing('one', 'z'), { name: 'other' })));
    expect(failures(await previewed.apply(call))).toMatchObject([{ code: 'not-permitted' }]);
    expect(stack.cluster.object('ConfigMap', 'shop', 'one')?.['data']).toEqual({ value: 'z' });
  });

  it('happens once when two begin at the same time', async () => {
    const order = await stack.order(THREE);
    const [first, second] = [await preview(order), await preview(order)];
    const both = await Promise.all([first.apply(call), second.apply(call)]);
    expect(both.map(({ ok }) => ok).toSorted()).toEqual([false, true]);
    expect(both.flatMap((one) => (one.ok ? [] : one.failures))).toMatchObject([{ code: 'plan-outdated' }]);
  });

  it('stops waiting when it is cancelled', async () => {
    stack.cluster.world.stuck.set('Database main', 'no such subnet');
    const stop = new AbortController();
    const previewed = await preview(await stack.order(CLAIM));
    const applying = previewed.apply({ ...call, signal: stop.signal });
    await vi.waitUntil(() => stack.cluster.asked.filter((one) => /^GET .*\/main$/.test(one)).length > 4, {
      timeout: 20_000,
    });
    stop.abort();
    expect(failures(await applying)).toEqual([{ code: 'cancelled' }]);
    expect(written()).toEqual([expect.stringMatching(/^POST shop\/configmaps$/), 'PATCH databases/main']);
  });

  it('bears a server that is away for a moment while it waits', async () => {
    const previewed = await preview(await stack.order(deployment()));
    let looks = 0;
    stack.cluster.intercept = ({ method, url }) =>
      method === 'GET' && url.pathname.endsWith('/web') && [2, 3].includes(++looks)
        ? { status: 503, body: '{}' }
        : null;
    must(await previewed.apply(call));
    expect(looks).toBeGreaterThan(3);
  });

  it('waits until what it deletes is gone, and names what holds it', async () => {
    must(await apply(await stack.order(kubernetesThing('one', 'a'), { kubernetes: { timeout: 1 } })));
    stack.cluster.change(['ConfigMap', 'shop', 'one'], { metadata: { finalizers: ['example.org/slow'] } });
    const order = await stack.order('', { kubernetes: { timeout: 1 } });
    expect(failures(await apply(order))).toMatchObject([
      { code: 'apply-failed', detail: expect.stringContaining('its finalizers: example.org/slow') as string },
    ]);
  });

  it('destroys in the reverse order, and by what it owns alone: its sources may be gone', async () => {
    must(await apply(await stack.order([deployment(), kubernetesThing('one', 'a')].join('---\n'))));
    const destroying = await preview(await stack.order({}), 'destroy');
    stack.cluster.asked.length = 0;
    must(await destroying.apply(call));
    expect(written()).toEqual([
      expect.stringMatching(/^PUT configmaps\/goldenthread-/),
      'DELETE deployments/web',
      'DELETE configmaps/one',
      expect.stringMatching(/^DELETE configmaps\/goldenthread-/),
    ]);
    expect(stack.cluster.world.objects.size).toBe(2);
  });

  it('has nothing to destroy where nothing was made', async () => {
    const destroying = await preview(await stack.order(THREE), 'destroy');
    expect(destroying.content.changes).toEqual([]);
    stack.cluster.asked.length = 0;
    must(await destroying.apply(call));
    expect(written()).toEqual([]);
  });
});
