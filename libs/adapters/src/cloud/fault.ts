import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';

/** What a cloud's client threw: an answer of the cloud, or what was in the way to it. */
export interface Fault {
  /** HTTP status; 0 where nothing answered. */
  readonly status: number;
  /** The cloud's own code, such as `UnauthorizedOperation`, or that of the connection, such as `ECONNREFUSED`. */
  readonly code: string;
  readonly words: string;
  /** How long was waited, where that was too long. */
  readonly seconds?: number;
}

/** How errors of a cloud's client are read. */
export interface Reader {
  /** The cloud's name, for messages. */
  readonly cloud: string;
  /** How long an answer is waited for. */
  readonly seconds: number;
  /** The fault that an error means; null for a bug. */
  fault(error: unknown): Fault | null;
  /** Whether its code says that the credentials, and not the request, are refused. */
  forbidden(code: string): boolean;
}

/** Seconds without an answer after which a request is given up. */
export const PATIENCE_SECONDS = 60;

const AWAY =
  /^(ECONN\w+|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPIPE|EPROTO|REQUEST_SEND_ERROR|ERR_STREAM_PREMATURE_CLOSE|UND_ERR_\w+)$/;
// Of a server that is not whom it says to be, as TLS sees it.
const UNKNOWN = /^(CERT_\w+|ERR_TLS_\w+|ERR_SSL_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED_CERT\w*)$/;
const LATE = /^(ETIMEDOUT|ESOCKETTIMEDOUT|TimeoutError)$/;

/** Whether a code is one of the connection: nothing answered, or not in time. */
export const fromConnection = (code: unknown): code is string =>
  typeof code === 'string' && [AWAY, UNKNOWN, LATE].some((kind) => kind.test(code));

// Only the first line: what follows is at times the whole request, with its session token.
const brief = (words: string): string => (words.split('\n')[0] ?? '').slice(0, 400);

function failureOf({ status, code, words, seconds }: Fault, reader: Reader, doing: string): Failure {
  const said = [code, brief(words)].filter((part) => part !== '').join(': ');
  const what = `${reader.cloud} (${doing})`;
  if (status === 401 || status === 403 || reader.forbidden(code))
    return {
      code: 'not-permitted',
      what: `${doing} in ${reader.cloud}`,
      hint: `Check the credentials and their rights. ${reader.cloud} says: ${said}`,
    };
  if (LATE.test(code)) return { code: 'timeout', what, seconds: seconds ?? reader.seconds };
  if (AWAY.test(code) || UNKNOWN.test(code)) return { code: 'unreachable', what, detail: said };
  return { code: 'store-refused', store: reader.cloud, doing, status, detail: said };
}

/** Ends when it is told to, whatever is waited for: chains of credentials know no signal. */
function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new DOMException('stopped', 'AbortError'));
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Runs `use`, which calls a cloud's client; what it throws becomes a failure, and a bug is thrown on. */
export async function ask<T>(
  reader: Reader,
  doing: string,
  use: () => Promise<T>,
  call: Call,
): Promise<Result<T>> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  try {
    return ok(await orStopped(use(), call.signal));
  } catch (error) {
    if (call.signal.aborted) return fail({ code: 'cancelled' });
    const fault =
      error instanceof Unreadable
        ? { status: error.status, code: '', words: error.message }
        : reader.fault(error);
    if (fault) return fail(failureOf(fault, reader, doing));
    throw error;
  }
}

/** An answer that is none of the cloud's: a proxy's page, or half an answer. */
export class Unreadable extends Error {
  readonly status: number;
  constructor(status: number, found: string) {
    super(`the answer cannot be read: ${found}`);
    this.status = status;
  }
}

/** A member that every answer has; without it the answer is not the cloud's. */
export function present<T>(member: T | null | undefined, name: string): T {
  if (member === undefined || member === null) throw new Unreadable(200, `it has no ${name}`);
  return member;
}

/** The members of an error that clients set, whatever its class. */
export interface Thrown {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string | number;
  readonly status?: number;
  readonly statusCode?: number;
  readonly cause?: unknown;
}
