import { beforeEach, describe, expect, it } from 'vitest';
import { ok } from '@goldenthread/core';
import { STACK_FILES, stackWorld, type ReleaseWorldInMemory } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import type { StackWorld } from '../stack/world.ts';
import { apply } from './apply.ts';
import { bake } from './bake.ts';
import { impact, type Impact } from './impact.ts';
import { release } from './release.ts';
import { verify } from './verify.ts';

let at: ReleaseWorldInMemory;

async function world(): Promise<StackWorld> {
  const graph = await loadGraph(at.ports, at.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return { ports: at.ports, graph: graph.value, call: at.call() };
}

async function of(word: string, plan = true): Promise<Impact> {
  const done = await impact(await world(), word, { plan });
  if (!done.ok) throw new Error(JSON.stringify(done.failures));
  return done.value;
}

beforeEach(async () => {
  at = await stackWorld({
    ...STACK_FILES,
    'apps/shop/service.yaml': 'stacks: [fleet]\n',
    'infra/environments/production/environment.yaml':
      'stage: 1\nstacks: [network, fleet]\nservices: [shop]\n',
  });
  const job = { ...(await world()), options: {} };
  await bake(job, ['edge']);
  for (const image of ['base', 'edge']) await verify(job, image);
  await release(job, ['edge']);
  const auto = { approvals: { find: async () => ok(null), ask: null, auto: true } };
  expect(
    await apply(await world(), { stacks: [], environments: [], pending: true, since: null }, auto),
  ).toMatchObject({ ok: true, value: { failures: [] } });
});

describe('impact', () => {
  it('goes through all tiers, each project once, with the edge through which it is reached', async () => {
    const { of: what, reached } = await of('hardening', false);
    expect(what).toBe('the role role-hardening');
    expect(reached.map(({ kind, name, by }) => `${kind} ${name} ${by?.to ?? '-'}`)).toEqual([
      'role role-hardening -',
      'image edge role-hardening',
      'stack fleet edge',
      'service shop fleet',
      'environment production fleet',
      'environment test fleet',
    ]);
  });

  it('shows that a change which is not baked yet is not known yet', async () => {
    at.files.set('libs/roles/hardening/tasks/main.yml', '- ansible.builtin.debug: { msg: two }\n');
    const { candidates, plans } = await of('libs/roles/hardening/tasks/main.yml');
    expect(candidates).toEqual([
      { image: 'edge', digest: null, now: { production: '1.0.0', test: '1.0.0' } },
    ]);
    expect(
      plans.map(({ stack, environment, state, reasons }) => [stack, environment, state, reasons]),
    ).toEqual([
      ['fleet', 'test', 'deferred', ['its resources are known once edge is baked']],
      ['fleet', 'production', 'deferred', ['its resources are known once edge is baked']],
    ]);
  });

  it('names the resources that would be replaced once it is baked, and changes nothing', async () => {
    at.files.set('libs/roles/hardening/tasks/main.yml', '- ansible.builtin.debug: { msg: two }\n');
    await bake({ ...(await world()), options: {} }, ['edge']);
    const entries = at.releases.entries.length;
    const { plans } = await of('edge');
    expect(
      plans.map(({ environment, plan }) => [
        environment,
        plan?.changes.map(({ action, address }) => `${action} ${address}`),
      ]),
    ).toEqual([
      ['test', ['replace machine']],
      ['production', ['replace machine']],
    ]);
    expect(at.releases.entries).toHaveLength(entries);
  });

  it('says that nothing would change where what is baked is what is the default', async () => {
    const { plans } = await of('edge');
    expect(plans.map(({ plan }) => plan?.changes)).toEqual([[], []]);
  });

  it('takes a folder, and refuses a word that means nothing', async () => {
    expect((await of('infra/network', false)).reached.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['network', 'fleet', 'test', 'production']),
    );
    expect(await impact(await world(), 'edg', { plan: false })).toMatchObject({
      ok: false,
      failures: [{ code: 'project-unknown', near: ['edge'] }],
    });
  });
});
