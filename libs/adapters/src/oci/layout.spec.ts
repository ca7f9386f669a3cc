import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Result } from '@goldenthread/core';
import { digestOf as digestOfContent, missingTools, writeLayout } from '@goldenthread/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { blobPath, ownLayout } from './content.ts';
import { digestOf } from './digest.ts';
import { layoutPlace } from './layout.ts';
import { list } from './listing.ts';
import { MEDIA, type Manifest, type Upload } from './place.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-layout-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const newFolder = (): string => join(folder, `${(count += 1)}`);

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
const uploadOf = (text: string): Upload => ({
  digest: digestOf(text),
  size: Buffer.byteLength(text),
  mountFrom: null,
  open: async () => ({ ok: true, value: once(Buffer.from(text)) }),
});
const manifestOf = (fields: object): Manifest => {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.manifest, ...fields }));
  return { digest: digestOf(bytes), mediaType: MEDIA.manifest, bytes };
};
interface Index {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Record<string, string> }[];
}
const indexOf = (at: string): Index => JSON.parse(readFileSync(join(at, 'index.json'), 'utf8')) as Index;
const namesIn = (at: string): readonly string[] =>
  indexOf(at)
    .manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? '')
    .toSorted();

describe('a layout folder', () => {
  it('keeps blobs and manifests, and gives back nothing else', async () => {
    const place = layoutPlace(ownLayout(newFolder()), 'edge');
    expect(value(await place.putBlob(uploadOf('content'), call))).toBe('sent');
    expect(value(await place.putBlob(uploadOf('content'), call))).toBe('there');
    expect(value(await place.has(digestOf('content'), call))).toBe(true);
    expect(value(await place.has(digestOf('other'), call))).toBe(false);
    expect(await place.open(digestOf('other'), call)).toMatchObject({
      failures: [{ code: 'content-corrupt' }],
    });
    expect(value(await place.manifest('1.0.0', call))).toBeNull();
    value(await place.putManifest('1.0.0', manifestOf({}), call));
    expect(value(await place.manifest('1.0.0', call))).toMatchObject({ digest: manifestOf({}).digest });
    expect(value(await place.tags(call))).toEqual(['1.0.0']);
    expect(value(await layoutPlace(ownLayout(folder), 'other').tags(call))).toEqual([]);
  });

  it('takes nothing that is not what its digest says, and leaves nothing of it', async () => {
    const at = newFolder();
    const place = layoutPlace(ownLayout(at), 'edge');
    const wrong = { ...uploadOf('abc'), digest: digestOf('abd') };
    expect(await place.putBlob(wrong, call)).toMatchObject({ failures: [{ code: 'content-corrupt' }] });
    expect(readdirSync(join(at, 'work'))).toEqual([]);
    expect(existsSync(join(at, 'blobs'))).toBe(false);
  });

  it('says where a blob or a manifest was spoilt', async () => {
    const at = newFolder();
    const place = layoutPlace(ownLayout(at), 'edge');
    value(await place.putManifest('1.0.0', manifestOf({ annotations: { a: 'b' } }), call));
    const { digest } = manifestOf({ annotations: { a: 'b' } });
    truncateSync(blobPath(ownLayout(at), digest), 10);
    expect(await place.manifest('1.0.0', call)).toMatchObject({
      failures: [{ code: 'content-corrupt', expected: digest }],
    });
    writeFileSync(join(at, 'manifests', `${encodeURIComponent('edge:1.0.0')}.json`), 'garbage');
    expect(await place.resolve('1.0.0', call)).toMatchObject({ failures: [{ code: 'content-corrupt' }] });
  });

  it('loses nothing of what many write at once, and keeps what other tools listed', async () => {
    const at = newFolder();
    value(await layoutPlace(ownLayout(at), 'edge').putManifest('0.0.1', manifestOf({}), call));
    const theirs = {
      ...indexOf(at).manifests[0],
      annotations: { 'org.opencontainers.image.ref.name': 'theirs' },
    };
    writeFileSync(join(at, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [theirs] }));
    const subject = manifestOf({});
    const refers = { mediaType: MEDIA.manifest, digest: subject.digest, size: subject.bytes.length };
    const writers = Array.from({ length: 20 }, async (_, index) => {
      const place = layoutPlace(ownLayout(at), index % 2 === 0 ? 'edge' : 'base');
      value(
        await place.putManifest(`1.0.${index}`, manifestOf({ annotations: { index: `${index}` } }), call),
      );
      const document = manifestOf({ subject: refers, artifactType: `application/x-${index}` });
      value(await place.putReferrers(subject.digest, [document], [], call));
    });
    await Promise.all(writers);
    const named = Array.from(
      { length: 20 },
      (_, index) => `${index % 2 === 0 ? 'edge' : 'base'}:1.0.${index}`,
    );
    expect(namesIn(at).filter(Boolean)).toEqual([...named, 'edge:0.0.1', 'theirs'].toSorted());
    const found = value(await layoutPlace(ownLayout(at), 'edge').referrers(subject.digest, call));
    expect(found).toHaveLength(20);
    await Promise.all(
      named.slice(1).map((name) => {
        const [repository = '', tag = ''] = name.split(':');
        return layoutPlace(ownLayout(at), repository).untag(tag, call);
      }),
    );
    expect(namesIn(at).filter(Boolean)).toEqual(['edge:0.0.1', 'edge:1.0.0', 'theirs']);
  });

  it('keeps an index of all that can be read where one entry cannot', async () => {
    const at = newFolder();
    const layout = ownLayout(at);
    value(await layoutPlace(layout, 'edge').putManifest('1.0.0', manifestOf({}), call));
    writeFileSync(join(at, 'manifests/spoilt.json'), '{');
    value(await list(layout, {}));
    expect(namesIn(at)).toEqual(['edge:1.0.0']);
  });
});

const missing = missingTools('skopeo');

describe.skipIf(missing.length > 0)('a layout folder and other tools', () => {
  it('is read by Skopeo, image by image', async () => {
    const [source, at] = [newFolder(), newFolder()];
    execFileSync('mkdir', ['-p', source]);
    const digest = writeLayout(source, [{ tar: Buffer.alloc(10240) }]);
    const { copy } = await import('./copy.ts');
    const to = layoutPlace(ownLayout(at), 'staging/edge');
    value(await copy(layoutPlace(ownLayout(source), ''), to, digest, call));
    value(await to.putManifest('fp-1', value(await to.manifest(digest, call)) as Manifest, call));
    const edge = layoutPlace(ownLayout(at), 'edge');
    value(await edge.putManifest('1.0.0', value(await edge.manifest(digest, call)) as Manifest, call));
    for (const name of ['edge:1.0.0', 'staging/edge:fp-1']) {
      const text = execFileSync('skopeo', ['inspect', `oci:${at}:${name}`], { encoding: 'utf8' });
      expect(JSON.parse(text)).toMatchObject({
        Digest: digest,
        Layers: [digestOfContent(Buffer.alloc(10240))],
      });
    }
  });
});
