import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';
import type Dockerode from 'dockerode';
import { saysDiskFull } from '../host.ts';

/** An error of the client: of the connection, or an answer of the daemon. */
export interface DaemonError extends Error {
  readonly code?: string;
  readonly statusCode?: number;
  readonly json?: { readonly message?: string };
}

const UNREACHABLE = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
]);

/** Where the daemon keeps images, as people are told of it. */
export const DATA_ROOT = 'the Docker daemon (its data root)';

const DEFAULT = 'unix:///var/run/docker.sock';

/** The socket of the context that the docker program uses: some engines lie elsewhere and say so in this way alone. */
function contextSocket(): string | null {
  const folder = process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker');
  const read = (...path: readonly string[]): unknown =>
    JSON.parse(readFileSync(join(folder, ...path), 'utf8'));
  try {
    const { currentContext } = read('config.json') as { readonly currentContext?: string };
    const name = process.env['DOCKER_CONTEXT'] ?? currentContext;
    if (name === undefined || name === 'default') return null;
    const key = createHash('sha256').update(name).digest('hex');
    const meta = read('contexts', 'meta', key, 'meta.json') as {
      readonly Endpoints?: { readonly docker?: { readonly Host?: string } };
    };
    const host = meta.Endpoints?.docker?.Host ?? '';
    return host.startsWith('unix://') ? host : null;
  } catch {
    // Without these files there are no contexts.
    return null;
  }
}

/** Where the daemon is: as DOCKER_HOST says, or the docker program's own context, or where it usually is. */
export const daemonAddress = (): string => process.env['DOCKER_HOST'] ?? contextSocket() ?? DEFAULT;

/** The failure that an error of the client means; null for errors that are none of the daemon's. */
function failureOf(error: DaemonError, call: Call): Failure | null {
  if (call.signal.aborted) return { code: 'cancelled' };
  const message = error.json?.message ?? error.message;
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return {
      code: 'not-permitted',
      what: `speaking to the Docker daemon at ${daemonAddress()}`,
      hint: 'Add yourself to the group docker, or run it as root; images baked by the overlay back end need no daemon.',
    };
  if (error.code !== undefined && UNREACHABLE.has(error.code))
    return {
      code: 'unreachable',
      what: 'the Docker daemon',
      detail: `nothing answers at ${daemonAddress()} (${error.code})`,
    };
  if (saysDiskFull(message)) return { code: 'disk-full', folder: DATA_ROOT };
  return error.statusCode === undefined ? null : { code: 'tool-failed', tool: 'docker', detail: message };
}

let client: { readonly address: string; readonly docker: Promise<Dockerode> } | null = null;

// Loading the library takes 100 ms, which commands that need no Docker shall not pay.
async function open(address: string): Promise<Dockerode> {
  const { default: Docker } = await import('dockerode');
  // What is no socket it reads from the environment itself, with all that belongs to it.
  return address.startsWith('unix://')
    ? new Docker({ socketPath: address.slice('unix://'.length) })
    : new Docker();
}

function connect(): Promise<Dockerode> {
  const address = daemonAddress();
  if (client?.address !== address) client = { address, docker: open(address) };
  return client.docker;
}

/** Runs `use` with the client; errors of the daemon and of the way to it become failures. */
export async function ask<T>(use: (docker: Dockerode) => Promise<T>, call: Call): Promise<Result<T>> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  try {
    return ok(await use(await connect()));
  } catch (error) {
    const failure = failureOf(error as DaemonError, call);
    if (failure) return fail(failure);
    throw error;
  }
}
