import { describe, expect, it } from 'vitest';
import { ok, type Result } from '@goldenthread/core';
import { Evidence } from '@goldenthread/core/schemas';
import { memoryWorld, type MemoryWorld } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { bake } from './bake.ts';
import { verify, type Verified, type VerifyOptions } from './verify.ts';

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\n',
  'images/web/image.yaml':
    'base: { image: base }\nroles: [nginx]\ntests:\n  - script: check.sh\n  - testinfra: tests/test_web.py\n    on: booted\n',
  'images/web/check.sh': 'pass starts\n',
  'images/web/tests/test_web.py': 'pass answers\n',
  'images/web/tests/helper.py': '',
  'libs/roles/nginx/tasks/main.yml': '- name: say\n  ansible.builtin.debug:\n    msg: nginx\n',
  'libs/roles/nginx/tests/test_nginx.py': 'pass listens\n',
};

interface Subject extends MemoryWorld {
  bake(): Promise<void>;
  verify(options?: VerifyOptions, name?: string, signal?: AbortSignal): Promise<Result<Verified>>;
}

function subject(files: Readonly<Record<string, string>> = FILES): Subject {
  const world = memoryWorld(files);
  const job = async (signal?: AbortSignal) => {
    const call = world.call(signal);
    const graph = await loadGraph(world.ports, call);
    if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
    return { ports: world.ports, graph: graph.value, options: {}, call };
  };
  return Object.assign(world, {
    bake: async () => expect(await bake(await job(), ['web'])).toMatchObject({ ok: true }),
    verify: async (options: VerifyOptions = {}, name = 'web', signal?: AbortSignal) =>
      verify({ ...(await job(signal)), options }, name),
  });
}

async function baked(files?: Readonly<Record<string, string>>): Promise<Subject> {
  const world = subject(files);
  await world.bake();
  return world;
}

describe('evidence', () => {
  it('is recorded for the very artifact: its own tests, and those of its roles', async () => {
    const world = await baked();
    expect(await world.verify()).toMatchObject({ ok: true, value: { image: 'web', state: 'tested' } });
    const [evidence] = world.evidence.map((one) => Evidence.parse(one));
    expect(evidence).toMatchObject({
      passed: true,
      artifact: world.artifacts.find(({ image }) => image === 'web')?.digest,
    });
    expect(
      evidence?.suites.map(({ on, cases }) => `${on}: ${cases.map(({ name }) => name).join()}`).toSorted(),
    ).toEqual(['booted: answers', 'files: listens', 'files: starts']);
  });

  it('is enough while neither the artifact nor the tests change', async () => {
    const world = await baked();
    await world.verify();
    const tested = [...world.tested];
    expect(await world.verify()).toMatchObject({ ok: true, value: { state: 'reused' } });
    expect(world.tested).toEqual(tested);
  });

  it.each([
    ['a test', 'images/web/check.sh', 'pass starts\npass stops\n'],
    ['a test of a role', 'libs/roles/nginx/tests/test_nginx.py', 'pass reloads\n'],
    ['what a test imports', 'images/web/tests/helper.py', '# helps\n'],
    ["Pytest's settings above", 'conftest.py', '# for all\n'],
  ])('is made anew after a change of %s, on the same artifact', async (_, path, text) => {
    const world = await baked();
    await world.verify();
    world.files.set(path, text);
    expect(await world.verify()).toMatchObject({ ok: true, value: { state: 'tested' } });
    await world.bake();
    expect(world.built).toHaveLength(2);
    expect(new Set(world.evidence.map(({ artifact }) => artifact)).size).toBe(1);
  });

  it('is made anew for another artifact, for other tools, and when that is asked for', async () => {
    const world = await baked();
    await world.verify();
    world.tools.set('testinfra', '2.0');
    expect(await world.verify()).toMatchObject({ value: { state: 'tested' } });
    expect(await world.verify({ force: true })).toMatchObject({ value: { state: 'tested' } });
    world.files.set('libs/roles/nginx/tasks/main.yml', '[]\n');
    await world.bake();
    expect(await world.verify()).toMatchObject({ value: { state: 'tested' } });
    expect(new Set(world.evidence.map(({ artifact }) => artifact)).size).toBe(2);
  });

  it('of failed tests is kept, says so, and is never enough', async () => {
    const world = await baked({ ...FILES, 'images/web/check.sh': 'pass starts\nfail stops: got 502\n' });
    const failed = {
      code: 'tests-failed',
      image: 'web',
      failed: [{ name: 'stops', message: 'got 502' }],
      total: 4,
    };
    expect(await world.verify()).toEqual({ ok: false, failures: [failed] });
    expect(await world.verify()).toEqual({ ok: false, failures: [failed] });
    expect(world.evidence.map(({ passed }) => passed)).toEqual([false, false]);
    world.files.set('images/web/check.sh', 'pass starts\n');
    expect(await world.verify()).toMatchObject({ ok: true, value: { state: 'tested' } });
  });

  it('of no test at all is none', async () => {
    const empty = Object.fromEntries(
      Object.entries(FILES).map(([path, text]) => [path, text.startsWith('pass') ? '' : text]),
    );
    const world = await baked(empty);
    expect(await world.verify()).toMatchObject({
      ok: false,
      failures: [{ code: 'tests-missing', image: 'web', skipped: 0 }],
    });
    expect(world.evidence).toMatchObject([{ passed: false }]);
  });
});

