import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ATTACHMENTS, type Artifact, type Call, type Result } from '@goldenthread/core';
import { evidenceFor, ociArtifact } from '@goldenthread/testing';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { unpackedFolder, unpackedName } from './namespace/root.ts';
import { makeWork } from './namespace/work.ts';
import type { Parts } from './parts.ts';
import { createRecords } from './records.ts';
import { createBlobs } from './store/blobs.ts';
import { createArtifactStore } from './store/oci.ts';
import { createSweep } from './sweep.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-sweep-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

let home = '';
let parts: Parts;
let count = 0;
beforeEach(() => {
  home = join(folder, `${(count += 1)}`);
  mkdirSync(home);
  parts = { root: home, home, blobs: createBlobs(home) };
});

const DAY = 86_400;
/** Lets everything in the home folder look as if nobody had touched it for so many days. */
function age(days: number, path = home): void {
  const time = Date.now() / 1000 - days * DAY;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) age(days, join(path, entry.name));
    utimesSync(join(path, entry.name), time, time);
  }
}

/** An image that was baked, tested and recorded so many days ago, as builders leave it. */
async function baked(name: string, days: number, also: Partial<Artifact> = {}): Promise<Artifact> {
  const time = new Date(Date.now() - days * DAY * 1000).toISOString();
  const artifact = { ...(await ociArtifact(parts.blobs, name)), time, ...also };
  const records = createRecords(home, parts.blobs);
  value(await records.put(artifact));
  value(await records.prove(evidenceFor(artifact)));
  for (const { digest } of artifact.layers) {
    mkdirSync(join(home, 'layers'), { recursive: true });
    writeFileSync(
      join(home, 'layers', `${digest.slice(7)}.json`),
      JSON.stringify({ digest, size: 1, step: 'x' }),
    );
    mkdirSync(join(unpackedFolder(home), unpackedName(digest), 'etc'), { recursive: true });
  }
  return artifact;
}

const sweep = async (more: Partial<Parameters<ReturnType<typeof createSweep>>[0]> = {}) =>
  value(await createSweep(parts)({ keep: new Set(), days: 30, dryRun: false, ...more }, call));
const isWhole = async (artifact: Artifact): Promise<boolean> => {
  const digests = [artifact.digest, ...artifact.layers.map(({ digest }) => digest)];
  return (await Promise.all(digests.map((digest) => parts.blobs.has(digest)))).every(Boolean);
};
const isGone = async (artifact: Artifact): Promise<boolean> => {
  const digests = [artifact.digest, ...artifact.layers.map(({ digest }) => digest)];
  const caches = artifact.layers.flatMap(({ digest }) => [
    join(home, 'layers', `${digest.slice(7)}.json`),
    join(unpackedFolder(home), unpackedName(digest)),
  ]);
  const blobs = await Promise.all(digests.map((digest) => parts.blobs.has(digest)));
  return !blobs.some(Boolean) && !caches.some((path) => existsSync(path));
};
const indexed = (): readonly string[] =>
  (
    JSON.parse(readFileSync(join(home, 'oci/index.json'), 'utf8')) as { manifests: { digest: string }[] }
  ).manifests.map(({ digest }) => digest);

