import { describe, expect, it } from 'vitest';
import { fail, ok, type Result } from '@goldenthread/core';
import { Artifact } from '@goldenthread/core/schemas';
import { memoryWorld, type MemoryWorld } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { bake, type Baked, type BakeOptions } from './bake.ts';

const tasks = (words: string): string => `- name: say\n  ansible.builtin.debug:\n    msg: ${words}\n`;

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\nroles: [common]\n',
  'images/web/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\ntests:\n  - script: check.sh\n',
  'images/web/playbook.yml': '- hosts: all\n  roles: [nginx, site]\n',
  'images/web/check.sh': 'pass starts\n',
  'images/cache/image.yaml': 'base: { image: base }\nroles: [redis]\npacker: { template: cache.pkr.hcl }\n',
  'images/cache/cache.pkr.hcl': 'build {}\n',
  'libs/roles/common/tasks/main.yml': tasks('common'),
  'libs/roles/nginx/tasks/main.yml': tasks('nginx'),
  'libs/roles/nginx/README.md': 'nginx\n',
  'libs/roles/site/tasks/main.yml': tasks('site'),
  'libs/roles/redis/tasks/main.yml': tasks('redis'),
};

async function run(
  world: MemoryWorld,
  names: readonly string[],
  options: BakeOptions = {},
  signal?: AbortSignal,
): Promise<Result<readonly Baked[]>> {
  const call = world.call(signal);
  const graph = await loadGraph(world.ports, call);
  return graph.ok ? bake({ ports: world.ports, graph: graph.value, options, call }, names) : graph;
}

/** What became of each image, as "name state". */
async function states(
  world: MemoryWorld,
  names: readonly string[],
  options: BakeOptions = {},
): Promise<readonly string[]> {
  const baked = await run(world, names, options);
  if (!baked.ok) throw new Error(JSON.stringify(baked.failures));
  return baked.value.map(({ image, state }) => `${image} ${state}`);
}

const builtNames = (world: MemoryWorld): readonly string[] => world.built.map(({ image }) => image.name);

const changed = (world: MemoryWorld, path: string, text: string): void => void world.files.set(path, text);

describe('what is baked', () => {
  it('bases first, each once, however many stand on them', async () => {
    const world = memoryWorld(FILES);
    expect(await states(world, ['web', 'cache'])).toEqual(['base baked', 'web baked', 'cache baked']);
    expect(builtNames(world).toSorted()).toEqual(['base', 'cache', 'web']);
    expect(builtNames(world)[0]).toBe('base');
  });

  it('nothing, when nothing has changed', async () => {
    const world = memoryWorld(FILES);
    await states(world, ['web']);
    expect(await states(world, ['web'])).toEqual(['base reused', 'web reused']);
    expect(world.built).toHaveLength(2);
  });

  it.each([
    [
      'a role: its users',
      'libs/roles/nginx/tasks/main.yml',
      tasks('else'),
      ['base reused', 'web baked', 'cache reused'],
    ],
    [
      'the role of the base: all that stand on it',
      'libs/roles/common/tasks/main.yml',
      tasks('else'),
      ['base baked', 'web baked', 'cache baked'],
    ],
    [
      'a declaration',
      'images/cache/image.yaml',
      `${FILES['images/cache/image.yaml'] ?? ''}variables: { size: 3 }\n`,
      ['base reused', 'web reused', 'cache baked'],
    ],
    [
      'words in a declaration: none',
      'images/cache/image.yaml',
      `# words\n${FILES['images/cache/image.yaml'] ?? ''}`,
      ['base reused', 'web reused', 'cache reused'],
    ],
    ['tests: none', 'images/web/check.sh', 'pass answers\n', ['base reused', 'web reused', 'cache reused']],
    [
      "a role's README: none",
      'libs/roles/nginx/README.md',
      'more words\n',
      ['base reused', 'web reused', 'cache reused'],
    ],
    [
      'a template that is not used: none',
      'images/cache/cache.pkr.hcl',
      'build { }\n',
      ['base reused', 'web reused', 'cache reused'],
    ],
  ])('after a change of %s', async (_, path, text, expected) => {
    const world = memoryWorld(FILES);
    await states(world, ['web', 'cache']);
    changed(world, path, text);
    expect(await states(world, ['web', 'cache'])).toEqual(expected);
  });

  it('children only where the base has really become another: its digest counts, not its fingerprint', async () => {
    const world = memoryWorld(FILES);
    const plain = world.content;
    world.content = async (order, call) =>
      order.image.name === 'base' ? ok('always the same') : plain(order, call);
    await states(world, ['web']);
    changed(world, 'libs/roles/common/tasks/main.yml', `# only words\n${tasks('common')}`);
    expect(await states(world, ['web'])).toEqual(['base baked', 'web reused']);
  });

  it('all that a newer tool may make otherwise', async () => {
    const world = memoryWorld(FILES);
    await states(world, ['web']);
    world.tools.set('ansible-playbook', '2.0');
    expect(await states(world, ['web'])).toEqual(['base baked', 'web baked']);
  });

  it('only steps from the first changed one on get another fingerprint', async () => {
    const world = memoryWorld(FILES);
    await states(world, ['web']);
    changed(world, 'libs/roles/site/tasks/main.yml', tasks('else'));
    await states(world, ['web']);
    const [before, after] = world.built
      .filter(({ image }) => image.name === 'web')
      .map(({ steps }) => steps.map((step) => step.fingerprint));
    expect(after?.[0]).toBe(before?.[0]);
    expect(after?.[1]).not.toBe(before?.[1]);
  });

  it('with --force the named images, not their bases', async () => {
    const world = memoryWorld(FILES);
    await states(world, ['web']);
    expect(await states(world, ['web'], { force: true })).toEqual(['base reused', 'web baked']);
    expect(world.built.at(-1)).toMatchObject({ force: true, image: { name: 'web' } });
  });

  it('by another builder where the image can be made by it', async () => {
    const world = memoryWorld(FILES);
    await states(world, ['web', 'cache'], { builder: 'packer' });
    expect(world.artifacts.map(({ image, builder }) => `${image} ${builder.name}`)).toEqual([
      'base layered',
      'web layered',
      'cache packer',
    ]);
  });
});

