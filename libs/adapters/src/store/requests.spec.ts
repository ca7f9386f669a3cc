import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ATTACHMENTS, type Call, type Result } from '@goldenthread/core';
import { evidenceFor, fakeRegistry, ociArtifact, type FakeRegistry } from '@goldenthread/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBlobs } from './blobs.ts';
import { createArtifactStore } from './oci.ts';
import type { OciAccount } from './places.ts';

const root = mkdtempSync(join(tmpdir(), 'goldenthread-requests-'));
mkdirSync(join(root, 'home'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

const blobs = createBlobs(join(root, 'home'));
const documents = ['one', 'two', 'three'].map((name) => ({
  type: ATTACHMENTS.attestation,
  text: `{"name":"${name}"}`,
}));
const sbom = { type: ATTACHMENTS.sbom, text: '{"bomFormat":"CycloneDX"}' };

let own: FakeRegistry;
let other: FakeRegistry;
beforeEach(async () => {
  [own, other] = [await fakeRegistry(), await fakeRegistry()];
  // As long as those of real registries, so that a listing is one request.
  for (const { behaviour } of [own, other]) behaviour.page = 1000;
});
afterEach(async () => void (await Promise.all([own.stop(), other.stop()])));

const at = ({ host }: FakeRegistry, name: string): OciAccount => ({
  kind: 'oci',
  name,
  registry: `${host}/${name}`,
  ca: null,
});
const newStore = (): ReturnType<typeof createArtifactStore> =>
  createArtifactStore({ root, home: join(root, 'home'), blobs }, at(own, 'team'));

/** How many requests something makes at both registries. */
async function requests(work: () => Promise<unknown>): Promise<number> {
  const before = own.seen.length + other.seen.length;
  await work();
  return own.seen.length + other.seen.length - before;
}

describe.each([
  ['that lists referrers', true, { release: 120, look: 17 }],
  ['without a list of referrers', false, { release: 145, look: 18 }],
])('a registry %s is not asked more than needed', (_, listsReferrers, most) => {
  it('for a release, and a look at it', async () => {
    for (const { behaviour } of [own, other]) behaviour.referrers = listsReferrers;
    const artifact = await ociArtifact(blobs, 'edge');
    const release = { artifact, version: '1.0.0' };
    const account = at(other, 'account');
    const store = newStore();
    const first = await requests(async () => {
      value(await store.put(artifact, [evidenceFor(artifact)], call));
      for (const one of [sbom, ...documents]) value(await store.attach(artifact, one, call));
      value(await store.label(release, call));
      value(await store.share(release, account, call));
    });
    const look = async (from: typeof store): Promise<void> => {
      expect(value(await from.find('edge', artifact.fingerprint, call))).toBe(artifact.digest);
      expect(value(await from.labelled('edge', '1.0.0', call))).toBe(artifact.digest);
      expect(value(await from.access(release, [account], call))).toMatchObject([{ state: 'ready' }]);
      expect(value(await from.attachments(artifact, call))).toHaveLength(6);
    };
    const again = await requests(() => look(store));
    const cold = await requests(() => look(newStore()));
    expect(first).toBeLessThanOrEqual(most.release);
    // Every document once: its manifest, which brings its text along.
    expect(cold).toBeLessThanOrEqual(most.look);
    expect(again).toBeLessThanOrEqual(11);
  });
});
