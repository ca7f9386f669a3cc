import { addMoved, fail, ok, UNMOVED, type Call, type Moved, type Result } from '@goldenthread/core';
import { linked } from '../signals.ts';
import { recallManifest } from './memory.ts';
import { blobsOf, corrupt, fieldsOf, once, type Descriptor, type Manifest, type OciPlace } from './place.ts';

const AT_ONCE = 4;

/** Does a few things at once; the first failure ends it, once all that had begun have come to their end. */
async function inParallel<T>(
  items: readonly T[],
  work: (item: T, call: Call) => Promise<Result<Moved>>,
  call: Call,
): Promise<Result<Moved>> {
  const { controller: stop, release } = linked(call.signal);
  const own: Call = { ...call, signal: stop.signal };
  const left = [...items];
  let total = UNMOVED;
  let failed: Result<never> | null = null;
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined && failed === null; item = left.shift()) {
      const moved = await work(item, own);
      if (moved.ok) total = addMoved(total, moved.value);
      else failed ??= moved;
      if (!moved.ok) stop.abort();
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker)).finally(release);
  return failed ?? ok(total);
}

/** Two places, and whether there is a reason to look before content is sent from one to the other. */
interface Way {
  readonly from: OciPlace;
  readonly to: OciPlace;
  readonly isNew: boolean;
}

async function copyBlob(
  { from, to, isNew }: Way,
  { digest, size }: Descriptor,
  call: Call,
): Promise<Result<Moved>> {
  const mountFrom =
    from.registry === to.registry && from.repository !== to.repository ? from.repository : null;
  const held = from.memory.recall(digest);
  const open = async (inner: Call): ReturnType<OciPlace['open']> =>
    held ? ok(once(held.bytes)) : from.open(digest, inner);
  const put = await to.putBlob({ digest, size, open, mountFrom, isNew }, call);
  if (!put.ok) return put;
  const how = put.value;
  return ok({ ...UNMOVED, bytes: how === 'sent' ? size : 0, [how]: 1 });
}

/** Whether all blobs of a manifest are in a place: the digests of those that are not. */
export async function missingBlobs(
  place: OciPlace,
  manifest: Manifest,
  call: Call,
): Promise<Result<readonly string[]>> {
  const fields = fieldsOf(manifest, place.name);
  if (!fields.ok) return fields;
  const missing: string[] = [];
  const looked = await inParallel(
    blobsOf(fields.value),
    async ({ digest }, inner) => {
      const has = await place.has(digest, inner);
      if (has.ok && !has.value) missing.push(digest);
      return has.ok ? ok(UNMOVED) : has;
    },
    call,
  );
  return looked.ok ? ok(missing) : looked;
}

/** Reads a manifest that must be there. */
export async function manifestIn(place: OciPlace, reference: string, call: Call): Promise<Result<Manifest>> {
  const read = await place.manifest(reference, call);
  if (!read.ok) return read;
  return read.value ? ok(read.value) : fail(corrupt(place.name, reference, 'nothing'));
}

/**
 * Copies a manifest with all that it names. Only blobs that are not there move; where everything is there already nothing
 * but HEAD requests are made. What is not whole has no manifest.
 */
export async function copyManifest(
  from: OciPlace,
  to: OciPlace,
  manifest: Manifest,
  call: Call,
): Promise<Result<Moved>> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  const there = await to.resolve(manifest.digest, call);
  if (!there.ok) return there;
  const fields = fieldsOf(manifest, from.name);
  if (!fields.ok) return fields;
  // To take a blob over costs no more than to look for it.
  const way = { from, to, isNew: there.value === null && from.registry === to.registry };
  const moved = await inParallel(blobsOf(fields.value), (blob, inner) => copyBlob(way, blob, inner), call);
  if (!moved.ok || there.value === manifest.digest) return moved;
  const put = await to.putManifest(manifest.digest, manifest, call);
  return put.ok ? moved : put;
}

/** The same of a manifest that is named by its digest. */
export async function copy(from: OciPlace, to: OciPlace, digest: string, call: Call): Promise<Result<Moved>> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  const manifest = await manifestIn(from, digest, call);
  return manifest.ok ? copyManifest(from, to, manifest.value, call) : manifest;
}

/** A manifest, and what a place lists as its referrers. */
export interface Subject {
  readonly digest: string;
  readonly listed: readonly Descriptor[];
}

/** Copies what refers to a manifest, in its order, as far as it is not listed there already. */
export async function copyReferrers(
  from: OciPlace,
  to: OciPlace,
  { digest, listed }: Subject,
  call: Call,
): Promise<Result<Moved>> {
  const theirs = await to.referrers(digest, call);
  if (!theirs.ok) return theirs;
  const there = new Set(theirs.value.map((one) => one.digest));
  const manifests: Manifest[] = [];
  const blobs = new Map<string, Descriptor>();
  for (const one of listed.filter((entry) => !there.has(entry.digest))) {
    const manifest = await recallManifest(from, one.digest, call);
    const fields = manifest.ok ? fieldsOf(manifest.value, from.name) : manifest;
    if (!manifest.ok || !fields.ok) return fields.ok ? ok(UNMOVED) : fields;
    manifests.push(manifest.value);
    for (const blob of blobsOf(fields.value)) blobs.set(blob.digest, blob);
  }
  if (manifests.length === 0) return ok(UNMOVED);
  const way = { from, to, isNew: true };
  const moved = await inParallel([...blobs.values()], (blob, inner) => copyBlob(way, blob, inner), call);
  if (!moved.ok) return moved;
  const put = await to.putReferrers(digest, manifests, theirs.value, call);
  return put.ok ? moved : put;
}
