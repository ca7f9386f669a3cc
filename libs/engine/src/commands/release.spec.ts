import { describe, expect, it } from 'vitest';
import { parseYaml, plain, type Json, type Ports } from '@goldenthread/core';
import {
  killing,
  releaseWorld,
  RELEASE_FILES,
  type Changes,
  type ReleaseWorldInMemory,
} from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { bake } from './bake.ts';
import { affectedImages, release, type ReleaseRun } from './release.ts';
import { revoke } from './revoke.ts';
import { verify } from './verify.ts';

async function world(files = RELEASE_FILES): Promise<ReleaseWorldInMemory> {
  return releaseWorld(files);
}

async function graphOf({ ports, call }: ReleaseWorldInMemory) {
  const graph = await loadGraph(ports, call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return graph.value;
}

async function tested(at: ReleaseWorldInMemory): Promise<void> {
  const job = { ports: at.ports, graph: await graphOf(at), options: {}, call: at.call() };
  expect(await bake(job, ['edge'])).toMatchObject({ ok: true });
  for (const image of ['base', 'edge']) expect(await verify(job, image)).toMatchObject({ ok: true });
}

async function released(
  at: ReleaseWorldInMemory,
  options = {},
  ports: Ports = at.ports,
): Promise<ReleaseRun> {
  return release({ ports, graph: await graphOf(at), options, call: at.call() }, ['edge']);
}

const codes = ({ failures }: ReleaseRun): readonly string[] => failures.map(({ code }) => code);

function file(at: ReleaseWorldInMemory, path: string): Record<string, Json> {
  const parsed = parseYaml(path, at.releases.ledger.get(path) ?? '');
  return (parsed.ok ? plain(parsed.value) : null) as Record<string, Json>;
}

const HARDER = {
  'libs/roles/hardening/tasks/main.yml': '- name: say\n  ansible.builtin.debug:\n    msg: harder\n',
};

async function releasedTwice(): Promise<ReleaseWorldInMemory> {
  const at = await world();
  await tested(at);
  await released(at);
  await at.change('fix(roles): harder', HARDER);
  await tested(at);
  return at;
}

describe('a release', () => {
  it('gives base and image their first version, shares them, and makes them the default: the digest is the one that was tested', async () => {
    const at = await world();
    await tested(at);
    const run = await released(at);
    expect(run).toMatchObject({
      failures: [],
      done: [{ image: 'base' }, { image: 'edge', version: '1.0.0', state: 'released' }],
    });
    const digest = at.evidence.find(({ image }) => image === 'edge')?.artifact;
    expect(run.done[1]).toMatchObject({ digest, shared: ['one', 'two'], reason: 'first release' });
    expect(at.releases.shares.get('one edge@1.0.0')).toBe(digest);
    expect(at.releases.labels.get('edge@1.0.0')).toBe(digest);
    expect(at.releases.tags.get('edge@1.0.0')?.message).toContain(`Digest: ${digest}`);
    expect(file(at, 'channels/edge.yaml')).toMatchObject({
      channels: { default: '1.0.0' },
      history: [{ shared: ['one', 'two'] }],
    });
    expect(file(at, 'releases/edge/1.0.0.yaml')).toMatchObject({ base: { image: 'base', version: '1.0.0' } });
    expect(at.built).toHaveLength(2);
  });

  it('takes the next version from the commits that touched what it is made of, and says why', async () => {
    const at = await releasedTwice();
    expect((await released(at)).done[1]).toMatchObject({
      version: '1.0.1',
      reason: 'role hardening changed',
    });
    expect(file(at, 'releases/edge/1.0.1.yaml')).toMatchObject({
      bump: 'patch',
      changes: [expect.stringMatching(/^\w{8} fix: harder$/)],
    });
    expect(file(at, 'channels/edge.yaml')).toMatchObject({ channels: { default: '1.0.1' } });
  });

  it('does nothing when nothing changed', async () => {
    const at = await world();
    await tested(at);
    await released(at);
    const before = [...at.releases.ledger];
    expect((await released(at)).done.map(({ state, steps }) => [state, steps.length])).toEqual([
      ['unchanged', 0],
      ['unchanged', 0],
    ]);
    expect([...at.releases.ledger]).toEqual(before);
  });

  it('says in a dry run what it would do and why, and changes nothing', async () => {
    const at = await world();
    await tested(at);
    const [, edge] = (await released(at, { dryRun: true })).done;
    expect(edge).toMatchObject({ version: '1.0.0', state: 'would-release' });
    expect(edge?.steps.map(({ step }) => step)).toEqual([
      'publish',
      'sign',
      'tag',
      'label',
      'share with one',
      'share with two',
      'move the default',
    ]);
    expect(at.releases.ledger.size + at.releases.labels.size + at.releases.shares.size).toBe(0);
  });

  it('takes back from an account that is no longer declared, last of all', async () => {
    const at = await world();
    await tested(at);
    await released(at);
    await at.change('chore: less', {
      'images/edge/image.yaml': (RELEASE_FILES['images/edge/image.yaml'] ?? '').replace(
        '[one, two]',
        '[one]',
      ),
    });
    expect((await released(at)).done[1]?.steps.map(({ step }) => step)).toEqual(['take 1.0.0 back from two']);
    expect([...at.releases.shares.keys()]).toEqual(['one edge@1.0.0']);
  });

  it('takes earlier versions back as well, which nobody else would remove', async () => {
    const at = await releasedTwice();
    await released(at);
    await at.change('chore: less', {
      'images/edge/image.yaml': (RELEASE_FILES['images/edge/image.yaml'] ?? '').replace(
        '[one, two]',
        '[one]',
      ),
    });
    expect((await released(at)).failures).toEqual([]);
    expect([...at.releases.shares.keys()]).toEqual(['one edge@1.0.0', 'one edge@1.0.1']);
  });

  it('leaves a default that was moved by hand, until there is a newer version', async () => {
    const at = await releasedTwice();
    await released(at);
    const { undoChannel } = await import('./channel.ts');
    const graph = await graphOf(at);
    await undoChannel(
      { ports: at.ports, graph, call: at.call() },
      { image: 'edge', channel: 'default', reason: 'it is slow' },
    );
    await released(at);
    expect(file(at, 'channels/edge.yaml')).toMatchObject({ channels: { default: '1.0.0' } });
  });

  it('gives its own version to a change that is taken back: the old content under a new name', async () => {
    const at = await releasedTwice();
    await released(at);
    await at.change('revert: harder', {
      'libs/roles/hardening/tasks/main.yml': RELEASE_FILES['libs/roles/hardening/tasks/main.yml'] ?? '',
    });
    const [, edge] = (await released(at)).done;
    expect(edge).toMatchObject({ version: '1.0.2', digest: file(at, 'releases/edge/1.0.0.yaml')['digest'] });
  });

  it('does not set a newer release back when an older run comes late', async () => {
    const at = await releasedTwice();
    const late = at.releases.commits[0]?.sha ?? '';
    await released(at);
    at.releases.commits.shift();
    at.releases.newer.add(late);
    expect((await released(at)).done.map(({ state }) => state)).toContain('superseded');
    expect(file(at, 'channels/edge.yaml')).toMatchObject({ channels: { default: '1.0.1' } });
  });
});

describe('a release is refused', () => {
  it('for what was not tested, and when the tests changed since', async () => {
    const at = await world();
    const job = { ports: at.ports, graph: await graphOf(at), options: {}, call: at.call() };
    await bake(job, ['edge']);
    expect(codes(await released(at))).toEqual(['evidence-missing']);
    await tested(at);
    await at.change('test: more', { 'images/edge/check.sh': 'pass starts\npass stops\n' });
    expect(codes(await released(at))).toEqual(['evidence-missing']);
    expect([...at.releases.ledger.keys()].filter((path) => path.includes('edge'))).toEqual([]);
  });

  it('for what failed its tests', async () => {
    const at = await world({ ...RELEASE_FILES, 'images/edge/check.sh': 'fail starts: it does not\n' });
    const job = { ports: at.ports, graph: await graphOf(at), options: {}, call: at.call() };
    await bake(job, ['edge']);
    await verify(job, 'base');
    await verify(job, 'edge');
    expect(codes(await released(at))).toEqual(['evidence-missing']);
  });

  it('for what stands on a revoked base, which is refused as a base of a bake as well', async () => {
    const at = await world();
    await tested(at);
    await released(at);
    const here = { ports: at.ports, graph: await graphOf(at), call: at.call() };
    expect(await revoke(here, { version: 'base@1.0.0', reason: 'a hole' })).toMatchObject({
      ok: true,
      value: {
        reached: ['edge@1.0.0'],
        fallbacks: [
          { image: 'base', to: null },
          { image: 'edge', to: null },
        ],
      },
    });
    expect(codes(await released(at))).toEqual(['revoked']);
    await at.change('fix: harder', HARDER);
    const job = { ...here, graph: await graphOf(at), options: {} };
    expect(await bake(job, ['edge'])).toMatchObject({
      ok: false,
      failures: [{ code: 'revoked', by: 'base@1.0.0' }],
    });
  });

  it('for accounts that the settings do not know, at the place that names them, before anything is written', async () => {
    const files = {
      ...RELEASE_FILES,
      'images/edge/image.yaml': (RELEASE_FILES['images/edge/image.yaml'] ?? '').replace('two', 'tow'),
    };
    const at = await world(files);
    await tested(at);
    const { failures } = await released(at);
    expect(failures).toMatchObject([
      { code: 'reference-missing', kind: 'account', name: 'tow', near: ['two'], at: { line: 3, column: 14 } },
    ]);
    expect(at.releases.ledger.has('releases/edge/1.0.0.yaml')).toBe(false);
  });

  it('while files are not committed', async () => {
    const at = await world();
    await tested(at);
    at.files.set('images/edge/note', 'not committed');
    expect(codes(await released(at))).toEqual(['usage']);
  });

  it('where the version names something else in the store; a tag that somebody else has set is passed over', async () => {
    const at = await world();
    await tested(at);
    at.releases.tags.set('edge@1.0.0', { name: 'edge@1.0.0', commit: 'f'.repeat(40), message: '' });
    at.releases.labels.set('edge@1.0.1', `sha256:${'0'.repeat(64)}`);
    expect(codes(await released(at))).toEqual(['version-taken']);
    expect(at.releases.ledger.has('channels/edge.yaml')).toBe(false);
  });

  it('where only somebody else has signed it', async () => {
    const at = await world();
    await tested(at);
    at.releases.key = 'a stranger';
    expect(codes(await released(at))).toEqual(['untrusted']);
    expect([...at.releases.shares]).toEqual([]);
  });

  it('by the channel as long as an account does not have it', async () => {
    const at = await world();
    await tested(at);
    const real = at.releases.shares.set.bind(at.releases.shares);
    at.releases.shares.set = (key, value) => (key.startsWith('two') ? at.releases.shares : real(key, value));
    const run = await released(at);
    expect(run.failures).toMatchObject([{ code: 'not-shared', accounts: [{ name: 'two' }] }]);
    expect(at.releases.ledger.has('channels/edge.yaml')).toBe(false);
    at.releases.shares.set = real;
    expect((await released(at)).done[1]?.steps.map(({ step }) => step)).toEqual([
      'share with two',
      'move the default',
    ]);
  });
});

/** What stands in the end, without the times at which it came there. */
function ending({ releases }: ReleaseWorldInMemory): unknown {
  const timeless = (text: string): string => text.replaceAll(/^\s*(- )?(time|seal): .*$/gm, '');
  return {
    ledger: [...releases.ledger].map(([path, text]) => [path, timeless(text)]).toSorted(),
    tags: [...releases.tags.values()].map(({ name, commit }) => [name, commit]).toSorted(),
    labels: [...releases.labels].toSorted(),
    shares: [...releases.shares].toSorted(),
    staged: [...releases.staged.keys()].toSorted(),
    signed: [...releases.attachments]
      .map(([digest, all]) => [digest, all.map(({ type }) => type).toSorted()])
      .toSorted(),
  };
}

class Killed extends Error {}

describe('a release that is killed', () => {
  it('at any change, before or after it, ends in the same state when it is run again', async () => {
    const whole = await world();
    await tested(whole);
    const changes: Changes = { names: [] };
    await released(whole, {}, killing(whole.ports, null, changes));
    const wanted = ending(whole);
    expect(changes.names.length).toBeGreaterThan(15);
    for (const at of changes.names.keys())
      for (const when of ['before', 'after'] as const) {
        const here = await world();
        await tested(here);
        const end = (): never => {
          throw new Killed();
        };
        const ports = killing(here.ports, { at: at + 1, when, end }, { names: [] });
        await expect(released(here, {}, ports), `${when} ${changes.names[at]}`).rejects.toThrow(Killed);
        // A dead process holds no locks; those in memory have no process.
        const again = await releaseAfter(here);
        expect(again.failures, `${when} ${changes.names[at]}`).toEqual([]);
        expect(ending(here), `${when} ${changes.names[at]}`).toEqual(wanted);
      }
  });
});

const releaseAfter = (at: ReleaseWorldInMemory): Promise<ReleaseRun> => released(at);

describe('affected images', () => {
  it('are those that changes reach, and all that are shared when the settings change', async () => {
    const at = await world();
    const graph = await graphOf(at);
    const here = { ports: at.ports, graph, call: at.call() };
    at.files.set('libs/roles/hardening/tasks/main.yml', '[]\n');
    expect(await affectedImages(here, { base: 'main', head: null })).toMatchObject({ value: ['edge'] });
    at.commit();
    at.files.set('.goldenthread.yaml', 'accounts: {}\n');
    expect(await affectedImages(here, { base: 'main', head: null })).toMatchObject({ value: ['edge'] });
  });
});
