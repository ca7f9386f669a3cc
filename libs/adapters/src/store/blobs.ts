import { stat } from 'node:fs/promises';
import { canonical, ok, type Blobs, type Image, type Json, type Layer } from '@goldenthread/core';
import { blobPath, homeLayout, writeContent } from '../oci/content.ts';
import { list } from '../oci/listing.ts';
import { architecture } from '../platform.ts';

/** What an image's configuration is dated: content decides the digest, never the time of the bake. */
const CREATED = '2020-01-01T00:00:00Z';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
// Not compressed: what a compressor writes changes with its version, and digests would change with it.
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Keeps content by digest in the OCI layout folder `home/oci`. Several processes may write at once. */
export function createBlobs(home: string): Blobs {
  const layout = homeLayout(home);
  const path = (digest: string): string => blobPath(layout, digest);
  const has = (digest: string): Promise<boolean> => isFile(path(digest));
  const write: Blobs['write'] = (content, call) => writeContent(layout, content, call);
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
    const { digest, size: length } = manifest.value;
    const entry = { mediaType: MANIFEST, digest, size: length };
    const listed = await list(layout, { [digest.replace(':', '-')]: entry });
    if (!listed.ok) return listed;
    return ok({
      digest,
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

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
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
