import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { after } from './chunks.ts';
import { broken } from './digest.ts';
import { backOff, connectionFailure, drop, triesFor, type Answer } from './http.ts';
import type { Content } from './place.ts';
import { expecting, type Session } from './session.ts';

/** A blob to read. */
export interface Download {
  /** Path of the blob in the registry's API. */
  readonly at: string;
  readonly scope: string;
  readonly what: string;
}

async function begin(
  session: Session,
  { at, scope, what }: Download,
  from: number,
  call: Call,
): Promise<Result<Answer>> {
  const headers = from === 0 ? {} : { range: `bytes=${from}-` };
  const answered = await session.ask({ method: 'GET', at, scope, what, headers }, call);
  return expecting(session, answered, { statuses: [200, 206], what, doing: 'reading a blob' }, call);
}

/** Where in the blob the body of an answer begins: a server may ignore the range that it was asked for. */
const startOf = (answer: Answer, asked: number): number => (answer.status === 206 ? asked : 0);

/** The rest of a blob, going on where a connection broke; every byte of progress gives new tries. */
async function* resuming(
  session: Session,
  download: Download,
  first: Answer,
  call: Call,
): AsyncGenerator<Uint8Array> {
  const { patience } = session;
  let answer = first;
  let [seen, failed] = [0, 0];
  for (;;) {
    try {
      for await (const chunk of after(answer.body, seen - startOf(answer, seen))) {
        seen += chunk.length;
        failed = 0;
        yield chunk;
      }
      return;
    } catch (error) {
      const { failure, again } = connectionFailure(error, { what: download.what, idle: patience.idle }, call);
      if (!again || failed + 1 >= triesFor(patience, [failure])) throw broken(failure);
    } finally {
      answer.body.destroy();
    }
    const waited = await backOff(patience, failed, null, call);
    const next = waited.ok ? await begin(session, download, seen, call) : waited;
    if (!next.ok) throw broken(next.failures[0] ?? { code: 'cancelled' });
    answer = next.value;
    failed += 1;
  }
}

/** Opens a blob of a registry. A broken connection is taken up again where it broke. */
export async function download(session: Session, what: Download, call: Call): Promise<Result<Content>> {
  const first = await begin(session, what, 0, call);
  if (!first.ok) return fail(...first.failures);
  if (call.signal.aborted) {
    await drop(first.value);
    return fail({ code: 'cancelled' });
  }
  return ok(resuming(session, what, first.value, call));
}
