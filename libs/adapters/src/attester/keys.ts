import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fail, ok, type Failure, type Result, type Call } from '@goldenthread/core';
import { fileFailure, writeWhole } from '../files.ts';

/** Where keys come from. */
export interface KeyPlaces {
  /** Goldenthread's own folder: its key lies in `keys/`. */
  readonly home: string;
  /** The workspace, to which paths of keys are relative. */
  readonly root: string;
  /** Files of public keys whose signatures count; null: the own key alone. */
  readonly trusted: readonly string[] | null;
  readonly env?: NodeJS.ProcessEnv;
}

const KEY = 'GOLDENTHREAD_SIGNING_KEY';
const PASSWORD = 'GOLDENTHREAD_SIGNING_PASSWORD';
/** Bytes; a key has a few hundred. */
const LARGEST = 64 * 1024;
const KINDS = 'an Ed25519 or an elliptic curve key (P-256)';

/** `sha256:…` of a public key (SubjectPublicKeyInfo in DER): how bundles name the key that signed them. */
export const keyId = (key: KeyObject): string =>
  `sha256:${createHash('sha256').update(spki(key)).digest('hex')}`;

const spki = (key: KeyObject): Buffer =>
  (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });

// Those whose signatures over bytes mean the same to everybody: of other curves tools disagree about the hash.
const supported = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean =>
  asymmetricKeyType === 'ed25519' ||
  (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1');

const usage = (detail: string, hint: string): Result<never> => fail({ code: 'usage', detail, hint });

/** A key file as it is: null where there is none. */
async function read(path: string): Promise<Result<{ readonly text: string; readonly mode: number } | null>> {
  try {
    // Without waiting: a pipe in the place of a file would hold us up for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { mode, size } = await file.stat();
      if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > LARGEST)
        return usage(`${path} is no key file`, 'Name a PEM file.');
      return ok({ text: await file.readFile('utf8'), mode });
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return ok(null);
    const unreadable: Failure = {
      code: 'not-permitted',
      what: `reading ${path}`,
      hint: 'Correct its owner or mode.',
    };
    if (code === 'EACCES' || code === 'EPERM') return fail(unreadable);
    throw error;
  }
}

/** Turns the text of a private key into one. What the parser says is never passed on: it may quote what it read. */
function privateKey(path: string, text: string, passphrase: string | undefined): Result<KeyObject> {
  const formats = `Give ${KINDS} as PEM (PKCS#8 or SEC1); where it is encrypted, its password in ${PASSWORD}.`;
  try {
    const key = createPrivateKey({ key: text, format: 'pem', passphrase: passphrase ?? '' });
    return supported(key) ? ok(key) : usage(`${path} holds another kind of key`, formats);
  } catch {
    return usage(`${path} holds no private key that can be opened`, formats);
  }
}

/** A private key from a file that nobody else may read; null where there is no file. */
async function load(path: string, passphrase: string | undefined): Promise<Result<KeyObject | null>> {
  const found = await read(path);
  if (!found.ok || found.value === null) return found as Result<null>;
  if ((found.value.mode & 0o077) !== 0)
    return fail({
      code: 'not-permitted',
      what: `signing with ${path}, which others on this machine may read`,
      hint: `Make it yours alone: chmod 600 ${path}. Where others have read it, make a new one.`,
    });
  return privateKey(path, found.value.text, passphrase);
}

/** Makes a key where there is none yet; of two processes that do so at once one wins, and both have its key. */
async function make(path: string): Promise<Result<void>> {
  const part = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.part`;
  // P-256 with SHA-256 is what every tool that reads Sigstore bundles can check.
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(part, 'wx', 0o600);
    try {
      await file.writeFile(key.export({ type: 'pkcs8', format: 'pem' }));
      await file.sync();
    } finally {
      await file.close();
    }
    // A link, as it never replaces what is there.
    await link(part, path);
    return ok(undefined);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EEXIST'
      ? ok(undefined)
      : fail(fileFailure(error, path));
  } finally {
    await rm(part, { force: true });
  }
}

const ownPath = ({ home }: KeyPlaces): string => join(home, 'keys/signing.pem');

/** The key that the environment names; null where it names none. */
async function namedKey({ root, env = process.env }: KeyPlaces): Promise<Result<KeyObject | null>> {
  const name = env[KEY];
  if (!name) return ok(null);
  const loaded = await load(resolve(root, name), env[PASSWORD]);
  if (!loaded.ok || loaded.value !== null) return loaded;
  return usage(`${KEY} names ${name}, and there is no such file`, 'Name the PEM file of a private key.');
}

/** Writes the public part of a key beside it, for people to hand on. */
async function showPublic(path: string, key: KeyObject): Promise<Result<void>> {
  const place = path.replace(/\.pem$/, '.pub');
  if (existsSync(place)) return ok(undefined);
  return writeWhole(place, createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString());
}

const blocked = (path: string): Failure => ({
  code: 'not-permitted',
  what: `making the key ${path}`,
  hint: 'Remove what stands in its place.',
});

/**
 * The key to sign with: the one that the environment names, otherwise this machine's own, which is made where there is none
 * yet and has its public part beside it (`signing.pub`).
 */
export async function signingKey(places: KeyPlaces, call: Call): Promise<Result<KeyObject>> {
  const named = await namedKey(places);
  if (!named.ok) return named;
  if (named.value) return ok(named.value);
  const path = ownPath(places);
  const isNew = !existsSync(path);
  const made = isNew ? await make(path) : ok(undefined);
  if (!made.ok) return made;
  const key = await load(path, undefined);
  if (!key.ok) return key;
  if (key.value === null) return fail(blocked(path));
  const shown = await showPublic(path, key.value);
  // Nobody else trusts it by itself: whoever runs on many machines has to know.
  const text = `made a key of this machine's own, ${path}: for others to trust it, list its public part under signing.trusted`;
  if (isNew) call.emit({ type: 'note', project: 'signing', text });
  return shown.ok ? ok(key.value) : shown;
}

/** A public key from a PEM file. */
async function publicKey(root: string, name: string): Promise<Result<KeyObject>> {
  const hint = `Name PEM files of public keys (-----BEGIN PUBLIC KEY-----) under \`signing.trusted\`: ${KINDS}.`;
  const found = await read(resolve(root, name));
  if (!found.ok) return found;
  if (found.value === null) return usage(`there is no public key ${name}`, hint);
  try {
    // The parser would take the public part of a private key as well, which has no place in a workspace.
    const { text } = found.value;
    if (!text.includes('-----BEGIN PUBLIC KEY-----') || text.includes('PRIVATE KEY-----'))
      return usage(`${name} is no public key`, hint);
    const key = createPublicKey({ key: text, format: 'pem' });
    return supported(key) ? ok(key) : usage(`${name} holds another kind of key`, hint);
  } catch {
    return usage(`${name} is no public key`, hint);
  }
}

/** The keys whose signatures count. */
export async function trustedKeys(places: KeyPlaces): Promise<Result<readonly KeyObject[]>> {
  if (places.trusted === null) {
    const named = await namedKey(places);
    const own = named.ok && named.value === null ? await load(ownPath(places), undefined) : named;
    if (!own.ok) return own;
    return ok(own.value === null ? [] : [createPublicKey(own.value)]);
  }
  const keys: KeyObject[] = [];
  for (const name of places.trusted) {
    const key = await publicKey(places.root, name);
    if (!key.ok) return key;
    keys.push(key.value);
  }
  return ok(keys);
}
