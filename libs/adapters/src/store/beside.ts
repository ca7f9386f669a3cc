import {
  ATTACHMENTS,
  fail,
  ok,
  type Artifact,
  type Attachment,
  type Call,
  type Result,
} from '@goldenthread/core';
import { attachAll, documentsIn } from '../oci/documents.ts';
import type { Manifest, OciPlace } from '../oci/place.ts';
import { manifestDigest } from './anchor.ts';
import type { OpenStore } from './release.ts';

/** A place of the store where an artifact lies, and its manifest there. */
export interface Holding {
  readonly place: OciPlace;
  readonly manifest: Manifest;
}

/** The places of the store where an artifact lies; `artifact-missing` where there is none. */
export async function holding(
  { staging, released }: OpenStore,
  artifact: Artifact,
  call: Call,
): Promise<Result<readonly [Holding, ...Holding[]]>> {
  const found: Holding[] = [];
  for (const place of [staging(artifact.image), released(artifact.image)]) {
    const manifest = await place.manifest(manifestDigest(artifact), call);
    if (!manifest.ok) return manifest;
    if (manifest.value) found.push({ place, manifest: manifest.value });
  }
  const [first, ...others] = found;
  return first ? ok([first, ...others]) : fail({ code: 'artifact-missing', image: artifact.image });
}

/** Keeps a document wherever the artifact lies in the store. */
export async function attach(
  store: OpenStore,
  artifact: Artifact,
  what: Attachment,
  call: Call,
): Promise<Result<void>> {
  const places = await holding(store, artifact, call);
  if (!places.ok) return places;
  for (const { place, manifest } of places.value) {
    const attached = await attachAll(place, manifest, [what], call);
    if (!attached.ok) return attached;
  }
  return ok(undefined);
}

/**
 * The documents beside an artifact. Those beside its release count, for they are what accounts are given. Its record comes
 * there last: where it is not listed yet, the staged ones count as well.
 */
export async function attachments(
  { staging, released }: OpenStore,
  artifact: Artifact,
  call: Call,
): Promise<Result<readonly Attachment[]>> {
  const digest = manifestDigest(artifact);
  const found = new Map<string, Attachment>();
  for (const place of [released(artifact.image), staging(artifact.image)]) {
    const listed = await place.referrers(digest, call);
    if (!listed.ok) return listed;
    const documents = await documentsIn(place, digest, listed.value, call);
    if (!documents.ok) return documents;
    for (const one of documents.value) found.set(`${one.type} ${one.text}`, one);
    if (documents.value.some(({ type }) => type === ATTACHMENTS.record)) break;
  }
  return ok([...found.values()]);
}
