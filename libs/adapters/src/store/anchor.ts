import { ATTACHMENTS, canonical, ok, type Artifact, type Call, type Result } from '@goldenthread/core';
import { isDigest } from '../oci/digest.ts';
import { packed } from '../oci/documents.ts';
import { fieldsOf, type Manifest, type OciPlace } from '../oci/place.ts';

/** The annotation by which an anchor says which artifact it stands for. */
const ARTIFACT = 'dev.goldenthread.artifact';

/** What stands for an artifact whose content lies in a cloud: a manifest with its record. Equal records, equal anchor. */
export const anchorOf = (artifact: Artifact): ReturnType<typeof packed> =>
  packed(
    { type: ATTACHMENTS.record, text: canonical(artifact) },
    { annotations: { [ARTIFACT]: artifact.digest } },
  );

/** Whether an artifact's content is OCI content. */
export const hasContent = ({ layers }: Artifact): boolean => layers.length > 0;

/** The digest of the manifest under which an artifact lies in a store. */
export const manifestDigest = (artifact: Artifact): string =>
  hasContent(artifact) ? artifact.digest : anchorOf(artifact).manifest.digest;

/** What a reference names: the manifest, and the artifact that it is or stands for. */
export interface Named {
  readonly manifest: Manifest;
  readonly artifact: string;
}

/** Reads what a reference of a place names; null where it names nothing. */
export async function named(place: OciPlace, reference: string, call: Call): Promise<Result<Named | null>> {
  const manifest = await place.manifest(reference, call);
  if (!manifest.ok || manifest.value === null) return manifest.ok ? ok(null) : manifest;
  const fields = fieldsOf(manifest.value, place.name);
  if (!fields.ok) return fields;
  const stands = fields.value.annotations?.[ARTIFACT];
  const artifact = stands !== undefined && isDigest(stands) ? stands : manifest.value.digest;
  return ok({ manifest: manifest.value, artifact });
}
