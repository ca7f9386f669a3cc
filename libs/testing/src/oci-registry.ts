import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a registry does instead of its work. */
export type Interference =
  /** Never answers. */
  | { readonly kind: 'stall' }
  /** Breaks the connection once it has read this many bytes of the body. */
  | { readonly kind: 'reset'; readonly after: number }
  /** Answers this. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** Sends bytes that are not HTTP. */
  | { readonly kind: 'noise' }
  /** Sends only the beginning of a blob and breaks the connection. */
  | { readonly kind: 'cut'; readonly after: number };

/** A request as it was seen. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authorization: string | null;
  /** Bytes of its body. */
  bytes: number;
}

/** How a registry in memory behaves; specs change it while it runs. */
export interface RegistryBehaviour {
  /** Whether it lists referrers itself. */
  referrers: boolean;
  /** Whom it lets in: everybody, or this user by basic authentication, or by a token that its own service gives (for the password as refresh token, too). */
  auth: { readonly kind: 'none' | 'basic' | 'bearer'; readonly user?: string; readonly password?: string };
  /** Whether manifests may be removed. */
  delete: boolean;
  /** Tags on a page of their listing; few, so that whoever lists has to ask for the next one. */
  page: number;
  /** Looks at every request before it is answered. */
  interfere: (seen: SeenRequest) => Interference | null;
}

interface Repository {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
  readonly tags: Map<string, string>;
  readonly uploads: Map<string, Buffer[]>;
}

/** A small registry in memory, on a free port of this machine. */
export interface FakeRegistry {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly behaviour: RegistryBehaviour;
  /** Requests so far, in order. */
  readonly seen: SeenRequest[];
  /** What a repository holds; made when it is first named. */
  repository(name: string): Repository;
  stop(): Promise<void>;
}

const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** One request under way. */
interface Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly seen: SeenRequest;
  readonly registry: FakeRegistry;
  readonly interference: Interference | null;
}

function answer(
  { response, request }: Turn,
  status: number,
  headers: Record<string, string> = {},
  body: string | Uint8Array = '',
): void {
  response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
}

const refuse = (turn: Turn, status: number, code: string): void =>
  answer(
    turn,
    status,
    { 'content-type': 'application/json' },
    JSON.stringify({ errors: [{ code, message: code }] }),
  );

/** Reads the body; what arrived before a broken connection is handed on all the same. Answers whether it came whole. */
async function readBody(turn: Turn, onChunk: (chunk: Buffer) => void): Promise<boolean> {
  const { request, seen, interference } = turn;
  const limit = interference?.kind === 'reset' ? interference.after : Infinity;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    const left = limit - seen.bytes;
    onChunk(chunk.subarray(0, left));
    seen.bytes += Math.min(chunk.length, left);
    if (seen.bytes < limit) continue;
    request.socket.destroy();
    return false;
  }
  return true;
}

async function bodyOf(turn: Turn): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  return (await readBody(turn, (chunk) => chunks.push(chunk))) ? Buffer.concat(chunks) : null;
}

const sizeOf = (chunks: readonly Buffer[]): number => chunks.reduce((sum, one) => sum + one.length, 0);

function getBlob(turn: Turn, held: Repository, digest: string): void {
  const blob = held.blobs.get(digest) ?? held.manifests.get(digest)?.bytes;
  if (!blob) return refuse(turn, 404, 'BLOB_UNKNOWN');
  const start = Number(/^bytes=(\d+)-$/.exec(turn.request.headers.range ?? '')?.[1] ?? 0);
  const part = blob.subarray(start);
  const headers = { 'docker-content-digest': digest, 'content-length': String(part.length) };
  if (turn.interference?.kind !== 'cut') return answer(turn, start > 0 ? 206 : 200, headers, part);
  turn.response.writeHead(start > 0 ? 206 : 200, headers);
  turn.response.write(part.subarray(0, turn.interference.after), () => turn.request.socket.destroy());
}