describe('a sweep', () => {
  it('removes what only old records name, and keeps what others need', async () => {
    const [old, recent, kept] = [await baked('edge', 40), await baked('edge', 10), await baked('edge', 40)];
    age(40);
    const options = { keep: new Set([kept.digest]) };
    const planned = await sweep({ ...options, dryRun: true });
    expect(await isWhole(old)).toBe(true);
    const swept = await sweep(options);
    expect(swept).toEqual(planned);
    expect(swept).toMatchObject({ records: 2, blobs: 4, others: 4 });
    expect(swept.bytes).toBeGreaterThan(5300);
    expect(await isGone(old)).toBe(true);
    for (const artifact of [recent, kept]) {
      expect(await isWhole(artifact)).toBe(true);
      expect(value(await createRecords(home, parts.blobs).find('edge', artifact.fingerprint))).toEqual(
        artifact,
      );
      expect(value(await createRecords(home, parts.blobs).evidenceOf(artifact.digest))).toHaveLength(1);
    }
    expect(indexed().toSorted()).toEqual([recent.digest, kept.digest].toSorted());
    expect(await sweep(options)).toEqual({ records: 0, blobs: 0, others: 0, bytes: 0 });
  });

  it('lets go of the versions of a workspace that is gone', async () => {
    const root = join(home, 'workspace');
    mkdirSync(root);
    const store = createArtifactStore({ ...parts, root }, null);
    const artifact = await baked('edge', 90);
    value(await store.put(artifact, [evidenceFor(artifact)], call));
    value(await store.label({ artifact, version: '1.0.0' }, call));
    age(90);
    const options = { keep: new Set<string>(), days: 30, dryRun: false };
    value(await createSweep(parts)(options, call));
    expect(await parts.blobs.has(artifact.digest)).toBe(true);
    rmSync(root, { recursive: true });
    value(await createSweep(parts)(options, call));
    expect(await parts.blobs.has(artifact.digest)).toBe(false);
  });

  it('keeps what has a version, with all that is kept beside it', async () => {
    const [versioned, put] = [await baked('edge', 40), await baked('edge', 40)];
    const store = createArtifactStore(parts, null);
    for (const one of [versioned, put]) value(await store.put(one, [evidenceFor(one)], call));
    value(await store.label({ artifact: versioned, version: '1.0.0' }, call));
    const sbom = { type: ATTACHMENTS.sbom, text: '{}' };
    for (const one of [versioned, put]) value(await store.attach(one, sbom, call));
    age(40);
    await sweep();
    expect(await isWhole(versioned)).toBe(true);
    expect(value(await store.labelled('edge', '1.0.0', call))).toBe(versioned.digest);
    expect(value(await store.attachments(versioned, call))).toHaveLength(3);
    expect(await isGone(put)).toBe(true);
    expect(value(await store.find('edge', put.fingerprint, call))).toBeNull();
    expect(readdirSync(join(home, 'oci/manifests')).filter((name) => name.startsWith('of-'))).toHaveLength(3);
  });

  it('leaves alone what is young, for somebody may be writing it', async () => {
    const artifact = await baked('edge', 40);
    const swept = await sweep();
    expect(swept).toMatchObject({ blobs: 0, others: 0 });
    expect(await isWhole(artifact)).toBe(true);
    age(40);
    // Its layers are old, but somebody has just written a manifest of them.
    const again = value(await parts.blobs.image(artifact.layers, { cmd: ['/bin/other'] }, call));
    await sweep();
    expect(await parts.blobs.has(again.digest)).toBe(true);
    expect(await parts.blobs.has(artifact.layers[0]?.digest ?? '')).toBe(true);
    expect(await parts.blobs.has(artifact.digest)).toBe(false);
  });

  it('leaves all content alone while something is baked or tested', async () => {
    const artifact = await baked('edge', 40);
    age(40);
    const work = await makeWork(home);
    expect(await sweep()).toMatchObject({ records: 2, blobs: 0, others: 0 });
    expect(await isWhole(artifact)).toBe(true);
    expect(existsSync(work)).toBe(true);
    rmSync(work, { recursive: true });
    expect(await sweep()).toMatchObject({ records: 0, blobs: 4, others: 4 });
  });

  it('clears away old logs and the work of processes that are gone', async () => {
    mkdirSync(join(home, 'logs'));
    mkdirSync(join(home, 'work/1-1-1-00000000'), { recursive: true });
    for (const name of ['old.log', 'new.log']) writeFileSync(join(home, 'logs', name), 'text');
    age(40);
    utimesSync(join(home, 'logs/new.log'), new Date(), new Date());
    expect(await sweep()).toEqual({ records: 0, blobs: 0, others: 1, bytes: 4 });
    expect(readdirSync(join(home, 'logs'))).toEqual(['new.log']);
    expect(readdirSync(join(home, 'work'))).toEqual([]);
  });

  it('keeps what it cannot read, and stops when it is told to', async () => {
    const artifact = await baked('edge', 40);
    const file = join(home, 'records/edge', readdirSync(join(home, 'records/edge'))[0] ?? '');
    age(40);
    const stopped = { ...call, signal: AbortSignal.abort() };
    const options = { keep: new Set<string>(), days: 30, dryRun: false };
    expect(await createSweep(parts)(options, stopped)).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
    expect(await isWhole(artifact)).toBe(true);
    writeFileSync(file, 'garbage');
    await sweep();
    expect(existsSync(file)).toBe(true);
  });

  it('finds nothing in a home that is empty', async () => {
    expect(await sweep()).toEqual({ records: 0, blobs: 0, others: 0, bytes: 0 });
    expect(readdirSync(home)).toEqual([]);
  });
});
