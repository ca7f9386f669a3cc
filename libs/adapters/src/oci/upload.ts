import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { after, chunks } from './chunks.ts';
import { backOff, drop, triesFor } from './http.ts';
import { corrupt, type Put, type Upload } from './place.ts';
import { done, expecting } from './session.ts';
import {
  contentOf,
  DOING,
  ended,
  endedBy,
  locationOf,
  scopeOf,
  sendPiece,
  stream,
  type Ended,
  type Open,
  type UploadSite,
} from './transfer.ts';

// A registry may ask for larger pieces than ours, but not for all our memory.
const MOST_CHUNK = 64 << 20;
const GIVE_UP_MS = 500;

/** Opens an upload, or has the blob taken over from another repository. */
async function begin(site: UploadSite, upload: Upload, call: Call): Promise<Result<Open | 'mounted'>> {
  const { session, path, what } = site.repository;
  const from = upload.mountFrom;
  const query = from === null ? '' : `?${new URLSearchParams({ mount: upload.digest, from }).toString()}`;
  const scope = [scopeOf(path, 'pull,push'), ...(from === null ? [] : [scopeOf(from, 'pull')])].join(' ');
  const at = `/v2/${path}/blobs/uploads/${query}`;
  const asked = await session.ask({ method: 'POST', at, scope, what }, call);
  const answered = await expecting(session, asked, { statuses: [201, 202], what, doing: DOING }, call);
  // To mount is only quicker: whoever may not read the other repository can still send.
  if (!answered.ok && from !== null && asked.ok) return begin(site, { ...upload, mountFrom: null }, call);
  if (!answered.ok) return answered;
  const answer = answered.value;
  await drop(answer);
  if (answer.status === 201) return ok('mounted');
  const location = locationOf(session, answer, null);
  if (!location) return fail(corrupt(what, 'the address of an upload', 'none'));
  const least = Number(answer.header('oci-chunk-min-length') ?? 0) || 0;
  return ok({ location, at: 0, chunk: Math.max(site.chunk, Math.min(least, MOST_CHUNK)) });
}

/** Closes an upload, with the last bytes where they were not sent before. */
async function close(
  site: UploadSite,
  { location }: Open,
  last: { readonly digest: string; readonly body: Uint8Array },
  call: Call,
): Promise<Result<void>> {
  const { session, path, what } = site.repository;
  const at = new URL(location);
  at.searchParams.set('digest', last.digest);
  const headers = { 'content-type': 'application/octet-stream' };
  const scope = scopeOf(path, 'pull,push');
  const asked = await session.ask(
    { method: 'PUT', at, scope, what, headers, body: last.body, once: true },
    call,
  );
  const answered = await expecting(session, asked, { statuses: [201, 204], what, doing: DOING }, call);
  if (!answered.ok) return answered;
  const said = answered.value.header('docker-content-digest');
  if (said === null || said === last.digest) return done(answered);
  await drop(answered.value);
  return fail(corrupt(what, last.digest, said));
}

/** Gives up an upload, so that the registry need not keep its bytes; what it says does not matter. */
async function giveUp({ repository }: UploadSite, { location }: Open): Promise<void> {
  const { session, path, what } = repository;
  const scope = scopeOf(path, 'pull,push');
  const call: Call = { signal: AbortSignal.timeout(GIVE_UP_MS), emit: () => undefined };
  await done(await session.ask({ method: 'DELETE', at: location, scope, what, once: true }, call));
}

/** Sends what has not arrived yet in pieces, and closes the upload. */
async function sendRest(site: UploadSite, open: Open, upload: Upload, call: Call): Promise<Ended | null> {
  const isOne = upload.size <= open.chunk;
  let body: Uint8Array = new Uint8Array();
  if (isOne || open.at < upload.size)
    try {
      const rest = after(contentOf(site, upload, call), open.at);
      // A blob of one piece goes with the closing request; all others are closed by an empty one.
      for await (const piece of chunks(rest, open.chunk)) {
        if (isOne) body = piece;
        const failed = isOne ? null : await sendPiece(site, open, piece, call);
        if (failed) return failed;
      }
    } catch (error) {
      return endedBy(error);
    }
  const closed = await close(site, open, { digest: upload.digest, body }, call);
  return closed.ok ? null : ended(closed.failures);
}

/** Sends the whole content once. */
async function send(site: UploadSite, upload: Upload, open: Open, call: Call): Promise<Ended | null> {
  const failed = upload.size > open.chunk ? await stream(site, open, upload, call) : null;
  return failed ?? sendRest(site, open, upload, call);
}

/**
 * Sends a blob that is not there, or has it mounted. `there` looks whether it is; it is asked after each broken try, and
 * before what costs more than to look.
 */
export async function putBlob(
  site: UploadSite,
  upload: Upload,
  there: () => Promise<Result<boolean>>,
  call: Call,
): Promise<Result<Put>> {
  const { patience } = site.repository.session;
  for (let count = 0; ; count += 1) {
    const blind = count === 0 && upload.isNew === true;
    const held = blind ? ok(false) : await there();
    if (!held.ok) return held;
    if (held.value) return ok(count === 0 ? 'there' : 'sent');
    const open = await begin(site, upload, call);
    if (!open.ok) return open;
    if (open.value === 'mounted') return ok('mounted');
    // It could not be taken over, so that it has to be sent: now a look is worth its while.
    const late = blind && upload.mountFrom !== null ? await there() : ok(false);
    if (!late.ok || late.value) {
      await giveUp(site, open.value);
      return late.ok ? ok('there') : late;
    }
    const failed = await send(site, upload, open.value, call);
    if (failed === null) return ok('sent');
    await giveUp(site, open.value);
    if (!failed.again || count + 1 >= triesFor(patience, failed.failures)) return fail(...failed.failures);
    const waited = await backOff(patience, count, null, call);
    if (!waited.ok) return waited;
  }
}
