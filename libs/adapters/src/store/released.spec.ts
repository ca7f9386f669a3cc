import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Result } from '@goldenthread/core';
import {
  evidenceFor,
  fakeRegistry,
  missingTools,
  ociArtifact,
  REGISTRY_PROGRAMS,
  startRegistry,
} from '@goldenthread/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { createBlobs } from './blobs.ts';
import { createArtifactStore } from './oci.ts';
import type { OciAccount } from './places.ts';

const root = mkdtempSync(join(tmpdir(), 'goldenthread-released-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

interface World {
  readonly at: OciAccount | null;
  stop(): Promise<void>;
}
const oci = ({ host }: { readonly host: string }): OciAccount => ({
  kind: 'oci',
  name: 'store',
  registry: `${host}/team`,
  ca: null,
});
const folder = (at: OciAccount | null): World => ({ at, stop: async () => undefined });

async function inMemory(listsReferrers: boolean): Promise<World> {
  const registry = await fakeRegistry();
  registry.behaviour.referrers = listsReferrers;
  return { at: oci(registry), stop: () => registry.stop() };
}

async function docker(): Promise<World> {
  const registry = await startRegistry();
  return { at: oci(registry), stop: () => registry.stop() };
}

const worlds: readonly (readonly [string, () => Promise<World>])[] = [
  ["this machine's own folder", async () => folder(null)],
  ['a layout folder', async () => folder({ kind: 'directory', name: 'store', path: 'images' })],
  ['a registry that lists referrers', () => inMemory(true)],
  ['a registry without a list of referrers', () => inMemory(false)],
  ...(missingTools(...REGISTRY_PROGRAMS).length > 0 ? [] : [["Docker's registry", docker] as const]),
];

describe.each(worlds)('in %s', (name, start) => {
  it('a version names its record and its evidence, staged or not', { timeout: 60_000 }, async () => {
    const here = join(root, name.replaceAll(/\W/g, '-'));
    mkdirSync(here);
    const parts = { root: here, home: join(here, 'home'), blobs: createBlobs(join(here, 'home')) };
    const { at, stop } = await start();
    try {
      const store = createArtifactStore(parts, at);
      const [artifact, other] = [
        await ociArtifact(parts.blobs, 'edge'),
        await ociArtifact(parts.blobs, 'edge'),
      ];
      for (const one of [artifact, other]) value(await store.put(one, [evidenceFor(one)], call));
      expect(value(await store.released('edge', '1.0.0', call))).toBeNull();
      value(await store.label({ artifact, version: '1.0.0' }, call));
      value(await store.label({ artifact: other, version: '1.1.0' }, call));
      const again = createArtifactStore(parts, at);
      for (const [version, one] of [
        ['1.0.0', artifact],
        ['1.1.0', other],
      ] as const)
        expect(value(await again.released('edge', version, call))).toEqual({
          artifact: one,
          evidence: [evidenceFor(one)],
        });
      expect(value(await again.released('another', '1.0.0', call))).toBeNull();
    } finally {
      await stop();
    }
  });
});
