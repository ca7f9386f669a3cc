import { describe, expect, it } from 'vitest';
import { parseYaml, plain, type Account, type Json, type Ports } from '@goldenthread/core';
import { releaseWorld, RELEASE_FILES, type ReleaseWorldInMemory } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { bake } from './bake.ts';
import { undoChannel } from './channel.ts';
import { release, type ReleaseRun } from './release.ts';
import { verify } from './verify.ts';

const store = { kind: 'oci', name: 'store', registry: 'store.example', ca: null } as const;
const account = (name: string): Account => ({ kind: 'oci', name, registry: `${name}.example`, ca: null });

async function world(settings: object = {}): Promise<ReleaseWorldInMemory> {
  const at = await releaseWorld();
  at.settings = { ...at.settings, ...settings };
  return at;
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

describe('what other runs and other people do', () => {
  const change = async (at: ReleaseWorldInMemory): Promise<void> => {
    await at.change('fix(roles): harder', HARDER);
    await tested(at);
  };

  it('a commit that waits on the default branch and changes the image decides about it, and about what stands on it', async () => {
    const at = await world();
    await tested(at);
    at.releases.ahead = [
      {
        sha: 'f'.repeat(40),
        subject: 'later',
        type: 'fix',
        breaking: false,
        files: ['images/base/image.yaml'],
      },
    ];
    expect((await released(at)).done).toMatchObject([{ image: 'base', state: 'superseded', version: null }]);
    expect(at.releases.ledger.size).toBe(0);
    at.releases.ahead = [
      { sha: 'f'.repeat(40), subject: 'later', type: 'docs', breaking: false, files: ['README.md'] },
    ];
    expect((await released(at)).done.map(({ state }) => state)).toEqual(['released', 'released']);
  });

  it('nothing is released from a commit that nobody merged, unless that is meant', async () => {
    const at = await world();
    await tested(at);
    at.releases.ahead = null;
    expect(codes(await released(at))).toEqual(['usage']);
    const job = { ports: at.ports, graph: await graphOf(at), options: {}, call: at.call(), anyBranch: true };
    expect((await release(job, ['edge'])).failures).toEqual([]);
  });

  it('a default that was taken back with git revert stays so', async () => {
    const at = await releasedTwice();
    const before = at.releases.ledger.get('channels/edge.yaml') ?? '';
    await released(at);
    at.releases.ledger.set('channels/edge.yaml', before);
    expect((await released(at)).failures).toEqual([]);
    expect(file(at, 'channels/edge.yaml')).toMatchObject({ channels: { default: '1.0.0' } });
  });

  it('an account that is down does no harm to images that are not shared with it', async () => {
    const at = await world();
    at.settings = {
      ...at.settings,
      accounts: [...at.settings.accounts, account('down')],
    };
    await tested(at);
    const asked: string[] = [];
    const ports: Ports = {
      ...at.ports,
      homes: async (artifact) => {
        const homes = await at.ports.homes(artifact);
        return homes.ok
          ? {
              ok: true,
              value: homes.value.map((home) => ({
                ...home,
                access: (of, accounts, call) => {
                  asked.push(...accounts.map(({ name }) => name));
                  return home.access(of, accounts, call);
                },
              })),
            }
          : homes;
      },
    };
    expect((await released(at, {}, ports)).failures).toEqual([]);
    expect(new Set(asked)).toEqual(new Set(['one', 'two']));
  });

  it('what channels point to reaches an account that is declared later', async () => {
    const at = await releasedTwice();
    await released(at);
    await undoChannel(
      { ports: at.ports, graph: await graphOf(at), call: at.call() },
      { image: 'edge', channel: 'default', reason: 'slow' },
    );
    at.settings = {
      ...at.settings,
      accounts: [...at.settings.accounts, account('three')],
    };
    await at.change('chore: more', {
      'images/edge/image.yaml': (RELEASE_FILES['images/edge/image.yaml'] ?? '').replace(
        '[one, two]',
        '[one, two, three]',
      ),
    });
    expect((await released(at)).failures).toEqual([]);
    expect([...at.releases.shares.keys()].filter((key) => key.startsWith('three')).toSorted()).toEqual([
      'three edge@1.0.0',
      'three edge@1.0.1',
    ]);
  });

  it('a record from staging that gives an image another role is refused', async () => {
    const at = await world();
    at.settings = {
      ...at.settings,
      store,
    };
    await tested(at);
    await released(at);
    const [key, staged] = [...at.releases.staged].find(([name]) => name.startsWith('edge')) ?? [];
    if (key === undefined || !staged) throw new Error('nothing is staged');
    at.releases.staged.set(key, { ...staged, artifact: { ...staged.artifact, role: 'gateway', base: null } });
    expect(codes(await released(at))).toEqual(['content-corrupt']);
  });

  it('the first of two bakes of the same counts', async () => {
    const at = await world();
    at.settings = {
      ...at.settings,
      store,
    };
    await tested(at);
    const [, first] = (await released(at)).done;
    const other = at.artifacts.find(({ image }) => image === 'edge');
    if (!other) throw new Error('nothing was baked');
    at.artifacts.push({ ...other, digest: `sha256:${'e'.repeat(64)}` });
    expect((await released(at)).done[1]).toMatchObject({
      state: 'unchanged',
      digest: first?.digest,
      version: '1.0.0',
    });
  });

  it('is not stopped by a publish that was killed before its list of packages', async () => {
    const at = await world();
    at.settings = {
      ...at.settings,
      store,
    };
    await tested(at);
    await released(at);
    await change(at);
    const kept = await at.ports.store();
    const artifact = at.artifacts.findLast(({ image }) => image === 'edge');
    if (!kept.ok || !artifact) throw new Error('nothing to put');
    const evidence = at.evidence.filter((one) => one.artifact === artifact.digest);
    expect(await kept.value.put(artifact, evidence, at.call())).toMatchObject({ ok: true });
    at.artifacts.splice(0);
    expect((await released(at)).failures).toEqual([]);
  });

  it('an account that refuses is noticed before anything is written', async () => {
    const at = await world();
    await tested(at);
    const ports: Ports = {
      ...at.ports,
      homes: async (artifact) => {
        const homes = await at.ports.homes(artifact);
        const refuse = {
          ok: false,
          failures: [{ code: 'not-permitted', what: 'reading one', hint: 'Log in.' }],
        } as const;
        return homes.ok
          ? { ok: true, value: homes.value.map((home) => ({ ...home, access: async () => refuse })) }
          : homes;
      },
    };
    expect(codes(await released(at, {}, ports))).toContain('not-permitted');
    expect([...at.releases.ledger.keys()]).toEqual([]);
  });

  it('a key that nobody trusts is noticed before anything is written, in a rehearsal as well', async () => {
    const at = await world({ trusted: ['release.pub'] });
    await tested(at);
    at.releases.key = 'a stranger';
    for (const options of [{ dryRun: true }, {}])
      expect(codes(await released(at, options))).toEqual(['untrusted']);
    expect([at.releases.ledger.size, at.releases.tags.size]).toEqual([0, 0]);
  });
});