describe('machines', () => {
  it('one for each way of running, and all are stopped, whatever the tests say', async () => {
    const world = await baked({ ...FILES, 'images/web/check.sh': 'fail starts: no\n' });
    await world.verify();
    const steps = world.events.flatMap((event) =>
      event.type === 'step' && event.state === 'started' ? [event.step] : [],
    );
    expect(steps.filter((step) => step === 'start' || step === 'boot')).toHaveLength(2);
    expect(world.running.size).toBe(0);
  });

  it('outlive the run with --keep, which says how to enter them and tests even what has passed', async () => {
    const world = await baked();
    await world.verify();
    expect(await world.verify({ keep: true })).toMatchObject({ value: { state: 'tested' } });
    expect([...world.running].toSorted()).toEqual(['web-booted', 'web-files']);
    const notes = world.events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
    expect(notes.toSorted()).toEqual(['kept (booted): enter web-booted', 'kept (files): enter web-files']);
  });

  it('are stopped when the run is cancelled', async () => {
    const world = await baked({ ...FILES, 'images/web/check.sh': 'hang\n' });
    const stop = new AbortController();
    const running = world.verify({}, 'web', stop.signal);
    await expect.poll(() => world.tested).toContain('images/web/check.sh');
    stop.abort();
    expect(await running).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(world.running.size).toBe(0);
    expect(world.evidence).toEqual([]);
  });
});

describe('what is not verified', () => {
  it('an image that is not baked as it is declared now', async () => {
    const world = subject();
    expect(await world.verify()).toEqual({
      ok: false,
      failures: [{ code: 'artifact-missing', image: 'base' }],
    });
    await world.bake();
    world.files.set('libs/roles/nginx/tasks/main.yml', '[]\n');
    expect(await world.verify()).toEqual({
      ok: false,
      failures: [{ code: 'artifact-missing', image: 'web' }],
    });
  });

  it('an image without tests', async () => {
    const world = await baked();
    expect(await world.verify({}, 'base')).toEqual({
      ok: false,
      failures: [{ code: 'tests-missing', image: 'base', file: 'images/base/image.yaml' }],
    });
  });

  it('anything, where a tool of its tests is missing', async () => {
    const world = await baked();
    world.tools.set('testinfra', null);
    expect(await world.verify()).toMatchObject({
      ok: false,
      failures: [{ code: 'tool-missing', tool: 'testinfra' }],
    });
    expect(world.tested).toEqual([]);
  });

  it("another builder's artifact", async () => {
    const packer = 'packer: { template: web.pkr.hcl }\n';
    const world = subject({
      ...FILES,
      'images/web/image.yaml': `${FILES['images/web/image.yaml'] ?? ''}${packer}`,
      'images/web/web.pkr.hcl': '',
    });
    world.content = async ({ image }) => ok(image.builder);
    await world.bake();
    expect(await world.verify({ builder: 'packer' })).toEqual({
      ok: false,
      failures: [{ code: 'artifact-missing', image: 'web' }],
    });
  });
});
