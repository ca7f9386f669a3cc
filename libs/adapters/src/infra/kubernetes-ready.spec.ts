import type { Json } from '@goldenthread/core';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from './kubernetes-object.ts';
import { readiness } from './kubernetes-ready.ts';

type Part = { readonly [key: string]: Json };

const object = (apiVersion: string, kind: string, spec: Part, status: Part | null): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'one', generation: 2 },
  spec,
  ...(status ? { status } : {}),
});

const condition = (type: string, status: string, more: Part = {}): Part => ({
  type,
  status,
  reason: 'R',
  message: 'M',
  ...more,
});

const said = (one: KubeObject, categories: readonly string[] = []): string => {
  const judged = readiness(one, categories);
  return judged.ready ? 'ready' : `${judged.hopeless ? 'never' : 'wait'}: ${judged.why}`;
};

const SEEN = { observedGeneration: 2 };

describe('an object is ready', () => {
  const deployment = (status: Part | null): KubeObject =>
    object('apps/v1', 'Deployment', { replicas: 2 }, status);
  const up = { ...SEEN, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };

  it.each([
    [null, /^wait: its controller has not seen it yet/],
    [{ ...up, observedGeneration: 1 }, /^wait: its controller has seen generation 1 of 2/],
    [{ ...up, updatedReplicas: 1 }, /^wait: 1 of 2 replicas are updated/],
    [{ ...up, replicas: 3 }, /^wait: old replicas/],
    [
      { ...up, availableReplicas: 1, conditions: [condition('Available', 'False')] },
      /^wait: 1 of 2 .* available.*R: M/,
    ],
    [
      { ...up, conditions: [condition('Progressing', 'False', { reason: 'ProgressDeadlineExceeded' })] },
      /^never: .*: M/,
    ],
    [up, /^ready$/],
  ])('as a Deployment by its rollout: %j', (status, words) => {
    expect(said(deployment(status))).toMatch(words);
  });

  it('as a StatefulSet when its replicas are updated and ready, down to its partition', () => {
    const set = (spec: Part, status: Part): KubeObject =>
      object('apps/v1', 'StatefulSet', { replicas: 3, ...spec }, status);
    expect(said(set({}, {}))).toMatch(/not seen/);
    expect(said(set({}, { ...SEEN, updatedReplicas: 1, readyReplicas: 3 }))).toMatch(/1 of 3 .* updated/);
    expect(said(set({}, { ...SEEN, updatedReplicas: 3, readyReplicas: 2 }))).toMatch(/2 of 3 .* ready/);
    expect(said(set({}, { ...SEEN, updatedReplicas: 3, readyReplicas: 3 }))).toBe('ready');
    const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } };
    expect(said(set(partition, { ...SEEN, updatedReplicas: 1, readyReplicas: 3 }))).toBe('ready');
    expect(said(set({ updateStrategy: { type: 'OnDelete' } }, {}))).toBe('ready');
  });

  it('as a DaemonSet when its pods are on all nodes', () => {
    const set = (status: Part): KubeObject => object('apps/v1', 'DaemonSet', {}, status);
    expect(said(set({}))).toMatch(/not seen/);
    const all = { ...SEEN, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 };
    expect(said(set({ ...all, updatedNumberScheduled: 1 }))).toMatch(/1 of 2 pods are updated/);
    expect(said(set({ ...all, numberAvailable: 0 }))).toMatch(/0 of 2 pods are available/);
    expect(said(set(all))).toBe('ready');
  });

  it('as a Job when it is complete, and never when it has failed', () => {
    const job = (status: Part, spec: Part = {}): KubeObject => object('batch/v1', 'Job', spec, status);
    expect(said(job({}))).toMatch(/^wait/);
    expect(said(job({ conditions: [condition('Complete', 'True')] }))).toBe('ready');
    expect(said(job({ conditions: [condition('Failed', 'True')] }))).toMatch(/^never: .*R: M/);
    expect(said(job({}, { suspend: true }))).toBe('ready');
  });

  it('as a Pod when it is ready or done', () => {
    const pod = (status: Part): KubeObject => object('v1', 'Pod', {}, status);
    expect(said(pod({ phase: 'Pending' }))).toMatch(/^wait/);
    expect(said(pod({ phase: 'Failed', message: 'evicted' }))).toMatch(/^never: .*evicted/);
    expect(said(pod({ phase: 'Succeeded' }))).toBe('ready');
    expect(said(pod({ phase: 'Running', conditions: [condition('Ready', 'True')] }))).toBe('ready');
  });

  it('as a claim of Crossplane when it is both synced and ready, and not before it says anything', () => {
    const claim = (...conditions: readonly Part[]): KubeObject =>
      object('platform.example.org/v1', 'Database', {}, conditions.length === 0 ? null : { conditions });
    const of = ['claim'];
    expect(said(claim(), of)).toMatch(/^wait: it has no condition Synced yet/);
    expect(said(claim(condition('Synced', 'True')), of)).toMatch(/^wait: it has no condition Ready yet/);
    expect(said(claim(condition('Synced', 'True'), condition('Ready', 'False')), of)).toMatch(
      /^wait: .*Ready is False: R: M/,
    );
    expect(said(claim(condition('Synced', 'True'), condition('Ready', 'True')), of)).toBe('ready');
  });

  it('as anything else by the conditions it has, for its own generation', () => {
    const other = (...conditions: readonly Part[]): KubeObject =>
      object('x.example.org/v1', 'X', {}, { conditions });
    expect(said(other())).toBe('ready');
    expect(said(other(condition('Odd', 'False')))).toBe('ready');
    expect(said(other(condition('Available', 'False')))).toMatch(/^wait: .*Available is False/);
    expect(said(other(condition('Ready', 'True', { observedGeneration: 1 })))).toMatch(
      /^wait: .*generation 1, it has 2/,
    );
    expect(said(other(condition('Ready', 'True', { observedGeneration: 2 })))).toBe('ready');
    expect(said({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })).toBe('ready');
  });
});
