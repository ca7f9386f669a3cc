import {
  addMoved,
  ATTACHMENTS,
  canonical,
  mayPublish,
  ok,
  UNMOVED,
  type Artifact,
  type ArtifactStore,
  type Attachment,
  type Call,
  type Evidence,
  type Json,
  type Moved,
  type Result,
} from '@goldenthread/core';
import { copyManifest, manifestIn, missingBlobs } from '../oci/copy.ts';
import { attachAll, putPacked } from '../oci/documents.ts';
import type { Manifest, OciPlace } from '../oci/place.ts';
import { anchorOf, hasContent, manifestDigest, named, type Named } from './anchor.ts';
import { keptWith } from './records.ts';
import type { OpenStore } from './release.ts';

const tagOf = (fingerprint: string): string => `fp-${fingerprint.replace(/^sha256:/, '')}`;

/** A document with this value as its text; equal values, equal documents. */
export const document = (type: Attachment['type'], value: object): Attachment => ({
  type,
  text: canonical(value as Json),
});

/** What was put for a fingerprint; null where there is nothing, or not all of it. */
export async function stagedFor(
  place: OciPlace,
  fingerprint: string,
  call: Call,
): Promise<Result<Named | null>> {
  const found = await named(place, tagOf(fingerprint), call);
  if (!found.ok || found.value === null) return found;
  const missing = await missingBlobs(place, found.value.manifest, call);
  return missing.ok ? ok(missing.value.length === 0 ? found.value : null) : missing;
}

/** Sends content, or what stands for it; answers its manifest, too. */
async function send(
  { shelves, staging }: OpenStore,
  artifact: Artifact,
  call: Call,
): Promise<Result<{ readonly manifest: Manifest; readonly moved: Moved }>> {
  const to = staging(artifact.image);
  if (!hasContent(artifact)) {
    const anchor = anchorOf(artifact);
    const moved = await putPacked(to, anchor, call);
    return moved.ok ? ok({ manifest: anchor.manifest, moved: moved.value }) : moved;
  }
  const from = shelves.local(artifact.image);
  const manifest = await manifestIn(from, artifact.digest, call);
  const moved = manifest.ok ? await copyManifest(from, to, manifest.value, call) : manifest;
  return manifest.ok && moved.ok
    ? ok({ manifest: manifest.value, moved: moved.value })
    : (moved as Result<never>);
}

/**
 * Takes an artifact that passed its tests. What is there for its fingerprint stays: who bakes the same again, and gets
 * something else, must not exchange what others have found and tested. Only what is not whole any more gives way.
 */
export async function put(
  store: OpenStore,
  artifact: Artifact,
  evidence: readonly Evidence[],
  call: Call,
): Promise<Result<Moved>> {
  const proved = mayPublish(artifact, evidence);
  if (!proved.ok) return proved;
  const to = store.staging(artifact.image);
  const digest = manifestDigest(artifact);
  const isOther = ({ manifest }: Named): boolean => manifest.digest !== digest;
  const first = await stagedFor(to, artifact.fingerprint, call);
  if (!first.ok) return first;
  if (first.value && isOther(first.value)) return ok(UNMOVED);
  const sent = first.value
    ? ok({ manifest: first.value.manifest, moved: UNMOVED })
    : await send(store, artifact, call);
  if (!sent.ok) return sent;
  const { manifest, moved } = sent.value;
  const beside = [
    document(ATTACHMENTS.record, artifact),
    ...proved.value.map((one) => document(ATTACHMENTS.evidence, one)),
  ];
  const attached = await attachAll(to, manifest, beside, call);
  if (!attached.ok) return attached;
  const total = addMoved(moved, attached.value);
  if (first.value) return ok(total);
  // Somebody may have been quicker while the content was on its way.
  const meanwhile = await stagedFor(to, artifact.fingerprint, call);
  if (!meanwhile.ok || meanwhile.value) return meanwhile.ok ? ok(total) : meanwhile;
  // Last, so that what is found by its fingerprint is whole.
  const set = await to.putManifest(tagOf(artifact.fingerprint), manifest, call);
  return set.ok ? ok(total) : set;
}

/** The record and the evidence of what was put for a fingerprint. */
export async function staged(
  { staging }: OpenStore,
  image: string,
  fingerprint: string,
  call: Call,
): ReturnType<ArtifactStore['staged']> {
  const found = await stagedFor(staging(image), fingerprint, call);
  if (!found.ok || found.value === null) return found.ok ? ok(null) : found;
  const kept = await keptWith(staging(image), found.value, call);
  if (!kept.ok) return kept;
  const record = kept.value.records.findLast((one) => one.image === image && one.fingerprint === fingerprint);
  return ok(record ? { artifact: record, evidence: kept.value.evidence } : null);
}
