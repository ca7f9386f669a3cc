import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Result } from '@goldenthread/core';
import { fakeRegistry, type FakeRegistry } from '@goldenthread/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf, readShort, verified } from './digest.ts';
import { MEDIA, type Content, type Manifest, type OciPlace, type Upload } from './place.ts';
import { openRegistry } from './registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-oci-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const failureOf = (result: Result<unknown>): unknown => (result.ok ? null : result.failures[0]);

const MIB = 1 << 20;
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += 100_000) yield bytes.subarray(from, from + 100_000);
}
const uploadOf = (bytes: Uint8Array, mountFrom: string | null = null): Upload => ({
  digest: digestOf(bytes),
  size: bytes.length,
  mountFrom,
  open: async () => ({ ok: true, value: pieces(bytes) }),
});
const whole = async (content: Content): Promise<Buffer> =>
  Buffer.from((await readShort(content, 64 * MIB)) ?? []);

const manifestOf = (fields: object): Manifest => {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.manifest, ...fields }));
  return { digest: digestOf(bytes), mediaType: MEDIA.manifest, bytes };
};

let registry: FakeRegistry;
let place: OciPlace;
const patience = { idle: 20, tries: 3, pause: 1 };
const before = process.env['DOCKER_CONFIG'];
let count = 0;
beforeEach(async () => {
  registry = await fakeRegistry();
  place = openRegistry(registry.host, null, { patience, chunk: MIB }).place('team/edge');
  const config = join(folder, `config-${(count += 1)}`);
  mkdirSync(config);
  process.env['DOCKER_CONFIG'] = config;
});
afterEach(async () => {
  await registry.stop();
  if (before === undefined) delete process.env['DOCKER_CONFIG'];
  else process.env['DOCKER_CONFIG'] = before;
});
const configure = (config: object): void =>
  writeFileSync(join(process.env['DOCKER_CONFIG'] ?? '', 'config.json'), JSON.stringify(config));
const login = (user: string, password: string): object => ({
  auths: { [registry.host]: { auth: Buffer.from(`${user}:${password}`).toString('base64') } },
});
const counted = (method: string): number => registry.seen.filter((one) => one.method === method).length;
const sentBytes = (): number => registry.seen.reduce((sum, { bytes }) => sum + bytes, 0);

