import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A bare repository in a temporary folder, of which `main` is the branch of HEAD. */
export interface TestRemote {
  /** The folder that holds it; a server of `serveGit` serves this. */
  readonly folder: string;
  /** The repository's own folder. */
  readonly path: string;
  /** Its address without a server. */
  readonly url: string;
  git(...args: readonly string[]): string;
  /** Clones it into the folder `name` beside it, with these options of `git clone`. */
  clone(name: string, ...options: readonly string[]): TestClone;
  /** Makes a program one of its hooks, such as `pre-receive`; sh. */
  hook(name: string, script: string): Promise<void>;
  dispose(): Promise<void>;
}

/** A clone of a remote, or any folder with a repository. */
export interface TestClone {
  readonly root: string;
  git(...args: readonly string[]): string;
  /** Commits everything there is; answers the commit. */
  commit(message: string): string;
}

/** What a server of repositories asks for. */
export interface ServeOptions {
  readonly user?: string;
  readonly password?: string;
  /** With TLS, by a certificate that only `ca` knows. */
  readonly tls?: boolean;
}

/** A server of repositories on loopback, over HTTP as git speaks it. */
export interface GitServer {
  /** The address of `repository.git`; with `user`, it holds user and password. */
  url(user?: string): string;
  /** File of the certificate, where it speaks TLS. */
  readonly ca: string | null;
  /** Methods and addresses it was asked for. */
  readonly asked: readonly string[];
  dispose(): Promise<void>;
}

const REPOSITORY = 'repository.git';

/** Git in a folder, by somebody called `spec`. */
export function cloneAt(root: string): TestClone {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  git('config', 'user.name', 'spec');
  git('config', 'user.email', 'spec@localhost');
  return {
    root,
    git,
    commit: (message) => {
      git('add', '-A');
      git('commit', '-q', '--allow-empty', '-m', message);
      return git('rev-parse', 'HEAD');
    },
  };
}

/** Makes an empty bare repository that allows what the forges allow: partial clones, and fetching of single commits. */
export async function createRemote(): Promise<TestRemote> {
  const folder = await mkdtemp(join(tmpdir(), 'goldenthread-remote-'));
  const path = join(folder, REPOSITORY);
  execFileSync('git', ['init', '-q', '--bare', '-b', 'main', path]);
  const git = (...args: readonly string[]): string =>
    execFileSync('git', args, { cwd: path, encoding: 'utf8' }).trim();
  for (const key of ['uploadpack.allowFilter', 'uploadpack.allowAnySHA1InWant', 'http.receivepack'])
    git('config', key, 'true');
  return {
    folder,
    path,
    url: `file://${path}`,
    git,
    clone: (name, ...options) => {
      const quiet = ['clone', '-q', ...options, `file://${path}`, join(folder, name)];
      execFileSync('git', quiet, { stdio: 'ignore' });
      return cloneAt(join(folder, name));
    },
    hook: (name, script) => writeFile(join(path, 'hooks', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 }),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Splits what a CGI program says first from what follows; null until all of it has come. */
function head(said: Buffer): { readonly headers: readonly string[]; readonly rest: Buffer } | null {
  const end = said.indexOf('\r\n\r\n');
  if (end === -1) return null;
  return { headers: said.toString('utf8', 0, end).split('\r\n'), rest: said.subarray(end + 4) };
}

/** Answers with what the program says: headers, an empty line, content. */
async function answer(output: AsyncIterable<Buffer>, response: ServerResponse): Promise<void> {
  let said: Buffer = Buffer.alloc(0);
  for await (const chunk of output) {
    if (response.headersSent) {
      response.write(chunk);
      continue;
    }
    said = Buffer.concat([said, chunk]);
    const parsed = head(said);
    if (parsed === null) continue;
    const fields = parsed.headers.map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at), line.slice(at + 1).trim()];
    });
    const status = fields.find(([name]) => name === 'Status')?.[1] ?? '200';
    response.writeHead(Number.parseInt(status, 10), Object.fromEntries(fields));
    response.write(parsed.rest);
  }
  response.end();
}

/** Runs git's own server program for one request. */
async function backend(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
  const { headers } = request;
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
      REMOTE_USER: 'somebody',
    },
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  response.once('close', () => child.kill());
  // A client that goes away in the middle is no concern of the server's.
  pipeline(request, child.stdin).catch(() => undefined);
  await answer(child.stdout, response);
  await closed;
}

function certificate(folder: string): { readonly key: string; readonly ca: string } {
  const [key, ca] = [join(folder, 'key.pem'), join(folder, 'ca.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-days', '2', '-keyout', key, '-out', ca, ...subject], {
    stdio: 'ignore',
  });
  return { key, ca };
}

/** Serves the repositories in a folder by HTTP on a free port of loopback. */
export async function serveGit(folder: string, options: ServeOptions = {}): Promise<GitServer> {
  const { user, password = '', tls = false } = options;
  const expected =
    user === undefined ? null : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (expected === null || request.headers.authorization === expected)
      return void backend(folder, request, response).catch(() => response.destroy());
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
  };
  const files = tls ? certificate(folder) : null;
  const server = files
    ? createTlsServer({ key: await readFile(files.key), cert: await readFile(files.ca) }, listener)
    : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    ca: files?.ca ?? null,
    url: (who) => {
      const credentials = who === undefined ? '' : `${who}:${encodeURIComponent(password)}@`;
      return `${tls ? 'https' : 'http'}://${credentials}127.0.0.1:${port}/${REPOSITORY}`;
    },
    dispose: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
