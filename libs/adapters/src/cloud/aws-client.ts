import type { EC2 } from '@aws-sdk/client-ec2';
import type { Call, Result } from '@goldenthread/core';
import { ask, fromConnection, PATIENCE_SECONDS, type Fault, type Reader, type Thrown } from './fault.ts';
import type { Pace } from './wait.ts';

/** For specs and private clouds; what is not said comes from the SDK's own chain (environment, profile, role). */
export interface AwsOptions {
  readonly endpoint?: string;
  readonly region?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** How often a request is tried. */
  readonly attempts?: number;
  /** Seconds without an answer after which a request is given up. */
  readonly timeout?: number;
  readonly pace?: Pace;
}

/** Asks EC2 of a region; of null: of the region that the chain names. */
export type AskAws = <T>(
  where: { readonly region: string | null; readonly doing: string },
  use: (ec2: EC2, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  call: Call,
) => Promise<Result<T>>;

interface AwsThrown extends Thrown {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number };
}

const FORBIDDEN =
  /^(AuthFailure|UnauthorizedOperation|InvalidClientTokenId|SignatureDoesNotMatch|ExpiredToken|RequestExpired|OptInRequired|Blocked|MissingAuthenticationToken|AccessDenied\w*|CredentialsProviderError|TokenProviderError)$/;

function fault(error: unknown): Fault | null {
  const { name = '', message: words = '', code, $metadata, $response } = error as AwsThrown;
  if (fromConnection(code)) return { status: 0, code, words };
  if (name === 'TimeoutError' || FORBIDDEN.test(name))
    return { status: $metadata?.httpStatusCode ?? 0, code: name, words };
  if ($response?.statusCode !== undefined && $metadata?.httpStatusCode === undefined)
    return { status: $response.statusCode, code: '', words: 'the answer cannot be read' };
  if ($metadata?.httpStatusCode !== undefined) return { status: $metadata.httpStatusCode, code: name, words };
  return /region is missing/i.test(words)
    ? { status: 0, code: 'CredentialsProviderError', words: 'no region is set: set AWS_REGION' }
    : null;
}

/** How errors of the AWS SDK are read; `seconds` is how long an answer is waited for. */
export const awsReader = (seconds: number = PATIENCE_SECONDS): Reader => ({
  cloud: 'AWS',
  seconds,
  fault,
  forbidden: (code) => FORBIDDEN.test(code),
});

// A client looks at it when it is made, and would print on stderr that its makers will give this Node up one day: nothing
// that whoever runs this could do anything about.
const QUIET = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/** Settings of a client of the AWS SDK for a region; for null for the one that the chain names. */
export function awsSettings(options: AwsOptions, region: string | null) {
  const { endpoint, region: home, credentials, attempts = 6, timeout = PATIENCE_SECONDS } = options;
  const named = region ?? home;
  process.env[QUIET] ??= 'true';
  return {
    maxAttempts: attempts,
    requestHandler: { connectionTimeout: 10_000, socketTimeout: timeout * 1000 },
    ...(named === undefined ? {} : { region: named }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

/** Speaks to EC2, with one client for each region; the SDK (half a second) is loaded by the first request. */
export function createAwsClient(options: AwsOptions): AskAws {
  const reader = awsReader(options.timeout);
  const clients = new Map<string | null, Promise<EC2>>();
  const open = async (region: string | null): Promise<EC2> => {
    const { EC2: Client } = await import('@aws-sdk/client-ec2');
    return new Client(awsSettings(options, region));
  };
  return ({ region, doing }, use, call) => {
    const client = clients.get(region) ?? open(region);
    clients.set(region, client);
    return ask(reader, doing, async () => use(await client, { abortSignal: call.signal }), call);
  };
}
