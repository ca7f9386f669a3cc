import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** How the registry is to be. */
export interface RealRegistryOptions {
  /** Over TLS, with a certificate of its own for 127.0.0.1. */
  readonly tls?: boolean;
  /** Who may log in; without it everybody may do everything. */
  readonly user?: string;
  readonly password?: string;
  /** Whether manifests may be removed; true by default. */
  readonly delete?: boolean;
}

/** Docker's own registry, on this machine. */
export interface RealRegistry {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** Path of the certificate that it must be trusted by; only with `tls`. */
  readonly ca?: string;
  /** The folder that holds what it needs; gone after `stop`. */
  readonly folder: string;
  /** Ends it and removes all it kept. */
  stop(): Promise<void>;
}

const exec = promisify(execFile);
const PATIENCE_MS = 30_000;
// So that Linux ends it with us, even when we are killed outright.
const TETHER = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM', '--'] : [];

/** The programs that `startRegistry` needs, for `missingTools`. */
export const REGISTRY_PROGRAMS: readonly string[] = ['docker-registry', 'htpasswd', 'openssl'];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function certificate(folder: string): Promise<string> {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const argv = ['req', '-x509', '-nodes', '-days', '2', ...curve, ...names, '-keyout', key, '-out', cert];
  await exec('openssl', argv);
  return cert;
}

async function settings(folder: string, port: number, options: RealRegistryOptions): Promise<object> {
  const { tls = false, user, password = '', delete: enabled = true } = options;
  if (tls) await certificate(folder);
  if (user !== undefined) {
    const { stdout } = await exec('htpasswd', ['-Bbn', user, password]);
    await writeFile(join(folder, 'htpasswd'), stdout);
  }
  const pem = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  return {
    version: '0.1',
    // So that the line passes by which it says that it listens.
    log: { level: 'info', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(folder, 'data') },
      delete: { enabled },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${port}`, secret: 'spec', ...(tls ? { tls: pem } : {}) },
    ...(user === undefined ? {} : { auth: { htpasswd: { realm: 'spec', path: join(folder, 'htpasswd') } } }),
  };
}

/** Waits until the server says in its log that it listens, or ends. */
async function listening(log: string, hasEnded: () => boolean): Promise<boolean> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(20)) {
    const text = await readFile(log, 'utf8').catch(() => '');
    if (text.includes('listening on')) return true;
    if (hasEnded()) return false;
  }
  throw new Error(`the registry did not start: ${await readFile(log, 'utf8').catch(() => '')}`);
}

async function begin(folder: string, options: RealRegistryOptions): Promise<RealRegistry | null> {
  const port = await freePort();
  const [config, log] = [join(folder, 'config.yml'), join(folder, 'log')];
  // YAML reads JSON.
  await writeFile(config, JSON.stringify(await settings(folder, port, options)));
  const output = await open(log, 'w');
  const [program = '', ...args] = [...TETHER, 'docker-registry', 'serve', config];
  const child = spawn(program, args, {
    stdio: ['ignore', output.fd, output.fd],
    // It would take every REGISTRY_… of the environment for a setting of its own.
    env: Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('REGISTRY_'))),
  });
  await output.close();
  const end = (): boolean => child.kill('SIGKILL');
  process.once('exit', end);
  let ended = false;
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      ended = true;
      resolve();
    });
  });
  if (!(await listening(log, () => ended))) {
    process.off('exit', end);
    return null;
  }
  return {
    host: `127.0.0.1:${port}`,
    ...(options.tls === true ? { ca: join(folder, 'cert.pem') } : {}),
    folder,
    async stop() {
      process.off('exit', end);
      child.kill('SIGTERM');
      const timer = setTimeout(end, 5_000);
      await closed;
      clearTimeout(timer);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts Docker's registry on a free port of this machine and waits until it answers. */
export async function startRegistry(options: RealRegistryOptions = {}): Promise<RealRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'goldenthread-registry-'));
  await mkdir(join(folder, 'data'));
  // Somebody may take the free port between our look and the server's start.
  for (let tries = 0; tries < 5; tries += 1) {
    const started = await begin(folder, options);
    if (started) return started;
  }
  const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
  await rm(folder, { recursive: true, force: true });
  throw new Error(`the registry did not start: ${log.slice(-2000)}`);
}
