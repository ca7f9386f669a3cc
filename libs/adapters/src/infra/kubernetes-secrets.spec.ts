import {
  Secret,
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

const labelled = (label: string): string => `apiVersion: v1
kind: ServiceAccount
metadata: {name: web, labels: {team: "${label}"}}
`;

describe('a stack for Kubernetes', () => {
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
  const failures = (result: Result<unknown>): unknown => (result.ok ? null : result.failures);
  const preview = async (order: StackOrder): Promise<Previewed> =>
    must(await engine.preview(order, 'apply', call));
  const plan = async (order: StackOrder): Promise<PlanContent> => (await preview(order)).content;
  const apply = async (order: StackOrder): Promise<void> =>
    void must(await (await preview(order)).apply(call));
  const refusal = async (order: StackOrder): Promise<unknown> =>
    failures(await engine.preview(order, 'apply', call));

  it('shows no secret among labels, and takes none for a name', async () => {
    const inputs = { token: new Secret('plant-8e') };
    const order = await stack.order(labelled('${token}'), { inputs });
    const previewed = await preview(order);
    expect(previewed.content.changes[0]?.tags).toMatchObject({ team: '***' });
    must(await previewed.apply(call));
    const dropping = await plan(await stack.order(''));
    expect(dropping.changes.map(({ action, tags }) => [action, tags?.['team']])).toEqual([['delete', '***']]);
    expect(JSON.stringify([previewed.content, dropping, events])).not.toContain('plant-8e');
    const named = await refusal(await stack.order(kubernetesThing('x-${token}', 'a'), { inputs }));
    expect(named).toMatchObject([
      { code: 'declaration-invalid', found: expect.stringContaining('a secret') as string },
    ]);
    expect(JSON.stringify(named)).not.toContain('plant-8e');
  });

  it('shows nothing of a secret where it was, even when it is one no more', async () => {
    const value = (text: string): string => kubernetesThing('one', text);
    const secret = new Secret('plant-3c');
    await apply(await stack.order(value('${token}'), { inputs: { token: secret } }));
    const order = await stack.order(value('open'));
    const content = await plan(order);
    expect(content.changes[0]?.attributes).toEqual([
      { path: 'data.value', before: { is: 'sensitive' }, after: { is: 'sensitive' }, forces: false },
    ]);
    expect(JSON.stringify([content, events, [...stack.cluster.world.objects.keys()]])).not.toContain(
      'plant-3c',
    );
  });

  it('hides secrets in what the server says', async () => {
    const inputs = { token: new Secret('plant 77!') };
    const failures = await refusal(await stack.order(labelled('${token}'), { inputs }));
    expect(failures).toMatchObject([{ code: 'store-refused', status: 422 }]);
    expect(JSON.stringify(failures)).toContain('***');
    expect(JSON.stringify(failures)).not.toContain('plant 77!');
  });

  it('tells no secret when the server refuses and repeats it', async () => {
    const order = await stack.order(kubernetesThing('held', '${token}', 'Secret'), {
      inputs: { token: new Secret('plant-9b') },
    });
    const previewed = await preview(order);
    const held = Buffer.from('plant-9b').toString('base64');
    const body = JSON.stringify({
      kind: 'Status',
      message: `no plant-9b (${held}) here`,
      reason: 'Odd',
      code: 400,
    });
    stack.cluster.intercept = ({ method }) => (method === 'PATCH' ? { status: 400, body } : null);
    const refused = failures(await previewed.apply(call));
    expect(refused).toMatchObject([
      { code: 'apply-failed', detail: 'applying v1/Secret shop/held was refused: no *** (***) here' },
    ]);
    expect(JSON.stringify(events)).not.toMatch(/plant-9b/);
  });
});
