import { describe, expect, it } from 'vitest';
import { words, type Result, type StackOrder, type StackTester } from '@goldenthread/core';
import { STACK_FILES, stackWorld, type ReleaseWorldInMemory } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { casesOf, testStacks, type StackTests } from './test-stack.ts';

const FILES: Readonly<Record<string, string>> = {
  ...STACK_FILES,
  'infra/network/net.test': 'pass routes\npass answers\n',
  'infra/fleet/fleet.test': 'pass starts\nfail answers\n',
};

async function run(
  world: ReleaseWorldInMemory,
  stacks: readonly string[],
  environments: readonly string[] = [],
): Promise<Result<StackTests>> {
  const graph = await loadGraph(world.ports, world.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return testStacks({ ports: world.ports, graph: graph.value, call: world.call() }, stacks, environments);
}

/** A tester of every stack that answers what it is told to, and keeps its orders. */
function tester(more: Partial<StackTester> = {}): StackTester & { readonly orders: StackOrder[] } {
  const orders: StackOrder[] = [];
  return {
    name: 'other',
    tools: [],
    tests: (files, { root }) => files.filter((file) => file.startsWith(`${root}/`)),
    test: async (order) => {
      orders.push(order);
      return {
        ok: true,
        value: {
          name: 'other',
          verifier: 'other',
          on: 'files',
          seconds: 0,
          cases: [{ name: 'x', outcome: 'passed', seconds: 0 }],
        },
      };
    },
    ...more,
    orders,
  };
}

async function worldWith(...testers: readonly StackTester[]): Promise<ReleaseWorldInMemory> {
  const world = await stackWorld(FILES);
  const own = await world.ports.testers();
  return Object.assign(world, { ports: { ...world.ports, testers: async () => [...own, ...testers] } });
}

describe('tests of stacks', () => {
  it('run, and their cases are told', async () => {
    const done = await run(await stackWorld(FILES), ['network']);
    expect(done).toMatchObject({ ok: true, value: { failures: [], tested: [{ stack: 'network' }] } });
    const [tested] = done.ok ? done.value.tested : [];
    expect(tested && casesOf(tested).map(({ name, outcome }) => [name, outcome])).toEqual([
      ['routes', 'passed'],
      ['answers', 'passed'],
    ]);
  });

  it('that fail are a failure with their words, and the others are told all the same', async () => {
    const done = await run(await stackWorld(FILES), ['fleet', 'network']);
    if (!done.ok) throw new Error(JSON.stringify(done.failures));
    expect(done.value.tested.map(({ stack }) => stack)).toEqual(['fleet', 'network']);
    expect(done.value.failures).toMatchObject([
      {
        code: 'tests-failed',
        image: 'fleet',
        failed: [{ name: 'answers', message: 'it failed' }],
        total: 2,
      },
    ]);
    const [failure] = done.value.failures;
    expect(failure && words(failure).next).toBe('Correct it and run `goldenthread test fleet` again.');
  });

  it('are none where a stack has none: no failure, and nobody is asked', async () => {
    const asked = tester({ tests: () => [] });
    const done = await run(await worldWith(asked), ['other']);
    expect(done).toMatchObject({
      ok: true,
      value: { failures: [], tested: [{ stack: 'other', suites: [] }] },
    });
    expect(asked.orders).toEqual([]);
  });

  it('run by every tester that knows them', async () => {
    const other = tester();
    const done = await run(await worldWith(other), ['network']);
    expect(done).toMatchObject({
      value: { tested: [{ suites: [{ verifier: 'memory' }, { verifier: 'other' }] }] },
    });
  });

  it('run once, with the values of the first environment or of the one that is named', async () => {
    const other = tester();
    const world = await worldWith(other);
    await run(world, ['network']);
    await run(world, ['network'], ['production']);
    expect(other.orders.map(({ environment }) => environment)).toEqual(['test', 'production']);
  });

  it('say what went wrong with one tester beside what another found', async () => {
    const broken = tester({
      test: async () => ({ ok: false, failures: [{ code: 'tool-failed', tool: 'other', detail: 'x' }] }),
    });
    expect(await run(await worldWith(broken), ['fleet'])).toMatchObject({
      ok: true,
      value: { failures: [{ code: 'tests-failed' }, { code: 'tool-failed' }], tested: [{ suites: [{}] }] },
    });
  });

  it('need their tool', async () => {
    const tool = { name: 'go', purpose: 'x', version: [], install: 'Get it.' };
    const other = tester({ tools: [tool] });
    const world = await worldWith(other);
    world.tools.set('go', null);
    expect(await run(world, ['network'])).toMatchObject({
      value: { failures: [{ code: 'tool-missing', tool: 'go' }] },
    });
    expect(other.orders).toEqual([]);
  });

  it('end with the call', async () => {
    const other = tester({ test: async () => ({ ok: false, failures: [{ code: 'cancelled' }] }) });
    const last = tester();
    const world = await worldWith(other, last);
    expect(await run(world, ['network', 'fleet'])).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
  });

  it.each<[string, readonly string[], readonly string[], object]>([
    ['a stack that there is not', ['netwrok'], [], { code: 'project-unknown', near: ['network'] }],
    ['an environment that there is not', ['network'], ['tset'], { code: 'project-unknown', near: ['test'] }],
    ['an environment that does not list it', ['other'], ['production'], { code: 'usage' }],
  ])('refuse %s', async (_, stacks, environments, failure) => {
    expect(await run(await stackWorld(FILES), stacks, environments)).toMatchObject({
      ok: true,
      value: { tested: [], failures: [failure] },
    });
  });
});