function beginUpload(turn: Turn, name: string, held: Repository): void {
  const digest = turn.url.searchParams.get('mount') ?? '';
  const blob = turn.registry.repository(turn.url.searchParams.get('from') ?? name).blobs.get(digest);
  if (blob) {
    held.blobs.set(digest, blob);
    return answer(turn, 201, { 'docker-content-digest': digest });
  }
  const id = randomBytes(8).toString('hex');
  held.uploads.set(id, []);
  answer(turn, 202, { location: `/v2/${name}/blobs/uploads/${id}?state=1` });
}

async function upload(turn: Turn, name: string, held: Repository, id: string): Promise<void> {
  const { request, url } = turn;
  const location = `/v2/${name}/blobs/uploads/${id}?state=1`;
  const chunks = held.uploads.get(id);
  if (!chunks) return refuse(turn, 404, 'BLOB_UPLOAD_UNKNOWN');
  const range = (): Record<string, string> => ({ location, range: `0-${Math.max(0, sizeOf(chunks) - 1)}` });
  if (request.method === 'GET') return answer(turn, 204, range());
  if (request.method === 'DELETE') {
    held.uploads.delete(id);
    return answer(turn, 204);
  }
  const from = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
  if (from !== undefined && Number(from) !== sizeOf(chunks)) return refuse(turn, 416, 'RANGE_INVALID');
  if (!(await readBody(turn, (chunk) => chunks.push(chunk)))) return;
  if (request.method === 'PATCH') return answer(turn, 202, range());
  const bytes = Buffer.concat(chunks);
  const digest = url.searchParams.get('digest') ?? '';
  if (sha256(bytes) !== digest) return refuse(turn, 400, 'DIGEST_INVALID');
  held.uploads.delete(id);
  held.blobs.set(digest, bytes);
  answer(turn, 201, { 'docker-content-digest': digest });
}

async function manifests(turn: Turn, held: Repository, reference: string): Promise<void> {
  const { request, registry } = turn;
  const digest = reference.startsWith('sha256:') ? reference : held.tags.get(reference);
  if (request.method === 'PUT') {
    const bytes = await bodyOf(turn);
    if (!bytes) return;
    const own = sha256(bytes);
    const type = request.headers['content-type'] ?? '';
    if (reference.startsWith('sha256:') && reference !== own) return refuse(turn, 400, 'DIGEST_INVALID');
    held.manifests.set(own, { type, bytes });
    if (!reference.startsWith('sha256:')) held.tags.set(reference, own);
    const { subject } = JSON.parse(bytes.toString('utf8')) as {
      readonly subject?: { readonly digest: string };
    };
    const listed: Record<string, string> =
      subject && registry.behaviour.referrers ? { 'oci-subject': subject.digest } : {};
    return answer(turn, 201, { 'docker-content-digest': own, ...listed });
  }
  const found = digest === undefined ? undefined : held.manifests.get(digest);
  if (digest === undefined || !found) return refuse(turn, 404, 'MANIFEST_UNKNOWN');
  if (request.method !== 'DELETE')
    return answer(turn, 200, { 'content-type': found.type, 'docker-content-digest': digest }, found.bytes);
  if (!registry.behaviour.delete) return refuse(turn, 405, 'UNSUPPORTED');
  if (digest !== reference) held.tags.delete(reference);
  else {
    held.manifests.delete(digest);
    for (const [tag, names] of held.tags) if (names === digest) held.tags.delete(tag);
  }
  answer(turn, 202);
}

function referrers(turn: Turn, held: Repository, subject: string): void {
  if (!turn.registry.behaviour.referrers) return refuse(turn, 404, 'NOT_FOUND');
  const found = [...held.manifests].flatMap(([digest, { type, bytes }]) => {
    const fields = JSON.parse(bytes.toString('utf8')) as {
      readonly subject?: { readonly digest: string };
      readonly artifactType?: string;
    };
    if (fields.subject?.digest !== subject) return [];
    return [{ mediaType: type, digest, size: bytes.length, artifactType: fields.artifactType }];
  });
  const type = 'application/vnd.oci.image.index.v1+json';
  answer(
    turn,
    200,
    { 'content-type': type },
    JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: found }),
  );
}

