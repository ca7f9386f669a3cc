import { AsyncLocalStorage } from 'node:async_hooks';
import type { GlobalOperationsClient, ImagesClient } from '@google-cloud/compute';
import type { Call, Result } from '@goldenthread/core';
import { linked } from '../signals.ts';
import {
  ask,
  fromConnection,
  PATIENCE_SECONDS,
  Unreadable,
  type Fault,
  type Reader,
  type Thrown,
} from './fault.ts';
import type { Pace } from './wait.ts';

type ClientOptions = NonNullable<ConstructorParameters<typeof ImagesClient>[0]>;
type Auth = ImagesClient['auth'];

/** For specs and private clouds. Credentials come from Google's own chain: environment, file, workload identity. */
export interface GoogleOptions {
  /** `http://host:port` */
  readonly endpoint?: string;
  /** Where images lie whose names say no project. */
  readonly project?: string;
  /** Milliseconds before a request that failed is sent again, at first. */
  readonly retry?: number;
  /** Seconds without an answer after which a request is given up. */
  readonly timeout?: number;
  readonly pace?: Pace;
}

/** The clients of Compute Engine. */
export interface GoogleApi {
  readonly images: ImagesClient;
  readonly operations: GlobalOperationsClient;
  /** To be handed to every request. */
  readonly options: {
    readonly retry: { readonly retryCodes: number[]; readonly backoffSettings: typeof BACKOFF };
    readonly autoPaginate: false;
  };
}

/** Asks Compute Engine. */
export interface Google {
  ask<T>(doing: string, use: (api: GoogleApi) => Promise<T>, call: Call): Promise<Result<T>>;
  /** The project of images whose names say none. */
  project(call: Call): Promise<Result<string>>;
}

/** An answer of Google that is no success. */
export class Refused extends Error {
  readonly status: number;
  /** Google's own word, such as `notFound`. */
  readonly reason: string;
  /** The number by which the client decides whether to try again. */
  readonly code: number | undefined;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.code = status === 429 || status >= 500 ? AGAIN : undefined;
  }
}

const AGAIN = 14;
const BACKOFF = {
  initialRetryDelayMillis: 500,
  retryDelayMultiplier: 2,
  maxRetryDelayMillis: 10_000,
  maxRetries: 5,
};

function fault(error: unknown): Fault | null {
  const { message: words = '', code, cause } = error as Thrown;
  if (error instanceof Refused) return { status: error.status, code: error.reason, words };
  const away = [code, (cause as Thrown | undefined)?.code].find(fromConnection);
  if (away !== undefined) return { status: 0, code: away, words: '' };
  // Our own signal is looked at before this: what ends here by itself is the time for one request.
  const names = [error, cause].map((one) => (one as Thrown | undefined)?.name ?? '');
  return names.some((name) => /^(Abort|Timeout)Error$/.test(name))
    ? { status: 0, code: 'TimeoutError', words }
    : null;
}

interface Answer {
  /** `compute#image` and the like; policies alone have none. */
  readonly kind?: unknown;
  readonly etag?: unknown;
  readonly error?: {
    readonly message?: string;
    readonly status?: string;
    readonly errors?: readonly { readonly reason?: string }[];
  };
}

/** The body of an answer that Compute Engine gave, or what it refused; `Unreadable` for what is none of its answers. */
function checked(status: number, text: string): string {
  let json: Answer | null;
  try {
    json = JSON.parse(text) as Answer | null;
  } catch {
    if (status < 300) throw new Unreadable(status, 'it is not JSON');
    json = null;
  }
  if (status >= 300) {
    const { message = 'no reason given', errors = [], status: word = '' } = json?.error ?? {};
    throw new Refused(status, errors[0]?.reason ?? word, message);
  }
  if (typeof json?.kind !== 'string' && typeof json?.etag !== 'string')
    throw new Unreadable(status, 'it is no resource');
  return text;
}

/** What belongs to one request of a store, which the client itself has no place for. */
interface Context {
  readonly signal: AbortSignal;
  /** The last refusal: after retries the client tells only that there were some. */
  refused: Refused | null;
}

const contexts = new AsyncLocalStorage<Context>();

/** The same credentials, whose requests end with the signal of their context and whose answers are checked. */
function bound(auth: Auth, seconds: number): Auth {
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const context = contexts.getStore();
    if (!context) throw new Error('a request without a context');
    context.refused = null;
    const { controller, release } = linked(context.signal, seconds);
    const request = { ...init, signal: controller.signal, validateStatus: () => true };
    try {
      const answer = await auth.fetch(url, request);
      return new Response(checked(answer.status, await answer.text()), { status: answer.status });
    } catch (error) {
      if (error instanceof Refused) context.refused = error;
      throw error;
    } finally {
      release();
    }
  };
  // Of the credentials the client uses these two alone.
  return { getClient: () => auth.getClient(), fetch } as unknown as Auth;
}

function clientOptions({ endpoint }: GoogleOptions): ClientOptions {
  const url = endpoint === undefined ? null : new URL(endpoint);
  return {
    fallback: true,
    ...(url && {
      apiEndpoint: url.hostname,
      port: Number(url.port),
      protocol: url.protocol.replace(':', ''),
    }),
  };
}

/** What the chain of credentials throws has many shapes; all of them mean that nobody is signed in. */
async function signedIn(auth: Auth): Promise<void> {
  try {
    await auth.getAccessToken();
  } catch (error) {
    throw fault(error) ? error : new Refused(401, 'credentials', (error as Error).message);
  }
}

interface Loaded {
  readonly auth: Auth;
  readonly api: GoogleApi;
}

async function load(options: GoogleOptions): Promise<Loaded> {
  const { ImagesClient: Images, GlobalOperationsClient: Operations } = await import('@google-cloud/compute');
  const given = clientOptions(options);
  const { auth } = new Images({ ...given });
  const own = { ...given, auth: bound(auth, options.timeout ?? PATIENCE_SECONDS) };
  const delay = options.retry ?? BACKOFF.initialRetryDelayMillis;
  const backoffSettings = { ...BACKOFF, initialRetryDelayMillis: delay, maxRetryDelayMillis: delay * 20 };
  const retry = { retryCodes: [AGAIN], backoffSettings };
  return {
    auth,
    api: {
      images: new Images({ ...own }),
      operations: new Operations({ ...own }),
      options: { retry, autoPaginate: false },
    },
  };
}

async function inContext<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const context: Context = { signal, refused: null };
  try {
    return await contexts.run(context, work);
  } catch (error) {
    throw context.refused ?? error;
  }
}

/** Speaks to Compute Engine by REST; the SDK (two seconds) is loaded by the first request. */
export function createGoogleClient(options: GoogleOptions): Google {
  const seconds = options.timeout ?? PATIENCE_SECONDS;
  const reader: Reader = { cloud: 'Google Cloud', seconds, fault, forbidden: () => false };
  let loaded: Promise<Loaded> | undefined;
  const enter = async (): Promise<Loaded> => {
    const { auth, api } = await (loaded ??= load(options));
    await signedIn(auth);
    return { auth, api };
  };
  const project = async (): Promise<string> => {
    if (options.project !== undefined) return options.project;
    const { auth } = await enter();
    return auth.getProjectId().catch(() => {
      throw new Refused(401, 'project', 'no project is set: set GOOGLE_CLOUD_PROJECT');
    });
  };
  return {
    ask: (doing, use, call) =>
      ask(
        reader,
        doing,
        async () => {
          const { api } = await enter();
          return inContext(call.signal, () => use(api));
        },
        call,
      ),
    project: (call) => ask(reader, 'finding the project', project, call),
  };
}
