import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  canonical,
  fail,
  ok,
  type Artifact,
  type Blobs,
  type Evidence,
  type Json,
  type Records,
  type Result,
} from '@goldenthread/core';
import { writeWhole } from './files.ts';

/** How a record lies on the disk: what was checked by its schema when it was written, and the hash that shows it is still that. */
interface Sealed<T> {
  readonly seal: string;
  readonly record: T;
}

const hex = (digest: string): string => digest.replace(/^sha256:/, '');

const sealOf = (record: unknown): string =>
  `sha256:${createHash('sha256')
    .update(canonical(record as Json))
    .digest('hex')}`;

/** Reads a record. The seal stands in for the schema, whose library takes longer to load than all else that is done here. */
async function readRecord<T>(path: string): Promise<Result<T | null>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ok(null);
    throw error;
  }
  const corrupt = (expected: string, found: string): Result<never> =>
    fail({ code: 'content-corrupt', what: path, expected, found });
  let sealed: Partial<Sealed<T>> | null;
  try {
    sealed = JSON.parse(text) as Partial<Sealed<T>> | null;
  } catch {
    return corrupt('a record', 'something that is not JSON');
  }
  if (typeof sealed?.seal !== 'string' || sealed.record === undefined)
    return corrupt('a sealed record', 'none');
  const seal = sealOf(sealed.record);
  return seal === sealed.seal ? ok(sealed.record) : corrupt(`the content of ${sealed.seal}`, seal);
}

const writeRecord = (path: string, record: object): Promise<Result<void>> =>
  writeWhole(path, `${JSON.stringify({ seal: sealOf(record), record } satisfies Sealed<object>, null, 2)}\n`);

/** Keeps records and evidence as JSON files in `home`, beside the content itself. Throws on a record that its schema refuses: a bug. */
export function createRecords(home: string, blobs: Blobs): Records {
  const recordOf = (image: string, fingerprint: string): string =>
    join(home, 'records', image, `${hex(fingerprint)}.json`);
  const evidenceOf = (artifact: string, tests: string): string =>
    join(home, 'evidence', hex(artifact), `${hex(tests)}.json`);
  return {
    async find(image, fingerprint) {
      const record = await readRecord<Artifact>(recordOf(image, fingerprint));
      if (!record.ok || record.value === null) return record;
      // A record without its content is of no use: the image is baked again.
      const held =
        record.value.layers.length === 0
          ? []
          : [record.value.digest, ...record.value.layers.map((layer) => layer.digest)];
      const whole = (await Promise.all(held.map((digest) => blobs.has(digest)))).every(Boolean);
      return ok(whole ? record.value : null);
    },
    async put(artifact) {
      const { Artifact: schema } = await import('@goldenthread/core/schemas');
      return writeRecord(recordOf(artifact.image, artifact.fingerprint), schema.parse(artifact));
    },
    evidence: (artifact, tests) => readRecord<Evidence>(evidenceOf(artifact, tests)),
    async prove(evidence) {
      const { Evidence: schema } = await import('@goldenthread/core/schemas');
      return writeRecord(evidenceOf(evidence.artifact, evidence.tests), schema.parse(evidence));
    },
    async evidenceOf(artifact) {
      const folder = join(home, 'evidence', hex(artifact));
      const names = await readdir(folder).catch(() => []);
      const all: Evidence[] = [];
      for (const name of names.filter((one) => one.endsWith('.json'))) {
        const read = await readRecord<Evidence>(join(folder, name));
        if (!read.ok) return read;
        if (read.value) all.push(read.value);
      }
      return ok(all.toSorted((a, b) => a.time.localeCompare(b.time)));
    },
  };
}
