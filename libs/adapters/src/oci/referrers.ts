import { canonical, fail, ok, type Call, type Json, type Result } from '@goldenthread/core';
import { digestOf, isDigest } from './digest.ts';
import { describe, fieldsOf, MEDIA, type Descriptor, type Manifest } from './place.ts';
import { readManifest, readTags, writeManifest, type Repository } from './repository.ts';
import { pages } from './tags.ts';

const MOST_ROUNDS = 50;

/** The tag under which the index of a subject's referrers lies where the registry keeps none itself. */
const indexTag = (subject: string): string => subject.replace(':', '-');

/** A tag of one referrer alone, which no other writer touches. */
const ownTag = (subject: string, digest: string): string => `${indexTag(subject)}.${digest.slice(7, 39)}`;

const isListed = (entry: unknown): entry is Descriptor =>
  typeof entry === 'object' && entry !== null && 'digest' in entry && isDigest(String(entry.digest));

/** What the index lists; null where there is no index. */
async function inIndex(
  repository: Repository,
  subject: string,
  call: Call,
): Promise<Result<readonly Descriptor[] | null>> {
  const index = await readManifest(repository, indexTag(subject), call);
  if (!index.ok || index.value === null) return index.ok ? ok(null) : index;
  const fields = fieldsOf(index.value, repository.what);
  return fields.ok ? ok(fields.value.manifests ?? []) : fields;
}

/** What the registry itself lists; null where it does not. */
async function inRegistry(
  { session, path, what, learnt }: Repository,
  subject: string,
  call: Call,
): Promise<Result<readonly Descriptor[] | null>> {
  if (learnt.listsReferrers === false) return ok(null);
  const read = await pages(
    session,
    { at: `/v2/${path}/referrers/${subject}`, scope: `repository:${path}:pull`, what },
    (body) => (body as { readonly manifests?: readonly unknown[] }).manifests ?? [],
    call,
  );
  if (!read.ok || read.value === null) return read.ok ? ok(null) : read;
  learnt.listsReferrers = true;
  return ok(read.value.filter(isListed));
}

/** Manifests whose subject this is: as the registry lists them, or as the index says where it lists none. */
export async function referrersOf(
  repository: Repository,
  subject: string,
  call: Call,
): Promise<Result<readonly Descriptor[]>> {
  const listed = await inRegistry(repository, subject, call);
  if (!listed.ok || listed.value) return listed.ok ? ok(listed.value ?? []) : listed;
  const index = await inIndex(repository, subject, call);
  // Where nobody has listed anything the registry may have said only that it does not know the repository.
  if (index.ok && index.value) repository.learnt.listsReferrers ??= false;
  return index.ok ? ok(index.value ?? []) : index;
}

/** What is tagged as a referrer of the subject, and not yet in its index. */
async function unlisted(
  repository: Repository,
  subject: string,
  listed: readonly Descriptor[],
  call: Call,
): Promise<Result<readonly Descriptor[]>> {
  const tags = await readTags(repository, call);
  if (!tags.ok) return tags;
  const known = new Set(listed.map(({ digest }) => ownTag(subject, digest)));
  const found: Descriptor[] = [];
  for (const tag of tags.value.filter((one) => one.startsWith(`${indexTag(subject)}.`) && !known.has(one))) {
    const manifest = await readManifest(repository, tag, call);
    if (!manifest.ok) return manifest;
    const fields = manifest.value && fieldsOf(manifest.value, repository.what);
    if (manifest.value && fields?.ok === true) found.push(describe(manifest.value, fields.value));
  }
  return ok(found);
}

function indexOf(manifests: readonly Descriptor[]): Manifest {
  const text = canonical({ schemaVersion: 2, mediaType: MEDIA.index, manifests } as unknown as Json);
  return { digest: digestOf(text), mediaType: MEDIA.index, bytes: Buffer.from(text) };
}

/** Puts a referrer; answers whether the registry listed it itself, else it has a tag of its own. */
async function putReferrer(
  repository: Repository,
  subject: string,
  manifest: Manifest,
  call: Call,
): Promise<Result<boolean>> {
  const { learnt } = repository;
  if (learnt.listsReferrers !== false) {
    const listed = await writeManifest(repository, manifest.digest, manifest, call);
    if (!listed.ok || listed.value) return listed;
    learnt.listsReferrers ??= false;
  }
  const tagged = await writeManifest(repository, ownTag(subject, manifest.digest), manifest, call);
  return tagged.ok ? ok(false) : tagged;
}

/**
 * Makes the index of a subject's referrers. It has many writers and no way to swap it: so each referrer has a tag of its
 * own first, and the index is made from all of them, again until none is missing. Whoever overwrites somebody else's entry
 * sees that, because it looks once more after it wrote.
 */
async function writeIndex(
  repository: Repository,
  subject: string,
  first: readonly Descriptor[],
  call: Call,
): Promise<Result<void>> {
  let entries = first;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const put = await writeManifest(repository, indexTag(subject), indexOf(entries), call);
    if (!put.ok) return put;
    const listed = await inIndex(repository, subject, call);
    if (!listed.ok) return listed;
    const missing = await unlisted(repository, subject, listed.value ?? [], call);
    if (!missing.ok) return missing;
    if (missing.value.length === 0) return ok(undefined);
    entries = [...(listed.value ?? []), ...missing.value];
  }
  return fail({
    code: 'store-refused',
    store: repository.what,
    doing: 'listing a referrer',
    status: 409,
    detail: `others changed the list ${MOST_ROUNDS} times in a row`,
  });
}

/** Manifests to put for a subject, and what was listed as its referrers before. */
export interface Referrers {
  readonly subject: string;
  readonly manifests: readonly Manifest[];
  readonly listed: readonly Descriptor[];
}

/** Puts manifests with a subject, and lists those that the registry does not list itself. */
export async function putReferrers(
  repository: Repository,
  { subject, manifests, listed }: Referrers,
  call: Call,
): Promise<Result<void>> {
  const entries = new Map(listed.map((one) => [one.digest, one]));
  let isListed = true;
  for (const manifest of manifests) {
    const fields = fieldsOf(manifest, repository.what);
    const put = fields.ok ? await putReferrer(repository, subject, manifest, call) : fields;
    if (!fields.ok || !put.ok) return put.ok ? ok(undefined) : put;
    entries.set(manifest.digest, describe(manifest, fields.value));
    isListed &&= put.value;
  }
  return isListed ? ok(undefined) : writeIndex(repository, subject, [...entries.values()], call);
}
