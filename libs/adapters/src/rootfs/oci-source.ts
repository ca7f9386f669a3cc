import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';

/** Where the parts of an OCI image come from. */
export interface OciSource {
  /** In words, for messages. */
  readonly name: string;
  /** The bytes that are said to have this digest; whether they do is for the reader to see. */
  open(digest: string, kind: 'manifests' | 'blobs', call: Call): Promise<Result<AsyncIterable<Uint8Array>>>;
}

/** The source that a reference names: a layout folder of the workspace, or else a registry. */
export function ociSource(name: string, root: string): Result<OciSource> {
  const folder = `${root}/${name}`;
  if (existsSync(`${folder}/oci-layout`)) return ok(layoutSource(name, folder));
  const [host = '', ...path] = name.split('/');
  if (path.length > 0 && !host.startsWith('.') && /[.:]|^localhost$/.test(host))
    return ok(registrySource(host, path.join('/')));
  return fail({
    code: 'usage',
    detail: `${name} is neither an OCI layout folder of the workspace nor the name of an image in a registry`,
    hint: 'Write the path of a folder that holds an oci-layout file, or registry.example/name.',
  });
}

const layoutSource = (name: string, folder: string): OciSource => ({
  name,
  open: async (digest) => {
    const path = `${folder}/blobs/${digest.replace(':', '/')}`;
    const there = await stat(path).catch(() => null);
    if (there) return ok(createReadStream(path));
    return fail({
      code: 'content-corrupt',
      what: `the OCI layout ${name}`,
      expected: digest,
      found: 'nothing',
    });
  },
});

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

const isLoopback = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);

/** A registry that speaks the distribution API; over plain HTTP only on this machine. */
function registrySource(host: string, path: string): OciSource {
  const name = `${host}/${path}`;
  let token: string | null = null;
  const get = (url: string, call: Call): Promise<Response> =>
    fetch(url, {
      signal: call.signal,
      headers: { accept: ACCEPT, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    });
  return {
    name,
    open: async (digest, kind, call) => {
      const url = `${isLoopback(host) ? 'http' : 'https'}://${host}/v2/${path}/${kind}/${digest}`;
      try {
        let response = await get(url, call);
        if (response.status === 401 && token === null) {
          token = await anonymousToken(response.headers.get('www-authenticate') ?? '', call);
          if (token !== null) response = await get(url, call);
        }
        if (response.ok && response.body)
          return ok(Readable.fromWeb(response.body as never) as AsyncIterable<Uint8Array>);
        return fail(refusal(name, digest, response.status));
      } catch (error) {
        return fail(unreachable(name, error, call));
      }
    },
  };
}

/** The token that a registry gives to everybody, where it gives one: it says itself where to ask. */
async function anonymousToken(challenge: string, call: Call): Promise<string | null> {
  const field = (key: string): string | undefined => new RegExp(`${key}="([^"]*)"`).exec(challenge)?.[1];
  const realm = field('realm');
  if (!/^bearer /i.test(challenge) || realm === undefined) return null;
  const url = new URL(realm);
  if (url.protocol !== 'https:' && !isLoopback(url.host)) return null;
  for (const key of ['service', 'scope']) url.searchParams.set(key, field(key) ?? '');
  const answer = await fetch(url, { signal: call.signal });
  const body = answer.ok
    ? ((await answer.json()) as { readonly token?: string; readonly access_token?: string })
    : {};
  return body.token ?? body.access_token ?? null;
}

function refusal(name: string, digest: string, status: number): Failure {
  if (status === 404)
    return {
      code: 'usage',
      detail: `${name} has no ${digest}`,
      hint: 'Check the name and the digest of the base.',
    };
  if (status === 401 || status === 403)
    return {
      code: 'not-permitted',
      what: `reading ${name}`,
      hint: 'Only images that anybody may read can be a base; copy it to an OCI layout.',
    };
  return { code: 'unreachable', what: name, detail: `it answered with HTTP status ${status}` };
}

function unreachable(name: string, error: unknown, call: Call): Failure {
  if (call.signal.aborted) return { code: 'cancelled' };
  const { message, cause } = error as Error;
  return {
    code: 'unreachable',
    what: name,
    detail: cause instanceof Error ? `${message}: ${cause.message}` : message,
  };
}

/** Passes bytes on, and throws at the end where they do not have the digest: with the failure as the error's cause. */
export async function* verified(
  content: AsyncIterable<Uint8Array>,
  digest: string,
  what: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
  const found = `sha256:${hash.digest('hex')}`;
  const failure: Failure = { code: 'content-corrupt', what, expected: digest, found };
  if (found !== digest) throw new Error(`${what} is not what its digest says`, { cause: failure });
}

/** The failure that an error while reading means. */
export function readFailure(name: string, error: unknown, call: Call): Failure {
  const { cause } = error as Error;
  if (typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'content-corrupt')
    return cause as Failure;
  return unreachable(name, error, call);
}
