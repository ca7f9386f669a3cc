import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { digestOf, failureOf, readShort, verified } from './digest.ts';
import { corrupt, type Descriptor, type Manifest, type OciPlace } from './place.ts';

/** What was read or written under its digest. It never changes, so it need not be read again: only whether it is there. */
export interface Memory {
  recall(digest: string): Manifest | null;
  keep(content: Manifest): void;
}

// The largest documents are lists of packages: a few megabytes for the fattest of images.
const MAX_DOCUMENT = 64 << 20;
const MOST = 32 << 20;

/** A memory of at most `most` bytes; what was not asked for longest goes first. */
export function createMemory(most = MOST): Memory {
  const held = new Map<string, Manifest>();
  let size = 0;
  const forget = (digest: string): void => {
    size -= held.get(digest)?.bytes.length ?? 0;
    held.delete(digest);
  };
  return {
    recall(digest) {
      const found = held.get(digest);
      if (!found) return null;
      held.delete(digest);
      held.set(digest, found);
      return found;
    },
    keep(content) {
      // One that takes most of the room would push out all others.
      if (content.bytes.length > most / 4) return;
      forget(content.digest);
      held.set(content.digest, content);
      size += content.bytes.length;
      for (const oldest of held.keys()) if (size > most) forget(oldest);
    },
  };
}

/** Reads a manifest that a listing of the place names. */
export async function recallManifest(place: OciPlace, digest: string, call: Call): Promise<Result<Manifest>> {
  const known = place.memory.recall(digest);
  if (known) return ok(known);
  const read = await place.manifest(digest, call);
  if (!read.ok) return read;
  if (read.value === null) return fail(corrupt(place.name, digest, 'nothing'));
  place.memory.keep(read.value);
  return ok(read.value);
}

/** What a descriptor brings along, where that is what it names. */
function inlined({ data, digest, size }: Descriptor): Uint8Array | null {
  if (typeof data !== 'string') return null;
  const bytes = Buffer.from(data, 'base64');
  return bytes.length === size && digestOf(bytes) === digest ? bytes : null;
}

/** Reads a short blob that a manifest of the place names, checked against its digest. */
export async function recallBlob(place: OciPlace, blob: Descriptor, call: Call): Promise<Result<Uint8Array>> {
  const { digest, mediaType, size } = blob;
  const known = place.memory.recall(digest)?.bytes ?? inlined(blob);
  if (known) return ok(known);
  if (size > MAX_DOCUMENT)
    return fail(corrupt(place.name, `a document of at most ${MAX_DOCUMENT} bytes`, `${size} bytes`));
  const content = await place.open(digest, call);
  if (!content.ok) return content;
  try {
    const bytes =
      (await readShort(verified(content.value, blob, place.name), MAX_DOCUMENT)) ?? Buffer.alloc(0);
    place.memory.keep({ digest, mediaType, bytes });
    return ok(bytes);
  } catch (error) {
    const failure = failureOf(error);
    if (failure === null) throw error;
    return fail(failure);
  }
}
