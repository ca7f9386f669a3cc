import { beforeEach, describe, expect, it } from 'vitest';
import { fail, ok, type Failure, type Preview } from '@goldenthread/core';
import {
  AUTO_APPROVAL,
  declares,
  foundApproval,
  recordIn,
  sha256,
  stackWorld,
  thingsIn,
  type ReleaseWorldInMemory,
} from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import type { Approvals } from '../stack/approval.ts';
import type { ApplyOptions } from '../stack/carry-out.ts';
import type { Selection } from '../stack/selection.ts';
import type { StackWorld } from '../stack/world.ts';
import { apply, type Applies } from './apply.ts';
import { bake } from './bake.ts';
import { setChannel } from './channel.ts';
import { plan } from './plan.ts';
import { release } from './release.ts';
import { verify } from './verify.ts';

let at: ReleaseWorldInMemory;

async function world(signal?: AbortSignal): Promise<StackWorld> {
  const graph = await loadGraph(at.ports, at.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return { ports: at.ports, graph: graph.value, call: at.call(signal) };
}

const OTHER: Selection = { stacks: ['other'], environments: ['test'], pending: true, since: null };
const ALL: Selection = { stacks: [], environments: [], pending: true, since: null };
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

const moved = ({ failures }: Applies): readonly string[] =>
  failures.flatMap((failure: Failure) => (failure.code === 'plan-outdated' ? failure.moved : [failure.code]));

const record = (stack?: string): Record<string, unknown> => recordIn(at, stack);
const real = (): readonly string[] => thingsIn(at);

async function releaseEdge(): Promise<void> {
  const job = { ...(await world()), options: {} };
  await bake(job, ['edge']);
  for (const image of ['base', 'edge']) await verify(job, image);
  expect(await release(job, ['edge'])).toMatchObject({ failures: [] });
}

beforeEach(async () => {
  at = await stackWorld();
  FOUND = foundApproval(at);
});

describe('apply', () => {
  it('does what was planned, and records it', async () => {
    const { digest } = await planned();
    const { done, failures } = await applied(OTHER);
    expect(failures).toEqual([]);
    expect(done).toMatchObject([
      { stack: 'other', state: 'applied', reasons: ['it was never applied here'] },
    ]);
    expect(real()).toEqual(['bucket']);
    expect(record()).toMatchObject({
      condition: 'ready',
      plan: digest,
      engine: 'terraform',
      root: 'infra/other',
      state: 'other/test serial 1',
    });
    expect(at.releases.entries.map(({ what }) => what)).toEqual([
      'apply other in test: reconciling',
      'apply other in test: ready',
    ]);
    expect(at.releases.entries[0]).toMatchObject({ nodes: ['other'], environments: ['test'] });
  });

  it('does nothing the second time, without asking for an approval, and writes nothing', async () => {
    await applied(OTHER, AUTO);
    const entries = at.releases.entries.length;
    expect((await applied(OTHER, FOUND)).done).toMatchObject([{ state: 'current' }]);
    expect((await applied({ ...OTHER, pending: false }, FOUND)).done).toMatchObject([{ state: 'unchanged' }]);
    expect(at.releases.entries).toHaveLength(entries);
  });

  it('waits for an approval where nobody gave one and nobody can be asked', async () => {
    const { failures } = await applied(OTHER);
    expect(failures).toEqual([{ code: 'plan-missing', stack: 'other', environment: 'test' }]);
    expect(real()).toEqual([]);
    expect(at.releases.entries).toEqual([]);
  });

  it('asks a person with the plan at hand, and takes no for an answer', async () => {
    const asked: string[] = [];
    const ask =
      (answer: boolean): NonNullable<Approvals['ask']> =>
      async ({ changes }) => {
        asked.push(...changes.map(({ address }) => address));
        return ok(answer);
      };
    expect((await applied(OTHER, { ...FOUND, ask: ask(false) })).failures).toMatchObject([
      { code: 'plan-missing' },
    ]);
    expect(real()).toEqual([]);
    expect((await applied(OTHER, { ...FOUND, ask: ask(true) })).failures).toEqual([]);
    expect(asked).toEqual(['bucket', 'bucket']);
  });

  it('applies in order, each with what those below it really gave', async () => {
    await releaseEdge();
    at.files.set(
      'infra/fleet/stack.yaml',
      'images: { image: edge }\ninputs:\n  zones: { stack: network, output: id }\n',
    );
    at.commit();
    const { done, failures } = await applied(ALL, AUTO);
    expect(failures).toEqual([]);
    expect(done.map(({ stack, environment, state }) => `${stack} ${environment} ${state}`)).toEqual([
      'network test applied',
      'fleet test applied',
      'other test applied',
      'network production applied',
      'fleet production applied',
    ]);
    const id = at.infra.states.get('network test')?.things.get('zone')?.id;
    expect(at.infra.states.get('fleet test')?.things.get('route')?.value).toBe(id);
  });

  it('says that what stands on a stack waits where that could not be applied', async () => {
    await releaseEdge();
    at.infra.touch = async (address) =>
      address === 'zone'
        ? fail({ code: 'apply-failed', stack: 'network', environment: 'test', detail: 'no quota' })
        : ok(undefined);
    const { done, failures } = await applied({ ...ALL, environments: ['test'] }, AUTO);
    expect(done.map(({ stack, state }) => `${stack} ${state}`)).toEqual([
      'network failed',
      'fleet waiting',
      'other applied',
    ]);
    expect(failures).toMatchObject([
      { code: 'apply-failed' },
      { code: 'plan-deferred', stack: 'fleet', why: 'network below it could not be applied' },
    ]);
    expect(record('network')).toMatchObject({
      condition: 'stalled',
      reason: expect.stringContaining('the apply failed') as string,
    });
  });

  it('follows a commit that changes nothing of what runs', async () => {
    await applied(OTHER, AUTO);
    const sha = await at.change('chore: another serial', {
      'infra/other/stack.yaml': '# a comment\nvariables: { unused: 1 }\n',
    });
    expect((await applied(OTHER)).done).toMatchObject([{ state: 'unchanged' }]);
    expect(record()).toMatchObject({ condition: 'ready', commit: { sha, dirty: false } });
  });
});

describe('an approved plan that is outdated', () => {
  it('by another commit is refused', async () => {
    await planned();
    await at.change('feat: more', declares('other', { things: { bucket: { value: 2 } } }));
    const outdated = await applied(OTHER);
    expect(moved(outdated)[0]).toMatch(/^its files are others than at [0-9a-f]{10}, where it was planned/);
    expect(real()).toEqual([]);
  });

  it('by changed inputs is refused', async () => {
    await releaseEdge();
    await applied({ ...ALL, stacks: ['network'], environments: ['test'] }, AUTO);
    const selection: Selection = { ...ALL, stacks: ['fleet'], environments: ['test'] };
    await planned(selection);
    await at.change('feat: two', {
      'libs/roles/hardening/tasks/main.yml': '- ansible.builtin.debug: { msg: two }\n',
    });
    await releaseEdge();
    expect(moved(await applied(selection))).toContain(
      'its inputs are others: image: was edge 1.0.0, the default, is edge 1.1.0, the default',
    );
    await setChannel(await world(), { image: 'edge', version: '1.0.0', channel: 'default', reason: 'back' });
    expect((await applied(selection)).failures).toEqual([]);
  });

  it('by a state that moved is refused, although it would do the same', async () => {
    await applied(OTHER, AUTO);
    await at.change('feat: more', declares('other', { things: { bucket: { value: 2 } } }));
    await planned();
    const state = at.infra.states.get('other test');
    if (state) state.serial += 1;
    expect(moved(await applied(OTHER))).toEqual([
      'its state has moved from other/test serial 1 to other/test serial 2',
    ]);
    expect(at.infra.states.get('other test')?.things.get('bucket')?.value).toBe(1);
  });

  it('by a plan that says something else is refused', async () => {
    await applied(OTHER, AUTO);
    await at.change(
      'feat: more',
      declares('other', { things: { bucket: { value: 2 }, table: { value: 1 } } }),
    );
    await planned();
    at.infra.states.get('other test')?.things.delete('bucket');
    expect(moved(await applied(OTHER))).toEqual(['would now create bucket']);
    expect(real()).toEqual([]);
  });

  it('is refused by its digest alone as well, and taken by it', async () => {
    const { digest } = await planned();
    const by = (approvedDigest: string): Approvals => ({
      ...FOUND,
      find: async () => ok({ by: 'digest', digest: approvedDigest }),
    });
    expect(moved(await applied(OTHER, by(sha256('another'))))).toEqual([
      `approved was ${sha256('another')}, the plan is ${digest} now`,
    ]);
    expect((await applied(OTHER, by(digest))).failures).toEqual([]);
  });

  it('is refused where somebody edited it', async () => {
    const made = await planned();
    at.reports.set('other/plan.test.json', { ...made, changes: [] });
    expect((await applied(OTHER)).failures).toMatchObject([{ code: 'content-corrupt' }]);
  });
});

describe('an apply that is broken off', () => {
  const two = declares('other', { things: { one: { value: 1 }, two: { value: 2 } } });

  /** Ends the process in the midst of an apply, as far as the world can tell: nothing is written after that. */
  async function killedAt(address: string): Promise<void> {
    const commit = at.ports.ledger;
    const dead = new Promise<never>(() => undefined);
    const killed = new Promise<void>((resolve) => {
      at.infra.touch = async (touched) => {
        if (touched !== address) return ok(undefined);
        resolve();
        return dead;
      };
    });
    void apply(await world(), OTHER, { approvals: FOUND }).catch(() => undefined);
    await killed;
    at.infra.touch = async () => ok(undefined);
    at.ports.ledger = commit;
  }

  it('is observed, planned and finished by the next run, without another approval', async () => {
    await at.change('feat: two things', two);
    const before = await planned();
    // The dead run holds its lock in this memory for ever: the next one is another machine.
    await killedAt('two');
    expect(record()).toMatchObject({ condition: 'reconciling', plan: before.digest });
    expect(real()).toEqual(['one']);
    at.ports.locks.hold = async () => ok(async () => undefined);
    const { done, failures } = await applied(OTHER);
    expect(failures).toEqual([]);
    expect(done).toMatchObject([
      { state: 'applied', reasons: expect.arrayContaining(['its last apply was broken off']) as string[] },
    ]);
    expect(done[0]?.plan?.changes.map(({ address }) => address)).toEqual(['two']);
    expect(record()).toMatchObject({ condition: 'ready' });
  });

  it('is not finished where something else has changed meanwhile', async () => {
    await at.change('feat: two things', two);
    await planned();
    await killedAt('two');
    at.ports.locks.hold = async () => ok(async () => undefined);
    at.infra.states.get('other test')?.things.set('foreign', { value: 1, id: 'x' });
    expect(moved(await applied(OTHER)).join()).toMatch(/would now delete foreign/);
    expect(real()).toEqual(['one', 'foreign']);
  });

  it('is recorded as stalled when it is cancelled, and can be finished', async () => {
    await at.change('feat: two things', two);
    await planned();
    const stop = new AbortController();
    at.infra.touch = async (address) => {
      if (address === 'two') stop.abort();
      return stop.signal.aborted ? fail({ code: 'cancelled' }) : ok(undefined);
    };
    const done = await apply(await world(stop.signal), OTHER, { approvals: FOUND });
    expect(done).toMatchObject({ ok: true, value: { failures: [{ code: 'cancelled' }] } });
    expect(record()).toMatchObject({ condition: 'stalled', reason: 'cancelled' });
    at.infra.touch = async () => ok(undefined);
    expect((await applied(OTHER)).failures).toEqual([]);
    expect(real()).toEqual(['one', 'two']);
  });
});
