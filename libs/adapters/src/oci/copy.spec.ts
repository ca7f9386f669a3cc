import { createHash, randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UNMOVED, type Call, type Layer, type Result } from '@goldenthread/core';
import {
  fakeRegistry,
  missingTools,
  REGISTRY_PROGRAMS,
  startRegistry,
  type FakeRegistry,
} from '@goldenthread/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobs } from '../store/blobs.ts';
import { homeLayout } from './content.ts';
import { copy } from './copy.ts';
import { layoutPlace } from './layout.ts';
import { openRegistry } from './registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-copy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

const MIB = 1 << 20;
const LARGE = 64 * MIB;

/** Bytes that no piece of is like another, without holding them. */
async function* noise(size: number): AsyncGenerator<Uint8Array> {
  const seed = randomFillSync(Buffer.alloc(MIB));
  for (let at = 0; at < size; at += MIB) {
    seed.writeUInt32LE(at, 0);
    yield Buffer.from(seed.subarray(0, Math.min(MIB, size - at)));
  }
}

let digest = '';
let layers: readonly Layer[] = [];
const local = layoutPlace(homeLayout(folder), 'edge');
beforeAll(async () => {
  const blobs = createBlobs(folder);
  const sizes = [LARGE, 5 * MIB, 10, 20, 30, 40];
  layers = await Promise.all(
    sizes.map(async (size) => ({ ...value(await blobs.write(noise(size), call)), step: `${size}` })),
  );
  ({ digest } = value(await blobs.image(layers, {}, call)));
});

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await fakeRegistry();
});
afterEach(() => registry.stop());
const patience = { idle: 20, tries: 4, pause: 1 };
const placeIn = (path: string, chunk = 4 * MIB) =>
  openRegistry(registry.host, null, { patience, chunk }).place(path);
const methods = (from = 0): readonly string[] => registry.seen.slice(from).map(({ method }) => method);
const bytesSince = (from: number): number =>
  registry.seen.slice(from).reduce((sum, { bytes }) => sum + bytes, 0);

