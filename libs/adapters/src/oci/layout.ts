import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { blobPath, writeContent, type LayoutFolder } from './content.ts';
import { digestOf, isDigest, verified } from './digest.ts';
import { list, listed, listedNames, REF_NAME } from './listing.ts';
import { createMemory } from './memory.ts';
import {
  corrupt,
  describe,
  fieldsOf,
  MEDIA,
  once,
  type Descriptor,
  type Manifest,
  type ManifestFields,
  type OciPlace,
  type Upload,
} from './place.ts';
import { MAX_LISTING } from './tags.ts';

/** One repository of a layout: a tag is an entry named `<repository>:<tag>`; content is the whole folder's. */
interface Corner {
  readonly layout: LayoutFolder;
  readonly repository: string;
  /** The folder, for messages. */
  readonly name: string;
}

// A slash and a colon may not stand in the name of every file system.
const tagEntry = ({ repository }: Corner, tag: string): string => encodeURIComponent(`${repository}:${tag}`);
const referrerPrefix = (subject: string): string => `of-${subject.slice('sha256:'.length)}-`;

/** The size of a blob; null where it is not there. */
async function sizeOf({ layout }: Corner, digest: string): Promise<number | null> {
  const found = isDigest(digest) ? await stat(blobPath(layout, digest)).catch(() => null) : null;
  return found?.isFile() === true ? found.size : null;
}

async function resolve(corner: Corner, reference: string): Promise<Result<string | null>> {
  if (isDigest(reference)) return ok((await sizeOf(corner, reference)) === null ? null : reference);
  const entry = await listed(corner.layout, tagEntry(corner, reference));
  return entry.ok ? ok(entry.value?.digest ?? null) : entry;
}

async function putBlob(corner: Corner, upload: Upload, call: Call): ReturnType<OciPlace['putBlob']> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  if ((await sizeOf(corner, upload.digest)) === upload.size) return ok('there');
  const content = await upload.open(call);
  if (!content.ok) return content;
  const checked = verified(content.value, upload, `a blob for ${corner.name}`);
  const written = await writeContent(corner.layout, checked, call);
  return written.ok ? ok('sent') : written;
}

const missing = ({ name }: Corner, digest: string): Result<never> =>
  fail(corrupt(`the OCI layout ${name}`, digest, 'nothing'));

async function readManifest(corner: Corner, reference: string): Promise<Result<Manifest | null>> {
  const digest = await resolve(corner, reference);
  if (!digest.ok || digest.value === null) return digest.ok ? ok(null) : digest;
  const size = await sizeOf(corner, digest.value);
  if (size === null) return missing(corner, digest.value);
  if (size > MAX_LISTING) return fail(corrupt(corner.name, 'a manifest', `${size} bytes`));
  const bytes = await readFile(blobPath(corner.layout, digest.value));
  const found = digestOf(bytes);
  if (found !== digest.value) return fail(corrupt(corner.name, digest.value, found));
  return ok({ digest: found, mediaType: mediaTypeOf(bytes), bytes });
}

function mediaTypeOf(bytes: Uint8Array): string {
  try {
    const { mediaType } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { mediaType?: unknown };
    return typeof mediaType === 'string' ? mediaType : MEDIA.manifest;
  } catch {
    return MEDIA.manifest;
  }
}

/** Writes a manifest as content; answers its fields. */
async function writeManifest(
  corner: Corner,
  manifest: Manifest,
  call: Call,
): Promise<Result<ManifestFields>> {
  const { digest, bytes } = manifest;
  const fields = fieldsOf(manifest, corner.name);
  if (!fields.ok) return fields;
  const open = async (): ReturnType<Upload['open']> => ok(once(bytes));
  const put = await putBlob(corner, { digest, size: bytes.length, mountFrom: null, open }, call);
  return put.ok ? fields : put;
}

async function putReferrers(
  corner: Corner,
  subject: string,
  manifests: readonly Manifest[],
  call: Call,
): Promise<Result<void>> {
  const entries: Record<string, Descriptor> = {};
  for (const manifest of manifests) {
    const written = await writeManifest(corner, manifest, call);
    if (!written.ok) return written;
    const entry = `${referrerPrefix(subject)}${manifest.digest.slice('sha256:'.length)}`;
    entries[entry] = describe(manifest, written.value);
  }
  return list(corner.layout, entries);
}

async function putManifest(
  corner: Corner,
  reference: string,
  manifest: Manifest,
  call: Call,
): Promise<Result<void>> {
  const written = await writeManifest(corner, manifest, call);
  // What only its digest names is content, and not listed.
  if (!written.ok || isDigest(reference)) return written.ok ? ok(undefined) : written;
  const { digest, bytes, mediaType } = manifest;
  const annotations = { [REF_NAME]: `${corner.repository}:${reference}` };
  return list(corner.layout, {
    [tagEntry(corner, reference)]: { mediaType, digest, size: bytes.length, annotations },
  });
}

async function referrers(corner: Corner, subject: string): Promise<Result<readonly Descriptor[]>> {
  const prefix = referrerPrefix(subject);
  const found: Descriptor[] = [];
  for (const name of (await listedNames(corner.layout)).filter((one) => one.startsWith(prefix))) {
    const entry = await listed(corner.layout, name);
    if (!entry.ok) return entry;
    // Its content may have been removed by somebody who cleans up by hand.
    if (entry.value && (await sizeOf(corner, entry.value.digest)) !== null) found.push(entry.value);
  }
  return ok(found);
}

async function tagsOf({ layout, repository }: Corner): Promise<readonly string[]> {
  const prefix = encodeURIComponent(`${repository}:`);
  const names = (await listedNames(layout)).filter((name) => name.startsWith(prefix));
  return names.map((name) => decodeURIComponent(name.slice(prefix.length)));
}

/** A repository in an OCI layout folder; `name` is what messages call the folder. */
export function layoutPlace(
  layout: LayoutFolder,
  repository: string,
  name: string = layout.folder,
): OciPlace {
  const corner: Corner = { layout, repository, name };
  return {
    name,
    registry: layout.folder,
    repository,
    memory: createMemory(),
    has: async (digest) => ok((await sizeOf(corner, digest)) !== null),
    open: async (digest) =>
      (await sizeOf(corner, digest)) === null
        ? missing(corner, digest)
        : ok(createReadStream(blobPath(layout, digest), { highWaterMark: 1 << 20 })),
    putBlob: (upload, call) => putBlob(corner, upload, call),
    resolve: (reference) => resolve(corner, reference),
    manifest: (reference) => readManifest(corner, reference),
    putManifest: (reference, manifest, call) => putManifest(corner, reference, manifest, call),
    putReferrers: (subject, manifests, _, call) => putReferrers(corner, subject, manifests, call),
    tags: async () => ok(await tagsOf(corner)),
    referrers: (digest) => referrers(corner, digest),
    // Content stays until the folder is swept: another image may stand on it.
    untag: (tag) => list(layout, { [tagEntry(corner, tag)]: null }),
  };
}
