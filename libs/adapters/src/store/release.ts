import {
  addMoved,
  ATTACHMENTS,
  fail,
  mayPublish,
  ok,
  type Call,
  type Moved,
  type Release,
  type Result,
} from '@goldenthread/core';
import { copyManifest, copyReferrers } from '../oci/copy.ts';
import type { Descriptor, Manifest, OciPlace } from '../oci/place.ts';
import { manifestDigest, named } from './anchor.ts';
import type { Shelf, Shelves } from './places.ts';
import { keptWith } from './records.ts';

/** An open store: where its own images lie, and how others' are found. */
export interface OpenStore {
  readonly shelves: Shelves;
  /** Artifacts that passed their tests, by fingerprint. */
  readonly staging: Shelf;
  /** Artifacts that have a version. */
  readonly released: Shelf;
}

/** Whether a version names nothing yet; false where it names this artifact, `version-taken` where another. */
async function isFree(place: OciPlace, { version, artifact }: Release, call: Call): Promise<Result<boolean>> {
  const expected = manifestDigest(artifact);
  const found = await place.resolve(version, call);
  if (!found.ok || found.value === null || found.value === expected)
    return found.ok ? ok(found.value === null) : found;
  const name = `${artifact.image}@${version}`;
  return fail({ code: 'version-taken', version: name, where: place.name, expected, found: found.value });
}

/** Sets a tag and looks that it names this: a registry overwrites a tag without a word. */
async function setVersion(
  place: OciPlace,
  release: Release,
  manifest: Manifest,
  call: Call,
): Promise<Result<void>> {
  const { version } = release;
  const free = await isFree(place, release, call);
  if (!free.ok || !free.value) return free.ok ? ok(undefined) : free;
  const put = await place.putManifest(version, manifest, call);
  if (!put.ok) return put;
  const after = await isFree(place, release, call);
  if (!after.ok || !after.value) return after.ok ? ok(undefined) : after;
  return fail({ code: 'content-corrupt', what: place.name, expected: `the tag ${version}`, found: 'none' });
}

/** Where a record is listed, all else that was copied with it is as well. */
const recordsLast = (listed: readonly Descriptor[]): readonly Descriptor[] => {
  const isRecord = ({ artifactType }: Descriptor): boolean => artifactType === ATTACHMENTS.record;
  return [...listed.filter((one) => !isRecord(one)), ...listed.filter(isRecord)];
};

/** Copies an artifact that passed its tests, with all that is kept beside it, and gives it its version there last. */
export async function copyRelease(
  from: OciPlace,
  to: OciPlace,
  release: Release,
  call: Call,
): Promise<Result<Moved>> {
  const { artifact } = release;
  const digest = manifestDigest(artifact);
  const there = await named(from, digest, call);
  if (!there.ok) return there;
  if (there.value === null) return fail({ code: 'artifact-missing', image: artifact.image });
  const kept = await keptWith(from, there.value, call);
  if (!kept.ok) return kept;
  const proved = mayPublish(artifact, kept.value.evidence);
  if (!proved.ok) return proved;
  // A version that is taken is said before anything is sent for it.
  const free = await isFree(to, release, call);
  if (!free.ok) return free;
  const { manifest } = there.value;
  const content = await copyManifest(from, to, manifest, call);
  const listed = recordsLast(kept.value.listed);
  const beside = content.ok ? await copyReferrers(from, to, { digest, listed }, call) : content;
  if (!content.ok || !beside.ok) return beside;
  const set = await setVersion(to, release, manifest, call);
  return set.ok ? ok(addMoved(content.value, beside.value)) : set;
}
