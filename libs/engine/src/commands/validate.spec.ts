import { describe, expect, it } from 'vitest';
import type { InfraEngine, Result, StackOrder } from '@goldenthread/core';
import { memoryEngine, STACK_FILES, stackWorld, type ReleaseWorldInMemory } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { validate, type Validated } from './validate.ts';

async function run(
  world: ReleaseWorldInMemory,
  stacks: readonly string[],
  environments: readonly string[] = [],
  signal?: AbortSignal,
): Promise<Result<readonly Validated[]>> {
  const graph = await loadGraph(world.ports, world.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return validate({ ports: world.ports, graph: graph.value, call: world.call(signal) }, stacks, environments);
}

/** A world whose engine keeps the orders it got, and says what it is told to say. */
async function watched(
  more: Partial<InfraEngine> = {},
  files: Readonly<Record<string, string>> = STACK_FILES,
): Promise<{ readonly world: ReleaseWorldInMemory; readonly orders: StackOrder[] }> {
  const world = await stackWorld(files);
  const orders: StackOrder[] = [];
  const engine = memoryEngine(world.infra);
  const infra = async () => ({
    ok: true as const,
    value: {
      ...engine,
      validate: (order: StackOrder, call: Parameters<InfraEngine['validate']>[1]) => {
        orders.push(order);
        return (more.validate ?? engine.validate)(order, call);
      },
      tools: more.tools ?? engine.tools,
    },
  });
  return { world: Object.assign(world, { ports: { ...world.ports, infra } }), orders };
}

describe('validate', () => {
  it('asks the engine in each environment of each stack, and changes nothing', async () => {
    const world = await stackWorld();
    expect(await run(world, ['network', 'other'])).toMatchObject({
      ok: true,
      value: [
        { stack: 'network', engine: 'terraform', environments: ['test', 'production'], findings: [] },
        { stack: 'other', environments: ['test'], findings: [] },
      ],
    });
    expect(world.infra.calls.toSorted()).toEqual([
      'validate network production',
      'validate network test',
      'validate other test',
    ]);
    expect(world.infra.states.size).toBe(0);
  });

  it('only in the environments that are named', async () => {
    const world = await stackWorld();
    expect(await run(world, ['network'], ['production'])).toMatchObject({
      value: [{ environments: ['production'] }],
    });
    expect(world.infra.calls).toEqual(['validate network production']);
  });

  it('also where no environment lists the stack yet', async () => {
    const { world, orders } = await watched(
      {},
      { ...STACK_FILES, 'infra/lone/stack.yaml': 'variables: { size: 3 }\n', 'infra/lone/things.json': '{}' },
    );
    expect(await run(world, ['lone'])).toMatchObject({ ok: true, value: [{ environments: ['default'] }] });
    expect(orders.map(({ environment }) => environment)).toEqual(['default']);
  });

  it('gives the declared values of variables as they are there, and nothing of a ledger', async () => {
    const text =
      'variables: { size: 1, name: a }\nimages: { image: edge }\nenvironments: { production: { variables: { size: 3 } } }\n';
    const { world, orders } = await watched({}, { ...STACK_FILES, 'infra/network/stack.yaml': text });
    await run(world, ['network']);
    expect(
      orders.map(({ environment, inputs, root, home }) => [environment, [...inputs], root === home]),
    ).toEqual([
      [
        'test',
        [
          ['size', { value: 1, from: 'declared' }],
          ['name', { value: 'a', from: 'declared' }],
        ],
        true,
      ],
      [
        'production',
        [
          ['size', { value: 3, from: 'declared' }],
          ['name', { value: 'a', from: 'declared' }],
        ],
        true,
      ],
    ]);
  });

  it('says what is wrong once, of all stacks, and goes on after a failure', async () => {
    const world = await stackWorld({
      ...STACK_FILES,
      'infra/network/things.json': '{',
      'infra/other/things.json': '[',
    });
    const validated = await run(world, ['network', 'fleet', 'other']);
    if (validated.ok) throw new Error('nothing was found');
    expect(
      validated.failures.map((failure) =>
        failure.code === 'lint-failed' ? [failure.project, failure.findings.length] : failure,
      ),
    ).toEqual([
      ['network', 1],
      ['other', 1],
    ]);
    expect(world.infra.calls).toHaveLength(5);
  });

  it('fails nothing for a warning, and says it; findings are in the order of the files', async () => {
    const finding = (file: string, line: number) =>
      ({ file, line, column: 1, message: 'x', rule: 'memory', level: 'warning' }) as const;
    const { world } = await watched({
      validate: async () => ({ ok: true, value: [finding('b', 1), finding('a', 9), finding('a', 1)] }),
    });
    expect(await run(world, ['network'])).toMatchObject({
      ok: true,
      value: [
        {
          findings: [
            { file: 'a', line: 1 },
            { file: 'a', line: 9 },
            { file: 'b', line: 1 },
          ],
        },
      ],
    });
  });

  it('says a missing tool once, and what else is wrong beside a failure', async () => {
    const tool = { name: 'terraform', purpose: 'x', version: [], install: 'Get it.' };
    const { world } = await watched({ tools: () => [tool] });
    world.tools.set('terraform', null);
    const validated = await run(world, ['network', 'fleet']);
    expect(validated).toMatchObject({ ok: false, failures: [{ code: 'tool-missing', tool: 'terraform' }] });
    if (!validated.ok) expect(validated.failures).toHaveLength(1);
  });

  it.each<[string, readonly string[], readonly string[], object]>([
    [
      'a stack that there is not',
      ['netwrok'],
      [],
      { code: 'project-unknown', kind: 'stack', near: ['network'] },
    ],
    ['an image', ['edge'], [], { code: 'project-unknown', kind: 'stack' }],
    [
      'an environment that there is not',
      ['network'],
      ['prodution'],
      { code: 'project-unknown', kind: 'environment', near: ['production'] },
    ],
    [
      'an environment that does not list it',
      ['other'],
      ['production'],
      { code: 'usage', detail: 'the stack other is not in production' },
    ],
  ])('refuses %s', async (_, stacks, environments, failure) => {
    expect(await run(await stackWorld(), stacks, environments)).toMatchObject({
      ok: false,
      failures: [failure],
    });
  });

  it('answers that it was cancelled, and nothing else', async () => {
    const abort = new AbortController();
    const { world } = await watched({
      validate: async () => {
        abort.abort();
        return { ok: false, failures: [{ code: 'cancelled' }] };
      },
    });
    expect(await run(world, ['network', 'fleet'], [], abort.signal)).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
  });

  it('frees what it held', async () => {
    const world = await stackWorld();
    await run(world, ['network']);
    expect(await run(world, ['network'])).toMatchObject({ ok: true });
  });
});
