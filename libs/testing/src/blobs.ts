import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { canonical, fail, ok, type Blobs, type Json } from '@goldenthread/core';

const FOLDER = 'blobs/sha256';

/** The simplest blob store that keeps its promises, in a folder: for specs of what stands on the port. */
export function simpleBlobs(folder: string): Blobs {
  mkdirSync(join(folder, FOLDER), { recursive: true });
  const path = (digest: string): string => join(folder, FOLDER, digest.replace(/^sha256:/, ''));
  const write: Blobs['write'] = async (content, call) => {
    const part = join(folder, `${randomBytes(6).toString('hex')}.part`);
    const hash = createHash('sha256');
    const count = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of content) {
        hash.update(chunk);
        yield chunk;
      }
    };
    try {
      await pipeline(count(), createWriteStream(part), { signal: call.signal });
    } catch (error) {
      return fail(
        call.signal.aborted
          ? { code: 'cancelled' }
          : { code: 'tool-failed', tool: 'blobs', detail: String(error) },
      );
    }
    const digest = `sha256:${hash.digest('hex')}`;
    const { size } = await stat(part);
    await rename(part, path(digest));
    return ok({ digest, size });
  };
  const imageOf: Blobs['imageOf'] = async (layers, config, call) => {
    const written = await write(bytes(config), call);
    if (!written.ok) return written;
    const descriptors = layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest,
      size,
    }));
    const described = { mediaType: 'application/vnd.oci.image.config.v1+json', ...written.value };
    const manifest = await write(bytes({ schemaVersion: 2, config: described, layers: descriptors }), call);
    if (!manifest.ok) return manifest;
    const size = written.value.size + layers.reduce((sum, layer) => sum + layer.size, 0);
    return ok({ digest: manifest.value.digest, size });
  };
  const image: Blobs['image'] = (layers, config, call) => {
    const Env = Object.entries(config.env ?? {}).map(([key, value]) => `${key}=${value}`);
    const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
    return imageOf(
      layers,
      { architecture: 'amd64', os: 'linux', config: { Env, Cmd: config.cmd }, rootfs },
      call,
    );
  };
  return { path, has: async (digest) => existsSync(path(digest)), write, image, imageOf };
}

async function* bytes(value: Json): AsyncGenerator<Uint8Array> {
  yield Buffer.from(canonical(value));
}
