import { beforeEach, describe, expect, it } from 'vitest';
import { fail, ok, type Failure, type Preview } from '@goldenthread/core';
import {
  AUTO_APPROVAL,
  declares,
  foundApproval,
  recordIn,
  stackWorld,
  thingsIn,
  type ReleaseWorldInMemory,
} from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import type { Approvals } from './approval.ts';
import type { ApplyOptions } from './carry-out.ts';
import type { Selection } from './selection.ts';
import type { StackWorld } from './world.ts';
import { apply, type Applies } from '../commands/apply.ts';
import { plan } from '../commands/plan.ts';

let at: ReleaseWorldInMemory;

async function world(signal?: AbortSignal): Promise<StackWorld> {
  const graph = await loadGraph(at.ports, at.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return { ports: at.ports, graph: graph.value, call: at.call(signal) };
}

const OTHER: Selection = { stacks: ['other'], environments: ['test'], pending: true, since: null };
const AUTO: Approvals = AUTO_APPROVAL;
let FOUND: Approvals;

async function applied(
  selection: Selection,
  approvals: Approvals = FOUND,
  more: Partial<ApplyOptions> = {},
): Promise<Applies> {
  const done = await apply(await world(), selection, { approvals, ...more });
  if (!done.ok) throw new Error(JSON.stringify(done.failures));
  return done.value;
}

async function planned(selection: Selection = OTHER): Promise<Preview> {
  const done = await plan(await world(), selection);
  if (!done.ok) throw new Error(JSON.stringify(done.failures));
  const made = done.value.reports[0]?.plan;
  if (!made) throw new Error(JSON.stringify(done.value));
  return made;
}

const record = (stack?: string): Record<string, unknown> => recordIn(at, stack);
const real = (): readonly string[] => thingsIn(at);

beforeEach(async () => {
  at = await stackWorld();
  FOUND = foundApproval(at);
});

describe('what was left half done', () => {
  it('is taken for ready only after its engine has seen to it, although nothing is left to be changed', async () => {
    await planned();
    at.infra.touch = async () => {
      at.infra.states.get('other test')?.things.set('bucket', { value: 1, id: 'x' });
      return fail({ code: 'apply-failed', stack: 'other', environment: 'test', detail: 'not ready in time' });
    };
    await applied(OTHER);
    expect(record()).toMatchObject({ condition: 'stalled' });
    at.infra.touch = async () => ok(undefined);
    at.infra.calls.length = 0;
    expect((await applied(OTHER)).failures).toEqual([]);
    expect(at.infra.calls).toContain('apply other test');
    expect(record()).toMatchObject({ condition: 'ready' });
  });
});

describe('a state that somebody else holds', () => {
  it('is left alone, and the record says what it said before', async () => {
    await applied(OTHER, AUTO);
    const before = at.releases.ledger.get('stacks/test/other.yaml');
    await at.change('feat: two', declares('other', { things: { bucket: { value: 2 } } }));
    const locked: Failure = {
      code: 'state-locked',
      stack: 'other',
      environment: 'test',
      holder: 'ann@laptop',
      wayOut: 'Ask ann.',
    };
    at.infra.touch = async () => fail(locked);
    const { done, failures } = await applied(OTHER, AUTO);
    expect([done.map(({ state }) => state), failures]).toEqual([['waiting'], [locked]]);
    expect(at.releases.ledger.get('stacks/test/other.yaml')).toBe(before);
    expect(at.releases.entries.at(-1)).toMatchObject({ what: 'apply other in test: not begun' });
  });
});

describe('the gate', () => {
  it('refuses a plan that breaks a rule, whoever approved it', async () => {
    await applied(OTHER, AUTO);
    await at.change('feat: rules', {
      'infra/environments/test/environment.yaml':
        'stage: 0\nstacks: [network, fleet, other]\npolicy:\n  - protect: [bucket]\n',
      ...declares('other', { things: {} }),
    });
    await planned();
    for (const approvals of [FOUND, AUTO]) {
      const { failures } = await applied(OTHER, approvals);
      expect(failures).toMatchObject([
        {
          code: 'policy-violated',
          violations: [
            { resource: 'bucket', at: { file: 'infra/environments/test/environment.yaml', line: 4 } },
          ],
        },
      ]);
    }
    expect(real()).toEqual(['bucket']);
  });

  it('refuses files that nobody committed, unless that is said', async () => {
    at.files.set('infra/other/things.json', JSON.stringify({ things: { bucket: { value: 3 } } }));
    expect((await applied(OTHER, AUTO)).failures).toMatchObject([
      {
        code: 'not-permitted',
        what: 'applying other from files that are not committed (infra/other/things.json)',
      },
    ]);
    expect((await applied({ ...OTHER, stacks: ['network'] }, AUTO)).failures).toEqual([]);
    expect((await applied(OTHER, AUTO, { allowDirty: true })).failures).toEqual([]);
  });

  it('says what it would do, and does nothing', async () => {
    expect((await applied(OTHER, AUTO, { dryRun: true })).done).toMatchObject([{ state: 'would-apply' }]);
    expect(real()).toEqual([]);
    expect(at.releases.entries).toEqual([]);
  });

  it('takes nothing for ready that a new plan would change again', async () => {
    const infra = at.ports.infra;
    at.ports.infra = async (name) => {
      const engine = await infra(name);
      if (!engine.ok) return engine;
      const preview: typeof engine.value.preview = async (order, aim, call) => {
        const made = await engine.value.preview(order, aim, call);
        if (!made.ok || made.value.content.changes.length > 0) return made;
        const restless = {
          address: 'clock',
          type: 'clock',
          action: 'update',
          attributes: [],
          region: null,
          tags: null,
        } as const;
        return ok({ ...made.value, content: { ...made.value.content, changes: [restless] } });
      };
      return ok({ ...engine.value, preview });
    };
    expect((await applied(OTHER, AUTO)).failures).toEqual([
      { code: 'not-settled', stack: 'other', environment: 'test', changes: ['update clock'] },
    ]);
    expect(record()).toMatchObject({ condition: 'stalled' });
  });

  it('lets one of two applies wait for the other, and then find nothing to do', async () => {
    await planned();
    const both = await Promise.all([applied(OTHER), applied(OTHER)]);
    expect(both.flatMap(({ failures }) => failures)).toEqual([]);
    expect(both.flatMap(({ done }) => done.map(({ state }) => state)).sort()).toEqual(['applied', 'current']);
  });
});

describe('two machines at once', () => {
  it('never leave the record of one over that of the other', async () => {
    await applied(OTHER, AUTO);
    await at.change('feat: two', declares('other', { things: { bucket: { value: 2 } } }));
    // Another machine knows no lock of this one.
    at.ports.locks.hold = async () => ok(async () => undefined);
    const both = await Promise.all([applied(OTHER, AUTO), applied(OTHER, AUTO)]);
    const states = both.flatMap(({ done }) => done.map(({ state }) => state));
    expect(states).toContain('applied');
    const sources = record()['sources'];
    expect(at.infra.states.get('other test')?.things.get('bucket')?.value).toBe(2);
    expect((await applied(OTHER, AUTO)).failures).toEqual([]);
    expect(record()).toMatchObject({ condition: 'ready', sources });
  });

  it('take no rules from files that nobody committed', async () => {
    at.files.set(
      'infra/environments/test/environment.yaml',
      'stage: 0\nstacks: [network, fleet, other]\npolicy: []\n',
    );
    expect((await applied(OTHER, AUTO)).failures).toMatchObject([
      { code: 'not-permitted', what: expect.stringContaining('environment.yaml') as string },
    ]);
  });
});