describe('a dry run', () => {
  it('bakes nothing and says why something would be', async () => {
    const world = memoryWorld(FILES);
    const baked = await run(world, ['web'], { dryRun: true });
    expect(baked).toMatchObject({
      ok: true,
      value: [
        { image: 'base', state: 'would-bake', reason: 'no artifact has its fingerprint' },
        { image: 'web', state: 'would-bake', reason: 'its base base is baked first' },
      ],
    });
    await states(world, ['base']);
    expect(await states(world, ['web'], { dryRun: true })).toEqual(['base reused', 'web would-bake']);
    expect(builtNames(world)).toEqual(['base']);
  });
});

describe('the record', () => {
  it('says what was made, from what, by which tools', async () => {
    const world = memoryWorld(FILES);
    await states(world, ['web']);
    const [base, web] = world.artifacts.map((artifact) => Artifact.parse(artifact));
    expect(web).toMatchObject({
      image: 'web',
      role: 'web',
      base: { image: 'base', digest: base?.digest },
      builder: { name: 'layered', backend: 'memory' },
      tools: { 'ansible-playbook': '1.0' },
      commit: { dirty: false },
      layers: [{ step: 'role nginx' }, { step: 'role site' }],
    });
    expect(base?.base).toBeNull();
  });
});

describe('two at once', () => {
  it('of one image: one works, the other waits and reuses', async () => {
    const world = memoryWorld(FILES);
    const both = await Promise.all([run(world, ['base']), run(world, ['base'])]);
    const told = both.flatMap((one) =>
      one.ok ? one.value.map(({ state, reason }) => `${state}: ${reason}`) : ['failed'],
    );
    expect(told.toSorted()).toEqual([
      'baked: no artifact had its fingerprint',
      'reused: another run has just baked it',
    ]);
    expect(world.built).toHaveLength(1);
    expect(world.events.filter(({ type }) => type === 'waiting')).toHaveLength(1);
  });

  it.each([1, 2])('at most %i work', async (slots) => {
    const world = memoryWorld(
      { ...FILES, 'images/third/image.yaml': 'base: { image: base }\nroles: [site]\n' },
      slots,
    );
    let [now, most] = [0, 0];
    world.content = async ({ image }) => {
      now += 1;
      most = Math.max(most, now);
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
      now -= 1;
      return ok(image.name);
    };
    await states(world, ['web', 'cache', 'third']);
    expect(most).toBe(slots);
  });
});

describe('what goes wrong', () => {
  it('a failed bake leaves no record, and is said once for all that stand on it', async () => {
    const world = memoryWorld(FILES);
    const failure = {
      code: 'step-failed',
      image: 'base',
      step: 'role common',
      task: 'say',
      detail: 'no',
      log: '/log',
    } as const;
    const plain = world.content;
    world.content = async () => fail(failure);
    expect(await run(world, ['web', 'cache'])).toEqual({ ok: false, failures: [failure] });
    expect(world.artifacts).toEqual([]);
    world.content = plain;
    expect(await states(world, ['web'])).toEqual(['base baked', 'web baked']);
  });

  it('cancelled in the middle: nothing is kept, and the lock is free for the next', async () => {
    const world = memoryWorld(FILES);
    const stop = new AbortController();
    const plain = world.content;
    world.content = async (order, call) => {
      stop.abort();
      return plain(order, call);
    };
    expect(await run(world, ['web'], {}, stop.signal)).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
    expect(world.artifacts).toEqual([]);
    world.content = plain;
    expect(await states(world, ['web'])).toEqual(['base baked', 'web baked']);
  });

  it('cancelled while it waits for another: the other goes on', async () => {
    const world = memoryWorld(FILES);
    const stop = new AbortController();
    const plain = world.content;
    let begun = (): void => undefined;
    const started = new Promise<void>((resolve) => (begun = resolve));
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    world.content = async (order, call) => {
      begun();
      await gate;
      return plain(order, call);
    };
    const first = run(world, ['base']);
    await started;
    const second = run(world, ['base'], {}, stop.signal);
    await expect.poll(() => world.events.some(({ type }) => type === 'waiting')).toBe(true);
    stop.abort();
    expect(await second).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    open();
    expect(await first).toMatchObject({ ok: true, value: [{ state: 'baked' }] });
  });

  it('a missing tool', async () => {
    const world = memoryWorld(FILES);
    world.tools.set('ansible-playbook', null);
    expect(await run(world, ['base'])).toMatchObject({
      ok: false,
      failures: [{ code: 'tool-missing', tool: 'ansible-playbook' }],
    });
    expect(world.built).toEqual([]);
  });

  it.each([
    ['wbe', ['web']],
    ['role-nginx', []],
  ])('no image of the name %s', async (name, near) => {
    const world = memoryWorld(FILES);
    expect(await run(world, [name])).toEqual({
      ok: false,
      failures: [{ code: 'project-unknown', name, kind: 'image', near }],
    });
  });
});
