import {
  canonical,
  type Call,
  type Event,
  type InfraEngine,
  type PlanContent,
  type Previewed,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { kubernetesStack, kubernetesThing, type KubernetesStack } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKubernetes } from './kubernetes.ts';

const deployment = (more = '', app = 'web'): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: shop}}
spec:
  selector: {matchLabels: {app: ${app}}}
  template: {metadata: {labels: {app: ${app}}}, spec: {containers: [{name: web, image: "web:1"}]}}
${more}`;

const DEFINITION = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.things.example.org}
spec:
  group: things.example.org
  scope: Cluster
  names: {kind: Widget, plural: widgets}
  versions: [{name: v1, served: true, storage: true}]
`;

const WIDGET = 'apiVersion: things.example.org/v1\nkind: Widget\nmetadata: {name: one}\nspec: {size: 1}\n';

describe('a plan for Kubernetes', () => {
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
  const plan = async (order: StackOrder): Promise<PlanContent> => (await preview(order)).content;
  const apply = async (order: StackOrder): Promise<void> =>
    void must(await (await preview(order)).apply(call));
  const refusal = async (order: StackOrder): Promise<unknown> => {
    const refused = await engine.preview(order, 'apply', call);
    return refused.ok ? null : refused.failures;
  };
  const brief = ({ changes }: PlanContent): readonly string[] =>
    changes.map((one) => `${one.action} ${one.address}`);
  const notes = (): string =>
    events.flatMap((event) => (event.type === 'note' ? [event.text] : [])).join('\n');

  it('names objects, their types and labels, and shows what is declared of them', async () => {
    const { changes, state, secrets, outputs } = await plan(await stack.order(deployment()));
    const [change] = changes;
    expect(change).toMatchObject({
      address: 'apps/v1/Deployment shop/web',
      type: 'apps/v1/Deployment',
      region: null,
    });
    expect(change?.tags).toEqual({
      team: 'shop',
      'goldenthread.dev/stack': 'shop',
      'goldenthread.dev/environment': 'production',
    });
    const paths = change?.attributes.map(({ path }) => path) ?? [];
    expect(paths).toContain('spec.template.spec.containers.0.image');
    // Defaults of the server are nobody's wish.
    expect(paths).not.toContain('spec.replicas');
    expect([state, secrets, outputs]).toEqual([null, null, {}]);
  });

  it('changes nothing', async () => {
    await plan(await stack.order([deployment(), kubernetesThing('one', 'a')].join('---\n')));
    expect(
      stack.cluster.asked.filter((one) => /^(POST|PUT|DELETE)|^PATCH (?!.*dryRun=All)/.test(one)),
    ).toEqual([]);
    expect(stack.cluster.world.objects.size).toBe(2);
  });

  it('is the same where the server gives addresses at random', async () => {
    const order = await stack.order(
      'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n',
    );
    expect(canonical((await plan(order)) as never)).toBe(canonical((await plan(order)) as never));
    await apply(order);
    expect(brief(await plan(order))).toEqual([]);
  });

  it('shows a change with what it was and will be', async () => {
    await apply(await stack.order(deployment('  replicas: 1\n')));
    const { changes } = await plan(await stack.order(deployment('  replicas: 3\n')));
    expect(changes.map(({ attributes }) => attributes)).toEqual([
      [
        {
          path: 'spec.replicas',
          before: { is: 'value', value: 1 },
          after: { is: 'value', value: 3 },
          forces: false,
        },
      ],
    ]);
  });

  it('replaces what cannot be changed, and says which field forces it', async () => {
    await apply(await stack.order(deployment()));
    const order = await stack.order(deployment('', 'shop'));
    const { changes } = await plan(order);
    expect(changes.map(({ action }) => action)).toEqual(['replace']);
    const forcing = changes[0]?.attributes.filter(({ forces }) => forces).map(({ path }) => path);
    expect(forcing).toEqual(['spec.selector.matchLabels.app']);
    const before = stack.cluster.object('Deployment', 'shop', 'web');
    await apply(order);
    const after = stack.cluster.object('Deployment', 'shop', 'web');
    expect(after?.['metadata']).not.toMatchObject({ uid: uidOf(before) });
    expect(brief(await plan(order))).toEqual([]);
  });

  it('finds the field that forces a replacement also where the server calls it by another name', async () => {
    const service = (address: string): string =>
      `apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: ${address}, ports: [{port: 80}]}\n`;
    await apply(await stack.order(service('10.96.9.1')));
    const { changes } = await plan(await stack.order(service('10.96.9.2')));
    expect(changes[0]?.attributes.filter(({ forces }) => forces).map(({ path }) => path)).toEqual([
      'spec.clusterIP',
    ]);
  });

  it('makes things in a namespace, and of a kind, that the same stack brings', async () => {
    const sources = [
      'apiVersion: v1\nkind: Namespace\nmetadata: {name: fresh}\n',
      DEFINITION,
      WIDGET,
      kubernetesThing('one', 'a'),
    ];
    const order = await stack.order(sources.toReversed().join('---\n'), {
      kubernetes: { namespace: 'fresh' },
    });
    expect(brief(await plan(order))).toEqual([
      'create apiextensions.k8s.io/v1/CustomResourceDefinition widgets.things.example.org',
      'create things.example.org/v1/Widget one',
      'create v1/ConfigMap fresh/one',
      'create v1/Namespace fresh',
    ]);
    expect(notes()).toMatch(/things\.example\.org\/v1\/Widget one could not be tried/);
    await apply(order);
    expect(brief(await plan(order))).toEqual([]);
    expect(stack.cluster.object('ConfigMap', 'fresh', 'one')).toBeDefined();
    const destroying = await preview(order, 'destroy');
    must(await destroying.apply(call));
    expect(stack.cluster.object('Namespace', null, 'fresh')).toBeUndefined();
    expect(must(await engine.outputs(order, call))).toBeNull();
  });

  it('waits until a server serves what it has just learnt', async () => {
    const order = await stack.order([DEFINITION, WIDGET].join('---\n'));
    const previewed = await preview(order);
    let times = 0;
    const body = '{"kind":"Status","message":"not found","reason":"NotFound"}';
    stack.cluster.intercept = ({ method, url }) =>
      method === 'PATCH' && url.pathname.endsWith('/widgets/one') && ++times < 3
        ? { status: 404, body }
        : null;
    must(await previewed.apply(call));
    expect(times).toBe(3);
  });

  it('takes things of a kind that comes from elsewhere on trust, and its apply says when that has not come', async () => {
    const order = await stack.order(WIDGET);
    const previewed = await preview(order);
    expect(brief(previewed.content)).toEqual(['create things.example.org/v1/Widget shop/one']);
    expect(await previewed.apply(call)).toMatchObject({
      ok: false,
      failures: [
        {
          code: 'apply-failed',
          detail: expect.stringMatching(/does not know things\.example\.org\/v1\/Widget/) as string,
        },
      ],
    });
    must(await (await preview(await stack.order(DEFINITION, { name: 'kinds' }))).apply(call));
    expect(await previewed.apply(call)).toMatchObject({ ok: false, failures: [{ code: 'plan-outdated' }] });
    await apply(await stack.order(WIDGET));
    expect(stack.cluster.object('Widget', null, 'one')).toBeDefined();
  });

  it('waits for a namespace that nobody declares', async () => {
    const order = await stack.order(kubernetesThing('one', 'a'), { kubernetes: { namespace: 'nowhere' } });
    expect(await refusal(order)).toMatchObject(
      [{ code: 'plan-deferred', why: /^the namespace nowhere is not there/ }].map(matching),
    );
  });

  it('takes a misspelt kind for a mistake, with its place', async () => {
    const order = await stack.order(deployment().replace('kind: Deployment', 'kind: Deploymnt'));
    expect(await refusal(order)).toMatchObject([
      { code: 'declaration-invalid', found: expect.stringContaining('Deploymnt') as string, at: { line: 1 } },
    ]);
  });

  it('leaves what controllers and people set beside it alone', async () => {
    const order = await stack.order([deployment(), kubernetesThing('one', 'a')].join('---\n'));
    await apply(order);
    stack.cluster.change(['Deployment', 'shop', 'web'], { spec: { replicas: 7 } }, 'autoscaler');
    stack.cluster.change(['ConfigMap', 'shop', 'one'], { metadata: { annotations: { seen: 'yes' } } });
    expect(brief(must(await engine.drift(order, call)))).toEqual([]);
  });

  it('sees a field of ours that somebody changed, and takes it back', async () => {
    const order = await stack.order(deployment('  replicas: 2\n'));
    await apply(order);
    stack.cluster.change(['Deployment', 'shop', 'web'], { spec: { replicas: 5 } }, 'kubectl-edit');
    const drift = must(await engine.drift(order, call));
    expect(drift.changes.map(({ action, attributes }) => [action, attributes])).toEqual([
      [
        'update',
        [
          {
            path: 'spec.replicas',
            before: { is: 'value', value: 5 },
            after: { is: 'value', value: 2 },
            forces: false,
          },
        ],
      ],
    ]);
    await apply(order);
    expect(stack.cluster.object('Deployment', 'shop', 'web')?.['spec']).toMatchObject({ replicas: 2 });
    expect(brief(must(await engine.drift(order, call)))).toEqual([]);
  });

  it('does not fight about a field that never was ours, and says whose it is', async () => {
    await apply(await stack.order(deployment()));
    stack.cluster.change(['Deployment', 'shop', 'web'], { spec: { replicas: 5 } }, 'autoscaler');
    const failures = await refusal(await stack.order(deployment('  replicas: 2\n')));
    expect(failures).toMatchObject([
      { code: 'not-permitted', hint: expect.stringContaining('--force-conflicts') as string },
    ]);
    expect(JSON.stringify(failures)).toMatch(/\.spec\.replicas.*autoscaler.*apps\/v1\/Deployment shop\/web/);
  });

  it('does not touch what another stack has made', async () => {
    await apply(await stack.order(kubernetesThing('one', 'a'), { name: 'other' }));
    const order = await stack.order(kubernetesThing('one', 'b'));
    expect(await refusal(order)).toMatchObject([
      {
        code: 'not-permitted',
        what: 'managing v1/ConfigMap shop/one, which belongs to the stack other in production',
      },
    ]);
    expect(
      await refusal(await stack.order(kubernetesThing('one', 'a'), { environment: 'staging' })),
    ).not.toBeNull();
  });

  it('takes over what is there and belongs to nobody, and says so', async () => {
    const order = await stack.order(kubernetesThing('one', 'a'));
    await apply(order);
    stack.cluster.change(['ConfigMap', 'shop', 'one'], {
      metadata: { labels: { 'goldenthread.dev/stack': null, 'goldenthread.dev/environment': null } },
    });
    const { changes } = await plan(order);
    expect(changes.map(({ action }) => action)).toEqual(['update']);
    expect(notes()).toMatch(/v1\/ConfigMap shop\/one is there already and belongs to no stack/);
  });

  it('does not replace what is not ours', async () => {
    await apply(await stack.order(deployment('', 'theirs')));
    const labels = { 'goldenthread.dev/stack': null, 'goldenthread.dev/environment': null };
    stack.cluster.change(['Deployment', 'shop', 'web'], { metadata: { labels } });
    expect(await refusal(await stack.order(deployment()))).toMatchObject([
      {
        code: 'not-permitted',
        what: expect.stringMatching(/^replacing .*shop\/web.*spec\.selector/) as string,
      },
    ]);
  });

  it('deletes only what its labels still call ours', async () => {
    await apply(await stack.order([kubernetesThing('one', 'a'), kubernetesThing('two', 'b')].join('---\n')));
    stack.cluster.change(['ConfigMap', 'shop', 'one'], {
      metadata: { labels: { 'goldenthread.dev/stack': null } },
    });
    const order = await stack.order(kubernetesThing('two', 'b'));
    expect(brief(await plan(order))).toEqual([]);
    expect(notes()).toMatch(/v1\/ConfigMap shop\/one is left alone/);
    must(await (await preview(order, 'destroy')).apply(call));
    expect(stack.cluster.object('ConfigMap', 'shop', 'one')).toBeDefined();
    expect(stack.cluster.object('ConfigMap', 'shop', 'two')).toBeUndefined();
  });

  it('does not delete a namespace in which something stays', async () => {
    const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: fresh}\n';
    const inside = { kubernetes: { namespace: 'fresh' } };
    await apply(await stack.order([namespace, kubernetesThing('one', 'a')].join('---\n'), inside));
    expect(await refusal(await stack.order(kubernetesThing('one', 'a'), inside))).toMatchObject([
      { code: 'destroy-refused', why: expect.stringContaining('v1/ConfigMap fresh/one is in it') as string },
    ]);
  });

  it('keeps what it owns when its namespace becomes another', async () => {
    await apply(await stack.order(kubernetesThing('one', 'a')));
    const order = await stack.order(kubernetesThing('one', 'a'), { kubernetes: { namespace: 'default' } });
    expect(brief(await plan(order))).toEqual([
      'create v1/ConfigMap default/one',
      'delete v1/ConfigMap shop/one',
    ]);
    await apply(order);
    expect(brief(await plan(order))).toEqual([]);
  });

  it('makes anew what is being deleted, when it is gone', async () => {
    const order = await stack.order(kubernetesThing('one', 'a'));
    await apply(order);
    const of = ['ConfigMap', 'shop', 'one'] as const;
    stack.cluster.change(of, {
      metadata: { finalizers: ['example.org/slow'], deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    const previewed = await preview(order);
    expect(brief(previewed.content)).toEqual(['create v1/ConfigMap shop/one']);
    let looks = 0;
    stack.cluster.intercept = ({ method, url }) => {
      if (method === 'GET' && url.pathname.endsWith('/one') && ++looks === 3) stack.cluster.remove(...of);
      return null;
    };
    must(await previewed.apply(call));
    expect(stack.cluster.object(...of)?.['metadata']).not.toHaveProperty('deletionTimestamp');
  });

  it('takes a field away that is not declared any more, and shows nothing of what others have beside it', async () => {
    const value = (more: string): string => `${kubernetesThing('one', 'a')}${more}`;
    await apply(await stack.order(value('  more: b\n')));
    stack.cluster.change(['ConfigMap', 'shop', 'one'], { data: { theirs: 'c' } });
    const order = await stack.order(value(''));
    expect((await plan(order)).changes[0]?.attributes).toEqual([
      { path: 'data.more', before: { is: 'value', value: 'b' }, after: { is: 'absent' }, forces: false },
    ]);
    await apply(order);
    expect(stack.cluster.object('ConfigMap', 'shop', 'one')?.['data']).toEqual({ value: 'a', theirs: 'c' });
  });

  it('gives the words of the server where a field is of a wrong type', async () => {
    const failures = await refusal(await stack.order(kubernetesThing('one', 'yes')));
    expect(JSON.stringify(failures)).toMatch(/store-refused.*\.data\.value: expected string/);
  });
});

const uidOf = (object: { readonly metadata?: unknown } | undefined): unknown =>
  (object?.metadata as { readonly uid?: string } | undefined)?.uid;

/** An object whose patterns match texts. */
const matching = (wanted: Readonly<Record<string, string | RegExp>>): unknown =>
  Object.fromEntries(
    Object.entries(wanted).map(([key, one]) => [
      key,
      typeof one === 'string' ? one : (expect.stringMatching(one) as unknown),
    ]),
  );
