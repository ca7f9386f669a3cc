import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { unpack } from '../namespace/root.ts';
import { diskFailure } from '../files.ts';
import { architecture } from '../platform.ts';
import { ociSource, readFailure, verified, type OciSource } from './oci-source.ts';
import type { RootfsPlace, RootfsSource } from './rootfs.ts';

interface Descriptor {
  readonly digest: string;
  readonly mediaType?: string;
  readonly platform?: { readonly os?: string; readonly architecture?: string };
}

interface Manifest {
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

// A manifest is a list of names; whatever is larger is something else.
const MAX_MANIFEST = 4 << 20;

/** A root file system from an OCI image, `name@sha256:…`; every part of it is checked against its digest. */
export const ociRootfs = (reference: string, root: string): RootfsSource => ({
  name: `oci ${reference}`,
  tools: [],
  // The digest in the declaration decides everything.
  key: async () => null,
  make: async (place, call) => {
    const at = reference.lastIndexOf('@');
    const source = ociSource(reference.slice(0, at), root);
    if (!source.ok) return source;
    const layers = await layersOf(source.value, reference.slice(at + 1), call);
    if (!layers.ok) return layers;
    await mkdir(place.folder, { recursive: true });
    for (const layer of layers.value) {
      call.emit({ type: 'output', project: place.image, line: `unpacking ${layer.digest}` });
      const done = await apply(source.value, layer, place, call);
      if (!done.ok) return done;
    }
    return ok(undefined);
  },
});

/** The layers of an image, the lowest first; of an index, those of the image for this machine. */
async function layersOf(
  source: OciSource,
  digest: string,
  call: Call,
): Promise<Result<readonly Descriptor[]>> {
  const manifest = await readManifest(source, digest, call);
  if (!manifest.ok) return manifest;
  const { layers, manifests } = manifest.value;
  if (layers) return ok(layers);
  const fitting = manifests?.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture(),
  );
  if (fitting) return layersOf(source, fitting.digest, call);
  return fail({
    code: 'usage',
    detail: `${source.name} has no image for linux/${architecture()}`,
    hint: 'Choose a base that is made for the architecture of this machine.',
  });
}

async function readManifest(source: OciSource, digest: string, call: Call): Promise<Result<Manifest>> {
  const content = await source.open(digest, 'manifests', call);
  if (!content.ok) return content;
  try {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of verified(content.value, digest, source.name)) {
      size += chunk.length;
      if (size > MAX_MANIFEST) throw new Error('its manifest is larger than any manifest');
      chunks.push(chunk);
    }
    return ok(JSON.parse(Buffer.concat(chunks).toString('utf8')) as Manifest);
  } catch (error) {
    return fail(readFailure(source.name, error, call));
  }
}

/** Fetches a layer whole, and unpacks it only when it is what its digest says. */
async function apply(
  source: OciSource,
  layer: Descriptor,
  { site, folder }: RootfsPlace,
  call: Call,
): Promise<Result<void>> {
  if ((layer.mediaType ?? '').endsWith('+zstd'))
    return fail({
      code: 'tool-failed',
      tool: source.name,
      detail: 'its layers are packed by zstd, which is not supported',
    });
  const content = await source.open(layer.digest, 'blobs', call);
  if (!content.ok) return content;
  const file = `${site.work}/oci-layer`;
  try {
    await pipeline(verified(content.value, layer.digest, source.name), createWriteStream(file), {
      signal: call.signal,
    });
  } catch (error) {
    const disk = diskFailure(error, site.home);
    return fail(disk.code === 'disk-full' ? disk : readFailure(source.name, error, call));
  }
  const packed = /[+.]gzip$/.test(layer.mediaType ?? '');
  const stream = createReadStream(file, { highWaterMark: 1 << 20 });
  const done = await unpack(
    site,
    packed ? stream.pipe(createGunzip()) : stream,
    { folder, mode: 'merge' },
    call,
  );
  await rm(file, { force: true });
  return done;
}
