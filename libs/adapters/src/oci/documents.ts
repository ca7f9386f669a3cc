import {
  addMoved,
  ATTACHMENTS,
  canonical,
  ok,
  UNMOVED,
  type Attachment,
  type AttachmentType,
  type Call,
  type Json,
  type Moved,
  type Result,
} from '@goldenthread/core';
import { digestOf } from './digest.ts';
import { recallBlob, recallManifest } from './memory.ts';
import {
  fieldsOf,
  MEDIA,
  once,
  type Descriptor,
  type Manifest,
  type OciPlace,
  type Upload,
} from './place.ts';

const KNOWN: ReadonlySet<string> = new Set(Object.values(ATTACHMENTS));
const NOTHING = Buffer.from('{}');

/** Content of which a place is given the bytes. */
interface Piece extends Descriptor {
  readonly bytes: Uint8Array;
}

const piece = (mediaType: string, text: string | Uint8Array): Piece => {
  const bytes = Buffer.from(text);
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes };
};

// A short document is read together with its manifest.
const MOST_INLINE = 16 << 10;
const inline = ({ bytes }: Piece): { readonly data?: string } =>
  bytes.length > MOST_INLINE ? {} : { data: Buffer.from(bytes).toString('base64') };

const bare = ({ mediaType, digest, size }: Descriptor): Readonly<Record<string, Json>> => ({
  mediaType,
  digest,
  size,
});

/** A manifest around documents, and the pieces that it names. Equal documents give an equal manifest. */
export function packed(
  { type, text }: Attachment,
  extra: { readonly subject?: Descriptor; readonly annotations?: Readonly<Record<string, string>> },
): { readonly manifest: Manifest; readonly pieces: readonly Piece[] } {
  const [config, layer] = [piece(MEDIA.empty, NOTHING), piece(type, text)];
  const content = canonical({
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    artifactType: type,
    config: bare(config),
    layers: [{ ...bare(layer), ...(extra.subject ? inline(layer) : {}) }],
    subject: extra.subject && bare(extra.subject),
    annotations: extra.annotations,
  });
  const { digest, bytes } = piece(MEDIA.manifest, content);
  return { manifest: { digest, mediaType: MEDIA.manifest, bytes }, pieces: [config, layer] };
}

/** Puts the pieces of manifests, each once. */
async function putPieces(
  place: OciPlace,
  pieces: readonly Piece[],
  { isNew }: { readonly isNew: boolean },
  call: Call,
): Promise<Result<Moved>> {
  let total = UNMOVED;
  for (const { digest, mediaType, size, bytes } of new Map(pieces.map((one) => [one.digest, one])).values()) {
    place.memory.keep({ digest, mediaType, bytes });
    const open = async (): ReturnType<Upload['open']> => ok(once(bytes));
    // All documents share their empty configuration, which is there from the second on.
    const upload = { digest, size, open, mountFrom: null, isNew: isNew && mediaType !== MEDIA.empty };
    const put = await place.putBlob(upload, call);
    if (!put.ok) return put;
    total = addMoved(total, { ...UNMOVED, bytes: put.value === 'sent' ? size : 0, [put.value]: 1 });
  }
  return ok(total);
}

/** Puts pieces and then their manifest, which has no subject, under its digest. */
export async function putPacked(
  place: OciPlace,
  { manifest, pieces }: ReturnType<typeof packed>,
  call: Call,
): Promise<Result<Moved>> {
  const moved = await putPieces(place, pieces, { isNew: false }, call);
  const put = moved.ok ? await place.putManifest(manifest.digest, manifest, call) : moved;
  return put.ok ? moved : put;
}

/** Keeps documents as referrers of a manifest; those that are there already are not sent again. */
export async function attachAll(
  place: OciPlace,
  subject: Manifest,
  documents: readonly Attachment[],
  call: Call,
): Promise<Result<Moved>> {
  const there = await place.referrers(subject.digest, call);
  if (!there.ok) return there;
  const listed = new Set(there.value.map(({ digest }) => digest));
  const { digest, mediaType, bytes } = subject;
  const made = documents
    .map((one) => packed(one, { subject: { digest, mediaType, size: bytes.length } }))
    .filter(({ manifest }) => !listed.has(manifest.digest));
  if (made.length === 0) return ok(UNMOVED);
  // A record that is listed has brought the empty configuration that all documents share.
  const hasEmpty = there.value.some(({ artifactType }) => artifactType === ATTACHMENTS.record);
  const pieces = made
    .flatMap((one) => one.pieces)
    .filter((one) => one.mediaType !== MEDIA.empty || !hasEmpty);
  const moved = await putPieces(place, pieces, { isNew: true }, call);
  if (!moved.ok) return moved;
  const manifests = made.map(({ manifest }) => manifest);
  const put = await place.putReferrers(digest, manifests, there.value, call);
  if (!put.ok) return put;
  manifests.forEach((one) => place.memory.keep(one));
  return moved;
}

/** What is listed of these types, read and checked. What a list says of a type saves reading; what the manifest says counts. */
export async function documentsIn(
  place: OciPlace,
  subject: string,
  listed: readonly Descriptor[],
  call: Call,
): Promise<Result<readonly Attachment[]>> {
  const found: Attachment[] = [];
  for (const one of listed.filter((entry) => isKnown(entry.artifactType ?? ''))) {
    const manifest = await recallManifest(place, one.digest, call);
    const fields = manifest.ok ? fieldsOf(manifest.value, place.name) : manifest;
    if (!fields.ok) return fields;
    const { artifactType = '', layers = [], subject: about } = fields.value;
    const [layer] = layers;
    if (!layer || !isKnown(artifactType) || about?.digest !== subject) continue;
    const bytes = await recallBlob(place, layer, call);
    if (!bytes.ok) return bytes;
    found.push({ type: artifactType, text: Buffer.from(bytes.value).toString('utf8') });
  }
  return ok(found);
}

const isKnown = (type: string): type is AttachmentType => KNOWN.has(type);
