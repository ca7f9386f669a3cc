import { ok, type Call, type Failure, type Result } from '@goldenthread/core';
import { broken, failureOf, verified } from './digest.ts';
import { backOff, drop, triesFor, type Answer } from './http.ts';
import type { Upload } from './place.ts';
import type { Repository } from './repository.ts';
import { expecting, type Session } from './session.ts';

/** Where uploads go. */
export interface UploadSite {
  readonly repository: Repository;
  /** Bytes of the pieces in which large blobs go; each is held in memory until it has arrived. */
  readonly chunk: number;
}

/** An upload under way. */
export interface Open {
  /** Where the next piece goes. */
  location: URL;
  /** Bytes that have arrived. */
  at: number;
  readonly chunk: number;
}

/** What ends a try: for good, or with the chance that a whole new one works. */
export type Ended = { readonly failures: readonly Failure[]; readonly again: boolean };

/** The scope of an upload, as token services write it. */
export const scopeOf = (path: string, actions: string): string => `repository:${path}:${actions}`;
/** In words, completing "refused …". */
export const DOING = 'taking a blob';

// A connection that broke, and servers that are not ready, may do better; a server that said no does not.
const mayHeal = (failures: readonly Failure[]): boolean =>
  failures.every(
    (one) =>
      one.code === 'timeout' ||
      one.code === 'unreachable' ||
      (one.code === 'store-refused' && [404, 408, 416, 429, 500, 502, 503, 504].includes(one.status)),
  );

/** What refusals mean for the try. */
export const ended = (failures: readonly Failure[]): Ended => ({ failures, again: mayHeal(failures) });

/** Where an answer says that the upload goes on; null where it says nothing that can be understood. */
export const locationOf = (session: Session, answer: Answer, before: URL | null): URL | null => {
  const location = answer.header('location');
  if (location === null) return before;
  return URL.canParse(location, session.url('/')) ? session.url(location) : null;
};

/** How much of the upload has arrived, as the registry says; null where it knows nothing of it any more. */
async function state(site: UploadSite, open: Open, call: Call): Promise<Result<number | null>> {
  const { session, path, what } = site.repository;
  const scope = scopeOf(path, 'pull,push');
  const asked = await session.ask({ method: 'GET', at: open.location, scope, what }, call);
  if (!asked.ok) return asked;
  await drop(asked.value);
  if (asked.value.status !== 204) return ok(null);
  open.location = locationOf(session, asked.value, open.location) ?? open.location;
  const last = /^(?:bytes=)?0-(\d+)$/.exec(asked.value.header('range') ?? '')?.[1];
  // Registries say the same of no byte and of one.
  return ok(last === undefined || last === '0' ? 0 : Number(last) + 1);
}

/** Sends one piece; where that breaks, asks how much of it arrived and sends the rest. */
export async function sendPiece(
  site: UploadSite,
  open: Open,
  piece: Uint8Array,
  call: Call,
): Promise<Ended | null> {
  const { session, path, what } = site.repository;
  const start = open.at;
  for (let failed = 0; open.at < start + piece.length;) {
    const body = piece.subarray(open.at - start);
    const headers = {
      'content-type': 'application/octet-stream',
      'content-range': `${open.at}-${open.at + body.length - 1}`,
    };
    const scope = scopeOf(path, 'pull,push');
    const asked = await session.ask(
      { method: 'PATCH', at: open.location, scope, what, headers, body, once: true },
      call,
    );
    const answered = await expecting(session, asked, { statuses: [202, 204], what, doing: DOING }, call);
    if (answered.ok) {
      await drop(answered.value);
      open.location = locationOf(session, answered.value, open.location) ?? open.location;
      open.at = start + piece.length;
      return null;
    }
    failed += 1;
    const { failures } = answered;
    if (!mayHeal(failures) || failed >= triesFor(session.patience, failures)) return ended(failures);
    const waited = await backOff(session.patience, failed, null, call);
    if (!waited.ok) return { ...waited, again: false };
    const arrived = await state(site, open, call);
    if (!arrived.ok) return ended(arrived.failures);
    if (arrived.value === null || arrived.value < start || arrived.value > start + piece.length)
      return { failures, again: true };
    if (arrived.value > open.at) failed = 0;
    open.at = arrived.value;
  }
  return null;
}

/** The content from its start, checked as it passes; opened when it is first read. */
export async function* contentOf(
  { repository }: UploadSite,
  upload: Upload,
  call: Call,
): AsyncGenerator<Uint8Array> {
  const content = await upload.open(call);
  if (!content.ok) throw broken(content.failures[0] ?? { code: 'cancelled' });
  yield* verified(content.value, upload, `a blob for ${repository.what}`);
}

/** What an error of the content means; nothing that is sent again would make it better. */
export function endedBy(error: unknown): Ended {
  const failure = failureOf(error);
  if (failure === null) throw error;
  return { failures: [failure], again: false };
}

/**
 * Sends all content as it comes, in one request: so nothing waits for a piece to be full, or to arrive. Where that breaks
 * off, `open` says what arrived, and pieces go on from there; so they do where a request is too long for what stands between.
 */
export async function stream(
  site: UploadSite,
  open: Open,
  upload: Upload,
  call: Call,
): Promise<Ended | null> {
  const { session, path, what } = site.repository;
  const source: { failure: Failure | null } = { failure: null };
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* contentOf(site, upload, call);
    } catch (error) {
      // Errors of the connection come by here as well, and are none of the content's.
      source.failure = failureOf(error);
      throw error;
    }
  }
  const { size } = upload;
  const headers = { 'content-type': 'application/octet-stream', 'content-range': `0-${size - 1}` };
  const order = { method: 'PATCH', at: open.location, scope: scopeOf(path, 'pull,push'), what } as const;
  const asked = await session.ask(
    { ...order, headers, stream: { size, content: watched() }, once: true },
    call,
  );
  const answered = await expecting(session, asked, { statuses: [202, 204], what, doing: DOING }, call);
  if (answered.ok) {
    await drop(answered.value);
    open.location = locationOf(session, answered.value, open.location) ?? open.location;
    open.at = size;
    return null;
  }
  if (source.failure) return { failures: [source.failure], again: false };
  return resume(site, open, { failures: answered.failures, size }, call);
}

/** Asks how much of a stream arrived before it broke off. */
async function resume(
  site: UploadSite,
  open: Open,
  { failures, size }: { readonly failures: readonly Failure[]; readonly size: number },
  call: Call,
): Promise<Ended | null> {
  const isRefused = failures.some((one) => one.code === 'not-permitted' || isTooLong(one));
  if (!isRefused && !mayHeal(failures)) return ended(failures);
  const waited = await backOff(site.repository.session.patience, 0, null, call);
  if (!waited.ok) return { ...waited, again: false };
  const arrived = await state(site, open, call);
  if (!arrived.ok) return ended(arrived.failures);
  if (arrived.value === null || arrived.value > size) return { failures, again: true };
  open.at = arrived.value;
  return null;
}

const isTooLong = (one: Failure): boolean => one.code === 'store-refused' && one.status === 413;
