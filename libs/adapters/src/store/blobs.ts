import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import {
  canonical,
  fail,
  ok,
  type Blobs,
  type Call,
  type Image,
  type Json,
  type Layer,
  type Result,
} from '@goldenthread/core';
import { diskFailure } from '../files.ts';
import { workName } from '../namespace/work.ts';
import { architecture } from '../platform.ts';

/** What an image's configuration is dated: content decides the digest, never the time of the bake. */
const CREATED = '2020-01-01T00:00:00Z';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
// Not compressed: what a compressor writes changes with its version, and digests would change with it.
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Keeps content by digest in the OCI layout folder `home/oci`. Several processes may write at once. */
export function createBlobs(home: string): Blobs {
  const folder = `${home}/oci`;
  const path = (digest: string): string => `${folder}/blobs/${digest.replace(':', '/')}`;
  const has = (digest: string): Promise<boolean> => isFile(path(digest));
  const write: Blobs['write'] = (content, call) => writeBlob(home, path, content, call);
  const imageOf: Blobs['imageOf'] = async (layers, config, call) => {
    const bytes = (value: Json): AsyncIterable<Uint8Array> => once(Buffer.from(canonical(value)));
    const written = await write(bytes(config), call);
    if (!written.ok) return written;
    const content = layers.map(({ digest, size }) => ({ mediaType: LAYER, digest, size }));
    const parts = { mediaType: CONFIG, digest: written.value.digest, size: written.value.size };
    const manifest = await write(
      bytes({ schemaVersion: 2, mediaType: MANIFEST, config: parts, layers: content }),
      call,
    );
    if (!manifest.ok) return manifest;
    const listed = await list(folder, { mediaType: MANIFEST, ...manifest.value }, home);
    if (!listed.ok) return listed;
    return ok({
      digest: manifest.value.digest,
      size: [parts, ...layers].reduce((sum, part) => sum + part.size, 0),
    });
  };
  const image: Blobs['image'] = (layers, config, call) => imageOf(layers, imageConfig(layers, config), call);
  return { path, has, write, image, imageOf };
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/** The same bytes in pieces of a megabyte or so: a tar comes in very many small ones. */
async function* batches(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const piece of content) {
    held.push(piece);
    size += piece.length;
    if (size < 1 << 20) continue;
    yield Buffer.concat(held);
    held = [];
    size = 0;
  }
  yield Buffer.concat(held);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function writeBlob(
  home: string,
  path: (digest: string) => string,
  content: AsyncIterable<Uint8Array>,
  call: Call,
): ReturnType<Blobs['write']> {
  // The name says who writes it, so that the next bake clears it away if we are killed here.
  const part = `${home}/work/${workName()}`;
  try {
    await mkdir(`${home}/work`, { recursive: true });
    const hash = createHash('sha256');
    const file = await open(part, 'wx');
    let size = 0;
    try {
      for await (const chunk of batches(content)) {
        if (call.signal.aborted) return fail({ code: 'cancelled' });
        hash.update(chunk);
        size += chunk.length;
        await file.writeFile(chunk);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    const digest = `sha256:${hash.digest('hex')}`;
    await mkdir(`${home}/oci/blobs/sha256`, { recursive: true });
    await rename(part, path(digest));
    return ok({ digest, size });
  } catch (error) {
    return fail(diskFailure(error, home));
  } finally {
    await rm(part, { force: true });
  }
}

/** An OCI image configuration. */
function imageConfig(layers: readonly Layer[], config: Image['config']): Json {
  const { cmd, entrypoint, env, user, workdir, ports, labels } = config;
  return {
    architecture: architecture(),
    os: 'linux',
    created: CREATED,
    config: {
      Cmd: cmd,
      Entrypoint: entrypoint,
      Env:
        env &&
        Object.entries(env)
          .map(([key, value]) => `${key}=${value}`)
          .toSorted(),
      User: user,
      WorkingDir: workdir,
      ExposedPorts: ports && Object.fromEntries(ports.map((port) => [port, {}])),
      Labels: labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    history: layers.map((layer) => ({ created: CREATED, created_by: layer.step })),
  };
}

interface Listed {
  readonly [key: string]: Json;
  readonly digest: string;
}

/**
 * Lists a manifest in the layout's index. Every manifest leaves a file of its own first and the index is made from all of
 * them, again until nothing was added meanwhile: so two writers lose nothing, and neither has to hold a lock.
 */
async function list(folder: string, entry: Listed, home: string): Promise<Result<void>> {
  const listed = `${folder}/manifests`;
  const replace = async (path: string, text: string): Promise<void> => {
    const part = `${home}/work/${workName()}`;
    await writeFile(part, text);
    try {
      await rename(part, path);
    } finally {
      await rm(part, { force: true });
    }
  };
  try {
    await mkdir(listed, { recursive: true });
    if (!existsSync(`${folder}/oci-layout`))
      await replace(`${folder}/oci-layout`, canonical({ imageLayoutVersion: '1.0.0' }));
    await replace(`${listed}/${entry.digest.replace(':', '-')}.json`, canonical(entry));
    for (;;) {
      const names = (await readdir(listed)).toSorted();
      const entries = await Promise.all(
        names.map(async (name) => JSON.parse(await readFile(`${listed}/${name}`, 'utf8')) as Json),
      );
      await replace(`${folder}/index.json`, canonical({ schemaVersion: 2, manifests: entries }));
      if ((await readdir(listed)).length === names.length) return ok(undefined);
    }
  } catch (error) {
    return fail(diskFailure(error, home));
  }
}