describe('content of a registry', () => {
  it('comes back as it was sent, small or in pieces', async () => {
    for (const size of [0, 10, MIB, 3 * MIB + 5]) {
      const bytes = randomBytes(size);
      expect(value(await place.putBlob(uploadOf(bytes), call))).toBe('sent');
      expect(digestOf(await whole(value(await place.open(digestOf(bytes), call))))).toBe(digestOf(bytes));
      expect(value(await place.putBlob(uploadOf(bytes), call))).toBe('there');
    }
    expect(counted('PATCH')).toBe(1);
  });

  it('is taken over from another repository without a byte', async () => {
    const bytes = randomBytes(2 * MIB);
    value(await openRegistry(registry.host, null).place('other').putBlob(uploadOf(bytes), call));
    const sent = sentBytes();
    expect(value(await place.putBlob(uploadOf(bytes, 'other'), call))).toBe('mounted');
    expect(sentBytes()).toBe(sent);
    expect(value(await place.putBlob(uploadOf(randomBytes(10), 'other'), call))).toBe('sent');
  });

  it('goes on where the connection broke, both ways', async () => {
    const bytes = randomBytes(3 * MIB);
    let broken = 0;
    registry.behaviour.interfere = ({ method }) =>
      method === 'PATCH' && (broken += 1) % 2 === 1 ? { kind: 'reset', after: 700_000 } : null;
    expect(value(await place.putBlob(uploadOf(bytes), call))).toBe('sent');
    expect(broken).toBeGreaterThan(3);
    // Each break costs less than a piece, so nothing was sent from its start again.
    expect(sentBytes()).toBe(bytes.length);
    registry.behaviour.interfere = ({ method }) =>
      method === 'GET' && (broken -= 1) > 0 ? { kind: 'cut', after: 500_000 } : null;
    const read = value(await place.open(digestOf(bytes), call));
    expect((await whole(verified(read, { digest: digestOf(bytes) }, 'it'))).length).toBe(bytes.length);
  });

  it('is not sent where it is there already, though it could not be taken over', async () => {
    const bytes = randomBytes(2 * MIB);
    value(await place.putBlob(uploadOf(bytes), call));
    const sent = sentBytes();
    const held = registry.repository('team/edge').blobs;
    const upload = { ...uploadOf(bytes, 'nowhere'), isNew: true };
    expect(value(await place.putBlob(upload, call))).toBe('there');
    expect(sentBytes()).toBe(sent);
    expect(registry.repository('team/edge').uploads.size).toBe(0);
    held.clear();
    expect(value(await place.putBlob(upload, call))).toBe('sent');
  });

  it('goes in pieces where it is too long for one request', async () => {
    const bytes = randomBytes(3 * MIB);
    let asked = 0;
    registry.behaviour.interfere = ({ method }) =>
      method === 'PATCH' && (asked += 1) === 1 ? { kind: 'answer', status: 413 } : null;
    expect(value(await place.putBlob(uploadOf(bytes), call))).toBe('sent');
    expect(asked).toBe(4);
    expect([...registry.repository('team/edge').blobs.keys()]).toEqual([digestOf(bytes)]);
  });

  it('is sent with a token of its own, which nobody had asked for before', async () => {
    registry.behaviour.auth = { kind: 'bearer' };
    const bytes = randomBytes(3 * MIB);
    expect(value(await place.putBlob(uploadOf(bytes, 'nowhere'), call))).toBe('sent');
    expect([...registry.repository('team/edge').blobs.keys()]).toEqual([digestOf(bytes)]);
  });

  it('is sent anew where the registry forgot the upload', async () => {
    const bytes = randomBytes(2 * MIB);
    let broken = false;
    registry.behaviour.interfere = ({ method }) => {
      if (method !== 'PATCH' || broken) return null;
      broken = true;
      registry.repository('team/edge').uploads.clear();
      return { kind: 'reset', after: 10 };
    };
    expect(value(await place.putBlob(uploadOf(bytes), call))).toBe('sent');
    expect([...registry.repository('team/edge').blobs.keys()]).toEqual([digestOf(bytes)]);
  });

  it('is never sent where it is not what its digest says', async () => {
    const upload = { ...uploadOf(randomBytes(2 * MIB)), digest: digestOf('another') };
    expect(failureOf(await place.putBlob(upload, call))).toMatchObject({ code: 'content-corrupt' });
    expect(registry.repository('team/edge').blobs.size).toBe(0);
    expect(registry.repository('team/edge').uploads.size).toBe(0);
  });

  it('is read only where the registry sends what was asked for', async () => {
    const bytes = randomBytes(1000);
    const digest = digestOf(bytes);
    registry.repository('team/edge').blobs.set(digest, randomBytes(1000));
    const read = whole(verified(value(await place.open(digest, call)), { digest }, 'it'));
    await expect(read).rejects.toMatchObject({ cause: { code: 'content-corrupt', expected: digest } });
  });

  it('is followed to another host, which does not see who asks', async () => {
    configure(login('ann', 'secret'));
    registry.behaviour.auth = { kind: 'basic', user: 'ann', password: 'secret' };
    const other = await fakeRegistry();
    const bytes = randomBytes(1000);
    other.repository('store').blobs.set(digestOf(bytes), bytes);
    const location = `http://${other.host}/v2/store/blobs/${digestOf(bytes)}`;
    registry.behaviour.interfere = ({ method, authorization }) =>
      method === 'GET' && authorization ? { kind: 'answer', status: 307, headers: { location } } : null;
    expect(await whole(value(await place.open(digestOf(bytes), call)))).toEqual(bytes);
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([null]);
    registry.behaviour.interfere = () => ({
      kind: 'answer',
      status: 307,
      headers: { location: 'http://registry.example/blob' },
    });
    expect(failureOf(await place.open(digestOf(bytes), call))).toMatchObject({
      code: 'store-refused',
      detail: expect.stringContaining('plain HTTP') as unknown,
    });
    await other.stop();
  });
});