describe('a copy of an image', () => {
  it('moves all of it once, and then nothing: only HEAD requests', async () => {
    const moved = value(await copy(local, placeIn('edge'), digest, call));
    expect(moved).toMatchObject({ sent: layers.length + 1, mounted: 0, there: 0 });
    expect(moved.bytes).toBeGreaterThan(LARGE);
    const before = registry.seen.length;
    expect(value(await copy(local, placeIn('edge'), digest, call))).toEqual({
      ...UNMOVED,
      there: layers.length + 1,
    });
    expect(new Set(methods(before))).toEqual(new Set(['HEAD']));
    expect(bytesSince(before)).toBe(0);
  });

  it('to another repository of the registry moves no blob', async () => {
    value(await copy(local, placeIn('staging/edge'), digest, call));
    const before = registry.seen.length;
    const { place } = openRegistry(registry.host, null, { patience });
    const moved = value(await copy(place('staging/edge'), place('edge'), digest, call));
    expect(moved).toEqual({ ...UNMOVED, mounted: layers.length + 1 });
    // The manifest is all that is sent.
    expect(bytesSince(before)).toBeLessThan(4096);
  });

  it('goes on after broken connections, and holds no more than a few pieces in memory', async () => {
    let breaks = 3;
    registry.behaviour.interfere = ({ method }) =>
      method === 'PATCH' && (breaks -= 1) >= 0 ? { kind: 'reset', after: MIB } : null;
    const moved = value(await copy(local, placeIn('edge'), digest, call));
    expect(moved.sent).toBe(layers.length + 1);
    const received = [...registry.repository('edge').blobs].every(
      ([name, bytes]) => `sha256:${createHash('sha256').update(bytes).digest('hex')}` === name,
    );
    expect(received).toBe(true);
    // What arrived before a connection broke is not sent again: at most what was under way is.
    expect(bytesSince(0)).toBeLessThan(moved.bytes + 3 * 4 * MIB);
  });

  it('that was broken off is whole the next time, and has no manifest before', async () => {
    const place = placeIn('edge');
    registry.behaviour.interfere = ({ method, path }) =>
      method === 'PATCH' || path.endsWith('state=2') ? { kind: 'answer', status: 507, body: 'full' } : null;
    expect(await copy(local, place, digest, call)).toMatchObject({
      failures: [{ code: 'store-refused', status: 507, detail: 'full' }],
    });
    expect(value(await place.manifest(digest, call))).toBeNull();
    registry.behaviour.interfere = () => null;
    value(await copy(local, place, digest, call));
    expect(value(await place.resolve(digest, call))).toBe(digest);
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    registry.behaviour.interfere = ({ method }) => {
      if (method === 'PATCH') stop.abort();
      return null;
    };
    expect(await copy(local, placeIn('edge'), digest, { ...call, signal: stop.signal })).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
    expect(registry.repository('edge').manifests.size).toBe(0);
  });

  it('back into a folder is checked, whatever breaks on the way', async () => {
    value(await copy(local, placeIn('edge'), digest, call));
    let breaks = 2;
    registry.behaviour.interfere = ({ method, path }) =>
      method === 'GET' && path.includes('/blobs/') && (breaks -= 1) >= 0 ? { kind: 'cut', after: 3 } : null;
    const to = layoutPlace(homeLayout(join(folder, 'back')), 'edge');
    expect(value(await copy(placeIn('edge'), to, digest, call)).sent).toBe(layers.length + 1);
    expect(value(await to.manifest(digest, call))).toMatchObject({ digest });
    const [layer] = layers;
    registry.repository('edge').blobs.set(layer?.digest ?? '', Buffer.alloc(LARGE));
    const other = layoutPlace(homeLayout(join(folder, 'other')), 'edge');
    expect(await copy(placeIn('edge'), other, digest, call)).toMatchObject({
      failures: [{ code: 'content-corrupt', expected: layer?.digest }],
    });
    expect(value(await other.has(layer?.digest ?? '', call))).toBe(false);
  });
});

const missing = missingTools(...REGISTRY_PROGRAMS);

describe.skipIf(missing.length > 0)("a copy to Docker's registry", () => {
  it('arrives in pieces, and is mounted from there', async () => {
    const real = await startRegistry();
    try {
      const { place } = openRegistry(real.host, null, { chunk: 8 * MIB });
      const moved = value(await copy(local, place('staging/edge'), digest, call));
      expect(moved).toMatchObject({ sent: layers.length + 1 });
      expect(value(await copy(place('staging/edge'), place('edge'), digest, call))).toEqual({
        ...UNMOVED,
        mounted: layers.length + 1,
      });
      expect(value(await copy(local, place('edge'), digest, call))).toMatchObject({ sent: 0, bytes: 0 });
    } finally {
      await real.stop();
    }
  });

  it('arrives through a line that breaks again and again', async () => {
    const real = await startRegistry();
    const line = await breakingLine(real.host, 20 * MIB, 3);
    try {
      const { place } = openRegistry(line.host, null, { chunk: 8 * MIB, patience: { pause: 1 } });
      value(await copy(local, place('edge'), digest, call));
      expect(line.breaks()).toBe(3);
      expect(value(await copy(local, place('edge'), digest, call))).toMatchObject({ sent: 0, bytes: 0 });
    } finally {
      line.stop();
      await real.stop();
    }
  });
});

/** A way to a server that breaks after so many bytes, a few times. */
async function breakingLine(to: string, after: number, times: number) {
  const port = Number(to.split(':')[1]);
  let [left, breaks] = [after, 0];
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.on('data', (chunk) => {
      left -= chunk.length;
      if (left >= 0 || breaks === times) return void far.write(chunk);
      [left, breaks] = [after, breaks + 1];
      near.destroy();
    });
    far.on('data', (chunk) => near.write(chunk));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => undefined).on('close', () => other.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${own}`, breaks: () => breaks, stop: () => void server.close() };
}
