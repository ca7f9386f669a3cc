import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { digestOf, isDigest } from './digest.ts';
import { bodyOf, drop, type Answer, type Ask } from './http.ts';
import { corrupt, MEDIA, type Manifest } from './place.ts';
import { done, expecting, type Session } from './session.ts';
import { MAX_LISTING, pages } from './tags.ts';

/** One repository of a registry, and the session in which it is spoken to. */
export interface Repository {
  readonly session: Session;
  /** Path of the repository in the registry. */
  readonly path: string;
  /** Host and path, for messages. */
  readonly what: string;
  /** What the registry turned out to be able to do; shared by all its repositories. */
  readonly learnt: {
    /** Whether it lists referrers itself; null while nobody has seen that. */
    listsReferrers: boolean | null;
  };
}

const ACCEPT = [
  MEDIA.index,
  MEDIA.manifest,
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

const MISSING = 404;

/** What of a request is not always the same. */
interface Order extends Pick<Ask, 'method' | 'body' | 'headers'> {
  /** Below the repository, such as `manifests/1.0.0`. */
  readonly at: string;
  /** In words, completing "refused …". */
  readonly doing: string;
  readonly statuses: readonly number[];
  /** What the request needs to be allowed. */
  readonly actions?: string;
}

/** Asks the repository; null where it has nothing there. */
async function ask(repository: Repository, order: Order, call: Call): Promise<Result<Answer | null>> {
  const { session, path, what } = repository;
  const { at, doing, statuses, actions = 'pull', ...request } = order;
  const scope = `repository:${path}:${actions}`;
  const asked = await session.ask({ ...request, at: `/v2/${path}/${at}`, scope, what }, call);
  const answered = await expecting(session, asked, { statuses: [...statuses, MISSING], what, doing }, call);
  if (!answered.ok || answered.value.status !== MISSING) return answered;
  await drop(answered.value);
  return ok(null);
}

/** Looks whether something is there: the digest that the registry says, '' where it says none, null where there is nothing. */
async function look(repository: Repository, at: string, call: Call): Promise<Result<string | null>> {
  const headers = { accept: ACCEPT };
  const order: Order = { method: 'HEAD', at, headers, doing: 'a look-up', statuses: [200] };
  const answered = await ask(repository, order, call);
  if (!answered.ok || answered.value === null) return answered.ok ? ok(null) : answered;
  await drop(answered.value);
  return ok(answered.value.header('docker-content-digest') ?? '');
}

/** Whether the repository has a blob. */
export async function hasBlob(repository: Repository, digest: string, call: Call): Promise<Result<boolean>> {
  const found = await look(repository, `blobs/${digest}`, call);
  return found.ok ? ok(found.value !== null) : found;
}

/** The digest that a reference names; null where it names nothing. */
export async function resolveReference(
  repository: Repository,
  reference: string,
  call: Call,
): Promise<Result<string | null>> {
  const found = await look(repository, `manifests/${reference}`, call);
  if (!found.ok || found.value !== '') return found;
  // A registry need not say the digest: then the manifest says it.
  const read = await readManifest(repository, reference, call);
  return read.ok ? ok(read.value?.digest ?? null) : read;
}

/** Reads a manifest and checks it against its digest, and against the one that the registry says. */
export async function readManifest(
  repository: Repository,
  reference: string,
  call: Call,
): Promise<Result<Manifest | null>> {
  const { session, what } = repository;
  const at = `manifests/${reference}`;
  const headers = { accept: ACCEPT };
  const order: Order = { method: 'GET', at, headers, doing: 'reading a manifest', statuses: [200] };
  const answered = await ask(repository, order, call);
  if (!answered.ok || answered.value === null) return answered.ok ? ok(null) : answered;
  const { header } = answered.value;
  const bytes = await bodyOf(answered.value, MAX_LISTING, { what, idle: session.patience.idle }, call);
  if (!bytes.ok) return bytes;
  const digest = digestOf(bytes.value);
  const said = [isDigest(reference) ? reference : null, header('docker-content-digest')];
  const other = said.find((one) => one !== null && one !== digest);
  if (typeof other === 'string') return fail(corrupt(what, other, digest));
  const type = (header('content-type') ?? '').split(';')[0]?.trim() ?? '';
  return ok({ digest, mediaType: type.endsWith('+json') ? type : MEDIA.manifest, bytes: bytes.value });
}

/** Puts a manifest; answers whether the registry lists it among its subject's referrers. */
export async function writeManifest(
  repository: Repository,
  reference: string,
  { bytes, digest, mediaType }: Manifest,
  call: Call,
): Promise<Result<boolean>> {
  const answered = await ask(
    repository,
    {
      method: 'PUT',
      at: `manifests/${reference}`,
      headers: { 'content-type': mediaType },
      body: bytes,
      actions: 'pull,push',
      doing: 'taking a manifest',
      statuses: [201],
    },
    call,
  );
  if (!answered.ok) return answered;
  if (answered.value === null)
    return fail({
      code: 'store-refused',
      store: repository.what,
      doing: 'taking a manifest',
      status: MISSING,
      detail: 'there is no such repository',
    });
  await drop(answered.value);
  const said = answered.value.header('docker-content-digest') ?? digest;
  if (said !== digest) return fail(corrupt(repository.what, digest, said));
  return ok(answered.value.header('oci-subject') !== null);
}

/** Removes a tag, or by its digest a manifest with all its tags; nothing where it is not there. */
export async function removeReference(
  repository: Repository,
  reference: string,
  call: Call,
): Promise<Result<void>> {
  const answered = await ask(
    repository,
    {
      method: 'DELETE',
      at: `manifests/${reference}`,
      actions: 'delete,pull,push',
      doing: 'removing a manifest',
      statuses: [200, 202, 204],
    },
    call,
  );
  if (answered.ok) return answered.value === null ? ok(undefined) : done(ok(answered.value));
  return fail(...answered.failures.map((one) => (one.code === 'store-refused' ? hinted(one) : one)));
}

/** A refusal to remove, with what to do about it. */
function hinted<F extends { readonly status: number; readonly detail: string }>(failure: F): F {
  if (failure.status !== 405 && failure.status !== 400) return failure;
  const hint =
    'this registry does not let it be removed: allow deletion in its settings, or remove it there by hand';
  return { ...failure, detail: `${failure.detail} (${hint})` };
}

/** All tags of the repository. */
export async function readTags(
  { session, path, what }: Repository,
  call: Call,
): Promise<Result<readonly string[]>> {
  const read = await pages(
    session,
    { at: `/v2/${path}/tags/list?n=1000`, scope: `repository:${path}:pull`, what },
    (body) => (body as { readonly tags?: readonly unknown[] | null }).tags ?? [],
    call,
  );
  return read.ok ? ok((read.value ?? []).filter((tag) => typeof tag === 'string')) : read;
}
