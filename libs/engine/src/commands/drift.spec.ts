import { beforeEach, describe, expect, it } from 'vitest';
import { ok } from '@goldenthread/core';
import {
  AUTO_APPROVAL,
  declares,
  recordIn,
  stackWorld,
  type ReleaseWorldInMemory,
} from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import type { Approvals } from '../stack/approval.ts';
import type { Selection } from '../stack/selection.ts';
import type { StackWorld } from '../stack/world.ts';
import { apply } from './apply.ts';
import { drift, type DriftOptions, type Drifts } from './drift.ts';

let at: ReleaseWorldInMemory;

async function world(): Promise<StackWorld> {
  const graph = await loadGraph(at.ports, at.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return { ports: at.ports, graph: graph.value, call: at.call() };
}

const AUTO: Approvals = AUTO_APPROVAL;
const OTHER: Selection = { stacks: ['other'], environments: [], pending: false, since: null };

async function drifts(options: DriftOptions = {}, selection: Selection = OTHER): Promise<Drifts> {
  const done = await drift(await world(), selection, options);
  if (!done.ok) throw new Error(JSON.stringify(done.failures));
  return done.value;
}

const record = (): Record<string, unknown> => recordIn(at);
const titles = (): readonly string[] => at.releases.entries.map(({ what }) => what);
const tamper = (): void => void at.infra.states.get('other test')?.things.delete('bucket');
const bucket = (): unknown => at.infra.states.get('other test')?.things.get('bucket')?.value;

beforeEach(async () => {
  at = await stackWorld();
  expect(await apply(await world(), { ...OTHER, pending: true }, { approvals: AUTO })).toMatchObject({
    ok: true,
    value: { failures: [] },
  });
});

describe('drift', () => {
  it('finds none where all is as it was applied, and writes nothing', async () => {
    const before = titles().length;
    expect(await drifts()).toMatchObject({ observed: [{ state: 'clean' }], failures: [] });
    expect(titles()).toHaveLength(before);
  });

  it('says what differs, and writes it down once, and once more when it is gone', async () => {
    tamper();
    const seen = await drifts({ policy: 'report' });
    expect(seen.failures).toMatchObject([{ code: 'drifted', changes: ['+ create bucket'] }]);
    expect(record()).toMatchObject({ condition: 'ready', drift: { resources: ['create bucket'] } });
    const { drift: first } = record();
    await drifts({ policy: 'report' });
    expect(record()['drift']).toEqual(first);
    expect(titles().filter((what) => what.startsWith('drift '))).toEqual(['drift other in test: seen']);
    at.infra.states.get('other test')?.things.set('bucket', { value: 1, id: 'x' });
    expect(await drifts()).toMatchObject({ observed: [{ state: 'clean' }] });
    expect(titles().at(-1)).toBe('drift other in test: none any more');
  });

  it('is repaired where the environment says so', async () => {
    tamper();
    expect(await drifts()).toMatchObject({ observed: [{ state: 'repaired' }], failures: [] });
    expect(bucket()).toBe(1);
    expect(record()).toMatchObject({
      condition: 'ready',
      drift: null,
      reason: 'drift repaired: create bucket',
    });
  });

  it('is not repaired against the rules of the environment', async () => {
    await at.change('feat: rules', {
      'infra/environments/test/environment.yaml':
        'stage: 0\nstacks: [network, fleet, other]\ndrift: repair\npolicy:\n  - rule: rules.txt\n',
      'infra/environments/test/rules.txt': 'refuse bucket: ask first\n',
    });
    tamper();
    expect((await drifts()).failures).toMatchObject([{ code: 'policy-violated' }]);
    expect(bucket()).toBeUndefined();
  });

  it('leaves a plan that waits for approval where the environment asks for one', async () => {
    tamper();
    const { failures, observed } = await drifts({ policy: 'request' });
    expect([failures, observed]).toMatchObject([[{ code: 'repair-waits' }], [{ state: 'requested' }]]);
    expect(at.reports.get('other/repair.test.json')).toMatchObject({
      changes: [{ action: 'create', address: 'bucket' }],
    });
    expect(bucket()).toBeUndefined();
  });

  it('repairs what was applied, and never what is only declared by now', async () => {
    await at.change('feat: two', declares('other', { things: { bucket: { value: 2, type: 'bucket' } } }));
    expect(await drifts()).toMatchObject({ observed: [{ state: 'clean' }], failures: [] });
    tamper();
    expect(await drifts()).toMatchObject({ observed: [{ state: 'repaired' }] });
    expect(bucket()).toBe(1);
  });

  it('looks at what is declared no more as well', async () => {
    for (const file of ['infra/other/stack.yaml', 'infra/other/things.json']) at.files.delete(file);
    await at.change('feat!: gone', {
      'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [network]\n',
    });
    tamper();
    expect(await drifts()).toMatchObject({ observed: [{ stack: 'other', state: 'drifted' }] });
  });

  it('does nothing about what it cannot see, and says so', async () => {
    const infra = at.ports.infra;
    at.ports.infra = async (name) => {
      const engine = await infra(name);
      if (!engine.ok) return engine;
      return ok({
        ...engine.value,
        drift: async () => ({
          ok: false,
          failures: [{ code: 'unreachable', what: 'the cloud', detail: 'no route' }],
        }),
      });
    };
    tamper();
    const entries = titles().length;
    expect(await drifts()).toMatchObject({
      observed: [{ state: 'unknown' }],
      failures: [{ code: 'unreachable' }],
    });
    expect(titles()).toHaveLength(entries);
    expect(bucket()).toBeUndefined();
  });

  it('only says it in a dry run', async () => {
    tamper();
    const entries = titles().length;
    expect(await drifts({ dryRun: true })).toMatchObject({ observed: [{ state: 'drifted' }] });
    expect([titles().length, bucket()]).toEqual([entries, undefined]);
  });

  it('leaves a place alone whose last apply did not end, and says which was never applied', async () => {
    at.infra.touch = async () => ({
      ok: false,
      failures: [{ code: 'apply-failed', stack: 'other', environment: 'test', detail: 'no' }],
    });
    await at.change('feat: two', declares('other', { things: { bucket: { value: 2 } } }));
    await apply(await world(), { ...OTHER, pending: true }, { approvals: AUTO });
    expect(await drifts({}, { ...OTHER, stacks: [], environments: ['test'] })).toMatchObject({
      observed: [
        { stack: 'network', state: 'absent' },
        { stack: 'fleet', state: 'absent' },
        { stack: 'other', state: 'pending', reasons: ['its last apply did not come to rest'] },
      ],
      failures: [{ code: 'plan-deferred', stack: 'other' }],
    });
  });

  it('repairs nothing whose variables have other values than when it was applied', async () => {
    const infra = at.ports.infra;
    at.ports.infra = async (name) => {
      const engine = await infra(name);
      if (!engine.ok) return engine;
      const { drift: look, ...rest } = engine.value;
      const other: typeof look = async (order, call) => {
        const content = await look(order, call);
        return content.ok ? ok({ ...content.value, values: 'others' }) : content;
      };
      return ok({ ...rest, drift: other });
    };
    tamper();
    const { observed } = await drifts();
    expect(observed).toMatchObject([{ state: 'pending' }]);
    expect(observed[0]?.reasons.join()).toMatch(/its variables have other values than when it was applied/);
    expect(bucket()).toBeUndefined();
  });

  it('repairs only what it has seen, and reports the rest', async () => {
    const infra = at.ports.infra;
    at.ports.infra = async (name) => {
      const engine = await infra(name);
      if (!engine.ok) return engine;
      const preview: typeof engine.value.preview = async (order, aim, call) => {
        at.infra.states.get('other test')?.things.set('foreign', { value: 1, id: 'x' });
        return engine.value.preview(order, aim, call);
      };
      return ok({ ...engine.value, preview });
    };
    tamper();
    expect(await drifts()).toMatchObject({
      observed: [{ state: 'drifted' }],
      failures: [{ code: 'plan-missing' }],
    });
    expect([...(at.infra.states.get('other test')?.things.keys() ?? [])]).toEqual(['foreign']);
  });

  it('does no more than the environment declares, whatever is asked for', async () => {
    await at.change('feat: only say it', {
      'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [network, fleet, other]\n',
    });
    tamper();
    expect(await drifts({ policy: 'repair' })).toMatchObject({ observed: [{ state: 'drifted' }] });
    expect(bucket()).toBeUndefined();
  });

  it('sees that a state is gone, and makes nothing anew for it', async () => {
    at.infra.states.delete('other test');
    expect(await drifts()).toMatchObject({
      observed: [{ state: 'unknown' }],
      failures: [{ code: 'state-other' }],
    });
    expect(at.infra.states.has('other test')).toBe(false);
  });
});
