import { beforeEach, describe, expect, it } from 'vitest';
import { parseYaml, plain, type Json } from '@goldenthread/core';
import { channelFile } from '@goldenthread/core/release';
import { releaseWorld, sha256, type ReleaseWorldInMemory } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { bake } from './bake.ts';
import { channelHistory, channels, setChannel, undoChannel } from './channel.ts';
import { checkRelease } from './check.ts';
import { lineageOf } from './lineage.ts';
import { publish } from './publish.ts';
import { release } from './release.ts';
import { revoke } from './revoke.ts';
import { verify } from './verify.ts';

let at: ReleaseWorldInMemory;

async function here() {
  const graph = await loadGraph(at.ports, at.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return { ports: at.ports, graph: graph.value, call: at.call() };
}

const role = (say: string): Record<string, string> => ({
  'libs/roles/hardening/tasks/main.yml': `- name: say\n  ansible.builtin.debug:\n    msg: ${say}\n`,
});

async function releaseAgain(): Promise<void> {
  const world = { ...(await here()), options: {} };
  expect(await bake(world, ['edge'])).toMatchObject({ ok: true });
  for (const image of ['base', 'edge']) expect(await verify(world, image)).toMatchObject({ ok: true });
  expect(await release(world, ['edge'])).toMatchObject({ failures: [] });
}

/** edge 1.0.0, 1.0.1 and 1.1.0 on base 1.0.0. */
beforeEach(async () => {
  at = await releaseWorld();
  await releaseAgain();
  await at.change('fix: two', role('two'));
  await releaseAgain();
  await at.change('feat: three', role('three'));
  await releaseAgain();
});

const order = { image: 'edge', channel: 'default', reason: 'it is slow' };

const pointsTo = async (image = 'edge', channel = 'default'): Promise<string | undefined> => {
  const all = await channels(at.ports, at.call());
  return all.ok
    ? all.value.find((one) => one.image === image && one.channel === channel)?.version
    : undefined;
};

describe('undo', () => {
  it('moves the default back and says who uses it; again, further back', async () => {
    expect(await undoChannel(await here(), order)).toMatchObject({
      value: {
        from: '1.1.0',
        version: '1.0.1',
        state: 'moved',
        users: [expect.stringMatching(/^fleet .*infra\/fleet\/stack.yaml:2/)],
      },
    });
    expect(await pointsTo()).toBe('1.0.1');
    await undoChannel(await here(), order);
    expect(await pointsTo()).toBe('1.0.0');
    expect(await undoChannel(await here(), order)).toMatchObject({
      failures: [{ code: 'channel-empty', image: 'edge' }],
    });
    const history = await channelHistory(at.ports, 'edge', at.call());
    expect(history).toMatchObject({
      value: {
        file: {
          history: [
            { action: 'release' },
            { action: 'release' },
            { action: 'release', from: '1.0.1', version: '1.1.0' },
            {
              action: 'undo',
              from: '1.1.0',
              version: '1.0.1',
              reason: 'it is slow',
              by: 'Memory <memory@localhost>',
            },
            { action: 'undo' },
          ],
        },
      },
    });
  });

  it('moves nothing twice where it is said from where', async () => {
    const from = { ...order, from: '1.1.0' };
    expect(await undoChannel(await here(), from)).toMatchObject({
      value: { state: 'moved', version: '1.0.1' },
    });
    expect(await undoChannel(await here(), from)).toMatchObject({
      value: { state: 'unchanged', version: '1.0.1' },
    });
    expect(await pointsTo()).toBe('1.0.1');
  });

  it('knows no channel that is only called like something', async () => {
    expect(await undoChannel(await here(), { ...order, channel: 'constructor' })).toMatchObject({
      failures: [{ code: 'channel-empty' }],
    });
    const set = { ...order, channel: 'constructor', version: '1.0.1' };
    expect(await setChannel(await here(), set)).toMatchObject({ value: { state: 'moved', from: null } });
    expect(await pointsTo('edge', 'constructor')).toBe('1.0.1');
  });

  it('works where staging has forgotten what has a version', async () => {
    at.releases.staged.clear();
    expect(await undoChannel(await here(), order)).toMatchObject({ value: { state: 'moved' } });
  });

  it('passes over what was revoked meanwhile', async () => {
    await revoke(await here(), { version: 'edge@1.0.1', reason: 'a hole' });
    expect(await undoChannel(await here(), order)).toMatchObject({
      value: { version: '1.0.0', skipped: ['1.0.1'] },
    });
  });

  it('shares first what the accounts have lost, and changes nothing in a dry run', async () => {
    at.releases.shares.delete('two edge@1.0.1');
    expect(await undoChannel(await here(), { ...order, dryRun: true })).toMatchObject({
      value: { state: 'would-move' },
    });
    expect(await pointsTo()).toBe('1.1.0');
    await undoChannel(await here(), order);
    expect(at.releases.shares.has('two edge@1.0.1')).toBe(true);
  });
});

describe('set', () => {
  it('points a channel to a released version, and once more changes nothing', async () => {
    const set = { ...order, channel: 'canary', version: '1.1.0' };
    expect(await setChannel(await here(), set)).toMatchObject({ value: { state: 'moved', from: null } });
    expect(await pointsTo('edge', 'canary')).toBe('1.1.0');
    expect(await setChannel(await here(), set)).toMatchObject({ value: { state: 'unchanged' } });
    expect(await pointsTo()).toBe('1.1.0');
  });

  it('refuses versions that are unknown or revoked', async () => {
    expect(await setChannel(await here(), { ...order, version: '1.0.7' })).toMatchObject({
      failures: [{ code: 'version-unknown', near: expect.arrayContaining(['edge@1.0.0']) as unknown }],
    });
    await revoke(await here(), { version: 'edge@1.0.0', reason: 'a hole' });
    expect(await setChannel(await here(), { ...order, version: '1.0.0' })).toMatchObject({
      failures: [{ code: 'revoked', by: 'edge@1.0.0', reason: 'a hole' }],
    });
  });
});

describe('revoke', () => {
  it('moves channels off in the same change, marks the store, and is done once', async () => {
    const world = await here();
    expect(await revoke(world, { version: 'edge@1.1.0', reason: 'a hole' })).toMatchObject({
      value: {
        state: 'revoked',
        reached: [],
        fallbacks: [{ image: 'edge', from: '1.1.0', to: { version: '1.0.1' } }],
      },
    });
    expect(at.releases.entries.at(-1)).toMatchObject({ what: 'revoke edge@1.1.0', why: 'a hole' });
    expect(await pointsTo()).toBe('1.0.1');
    expect([...at.releases.attachments.values()].flat().some(({ text }) => text.includes('a hole'))).toBe(
      true,
    );
    expect(await revoke(world, { version: 'edge@1.1.0', reason: 'again' })).toMatchObject({
      value: { state: 'unchanged' },
    });
  });

  it('says what could not be marked, and counts all the same', async () => {
    at.releases.kept.clear();
    at.releases.staged.clear();
    expect(await revoke(await here(), { version: 'edge@1.0.0', reason: 'a hole' })).toMatchObject({
      value: { state: 'revoked', unmarked: [expect.stringContaining('edge@1.0.0') as unknown] },
    });
  });

  it('is refused as a base, and what stands on it is not even published', async () => {
    await revoke(await here(), { version: 'base@1.0.0', reason: 'a hole' });
    expect(await publish(await here(), ['edge'])).toMatchObject({
      failures: [{ code: 'revoked', by: 'base@1.0.0' }],
    });
  });

  it('reaches what stands on it', async () => {
    expect(
      await revoke(await here(), { version: 'base@1.0.0', reason: 'a hole', dryRun: true }),
    ).toMatchObject({
      value: { state: 'would-revoke', reached: ['edge@1.0.0', 'edge@1.0.1', 'edge@1.1.0'] },
    });
    expect(await pointsTo()).toBe('1.1.0');
    await revoke(await here(), { version: 'base@1.0.0', reason: 'a hole' });
    expect(await pointsTo()).toBeUndefined();
    expect(await setChannel(await here(), { ...order, version: '1.0.1' })).toMatchObject({
      failures: [{ code: 'revoked', version: 'edge@1.0.1', by: 'base@1.0.0' }],
    });
  });
});

describe('a reason', () => {
  it('is asked for before anything is written: the trail is for those who come later', async () => {
    expect(await revoke(await here(), { version: 'edge@1.0.0', reason: ' ' })).toMatchObject({
      failures: [{ code: 'usage' }],
    });
    expect(await undoChannel(await here(), { ...order, reason: '' })).toMatchObject({
      failures: [{ code: 'usage' }],
    });
    expect(await pointsTo()).toBe('1.1.0');
  });
});

describe('lineage', () => {
  it('shows what a release was made on and what was made on it', async () => {
    expect(await lineageOf(at.ports, 'base', at.call())).toMatchObject({
      value: {
        bases: [],
        tree: { release: { version: '1.0.0' }, children: [{}, {}, { release: { version: '1.1.0' } }] },
      },
    });
    expect(await lineageOf(at.ports, 'edge@1.0.1', at.call())).toMatchObject({
      value: { bases: [{ image: 'base' }] },
    });
    expect(await lineageOf(at.ports, 'egde', at.call())).toMatchObject({
      failures: [{ code: 'version-unknown', near: ['edge'] }],
    });
  });
});

describe('verify of a version', () => {
  const check = async (name = 'edge@1.1.0') => checkRelease(await here(), name);
  const broken = async (): Promise<readonly string[]> => {
    const checked = await check();
    return checked.ok ? checked.value.links.filter(({ holds }) => !holds).map(({ link }) => link) : ['none'];
  };

  it('follows the whole chain', async () => {
    expect(await check()).toMatchObject({
      ok: true,
      value: { holds: true, digest: expect.stringMatching(/^sha256:/) as unknown },
    });
    const checked = await check();
    expect(checked.ok && checked.value.links.map(({ link }) => link)).toEqual([
      'ledger',
      'not revoked',
      'lineage',
      'tests',
      'signatures',
      'provenance',
      'tag',
      'content in memory',
      'account one',
      'account two',
    ]);
  });

  it('says which link does not hold', async () => {
    const { releases } = at;
    const digest = releases.shares.get('one edge@1.1.0') ?? '';
    releases.shares.delete('two edge@1.1.0');
    expect(await broken()).toEqual(['account two']);
    releases.tags.set('edge@1.1.0', { name: 'edge@1.1.0', commit: 'f'.repeat(40), message: '' });
    expect(await broken()).toEqual(['tag', 'account two']);
    releases.attachments.set(digest, []);
    expect(await broken()).toEqual(['signatures', 'provenance', 'tag', 'account two']);
    await revoke(await here(), { version: 'base@1.0.0', reason: 'a hole' });
    expect(await broken()).toContain('not revoked');
  });
});

describe('publish', () => {
  it('keeps what was tested where others find it, with its packages; and nothing else', async () => {
    const world = await here();
    expect(await publish(world, ['edge'])).toMatchObject({ value: [{ state: 'there' }] });
    await at.change('fix: four', role('four'));
    const now = { ...(await here()), options: {} };
    await bake(now, ['edge']);
    expect(await publish(now, ['edge'])).toMatchObject({ failures: [{ code: 'evidence-missing' }] });
    await verify(now, 'edge');
    expect(await publish(now, ['edge'])).toMatchObject({ value: [{ state: 'published', store: 'memory' }] });
  });

  it('is found by a machine that baked nothing: same fingerprint, no second bake, no second test', async () => {
    const other = await releaseWorld();
    Object.assign(other.releases, at.releases);
    other.settings = {
      ...at.settings,
      store: { kind: 'oci', name: 'store', registry: 'store.example', ca: null },
    };
    other.files.clear();
    for (const [path, text] of at.files) other.files.set(path, text);
    other.commit();
    at = other;
    const world = { ...(await here()), options: {} };
    expect(await bake(world, ['edge'])).toMatchObject({ value: [{ state: 'reused' }, { state: 'reused' }] });
    expect(await verify(world, 'edge')).toMatchObject({ value: { state: 'reused' } });
    expect([other.built, other.tested]).toEqual([[], []]);
  });
});

describe('the ledger', () => {
  const readEdge = () => channels(at.ports, at.call());
  const path = 'channels/edge.yaml';
  const replace = (from: string, to: string): void =>
    void at.releases.ledger.set(path, (at.releases.ledger.get(path) ?? '').replace(from, to));

  it('is refused where a file was edited by hand, or is none', async () => {
    replace('default: 1.1.0', 'default: 1.0.0');
    expect(await readEdge()).toMatchObject({
      failures: [
        {
          code: 'ledger-corrupt',
          found: expect.stringContaining('by hand') as unknown,
          at: { file: `memory:${path}` },
        },
      ],
    });
    replace('role: edge', 'role: [');
    expect(await readEdge()).toMatchObject({ failures: [{ code: 'ledger-corrupt', expected: 'YAML' }] });
    at.releases.ledger.set(path, 'schema: 1\nimages: edge\n');
    expect(await readEdge()).toMatchObject({
      ok: false,
      failures: expect.arrayContaining([
        expect.objectContaining({
          code: 'ledger-corrupt',
          at: expect.objectContaining({ line: 2 }) as unknown,
        }),
      ]) as unknown,
    });
  });

  it('is refused where a file stands under the name of another', async () => {
    const parsed = parseYaml(path, at.releases.ledger.get(path) ?? '');
    const { seal: _, ...content } = (parsed.ok ? plain(parsed.value) : {}) as { [key: string]: Json };
    at.releases.ledger.set(
      'channels/edge.yaml',
      channelFile({ ...content, image: 'base' } as unknown as Parameters<typeof channelFile>[0], sha256)[1],
    );
    expect(await readEdge()).toMatchObject({
      failures: [{ code: 'ledger-corrupt', found: 'what belongs to channels/base.yaml' }],
    });
  });
});
