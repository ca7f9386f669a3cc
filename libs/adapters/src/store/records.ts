import {
  ATTACHMENTS,
  fail,
  ok,
  type Artifact,
  type Attachment,
  type Call,
  type Evidence,
  type Result,
} from '@goldenthread/core';
import { documentsIn } from '../oci/documents.ts';
import { corrupt, type Descriptor, type OciPlace } from '../oci/place.ts';
import type { Named } from './anchor.ts';

/** What is kept beside an artifact: its records (one for each fingerprint) and evidence. */
export interface Kept {
  readonly records: readonly Artifact[];
  readonly evidence: readonly Evidence[];
  /** All that is listed beside it, these and others. */
  readonly listed: readonly Descriptor[];
}

function parsed<T>(
  schema: { safeParse(value: unknown): { success: boolean; data?: T } },
  { type, text }: Attachment,
  what: string,
): Result<T> {
  try {
    const checked = schema.safeParse(JSON.parse(text));
    if (checked.success && checked.data !== undefined) return ok(checked.data);
  } catch {
    // Said below, in the same words as for JSON of another kind.
  }
  return fail(corrupt(what, type, 'something else'));
}

/** Reads the records and the evidence of an artifact; `content-corrupt` where one is not what its type says. */
export async function keptWith(
  place: OciPlace,
  { manifest, artifact }: Named,
  call: Call,
): Promise<Result<Kept>> {
  const { record, evidence } = ATTACHMENTS;
  const listed = await place.referrers(manifest.digest, call);
  if (!listed.ok) return listed;
  const wanted = listed.value.filter(({ artifactType: type }) => type === record || type === evidence);
  const documents = await documentsIn(place, manifest.digest, wanted, call);
  if (!documents.ok) return documents;
  const schemas = await import('@goldenthread/core/schemas');
  const kept: { records: Artifact[]; evidence: Evidence[] } = { records: [], evidence: [] };
  for (const document of documents.value) {
    const isRecord = document.type === record;
    const read = isRecord
      ? parsed<Artifact>(schemas.Artifact, document, place.name)
      : parsed<Evidence>(schemas.Evidence, document, place.name);
    if (!read.ok) return read;
    if ('fingerprint' in read.value) {
      if (read.value.digest === artifact) kept.records.push(read.value);
    } else if (read.value.artifact === artifact) kept.evidence.push(read.value);
  }
  const byTime = (a: { readonly time: string }, b: { readonly time: string }): number =>
    a.time.localeCompare(b.time);
  return ok({
    records: kept.records.toSorted(byTime),
    evidence: kept.evidence.toSorted(byTime),
    listed: listed.value,
  });
}
