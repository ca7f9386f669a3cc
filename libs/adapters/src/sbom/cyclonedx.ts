import {
  ok,
  packageFileLimit,
  readContents,
  type Artifact,
  type Contents,
  type Ports,
} from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { cyclonedx } from './document.ts';
import { readLayers } from './layers.ts';

/** What an artifact without content in layers is made of: nobody can know, and that is said. */
function elsewhere({ external }: Artifact): Contents {
  const where = external.map(({ builder, id }) => `${builder} ${id}`).join(', ');
  const words = `its content lies elsewhere${where && ` (${where})`}, so its packages are not listed`;
  return { distribution: null, packages: [], unknown: [words] };
}

/**
 * Lists the packages of an artifact's root file system as CycloneDX 1.6, from its layers on this machine. Fails with
 * `content-corrupt` where one of them is missing or is not what its digest says.
 */
export const createSbom =
  ({ blobs }: Pick<Parts, 'blobs'>): Ports['sbom'] =>
  async (artifact, call) => {
    if (artifact.layers.length === 0) return ok(cyclonedx(artifact, elsewhere(artifact)));
    const files = await readLayers(artifact.layers, blobs.path, packageFileLimit, call);
    return files.ok ? ok(cyclonedx(artifact, readContents(files.value))) : files;
  };
