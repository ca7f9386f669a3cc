import { beforeEach, describe, expect, it } from 'vitest';
import { Secret, type PlanReport } from '@goldenthread/core';
import { declares, STACK_FILES, stackWorld, type ReleaseWorldInMemory } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import type { Selection } from '../stack/selection.ts';
import type { StackWorld } from '../stack/world.ts';
import { apply } from './apply.ts';
import { bake } from './bake.ts';
import { plan, type Plans } from './plan.ts';
import { release } from './release.ts';
import { verify } from './verify.ts';

let at: ReleaseWorldInMemory;
beforeEach(async () => {
  at = await stackWorld();
});

async function world(): Promise<StackWorld> {
  const graph = await loadGraph(at.ports, at.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return { ports: at.ports, graph: graph.value, call: at.call() };
}

const ALL: Selection = { stacks: [], environments: [], pending: true, since: null };
const AUTO = { approvals: { find: async () => ({ ok: true, value: null }) as const, ask: null, auto: true } };

async function planned(more: Partial<Selection> = {}): Promise<Plans> {
  const done = await plan(await world(), { ...ALL, ...more });
  if (!done.ok) throw new Error(JSON.stringify(done.failures));
  return done.value;
}

const brief = ({ reports }: Plans): readonly string[] =>
  reports.map(({ stack, environment, state, plan: made, reasons }: PlanReport) => {
    const changes = (made?.changes ?? []).map(({ action, address }) => `${action} ${address}`);
    return `${stack} ${environment} ${state}: ${[...changes, ...(state === 'planned' ? [] : reasons)].join(', ')}`;
  });

async function releaseEdge(): Promise<void> {
  const job = { ...(await world()), options: {} };
  await bake(job, ['edge']);
  for (const image of ['base', 'edge']) await verify(job, image);
  expect(await release(job, ['edge'])).toMatchObject({ failures: [] });
}

async function applyAll(): Promise<void> {
  expect(await apply(await world(), ALL, AUTO)).toMatchObject({ ok: true, value: { failures: [] } });
}

describe('plan', () => {
  it('goes through environments by stage and through stacks in order, and invents nothing', async () => {
    expect(brief(await planned())).toEqual([
      'network test planned: create zone',
      'fleet test deferred: edge has no version here yet, which image is to get',
      'other test planned: create bucket',
      'network production planned: create zone',
      'fleet production deferred: edge has no version here yet, which image is to get',
    ]);
    expect([...at.infra.states.keys()]).toEqual([]);
    expect(at.releases.entries).toEqual([]);
  });

  it('plans a stack with outputs that the one below it is only planned to have', async () => {
    await releaseEdge();
    const fleet = (await planned({ stacks: ['fleet'], environments: ['test'] })).reports.find(
      ({ stack }) => stack === 'fleet',
    );
    expect(fleet?.plan?.inputs).toMatchObject([
      { name: 'image', from: 'edge 1.0.0, the default' },
      { name: 'zones', value: { is: 'value', value: 'a' }, from: 'zones of network' },
    ]);
    expect(fleet?.plan?.changes.map(({ address }) => address)).toEqual(['machine', 'route']);
  });

  it('defers what takes an output that only an apply would show, and says which', async () => {
    await releaseEdge();
    at.files.set('infra/fleet/stack.yaml', 'inputs:\n  zones: { stack: network, output: id }\n');
    expect(brief(await planned({ environments: ['production'] }))).toContain(
      'fleet production deferred: id of network is known only when network has been applied',
    );
    await apply(
      await world(),
      { ...ALL, stacks: ['network'], environments: ['production'] },
      { ...AUTO, allowDirty: true },
    );
    expect(brief(await planned({ environments: ['production'] }))).toContain(
      'fleet production planned: create machine, create route',
    );
  });

  it('defers what reads the state of a stack whose outputs would change', async () => {
    const files = { ...STACK_FILES, 'infra/fleet/stack.yaml': 'uses:\n  - stack: network\n' };
    at = await stackWorld(files);
    const here = await world();
    const edges = here.graph.edges.map((edge) =>
      edge.to === 'network' && edge.from === 'fleet' ? { ...edge, readsState: true as const } : edge,
    );
    const done = await plan(
      { ...here, graph: { ...here.graph, edges } },
      { ...ALL, environments: ['production'] },
    );
    expect(done.ok && brief(done.value)).toEqual([
      'network production planned: create zone',
      'fleet production deferred: it reads the state of network, whose id, zones would change',
    ]);
  });

  it('plans nothing where what runs is what is declared', async () => {
    await releaseEdge();
    await applyAll();
    at.infra.calls.length = 0;
    expect(brief(await planned()).every((line) => line.includes(' current: '))).toBe(true);
    expect(at.infra.calls).toEqual([]);
  });

  it('plans exactly the stacks that an image feeds when its default moves, and says why', async () => {
    await releaseEdge();
    await applyAll();
    await at.change('feat: two', {
      'libs/roles/hardening/tasks/main.yml': '- ansible.builtin.debug: { msg: two }\n',
    });
    await releaseEdge();
    const plans = await planned();
    expect(brief(plans).filter((line) => line.includes('planned'))).toEqual([
      'fleet test planned: replace machine',
      'fleet production planned: replace machine',
    ]);
    expect(plans.reports.find(({ stack }) => stack === 'fleet')?.reasons).toEqual([
      'edge moved from 1.0.0 to 1.1.0',
    ]);
  });

  it('keeps an environment on a pinned version, and on the channel that it follows', async () => {
    await releaseEdge();
    await applyAll();
    await at.change('feat: two', {
      'libs/roles/hardening/tasks/main.yml': '- ansible.builtin.debug: { msg: two }\n',
      'infra/environments/production/environment.yaml':
        'stage: 1\nstacks: [network, fleet]\npins: { edge: 1.0.0 }\n',
    });
    await releaseEdge();
    expect(brief(await planned()).filter((line) => line.includes('planned'))).toEqual([
      'fleet test planned: replace machine',
    ]);
    at.files.set(
      'infra/environments/production/environment.yaml',
      'stage: 1\nstacks: [network, fleet]\nchannel: slow\n',
    );
    expect(brief(await planned({ environments: ['production'], pending: false }))).toContain(
      'fleet production deferred: edge has no version here yet, which image is to get',
    );
  });

  it('plans what a change affects, and what it was asked for by name', async () => {
    await releaseEdge();
    await applyAll();
    at.files.set('infra/other/things.json', JSON.stringify({ things: { bucket: { value: 2 } } }));
    expect(brief(await planned({ pending: false, since: { base: 'HEAD', head: null } }))).toEqual([
      'other test planned: update bucket',
    ]);
    expect(brief(await planned({ pending: false, stacks: ['network'], environments: ['test'] }))).toEqual([
      'network test planned: ',
    ]);
  });

  it('shows a stack that nobody named where a named one was planned with its changes', async () => {
    await releaseEdge();
    expect(brief(await planned({ stacks: ['fleet'], environments: ['test'] }))).toEqual([
      'network test planned: create zone',
      'fleet test planned: create machine, create route',
    ]);
  });

  it('leaves each plan where apply finds it', async () => {
    const { reports } = await planned({ stacks: ['other'] });
    expect(at.reports.get('other/plan.test.json')).toEqual(reports[0]?.plan);
  });

  it('names what breaks a rule, with the line of the declaration', async () => {
    await applyAll().catch(() => undefined);
    await at.change('feat: rules', {
      'infra/environments/test/environment.yaml':
        'stage: 0\nstacks: [other]\npolicy:\n  - protect: [buck*]\n  - rule: rules.txt\n    level: warn\n',
      'infra/environments/test/rules.txt': 'refuse bucket: not on a Friday\n',
      ...declares('other', { things: { bucket: { value: 2, type: 'bucket', forces: true } } }),
    });
    const [report] = (await planned({ stacks: ['other'] })).reports;
    expect(report?.violations).toMatchObject([
      {
        rule: 'protect buck*',
        level: 'deny',
        resource: 'bucket',
        at: { file: 'infra/environments/test/environment.yaml', line: 4 },
      },
      {
        rule: 'rule rules.txt',
        level: 'warn',
        resource: 'bucket',
        message: 'not on a Friday',
        at: { line: 5 },
      },
    ]);
  });

  it('plans to destroy what is declared no more, from the commit that it was applied from, and says what would allow it', async () => {
    await releaseEdge();
    await applyAll();
    for (const file of ['infra/other/stack.yaml', 'infra/other/things.json']) at.files.delete(file);
    await at.change('feat!: no bucket', {
      'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [network, fleet]\n',
    });
    const gone = (await planned()).reports.find(({ stack }) => stack === 'other');
    expect(gone?.plan).toMatchObject({ aim: 'destroy', changes: [{ action: 'delete', address: 'bucket' }] });
    expect(gone?.removed).toMatchObject({
      allowed: false,
      hint: expect.stringContaining('retire: [other]') as string,
    });
    at.files.set(
      'infra/environments/test/environment.yaml',
      'stage: 0\nstacks: [network, fleet]\nretire: [other]\n',
    );
    expect((await planned({ stacks: ['other'] })).reports).toMatchObject([
      { stack: 'other', removed: { allowed: true } },
    ]);
  });

  it('goes on after a stack that cannot be planned, and says what waits for it', async () => {
    await releaseEdge();
    at.files.set('infra/network/things.json', '{}');
    const infra = at.ports.infra;
    at.ports.infra = async (name) => {
      const engine = await infra(name);
      if (!engine.ok) return engine;
      const { preview, ...rest } = engine.value;
      const failing: typeof preview = async (order, aim, call) =>
        order.stack.name === 'network'
          ? { ok: false, failures: [{ code: 'tool-failed', tool: 'terraform', detail: 'no' }] }
          : preview(order, aim, call);
      return { ok: true, value: { ...rest, preview: failing } };
    };
    const plans = await planned({ environments: ['test'] });
    expect(brief(plans)).toEqual([
      'network test failed: terraform failed',
      'fleet test deferred: network could not be planned, zones of network is known only when network has been applied',
      'other test planned: create bucket',
    ]);
    expect(plans.failures).toMatchObject([{ code: 'tool-failed' }]);
  });

  it('refuses names that are none, and a stack that no such environment lists', async () => {
    const here = await world();
    expect(await plan(here, { ...ALL, stacks: ['netwrk'], environments: ['prod'] })).toMatchObject({
      ok: false,
      failures: [
        { code: 'project-unknown', near: ['network'] },
        { code: 'project-unknown', kind: 'environment' },
      ],
    });
    expect(await plan(here, { ...ALL, stacks: ['other'], environments: ['production'] })).toMatchObject({
      ok: false,
      failures: [{ code: 'usage', detail: 'the stack other is not in production' }],
    });
  });

  it('hides a secret that one stack hands to another, and sees that it is another', async () => {
    await releaseEdge();
    const digests = new Set<string>();
    for (const hidden of ['planted-1', 'planted-2']) {
      const infra = at.ports.infra;
      const ports = {
        ...at.ports,
        infra: async (name: string) => {
          const engine = await infra(name);
          if (!engine.ok) return engine;
          const preview: typeof engine.value.preview = async (order, aim, call) => {
            const made = await engine.value.preview(order, aim, call);
            if (!made.ok || order.stack.name !== 'network') return made;
            return { ok: true, value: { ...made.value, outputs: new Map([['zones', new Secret(hidden)]]) } };
          };
          return { ok: true as const, value: { ...engine.value, preview } };
        },
      };
      const done = await plan(
        { ...(await world()), ports },
        { ...ALL, stacks: ['fleet'], environments: ['test'] },
      );
      expect(JSON.stringify([done, [...at.reports], at.events])).not.toContain(hidden);
      if (done.ok) digests.add(done.value.reports.at(-1)?.plan?.digest ?? '');
    }
    expect(digests.size).toBe(2);
  });
});
