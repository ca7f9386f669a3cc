import { randomBytes } from 'node:crypto';
import type { Artifact, Blobs, Call, Layer, Result } from '@goldenthread/core';
import { sha256 } from './memory-sources.ts';

const call: Call = { signal: new AbortController().signal, emit: () => undefined };

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
}

async function* bytes(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

/** Writes an image with layers of these sizes (random bytes) and answers its record: each call another one. */
export async function ociArtifact(
  blobs: Blobs,
  image: string,
  sizes: readonly number[] = [5000, 300],
): Promise<Artifact> {
  const layers: Layer[] = [];
  for (const size of sizes)
    layers.push({ ...value(await blobs.write(bytes(randomBytes(size)), call)), step: `${size} bytes` });
  const written = value(await blobs.image(layers, { cmd: ['/bin/true'] }, call));
  return {
    schema: 1,
    image,
    role: image,
    fingerprint: sha256(randomBytes(8).toString('hex')),
    ...written,
    base: null,
    builder: { name: 'layered', backend: 'overlayfs' },
    tools: {},
    commit: null,
    time: '2026-01-01T00:00:00Z',
    seconds: 1,
    layers,
    external: [],
  };
}
