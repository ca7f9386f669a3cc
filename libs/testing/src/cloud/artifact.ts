import type { Artifact } from '@goldenthread/core';
import { sha256 } from '../memory-sources.ts';

let count = 0;

/** An artifact that lies in a cloud, under these names; each call other content and another fingerprint. */
export function cloudArtifact(image: string, external: Artifact['external']): Artifact {
  count += 1;
  return {
    schema: 1,
    image,
    role: image,
    fingerprint: sha256(`fingerprint ${count}`),
    digest: sha256(`digest ${count}`),
    base: null,
    builder: { name: 'packer' },
    tools: {},
    commit: { sha: 'c'.repeat(40), dirty: false },
    size: 0,
    time: '2026-01-01T00:00:00Z',
    seconds: 1,
    layers: [],
    external,
  };
}
