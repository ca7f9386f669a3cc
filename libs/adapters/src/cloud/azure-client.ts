import type { ComputeManagementClient } from '@azure/arm-compute';
import type { TokenCredential } from '@azure/core-auth';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
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
import { PACE, type Pace } from './wait.ts';

/** For specs and private clouds; what is not said comes from the SDK's own chain (environment, workload identity, az login). */
export interface AzureOptions {
  readonly endpoint?: string;
  readonly credential?: TokenCredential;
  /** Where images are looked for; AZURE_SUBSCRIPTION_ID otherwise. */
  readonly subscription?: string;
  /** Certificates (PEM) that the endpoint's is signed by. */
  readonly ca?: string;
  /** Milliseconds before a request that failed is sent again, at first. */
  readonly retry?: number;
  /** Seconds without an answer after which a request is given up. */
  readonly timeout?: number;
  readonly pace?: Pace;
}

/** What is handed to every request. */
export interface AzureRequest {
  readonly abortSignal: AbortSignal;
  readonly requestOptions: { readonly timeout: number };
  readonly updateIntervalInMs: number;
}

/** A change that Azure makes by itself, in its own time. */
interface Poller<T> {
  pollUntilDone(options: { abortSignal: AbortSignal }): Promise<T>;
}

/** Asks Azure Resource Manager. */
export interface Azure {
  ask<T>(
    where: { readonly subscription: string; readonly doing: string },
    use: (compute: ComputeManagementClient, options: AzureRequest) => Promise<T>,
    call: Call,
  ): Promise<Result<T>>;
  /** Waits for the end of a change, as long as the pace allows. */
  finish<T>(poller: Poller<T>, options: AzureRequest): Promise<T>;
  /** The subscription that is looked into where nothing says another. */
  readonly subscription: Result<string>;
}

/** Waiting for a change took longer than the pace allows. */
class Overdue extends Error {
  readonly seconds: number;
  constructor(seconds: number) {
    super('the change is not done');
    this.seconds = seconds;
  }
}

const FORBIDDEN = /^(Aggregate)?(CredentialUnavailable|Authentication(Required)?)Error$/;

function fault(error: unknown): Fault | null {
  const { name = '', message: words = '', code = '', statusCode } = error as Thrown;
  if (error instanceof Overdue) return { status: 0, code: 'TimeoutError', words, seconds: error.seconds };
  if (FORBIDDEN.test(name)) return { status: 401, code: name, words };
  if (fromConnection(code)) return { status: 0, code, words };
  // Our own signal is looked at before this: what ends here by itself is the time for one request.
  if (name === 'AbortError') return { status: 0, code: 'TimeoutError', words };
  if (name === 'RestError') return { status: statusCode ?? 0, code: String(code), words };
  return words.startsWith('The long-running operation') || words.startsWith('Polling was unsuccessful')
    ? { status: 200, code: '', words }
    : null;
}

/** Whether an answer is a resource, a list or an operation. */
function isAzures(json: unknown): boolean {
  const { id, value, status } = (json ?? {}) as Readonly<Record<string, unknown>>;
  return typeof id === 'string' || Array.isArray(value) || typeof status === 'string';
}

/** Lets no answer through that is none of Azure's: the client would take a page of a proxy for an empty object. */
function refuseGarbage(compute: ComputeManagementClient): ComputeManagementClient {
  compute.pipeline.addPolicy({
    name: 'refuseGarbage',
    async sendRequest(request, next) {
      const answer = await next(request);
      const text = answer.bodyAsText ?? '';
      const mayBeEmpty = request.method !== 'GET' || answer.status > 200;
      if (answer.status >= 300 || (mayBeEmpty && text === '')) return answer;
      let json: unknown;
      try {
        json = JSON.parse(text);
      } catch {
        throw new Unreadable(answer.status, 'it is not JSON');
      }
      if (!mayBeEmpty && !isAzures(json)) throw new Unreadable(answer.status, 'it is no resource');
      return answer;
    },
  });
  return compute;
}

async function open(options: AzureOptions, subscription: string): Promise<ComputeManagementClient> {
  const { ComputeManagementClient: Client } = await import('@azure/arm-compute');
  const { endpoint, ca, retry } = options;
  const credential = options.credential ?? new (await import('@azure/identity')).DefaultAzureCredential();
  const compute = new Client(credential, subscription, {
    retryOptions: {
      maxRetries: 5,
      ...(retry === undefined ? {} : { retryDelayInMs: retry, maxRetryDelayInMs: retry * 20 }),
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(ca === undefined ? {} : { tlsOptions: { ca } }),
  });
  return refuseGarbage(compute);
}

function ownSubscription(given: string | undefined): Result<string> {
  const found = given ?? process.env['AZURE_SUBSCRIPTION_ID'] ?? process.env['ARM_SUBSCRIPTION_ID'];
  if (found !== undefined && found !== '') return ok(found);
  const detail = 'nothing says in which subscription of Azure to look for images';
  return fail({ code: 'usage', detail, hint: 'Set AZURE_SUBSCRIPTION_ID.' });
}

/** Speaks to Azure, with one client for each subscription; the SDK (over a second) is loaded by the first request. */
export function createAzureClient(options: AzureOptions): Azure {
  const clients = new Map<string, Promise<ComputeManagementClient>>();
  const { pace = PACE, timeout: seconds = PATIENCE_SECONDS } = options;
  const reader: Reader = { cloud: 'Azure', seconds, fault, forbidden: (code) => FORBIDDEN.test(code) };
  return {
    subscription: ownSubscription(options.subscription),
    ask({ subscription, doing }, use, call) {
      const client = clients.get(subscription) ?? open(options, subscription);
      clients.set(subscription, client);
      const request: AzureRequest = {
        abortSignal: call.signal,
        requestOptions: { timeout: seconds * 1000 },
        updateIntervalInMs: pace.interval,
      };
      return ask(reader, doing, async () => use(await client, request), call);
    },
    async finish(poller, { abortSignal }) {
      const { controller, isOverdue, release } = linked(abortSignal, pace.patience);
      try {
        return await poller.pollUntilDone({ abortSignal: controller.signal });
      } catch (error) {
        throw isOverdue() ? new Overdue(pace.patience) : error;
      } finally {
        release();
      }
    },
  };
}