describe('a manifest', () => {
  it('is found by its tag and by its digest, and nothing else is', async () => {
    const manifest = manifestOf({});
    value(await place.putManifest('1.0.0', manifest, call));
    expect(value(await place.resolve('1.0.0', call))).toBe(manifest.digest);
    expect(value(await place.manifest(manifest.digest, call))).toMatchObject({ digest: manifest.digest });
    expect(value(await place.manifest('2.0.0', call))).toBeNull();
    expect(value(await place.resolve('2.0.0', call))).toBeNull();
  });

  it('is refused where it is not what the registry says', async () => {
    const manifest = manifestOf({});
    value(await place.putManifest('1.0.0', manifest, call));
    const body = '{"layers":[]}';
    registry.behaviour.interfere = () => ({ kind: 'answer', status: 200, body });
    expect(failureOf(await place.manifest(manifest.digest, call))).toMatchObject({
      code: 'content-corrupt',
      expected: manifest.digest,
    });
    const headers = { 'docker-content-digest': manifest.digest };
    registry.behaviour.interfere = () => ({ kind: 'answer', status: 201, body, headers });
    expect(failureOf(await place.putManifest('1.0.1', manifestOf({ layers: [] }), call))).toMatchObject({
      code: 'content-corrupt',
      found: manifest.digest,
    });
    registry.behaviour.interfere = () => ({ kind: 'answer', status: 200, body: Buffer.alloc(5 * MIB) });
    expect(failureOf(await place.manifest('1.0.0', call))).toMatchObject({
      code: 'content-corrupt',
      found: 'more',
    });
  });

  it('loses one tag and keeps the others', async () => {
    const manifest = manifestOf({});
    for (const tag of ['1.0.0', '1.0.1']) value(await place.putManifest(tag, manifest, call));
    value(await place.untag('1.0.0', call));
    expect(value(await place.tags(call))).toEqual(['1.0.1']);
    expect(value(await place.resolve('1.0.1', call))).toBe(manifest.digest);
    registry.behaviour.delete = false;
    expect(failureOf(await place.untag('1.0.1', call))).toMatchObject({
      code: 'store-refused',
      status: 405,
      detail: expect.stringContaining('allow deletion') as unknown,
    });
    registry.behaviour.delete = true;
    value(await place.untag('1.0.1', call));
    value(await place.untag('1.0.1', call));
    expect(registry.repository('team/edge').manifests.size).toBe(0);
  });

  it('is listed page by page', async () => {
    const tags = Array.from({ length: 11 }, (_, index) => `1.0.${index}`);
    for (const tag of tags) value(await place.putManifest(tag, manifestOf({}), call));
    expect(value(await place.tags(call))).toEqual(tags.toSorted());
  });

  it.each([true, false])(
    'has referrers, whoever writes them at once (registry lists them: %s)',
    async (lists) => {
      registry.behaviour.referrers = lists;
      const subject = manifestOf({});
      value(await place.putManifest('1.0.0', subject, call));
      const { digest, bytes } = subject;
      const documents = Array.from({ length: 12 }, (_, index) =>
        manifestOf({
          artifactType: `application/x-${index}`,
          subject: { mediaType: MEDIA.manifest, digest, size: bytes.length },
        }),
      );
      const writers = documents.map((one) =>
        openRegistry(registry.host, null, { patience })
          .place('team/edge')
          .putReferrers(digest, [one], [], call),
      );
      for (const written of await Promise.all(writers)) value(written);
      const found = value(await place.referrers(digest, call));
      expect(found.map((one) => one.digest).toSorted()).toEqual(
        documents.map((one) => one.digest).toSorted(),
      );
      expect(found.map((one) => one.artifactType).toSorted()).toEqual(
        documents.map((_, index) => `application/x-${index}`).toSorted(),
      );
    },
  );
});
