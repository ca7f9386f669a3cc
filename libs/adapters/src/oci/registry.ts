import { readFile } from 'node:fs/promises';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { download } from './download.ts';
import { PATIENCE, type Patience } from './http.ts';
import { createMemory } from './memory.ts';
import type { OciPlace } from './place.ts';
import { putReferrers, referrersOf } from './referrers.ts';
import {
  hasBlob,
  readManifest,
  readTags,
  removeReference,
  resolveReference,
  writeManifest,
  type Repository,
} from './repository.ts';
import { openSession } from './session.ts';
import { putBlob } from './upload.ts';

/** How a registry is spoken to. */
export interface RegistryOptions {
  readonly patience?: Partial<Patience>;
  /** Bytes up to which a blob is held and sent as one; larger ones are streamed, and go on in such pieces. 16 MiB by default. */
  readonly chunk?: number;
}

/** A registry: its places share connections and keys. */
export interface Registry {
  readonly host: string;
  place(path: string): OciPlace;
}

const CHUNK = 16 << 20;

/** Reads the certificates (PEM) that a registry's own is signed by. */
export async function readCa(path: string): Promise<Result<string>> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text?.includes('-----BEGIN CERTIFICATE-----') === true) return ok(text);
  return fail({
    code: 'usage',
    detail: `${path} ${text === null ? 'cannot be read' : 'holds no certificate'}`,
    hint: 'Let `ca:` name a file of the workspace with certificates (PEM).',
  });
}

/** Opens a registry; nothing is sent yet. Plain HTTP goes only to this machine, and only where no `ca` is given. */
export function openRegistry(host: string, ca: string | null, options: RegistryOptions = {}): Registry {
  const session = openSession(host, ca, { ...PATIENCE, ...options.patience });
  const learnt = { listsReferrers: null };
  const memory = createMemory();
  return {
    host,
    place: (path) => ({
      ...placeOf({ session, path, what: `${host}/${path}`, learnt }, options.chunk ?? CHUNK),
      memory,
    }),
  };
}

/** A repository of a registry, over the distribution API. */
function placeOf(repository: Repository, chunk: number): Omit<OciPlace, 'memory'> {
  const { session, path, what } = repository;
  return {
    name: what,
    registry: session.host,
    repository: path,
    has: (digest, call) => hasBlob(repository, digest, call),
    open: (digest, call) =>
      download(session, { at: `/v2/${path}/blobs/${digest}`, scope: `repository:${path}:pull`, what }, call),
    putBlob: (upload, call) =>
      putBlob({ repository, chunk }, upload, () => hasBlob(repository, upload.digest, call), call),
    resolve: (reference, call) => resolveReference(repository, reference, call),
    manifest: (reference, call) => readManifest(repository, reference, call),
    async putManifest(reference, manifest, call) {
      const put = await writeManifest(repository, reference, manifest, call);
      return put.ok ? ok(undefined) : put;
    },
    putReferrers: (subject, manifests, listed, call) =>
      putReferrers(repository, { subject, manifests, listed }, call),
    tags: (call) => readTags(repository, call),
    referrers: (digest, call) => referrersOf(repository, digest, call),
    untag: (tag, call) => untag(repository, tag, call),
  };
}

/** By its digest a manifest goes with all its tags: that is done only where no other tag needs it. */
async function untag(repository: Repository, tag: string, call: Call): Promise<Result<void>> {
  const digest = await resolveReference(repository, tag, call);
  if (!digest.ok || digest.value === null) return digest.ok ? ok(undefined) : digest;
  const others = await hasOtherTag(repository, tag, digest.value, call);
  return others.ok ? removeReference(repository, others.value ? tag : digest.value, call) : others;
}

/** Whether another tag names the same manifest. Tags that hold referrers name none that anybody else does. */
async function hasOtherTag(
  repository: Repository,
  tag: string,
  digest: string,
  call: Call,
): Promise<Result<boolean>> {
  const tags = await readTags(repository, call);
  if (!tags.ok) return tags;
  for (const other of tags.value.filter((one) => one !== tag && !one.startsWith('sha256-'))) {
    const named = await resolveReference(repository, other, call);
    if (!named.ok || named.value === digest) return named.ok ? ok(true) : named;
  }
  return ok(false);
}
