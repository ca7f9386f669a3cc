import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { unpack } from '../namespace/root.ts';
import { diskFailure } from '../files.ts';
import { architecture } from '../platform.ts';
import { failureOf, verified } from '../oci/digest.ts';
import { fieldsOf, type Descriptor, type ManifestFields, type OciPlace } from '../oci/place.ts';
import type { RootfsPlace, RootfsSource } from './rootfs.ts';

/** A root file system from an OCI image, `name@sha256:…`; every part of it is checked against its digest. */
export const ociRootfs = (reference: string, root: string): RootfsSource => ({
  name: `oci ${reference}`,
  tools: [],
  // The digest in the declaration decides everything.
  key: async () => null,
  make: async (place, call) => {
    // Loaded only now: a client of registries takes longer to load than all that an unchanged bake does.
    const { ociSource } = await import('./oci-source.ts');
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
  source: OciPlace,
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

async function readManifest(source: OciPlace, digest: string, call: Call): Promise<Result<ManifestFields>> {
  const manifest = await source.manifest(digest, call);
  if (!manifest.ok) return manifest;
  if (manifest.value) return fieldsOf(manifest.value, source.name);
  return fail({
    code: 'usage',
    detail: `${source.name} has no ${digest}`,
    hint: 'Check the name and the digest of the base.',
  });
}

/** Fetches a layer whole, and unpacks it only when it is what its digest says. */
async function apply(
  source: OciPlace,
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
  const content = await source.open(layer.digest, call);
  if (!content.ok) return content;
  const file = `${site.work}/oci-layer`;
  try {
    await pipeline(verified(content.value, layer, source.name), createWriteStream(file), {
      signal: call.signal,
    });
  } catch (error) {
    if (call.signal.aborted) return fail({ code: 'cancelled' });
    return fail(failureOf(error) ?? diskFailure(error, site.home));
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
