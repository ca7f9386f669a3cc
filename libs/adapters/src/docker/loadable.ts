import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { fail, ok, type Blobs, type Result } from '@goldenthread/core';

/** The parts of an OCI manifest that matter here. */
interface Manifest {
  readonly config: { readonly digest: string; readonly size: number };
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** An image that Docker shall hold: its configuration, whose digest is the image's id, and its layers in the blob store. */
export interface Loadable {
  readonly config: Buffer;
  readonly layers: readonly { readonly digest: string }[];
}

const MAX_JSON = 4 * 1024 * 1024;
/** The hash of a configuration, which is the id of its image. */
export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

/** The failure of content that is not what it should be. */
export const corrupt = (what: string, expected: string, found: string): Result<never> =>
  fail({ code: 'content-corrupt', what, expected, found });

const isDescriptor = (value: unknown): value is Manifest['config'] => {
  const { digest, size } = (value ?? {}) as { digest?: unknown; size?: unknown };
  return typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest) && typeof size === 'number';
};

/** Reads an artifact's OCI manifest from the blob store. */
async function readManifest(blobs: Blobs, digest: string): Promise<Result<Manifest>> {
  const what = `the manifest ${digest}`;
  const info = await stat(blobs.path(digest)).catch(() => null);
  if (!info) return corrupt(what, 'a file', 'nothing');
  if (info.size > MAX_JSON) return corrupt(what, `at most ${MAX_JSON} bytes`, `${info.size} bytes`);
  try {
    const manifest = JSON.parse(await readFile(blobs.path(digest), 'utf8')) as Partial<Manifest>;
    if (
      isDescriptor(manifest.config) &&
      Array.isArray(manifest.layers) &&
      manifest.layers.every(isDescriptor)
    )
      return ok({ config: manifest.config, layers: manifest.layers });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return corrupt(what, 'an OCI image manifest', 'something else');
}

/** The image of an artifact, for loading. */
export async function loadable(blobs: Blobs, digest: string): Promise<Result<Loadable>> {
  const manifest = await readManifest(blobs, digest);
  if (!manifest.ok) return manifest;
  const { config, layers } = manifest.value;
  const content = await readFile(blobs.path(config.digest)).catch(() => null);
  return content
    ? ok({ config: content, layers })
    : corrupt(`the configuration ${config.digest}`, 'a file', 'nothing');
}
