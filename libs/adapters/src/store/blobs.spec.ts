import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Result } from '@goldenthread/core';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobs } from './blobs.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-blobs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let home = '';
let count = 0;
beforeEach(() => {
  home = join(folder, `${(count += 1)}`);
  mkdirSync(home);
});

const call = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
async function* bytes(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

describe('content by digest', () => {
  it('is there under its digest once it is whole', async () => {
    const blobs = createBlobs(home);
    expect(await blobs.has(digestOf('ab'))).toBe(false);
    expect(value(await blobs.write(bytes('a', 'b'), call()))).toEqual({ digest: digestOf('ab'), size: 2 });
    expect(await blobs.has(digestOf('ab'))).toBe(true);
    expect(readFileSync(blobs.path(digestOf('ab')), 'utf8')).toBe('ab');
    expect(readdirSync(join(home, 'work'))).toEqual([]);
  });

  it('leaves nothing of what breaks off', async () => {
    const blobs = createBlobs(home);
    const breaks = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(3 << 20);
      throw new Error('broken off');
    };
    expect(await blobs.write(breaks(), call())).toEqual({
      ok: false,
      failures: [{ code: 'tool-failed', tool: 'writing content', detail: 'broken off' }],
    });
    expect(readdirSync(join(home, 'work'))).toEqual([]);
    expect(readdirSync(home)).toEqual(['work']);
  });

  it('leaves nothing of what is stopped', async () => {
    const stop = new AbortController();
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (let index = 0; ; index += 1) {
        if (index === 3) stop.abort();
        yield Buffer.alloc(1 << 20);
      }
    };
    expect(await createBlobs(home).write(endless(), { ...call(), signal: stop.signal })).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
    expect(readdirSync(join(home, 'work'))).toEqual([]);
  });
});

describe('an image', () => {
  it('is a manifest over layers that are not packed, the same for the same content', async () => {
    const blobs = createBlobs(home);
    const layer = { ...value(await blobs.write(bytes('layer'), call())), step: 'role a' };
    const config = { cmd: ['/bin/x'], env: { B: '2', A: '1' }, ports: ['80/tcp'], labels: { l: 'v' } };
    const image = value(await blobs.image([layer], config, call()));
    expect(value(await blobs.image([layer], config, call()))).toEqual(image);
    const read = (digest: string): Record<string, unknown> =>
      JSON.parse(readFileSync(blobs.path(digest), 'utf8')) as Record<string, unknown>;
    const manifest = read(image.digest) as { config: { digest: string; size: number }; layers: unknown };
    expect(manifest.layers).toEqual([
      { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer.digest, size: 5 },
    ]);
    expect(image.size).toBe(manifest.config.size + 5);
    expect(read(manifest.config.digest)).toMatchObject({
      os: 'linux',
      created: '2020-01-01T00:00:00Z',
      config: { Cmd: ['/bin/x'], Env: ['A=1', 'B=2'], ExposedPorts: { '80/tcp': {} }, Labels: { l: 'v' } },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
      history: [{ created: '2020-01-01T00:00:00Z', created_by: 'role a' }],
    });
  });

  it('is listed in the index, however many write at once', async () => {
    const stores = [createBlobs(home), createBlobs(home)];
    const layer = { ...value(await createBlobs(home).write(bytes('layer'), call())), step: 'x' };
    const images = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        stores[index % 2]?.image([layer], { cmd: [`${index}`] }, call()),
      ),
    );
    const digests = images.map((image) => (image?.ok ? image.value.digest : ''));
    const index = JSON.parse(readFileSync(join(home, 'oci/index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    expect(index.manifests.map(({ digest }) => digest).toSorted()).toEqual(digests.toSorted());
    expect(JSON.parse(readFileSync(join(home, 'oci/oci-layout'), 'utf8'))).toEqual({
      imageLayoutVersion: '1.0.0',
    });
  });
});
