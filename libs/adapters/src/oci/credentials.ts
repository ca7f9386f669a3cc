import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { run } from '../host.ts';

/** What proves to a registry who we are: a name and password, or a token that buys others. */
export type Credentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string };

interface Entry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

interface ConfigFile {
  readonly auths?: Readonly<Record<string, Entry>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

const MAX_FILE = 1 << 20;
const HELPER_SECONDS = 60;

/** The files in which credentials are looked for, the first that knows the registry wins. */
export const credentialFiles = (env: NodeJS.ProcessEnv = process.env): readonly string[] => [
  ...[env['REGISTRY_AUTH_FILE'] ?? []].flat(),
  join(env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json'),
];

/** The names under which the field's tools keep a registry's credentials. */
const keysOf = (host: string): readonly string[] => [
  host,
  ...['', '/', '/v1/', '/v2/'].map((end) => `https://${host}${end}`),
];

async function readConfig(file: string): Promise<Result<ConfigFile>> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return ok({});
  try {
    if (text.length > MAX_FILE) throw new Error('too long');
    const config = JSON.parse(text) as ConfigFile | null;
    return ok(typeof config === 'object' && config !== null ? config : {});
  } catch {
    // What the parser says would quote from the file.
    return fail({
      code: 'usage',
      detail: `${file} is not valid JSON`,
      hint: 'Log in again, or correct the file: credentials of registries are read from it.',
    });
  }
}

function fromEntry({ auth, username, password, identitytoken }: Entry): Credentials | null {
  if (identitytoken) return { kind: 'token', token: identitytoken };
  if (username && password !== undefined) return { kind: 'password', user: username, password };
  const pair = Buffer.from(auth ?? '', 'base64')
    .toString('utf8')
    .replace(/\0+$/, '');
  const colon = pair.indexOf(':');
  return colon > 0 ? { kind: 'password', user: pair.slice(0, colon), password: pair.slice(colon + 1) } : null;
}

/** Asks a credential helper; one that knows nothing of the registry answers null. */
async function fromHelper(name: string, key: string, call: Call): Promise<Result<Credentials | null>> {
  const tool = `docker-credential-${name}`;
  const failed = (detail: string): Result<never> => fail({ code: 'tool-failed', tool, detail });
  if (!/^[\w.-]+$/.test(name)) return failed('this is no name of a credential helper');
  const asked = await run(
    {
      argv: [tool, 'get'],
      input: [key],
      timeout: HELPER_SECONDS,
      purpose: `the credentials of ${key}`,
      install: 'Install it, or take it out of the configuration that names it.',
    },
    call,
  );
  if (!asked.ok) return asked;
  if (asked.value.code !== 0)
    return /not found/i.test(asked.value.stdout + asked.value.stderr)
      ? ok(null)
      : failed(`it exited with code ${asked.value.code}`);
  try {
    const { Username, Secret } = JSON.parse(asked.value.stdout) as Record<string, string | undefined>;
    if (!Secret) return ok(null);
    return ok(
      Username === '<token>'
        ? { kind: 'token', token: Secret }
        : { kind: 'password', user: Username ?? '', password: Secret },
    );
  } catch {
    return failed('it did not answer with JSON');
  }
}

async function inFile(file: string, host: string, call: Call): Promise<Result<Credentials | null>> {
  const config = await readConfig(file);
  if (!config.ok) return config;
  const { auths = {}, credHelpers = {}, credsStore } = config.value;
  const keys = keysOf(host);
  const helped = keys.find((key) => typeof credHelpers[key] === 'string');
  if (helped !== undefined) return fromHelper(credHelpers[helped] ?? '', helped, call);
  const entry = keys.map((key) => auths[key]).find((one) => typeof one === 'object' && one !== null);
  const found = entry ? fromEntry(entry) : null;
  if (found || typeof credsStore !== 'string') return ok(found);
  return fromHelper(credsStore, keys[0] ?? host, call);
}

/** The credentials that this user keeps for a registry, as Docker, Skopeo and others keep them; null where there are none. */
export async function credentialsFor(host: string, call: Call): Promise<Result<Credentials | null>> {
  for (const file of credentialFiles()) {
    const found = await inFile(file, host, call);
    if (!found.ok || found.value) return found;
  }
  return ok(null);
}
