import {
  ATTACHMENTS,
  fail,
  ok,
  UNMOVED,
  type Artifact,
  type ArtifactStore,
  type Call,
  type Failure,
  type Moved,
  type Result,
} from '@goldenthread/core';
import { copyManifest } from '../oci/copy.ts';
import { corrupt } from '../oci/place.ts';
import type { RegistryOptions } from '../oci/registry.ts';
import type { Parts } from '../parts.ts';
import { hasContent, manifestDigest, named } from './anchor.ts';
import { attach, attachments, holding } from './beside.ts';
import { createShelves, type OciAccount, type Shelves } from './places.ts';
import { keptWith } from './records.ts';
import { copyRelease, type OpenStore } from './release.ts';
import { accountsOf } from './sharing.ts';
import { document, put, staged, stagedFor } from './staging.ts';

async function released(
  store: OpenStore,
  image: string,
  version: string,
  call: Call,
): ReturnType<ArtifactStore['released']> {
  const place = store.released(image);
  const found = await named(place, version, call);
  if (!found.ok || found.value === null) return found.ok ? ok(null) : found;
  const kept = await keptWith(place, found.value, call);
  if (!kept.ok) return kept;
  const { records, evidence } = kept.value;
  const record = records.findLast((one) => one.image === image);
  if (record) return ok({ artifact: record, evidence });
  return fail(corrupt(`${place.name}:${version}`, `a record of ${found.value.artifact}`, 'none'));
}

async function remove(
  { staging, released }: OpenStore,
  artifact: Artifact,
  call: Call,
): Promise<Result<void>> {
  const digest = manifestDigest(artifact);
  for (const place of [released(artifact.image), staging(artifact.image)]) {
    const tags = await place.tags(call);
    if (!tags.ok) return tags;
    for (const tag of tags.value.filter((one) => !one.startsWith('sha256-'))) {
      const names = await place.resolve(tag, call);
      const gone = names.ok && names.value === digest ? await place.untag(tag, call) : names;
      if (!gone.ok) return gone;
    }
  }
  return ok(undefined);
}

async function fetch(store: OpenStore, artifact: Artifact, call: Call): Promise<Result<Moved>> {
  if (!hasContent(artifact)) return ok(UNMOVED);
  const places = await holding(store, artifact, call);
  if (!places.ok) return places;
  const [{ place, manifest }] = places.value;
  return copyManifest(place, store.shelves.local(artifact.image), manifest, call);
}

const open = async (shelves: Shelves, at: OciAccount | null): Promise<Result<OpenStore>> => {
  const shelf = await shelves.of(at);
  if (!shelf.ok) return shelf;
  return ok({ shelves, staging: (image) => shelf.value(`staging/${image}`), released: shelf.value });
};

const nameOf = (at: OciAccount | null): string => {
  if (at === null) return "this machine's own folder";
  return at.kind === 'oci' ? `the registry ${at.registry}` : `the folder ${at.path}`;
};

/**
 * Keeps artifacts as OCI content: in a registry, in a layout folder, or (null) in this machine's own. `staging/<image>` holds
 * what passed its tests, tagged by fingerprint; `<image>` what has a version. Records and documents are referrers.
 */
export function createArtifactStore(
  parts: Parts,
  at: OciAccount | null,
  options: RegistryOptions = {},
): ArtifactStore {
  const shelves = createShelves(parts, options);
  let opened: Promise<Result<OpenStore>> | null = null;
  const using = async <T>(work: (store: OpenStore) => Promise<Result<T>>, call: Call): Promise<Result<T>> => {
    if (call.signal.aborted) return fail({ code: 'cancelled' } satisfies Failure);
    const store = await (opened ??= open(shelves, at));
    if (store.ok) return work(store.value);
    opened = null;
    return store;
  };
  const labelled: ArtifactStore['labelled'] = (image, version, call) =>
    using(async ({ released }) => {
      const found = await named(released(image), version, call);
      return found.ok ? ok(found.value?.artifact ?? null) : found;
    }, call);
  return {
    name: nameOf(at),
    serves: ['oci', 'directory'],
    labelled,
    staged: (image, fingerprint, call) => using((store) => staged(store, image, fingerprint, call), call),
    released: (image, version, call) => using((store) => released(store, image, version, call), call),
    find: (image, fingerprint, call) =>
      using(async ({ staging }) => {
        const found = await stagedFor(staging(image), fingerprint, call);
        return found.ok ? ok(found.value?.artifact ?? null) : found;
      }, call),
    put: (artifact, evidence, call) => using((store) => put(store, artifact, evidence, call), call),
    label: (release, call) =>
      using(async ({ staging, released }) => {
        const { image } = release.artifact;
        const copied = await copyRelease(staging(image), released(image), release, call);
        return copied.ok ? ok(undefined) : copied;
      }, call),
    ...accountsOf(using),
    revoke: ({ artifact, version }, reason, call) =>
      using(
        (store) =>
          attach(
            store,
            artifact,
            document(ATTACHMENTS.revocation, { image: artifact.image, version, reason }),
            call,
          ),
        call,
      ),
    remove: (artifact, call) => using((store) => remove(store, artifact, call), call),
    fetch: (artifact, call) => using((store) => fetch(store, artifact, call), call),
    attach: (artifact, what, call) => using((store) => attach(store, artifact, what, call), call),
    attachments: (artifact, call) => using((store) => attachments(store, artifact, call), call),
  };
}