function listTags(turn: Turn, name: string, held: Repository): void {
  const { page } = turn.registry.behaviour;
  const last = turn.url.searchParams.get('last') ?? '';
  const rest = [...held.tags.keys()].toSorted().filter((tag) => tag > last);
  const tags = rest.slice(0, page);
  const next = `</v2/${name}/tags/list?n=${page}&last=${tags.at(-1)}>; rel="next"`;
  const headers = { 'content-type': 'application/json' };
  answer(
    turn,
    200,
    rest.length > page ? { ...headers, link: next } : headers,
    JSON.stringify({ name, tags }),
  );
}

async function serve(turn: Turn): Promise<void> {
  const { request, url, registry } = turn;
  const [, name = '', kind, rest = ''] =
    /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|referrers|tags)\/(.*)$/.exec(url.pathname) ?? [];
  const held = registry.repository(name);
  if (kind === 'blobs') return getBlob(turn, held, rest);
  if (kind === 'manifests') return manifests(turn, held, rest);
  if (kind === 'referrers') return referrers(turn, held, rest);
  if (kind === 'tags') return listTags(turn, name, held);
  if (kind !== 'blobs/uploads') return refuse(turn, 404, 'NAME_UNKNOWN');
  return request.method === 'POST' ? beginUpload(turn, name, held) : upload(turn, name, held, rest);
}

/** Whether the request may pass; says what to do where it may not. */
async function admitted(turn: Turn): Promise<boolean> {
  const { auth } = turn.registry.behaviour;
  const basic = `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}`;
  const { authorization } = turn.seen;
  if (auth.kind === 'none') return true;
  if (auth.kind === 'basic') {
    if (authorization !== basic) turn.response.setHeader('www-authenticate', 'Basic realm="spec"');
    return authorization === basic;
  }
  if (turn.url.pathname === '/token') {
    const form = new URLSearchParams((await bodyOf(turn))?.toString('utf8'));
    const allowed =
      auth.user === undefined || authorization === basic || form.get('refresh_token') === auth.password;
    const token = JSON.stringify({ token: 'given' });
    if (allowed) answer(turn, 200, { 'content-type': 'application/json' }, token);
    return false;
  }
  const realm = `http://${turn.registry.host}/token`;
  const challenge = `Bearer realm="${realm}",service="spec",scope="repository:any:pull"`;
  if (authorization !== 'Bearer given') turn.response.setHeader('www-authenticate', challenge);
  return authorization === 'Bearer given';
}

/** Does what it is told to do instead; answers whether that was all. */
function interfered(turn: Turn): boolean {
  const { interference, request } = turn;
  if (interference === null || interference.kind === 'reset' || interference.kind === 'cut') return false;
  if (interference.kind === 'answer')
    answer(turn, interference.status, { ...interference.headers }, interference.body);
  if (interference.kind === 'noise') request.socket.end('this is not what you asked for\r\n\r\n');
  return true;
}

async function take(
  registry: FakeRegistry,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const seen: SeenRequest = {
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization ?? null,
    bytes: 0,
  };
  registry.seen.push(seen);
  const url = new URL(seen.path, `http://${registry.host}`);
  const interference = registry.behaviour.interfere(seen);
  const turn: Turn = { request, response, url, seen, registry, interference };
  if (interfered(turn)) return;
  if (await admitted(turn)) await serve(turn);
  else if (!response.writableEnded) refuse(turn, 401, 'UNAUTHORIZED');
}

/** Starts a registry in memory that does all it should until it is told otherwise. */
export async function fakeRegistry(): Promise<FakeRegistry> {
  const repositories = new Map<string, Repository>();
  const server = createServer((request, response) => {
    // A connection that was broken off, by us or by the client, is an end like any other.
    take(registry, request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const registry: FakeRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    behaviour: { referrers: false, auth: { kind: 'none' }, delete: true, page: 3, interfere: () => null },
    seen: [],
    repository(name) {
      const found: Repository = repositories.get(name) ?? {
        blobs: new Map(),
        manifests: new Map(),
        tags: new Map(),
        uploads: new Map(),
      };
      repositories.set(name, found);
      return found;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return registry;
}
