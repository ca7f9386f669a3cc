import { beforeEach, describe, expect, it } from 'vitest';
import { ok } from '@goldenthread/core';
import {
  AUTO_APPROVAL,
  foundApproval,
  stackWorld,
  thingsIn,
  type ReleaseWorldInMemory,
} from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import type { Approvals } from '../stack/approval.ts';
import type { Selection } from '../stack/selection.ts';
import type { StackWorld } from '../stack/world.ts';
import { apply, type Applies } from './apply.ts';
import { bake } from './bake.ts';
import { destroy, forget } from './destroy.ts';
import { plan } from './plan.ts';
import { release } from './release.ts';
import { verify } from './verify.ts';

let at: ReleaseWorldInMemory;

async function world(): Promise<StackWorld> {
  const graph = await loadGraph(at.ports, at.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return { ports: at.ports, graph: graph.value, call: at.call() };
}

const OTHER: Selection = { stacks: ['other'], environments: ['test'], pending: true, since: null };
const ALL: Selection = { stacks: [], environments: [], pending: true, since: null };
const AUTO: Approvals = AUTO_APPROVAL;
let FOUND: Approvals;

async function applied(selection: Selection, approvals: Approvals = FOUND): Promise<Applies> {
  const done = await apply(await world(), selection, { approvals });
  if (!done.ok) throw new Error(JSON.stringify(done.failures));
  return done.value;
}

async function planned(): Promise<void> {
  expect(await plan(await world(), OTHER)).toMatchObject({ ok: true, value: { failures: [] } });
}

const real = (stack?: string): readonly string[] => thingsIn(at, stack);

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

describe('what is declared no more', () => {
  const WITHOUT = 'stage: 0\nstacks: [network, fleet]\n';
  async function remove(environment: string): Promise<void> {
    for (const file of ['infra/other/stack.yaml', 'infra/other/things.json']) at.files.delete(file);
    await at.change('feat!: no bucket', { 'infra/environments/test/environment.yaml': environment });
  }

  it('stays, and is said each time, until its environment allows to destroy it', async () => {
    await applied(OTHER, AUTO);
    await remove(WITHOUT);
    const { failures } = await applied(ALL, AUTO);
    expect(failures).toContainEqual(expect.objectContaining({ code: 'destroy-refused', stack: 'other' }));
    expect(real()).toEqual(['bucket']);
    await remove(`${WITHOUT}retire: [other]\n`);
    expect((await applied(OTHER)).failures).toMatchObject([{ code: 'plan-missing' }]);
    await planned();
    expect(await applied(OTHER)).toMatchObject({ done: [{ state: 'destroyed' }], failures: [] });
    expect(real()).toEqual([]);
    expect(at.releases.ledger.has('stacks/test/other.yaml')).toBe(false);
    expect(at.releases.entries.at(-1)?.what).toBe('destroy other in test: gone');
  });

  it('is destroyed by name as well, but nothing that others stand on', async () => {
    await releaseEdge();
    await applied(ALL, AUTO);
    const network = { stack: 'network', environment: 'test' };
    expect(await destroy(await world(), network, { approvals: AUTO })).toMatchObject({
      ok: true,
      value: { failures: [{ code: 'destroy-refused', why: 'fleet stands on it' }] },
    });
    for (const stack of ['fleet', 'network'])
      expect(await destroy(await world(), { ...network, stack }, { approvals: AUTO })).toMatchObject({
        ok: true,
        value: { failures: [] },
      });
    expect([real('fleet'), real('network')]).toEqual([[], []]);
    expect(await destroy(await world(), network, { approvals: AUTO })).toMatchObject({
      ok: false,
      failures: [{ code: 'usage' }],
    });
  });

  it('is no destruction of what has only got another name', async () => {
    await applied(OTHER, AUTO);
    const state = at.infra.states.get('other test');
    for (const file of ['infra/other/stack.yaml', 'infra/other/things.json']) at.files.delete(file);
    await at.change('feat: rename', {
      'infra/store/stack.yaml': '',
      'infra/store/things.json': JSON.stringify({ things: { bucket: { value: 1, type: 'bucket' } } }),
      'infra/environments/test/environment.yaml': `${WITHOUT.replace('fleet]', 'fleet, store]')}retire: [other]\n`,
    });
    // The same state under another name, as a stack of Terraform has it in the same folder.
    const infra = at.ports.infra;
    at.ports.infra = async (name) => {
      const engine = await infra(name);
      if (!engine.ok) return engine;
      const preview: typeof engine.value.preview = async (order, aim, call) => {
        const made = await engine.value.preview(order, aim, call);
        return made.ok
          ? ok({ ...made.value, content: { ...made.value.content, state: 'other/test serial 1' } })
          : made;
      };
      return ok({ ...engine.value, preview });
    };
    const store = { ...OTHER, stacks: ['store'] };
    const refused = await applied(store, AUTO);
    expect(refused.failures).toMatchObject([
      { code: 'state-other', why: expect.stringContaining('--forget') as string },
    ]);
    expect(await forget(await world(), { stack: 'other', environment: 'test' }, 'renamed')).toEqual(
      ok(undefined),
    );
    expect((await applied(store, AUTO)).failures).toEqual([]);
    expect(at.releases.ledger.has('stacks/test/other.yaml')).toBe(false);
    expect(at.infra.states.get('other test')).toBe(state);
  });
});
