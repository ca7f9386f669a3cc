import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { fail, ok, type Blobs, type Call, type Failure, type Result } from '@goldenthread/core';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import { corrupt, sha256, type Loadable } from './loadable.ts';

/** An image as `docker save` gave it, its layers already in the blob store, bottom first. */
export interface Saved {
  readonly config: Buffer;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

const hex = (digest: string): string => digest.replace(/^sha256:/, '');

async function addFile(tar: Pack, name: string, file: string, size: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const entry = tar.entry({ name, size }, (error) => (error ? reject(error) : resolve()));
    const content = createReadStream(file, { highWaterMark: 1024 * 1024 }).on('error', reject);
    content.on('data', (chunk) => {
      if (entry.write(chunk)) return;
      content.pause();
      entry.once('drain', () => void content.resume());
    });
    content.on('end', () => entry.end(null));
  });
}

/**
 * A docker-archive of an image, as `docker load` reads it, with the content of its `top` uppermost layers; the daemon
 * must hold the others. Fails where a blob is missing.
 */
export async function dockerArchive(
  blobs: Blobs,
  image: Loadable,
  top: number,
): Promise<Result<NodeJS.ReadableStream>> {
  const files: { digest: string; size: number }[] = [];
  for (const digest of new Set(image.layers.slice(image.layers.length - top).map((layer) => layer.digest))) {
    const info = await stat(blobs.path(digest)).catch(() => null);
    if (!info) return corrupt(`the layer ${digest}`, 'a file', 'nothing');
    files.push({ digest, size: info.size });
  }
  const Config = `${sha256(image.config)}.json`;
  const index = [{ Config, RepoTags: null, Layers: image.layers.map(({ digest }) => `${hex(digest)}.tar`) }];
  const tar = pack();
  const fill = async (): Promise<void> => {
    tar.entry({ name: 'manifest.json' }, JSON.stringify(index));
    tar.entry({ name: Config }, image.config);
    for (const { digest, size } of files) await addFile(tar, `${hex(digest)}.tar`, blobs.path(digest), size);
    tar.finalize();
  };
  fill().catch((error: Error) => tar.destroy(error));
  return ok(Readable.from(tar, { objectMode: false }));
}

/** The plain tar of a layer: daemons that keep layers compressed hand them out so. */
async function* plain(entry: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = entry[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done) return;
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield first.value as Uint8Array;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  }
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) return yield* whole();
  const gunzip = createGunzip();
  const feed = async (): Promise<void> => {
    for await (const chunk of whole())
      if (!gunzip.write(chunk)) await new Promise((resolve) => gunzip.once('drain', resolve));
    gunzip.end();
  };
  feed().catch((error: Error) => gunzip.destroy(error));
  yield* gunzip as AsyncIterable<Uint8Array>;
}

async function readAll(entry: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  return Buffer.concat(chunks);
}

type Incoming = AsyncIterable<Uint8Array> & { readonly header: Header };

interface Contents {
  /** Small files by name. */
  readonly texts: Map<string, Buffer>;
  readonly layers: Map<string, { digest: string; size: number }>;
  readonly links: Map<string, string>;
}

const SMALL = 1024 * 1024;

/** Takes one entry in: links and small files are remembered, all else goes into the blob store as a layer. */
async function take(entry: Incoming, contents: Contents, blobs: Blobs, call: Call): Promise<Result<void>> {
  const { name, type, linkname, size = 0 } = entry.header;
  const isLayer = name.endsWith('/layer.tar') || size > SMALL;
  if (type === 'file' && isLayer) {
    const written = await blobs.write(plain(entry), call);
    if (!written.ok) return written;
    contents.layers.set(name, written.value);
    return ok(undefined);
  }
  if (type === 'file') contents.texts.set(name, await readAll(entry));
  else for await (const _ of entry);
  if ((type === 'symlink' || type === 'link') && linkname)
    contents.links.set(name, type === 'link' ? linkname : posix.join(posix.dirname(name), linkname));
  return ok(undefined);
}

const json = (content: Buffer | undefined): unknown => {
  try {
    return content === undefined ? null : JSON.parse(content.toString('utf8'));
  } catch {
    return null;
  }
};

/** Puts together what the index of the archive names, and checks each layer against the configuration. */
async function assemble(contents: Contents, blobs: Blobs, call: Call): Promise<Result<Saved>> {
  const index = json(contents.texts.get('manifest.json')) as
    readonly { Config?: string; Layers?: readonly string[] }[] | null;
  const { Config: configName = '', Layers: names = [] } = index?.[0] ?? {};
  const config = contents.texts.get(configName);
  const diffs =
    (json(config) as { rootfs?: { diff_ids?: readonly string[] } } | null)?.rootfs?.diff_ids ?? [];
  if (!config || names.length !== diffs.length)
    return corrupt('the image that Docker saved', 'its configuration', 'none that fits');
  const layers: { digest: string; size: number }[] = [];
  for (const [at, listed] of names.entries()) {
    const name = contents.links.get(listed) ?? listed;
    const small = contents.texts.get(name);
    const written = small
      ? await blobs.write(plain(once(small)), call)
      : ok(contents.layers.get(name) ?? { digest: 'nothing', size: 0 });
    if (!written.ok) return written;
    if (written.value.digest !== diffs[at])
      return corrupt(`layer ${at + 1} that Docker saved`, diffs[at] ?? '', written.value.digest);
    layers.push(written.value);
  }
  return ok({ config, layers });
}

async function* once(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content;
}

/** Reads what `docker save` gives for one image; its layers go into the blob store, uncompressed. */
export async function readArchive(
  archive: NodeJS.ReadableStream,
  blobs: Blobs,
  call: Call,
): Promise<Result<Saved>> {
  const contents: Contents = { texts: new Map(), layers: new Map(), links: new Map() };
  const tar = extract();
  const source = archive as Readable;
  source.on('error', (error) => tar.destroy(error));
  source.pipe(tar as unknown as Writable);
  try {
    for await (const entry of tar) {
      // The library's types leave open what its streams carry: bytes.
      const taken = await take(entry as unknown as Incoming, contents, blobs, call);
      if (!taken.ok) return taken;
    }
  } catch (error) {
    const failure: Failure = { code: 'tool-failed', tool: 'docker save', detail: (error as Error).message };
    return fail(call.signal.aborted ? { code: 'cancelled' } : failure);
  } finally {
    source.destroy();
  }
  return assemble(contents, blobs, call);
}
