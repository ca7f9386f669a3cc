import { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';
import { patient } from '../signals.ts';
import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici';
import { readShort } from './digest.ts';

/** How patient we are with registries. */
export interface Patience {
  /** Seconds without a byte after which a connection counts as dead. */
  readonly idle: number;
  /** How often something is tried before its failure counts. */
  readonly tries: number;
  /** Milliseconds before the second try; each further one waits twice as long, more or less. */
  readonly pause: number;
}

/** What a registry over the internet needs. */
export const PATIENCE: Patience = { idle: 30, tries: 5, pause: 250 };

/** A request; its body is short enough to be held, so that it can be sent again, or comes once as a stream. */
export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Instead of a body: this many bytes, sent as they come. */
  readonly stream?: { readonly size: number; readonly content: AsyncIterable<Uint8Array> };
  /** Asked again only by who knows what became of the first time. */
  readonly once?: boolean;
}

/** An answer whose body nobody has read yet; it must be read or thrown away. */
export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly body: Dispatcher.ResponseData['body'];
}

/** One try: whether another could do better. */
export interface Attempt {
  readonly result: Result<Answer>;
  readonly again: boolean;
}

/** Speaks HTTP to one registry and to those it refers to. */
export interface Http {
  readonly patience: Patience;
  send(ask: Ask, what: string, call: Call): Promise<Attempt>;
}

const LATER: ReadonlySet<number> = new Set([429, 502, 503, 504]);
// A server that asks for more is asked again by the next run.
const LONGEST_PAUSE_MS = 20_000;
// What closes an upload in pieces may make the server read all of it again before it says a word.
const CLOSING = 4;

/** Whether a host is this machine: only there is plain HTTP allowed. */
export const isLoopback = (host: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);

/** Whether a URL may be spoken to: over TLS, or on this machine. */
export const isSafe = (url: URL): boolean =>
  url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.host));

/** The failure that an error of the connection means, and whether another try may help. */
export function connectionFailure(
  error: unknown,
  { what, idle }: { readonly what: string; readonly idle: number },
  call: Call,
): { readonly failure: Failure; readonly again: boolean } {
  if (call.signal.aborted) return { failure: { code: 'cancelled' }, again: false };
  const { code = '', name, message } = error as NodeJS.ErrnoException;
  if (/TIMEOUT$/.test(code) || code === 'ETIMEDOUT')
    return { failure: { code: 'timeout', what, seconds: idle }, again: true };
  if (name === 'HTTPParserError')
    return {
      failure: { code: 'content-corrupt', what, expected: 'HTTP', found: `something else (${message})` },
      again: false,
    };
  const again =
    /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_ABORTED)$/.test(code) || /terminated/.test(message);
  return { failure: { code: 'unreachable', what, detail: message || code }, again };
}

/** Speaks HTTP; `ca` holds certificates (PEM) that are trusted beside those that everybody trusts. */
export function createHttp(ca: string | null, patience: Patience): Http {
  const timeout = patience.idle * 1000;
  const tls = { timeout, ...(ca === null ? {} : { ca: [ca, ...rootCertificates] }) };
  const direct = new Agent({ connect: tls });
  const proxied = process.env['HTTPS_PROXY'] ?? process.env['https_proxy'];
  // This machine is never behind a proxy.
  const outside = proxied ? new EnvHttpProxyAgent({ connect: tls, requestTls: tls }) : direct;
  return {
    patience,
    async send(ask, what, call) {
      if (call.signal.aborted) return { result: fail({ code: 'cancelled' }), again: false };
      try {
        const answer = await request(ask.url, {
          dispatcher: isLoopback(ask.url.host) ? direct : outside,
          method: ask.method,
          headers: { ...ask.headers, ...(ask.stream ? { 'content-length': `${ask.stream.size}` } : {}) },
          body: ask.body ?? (ask.stream ? Readable.from(ask.stream.content) : null),
          signal: patient(call.signal),
          headersTimeout: ask.method === 'PUT' && ask.body?.length === 0 ? CLOSING * timeout : timeout,
          bodyTimeout: timeout,
          // Unless told so, the client closes the connection after each HEAD, for the sake of servers that cannot be registries.
          reset: false,
        });
        const header = (name: string): string | null => {
          const value = answer.headers[name];
          return (Array.isArray(value) ? value[0] : value) ?? null;
        };
        const { statusCode: status, body } = answer;
        // Whoever throws the body away must not be ended by an error of its connection.
        body.on('error', () => undefined);
        return { result: ok({ status, header, body }), again: LATER.has(status) };
      } catch (error) {
        const { failure, again } = connectionFailure(error, { what, idle: patience.idle }, call);
        return { result: fail(failure), again };
      }
    },
  };
}

/** Throws away the body of an answer, so that its connection is free again. */
export const drop = (answer: Answer): Promise<void> =>
  answer.body.dump({ limit: 1 << 20 }).catch(() => undefined);

/** The body of an answer where it is no longer than `max` bytes; `content-corrupt` where it is. */
export async function bodyOf(
  answer: Answer,
  max: number,
  at: { readonly what: string; readonly idle: number },
  call: Call,
): Promise<Result<Uint8Array>> {
  try {
    const bytes = await readShort(answer.body, max);
    if (bytes) return ok(bytes);
    answer.body.destroy();
    return fail({ code: 'content-corrupt', what: at.what, expected: `at most ${max} bytes`, found: 'more' });
  } catch (error) {
    return fail(connectionFailure(error, at, call).failure);
  }
}

/** Waits before try number `count` (from 0); `cancelled` where the call is stopped meanwhile. */
export async function backOff(
  { pause: first }: Patience,
  count: number,
  wanted: string | null,
  call: Call,
): Promise<Result<void>> {
  const asked =
    wanted === null ? 0 : /^\d+$/.test(wanted) ? Number(wanted) * 1000 : Date.parse(wanted) - Date.now();
  const ours = first * 2 ** count * (0.5 + Math.random());
  const wait = Math.min(Math.max(ours, Number.isFinite(asked) ? asked : 0), LONGEST_PAUSE_MS);
  return pause(wait, undefined, { signal: call.signal }).then(
    () => ok(undefined),
    () => fail({ code: 'cancelled' }),
  );
}

/** How often something that failed so is tried: a server that says nothing has cost enough time after the second. */
export const triesFor = ({ tries }: Patience, failures: readonly Failure[]): number =>
  failures.some(({ code }) => code === 'timeout') ? Math.min(2, tries) : tries;

/** Tries until it works, or no further try may help. */
export async function persist(
  patience: Patience,
  attempt: () => Promise<Attempt>,
  call: Call,
): Promise<Result<Answer>> {
  for (let count = 0; ; count += 1) {
    const { result, again } = await attempt();
    if (!again || count + 1 >= triesFor(patience, result.ok ? [] : result.failures)) return result;
    if (result.ok) await drop(result.value);
    const waited = await backOff(
      patience,
      count,
      result.ok ? result.value.header('retry-after') : null,
      call,
    );
    if (!waited.ok) return waited;
  }
}
