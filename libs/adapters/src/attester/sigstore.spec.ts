import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attester, Json, Result } from '@goldenthread/core';
import { clone, missingTools, runSource } from '@goldenthread/testing';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createAttester } from './sigstore.ts';

const folder = await mkdtemp(join(tmpdir(), 'goldenthread-attester-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

let [home, root, count] = ['', '', 0];
beforeEach(async () => {
  count += 1;
  [home, root] = [join(folder, `${count}/home`), join(folder, `${count}/root`)];
  await mkdir(root, { recursive: true });
});

const call = { signal: new AbortController().signal, emit: () => undefined };
const statement: Json = { _type: 'https://in-toto.io/Statement/v1', subject: [{ name: 'edge' }], ü: '✓' };

interface Bundle {
  mediaType: string;
  verificationMaterial: { publicKey?: { hint: string } };
  dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string; keyid: string }[] };
}

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const attester = (env: NodeJS.ProcessEnv = {}, trusted: readonly string[] | null = null): Attester =>
  createAttester({ home, root, trusted, env });
const signed = async (by: Attester): Promise<Bundle> =>
  JSON.parse(value(await by.sign(statement, call))) as Bundle;
const check = (by: Attester, bundle: unknown): ReturnType<Attester['check']> =>
  by.check(JSON.stringify(bundle), call);
const refused = (why: string): unknown => ({
  ok: false,
  failures: [{ code: 'untrusted', what: 'a signed statement', why: expect.stringContaining(why) as unknown }],
});
const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

describe("a statement signed with this machine's own key", () => {
  it('is a Sigstore bundle that is checked offline, and says which key signed it', async () => {
    const bundle = await signed(attester());
    expect(bundle.mediaType).toBe('application/vnd.dev.sigstore.bundle.v0.3+json');
    expect(bundle.dsseEnvelope.payloadType).toBe('application/vnd.in-toto+json');
    const hint = bundle.verificationMaterial.publicKey?.hint;
    expect(hint).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(value(await check(attester(), bundle))).toEqual({ statement, key: hint });
  });

  it('is signed with a key that is made once, for its owner alone, with its public part beside it', async () => {
    const [first, second] = [await signed(attester()), await signed(attester())];
    expect(first.verificationMaterial).toEqual(second.verificationMaterial);
    expect((await stat(join(home, 'keys/signing.pem'))).mode & 0o777).toBe(0o600);
    expect((await readdir(join(home, 'keys'))).toSorted()).toEqual(['signing.pem', 'signing.pub']);
    await writeFile(join(root, 'ours.pub'), await readFile(join(home, 'keys/signing.pub')));
    expect(await check(attester({}, ['ours.pub']), first)).toMatchObject({ ok: true, value: { statement } });
  });

  it('is signed with one key, however many make it at once', async () => {
    const bundles = await Promise.all(Array.from({ length: 20 }, () => signed(attester())));
    expect(new Set(bundles.map((one) => one.verificationMaterial.publicKey?.hint)).size).toBe(1);
    for (const one of bundles) expect(await check(attester(), one)).toMatchObject({ ok: true });
    expect((await readdir(join(home, 'keys'))).toSorted()).toEqual(['signing.pem', 'signing.pub']);
  });

  it('has its public part again where it was lost', async () => {
    await signed(attester());
    const place = join(home, 'keys/signing.pub');
    const before = await readFile(place, 'utf8');
    await rm(place);
    await signed(attester());
    expect(await readFile(place, 'utf8')).toBe(before);
  });

  it('is signed with one key, in other processes as well', { timeout: 300_000 }, async () => {
    const code = `
      import { createAttester } from 'file://${clone}/libs/adapters/src/attester/sigstore.ts';
      const call = { signal: new AbortController().signal, emit: () => undefined };
      const places = ${JSON.stringify({ home, root, trusted: null })};
      console.log(JSON.stringify(await createAttester({ ...places, env: {} }).sign({}, call)));`;
    const outputs = await Promise.all(
      Array.from({ length: 2 }, async () => {
        const child = runSource(code, clone);
        let out = '';
        child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
        await once(child, 'close');
        return JSON.parse(out) as Result<string>;
      }),
    );
    const keys = outputs.map(
      (one) => (JSON.parse(value(one)) as Bundle).verificationMaterial.publicKey?.hint,
    );
    expect(new Set(keys).size).toBe(1);
    for (const one of outputs) expect(await attester().check(value(one), call)).toMatchObject({ ok: true });
    expect((await readdir(join(home, 'keys'))).toSorted()).toEqual(['signing.pem', 'signing.pub']);
  });

  it('is not signed after the call was cancelled, and no key is made', async () => {
    const cancelled = { ...call, signal: AbortSignal.abort() };
    const answer = { ok: false, failures: [{ code: 'cancelled' }] };
    expect(await attester().sign(statement, cancelled)).toEqual(answer);
    expect(await attester().check('{}', cancelled)).toEqual(answer);
    await expect(stat(home)).rejects.toThrow('ENOENT');
  });
});

describe('a bundle is refused', () => {
  const change = async (edit: (bundle: Bundle) => void): Promise<unknown> => {
    const bundle = await signed(attester());
    edit(bundle);
    return check(attester(), bundle);
  };

  it('when what it says was changed', async () => {
    const other = Buffer.from('{"subject":[{"name":"other"}]}').toString('base64');
    expect(await change(({ dsseEnvelope }) => (dsseEnvelope.payload = other))).toEqual(
      refused('its signature is not one of sha256:'),
    );
  });

  it('when its type was changed', async () => {
    expect(await change(({ dsseEnvelope }) => (dsseEnvelope.payloadType = 'text/plain'))).toEqual(
      refused('its signature is not one of'),
    );
  });

  it('when its signature was changed', async () => {
    const flip = ({ dsseEnvelope: { signatures } }: Bundle): void => {
      for (const one of signatures) {
        const bytes = Buffer.from(one.sig, 'base64');
        bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
        one.sig = bytes.toString('base64');
      }
    };
    expect(await change(flip)).toEqual(refused('its signature is not one of'));
  });

  it('when it names another key than the one that signed it', async () => {
    const mine = await signed(attester());
    home = `${home}-other`;
    const theirs = await signed(attester());
    const ids = [mine, theirs].map((one) => one.verificationMaterial.publicKey?.hint ?? '');
    expect(await check(attester(), mine)).toEqual(
      refused(`it is signed with the key "${ids[0]}"; trusted: ${ids[1]}`),
    );
    expect(await check(attester(), { ...mine, verificationMaterial: theirs.verificationMaterial })).toEqual(
      refused(`its signature is not one of ${ids[1]}`),
    );
  });

  it('when this machine trusts no key at all; none is made for it', async () => {
    const bundle = await signed(attester());
    home = `${home}-new`;
    expect(await check(attester(), bundle)).toEqual(refused('trusted: none'));
    await expect(stat(home)).rejects.toThrow('ENOENT');
  });

  it('when it has a certificate instead of a key', async () => {
    const certificate = { certificate: { rawBytes: Buffer.from('certificate').toString('base64') } };
    expect(await change((bundle) => (bundle.verificationMaterial = certificate as never))).toEqual(
      refused('it is signed with a certificate instead of a key'),
    );
  });

  it('when it is empty, or signs bytes instead of a statement', async () => {
    expect(await attester().check('', call)).toEqual(refused('it is no Sigstore bundle'));
    const { verificationMaterial, mediaType } = await signed(attester());
    const messageSignature = {
      messageDigest: { algorithm: 'SHA2_256', digest: 'aGFzaA==' },
      signature: 'c2lnbmF0dXJl',
    };
    expect(await check(attester(), { mediaType, verificationMaterial, messageSignature })).toEqual(
      refused('it signs something else'),
    );
  });

  it('whatever else it may be', async () => {
    const whole = await signed(attester());
    const garbage = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((one) => JSON.stringify({ ...whole, verificationMaterial: JSON.parse(one) as unknown })),
      fc.json().map((one) => JSON.stringify({ ...whole, dsseEnvelope: JSON.parse(one) as unknown })),
    );
    await fc.assert(
      fc.asyncProperty(garbage, async (text) => {
        expect(await attester().check(text, call)).toMatchObject({
          ok: false,
          failures: [{ code: 'untrusted' }],
        });
      }),
      { numRuns: 200 },
    );
  });
});

describe('keys that are not fit', () => {
  const env = { GOLDENTHREAD_SIGNING_KEY: 'my.pem' };
  const usage = (detail: string): unknown => ({
    ok: false,
    failures: [
      {
        code: 'usage',
        detail: expect.stringContaining(detail) as unknown,
        hint: expect.stringMatching(/PEM/) as unknown,
      },
    ],
  });

  it('are refused where others may read them', async () => {
    await signed(attester());
    const path = join(home, 'keys/signing.pem');
    await chmod(path, 0o640);
    const result = await attester().sign(statement, call);
    expect(result).toMatchObject({ ok: false, failures: [{ code: 'not-permitted' }] });
    expect(JSON.stringify(result)).toContain(`chmod 600 ${path}`);
  });

  it('are refused where they are missing, no files or no keys, and never quoted', async () => {
    expect(await attester(env).sign(statement, call)).toEqual(
      usage('names my.pem, and there is no such file'),
    );
    await mkdir(join(root, 'my.pem'));
    expect(await attester(env).sign(statement, call)).toEqual(usage('is no key file'));
    await rm(join(root, 'my.pem'), { recursive: true });
    const text = '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n';
    await writeFile(join(root, 'my.pem'), text, { mode: 0o600 });
    const result = await attester(env).sign(statement, call);
    expect(result).toEqual(usage('holds no private key that can be opened'));
    expect(JSON.stringify(result)).not.toContain('secret');
  });

  it('are refused as trusted ones where they are missing, private or anything else', async () => {
    const bundle = await signed(attester());
    const trusting = (): ReturnType<Attester['check']> => check(attester({}, ['a.pub']), bundle);
    expect(await trusting()).toEqual(usage('there is no public key a.pub'));
    for (const text of ['', 'ssh-ed25519 AAAA', await readFile(join(home, 'keys/signing.pem'))]) {
      await writeFile(join(root, 'a.pub'), text);
      expect(await trusting()).toEqual(usage('a.pub is no public key'));
    }
  });
});

describe.skipIf(missingTools('openssl').length > 0)('keys and signatures of OpenSSL', () => {
  const KINDS = {
    'P-256, PKCS#8': ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    'P-256, SEC1 with its parameters': ['ecparam', '-name', 'prime256v1', '-genkey'],
    Ed25519: ['genpkey', '-algorithm', 'ED25519'],
  } as const;
  const env = { GOLDENTHREAD_SIGNING_KEY: 'my.pem', GOLDENTHREAD_SIGNING_PASSWORD: 'pass word' };
  const key = (): string => join(root, 'my.pem');

  const generate = async (args: readonly string[]): Promise<void> => {
    openssl(...args, '-out', key());
    await chmod(key(), 0o600);
    openssl('pkey', '-in', key(), '-passin', 'pass:pass word', '-pubout', '-out', join(root, 'my.pub'));
  };

  it.each(Object.entries(KINDS))('agree with ours: %s', async (name, args) => {
    await generate(args);
    const { payload, payloadType, signatures } = (await signed(attester(env))).dsseEnvelope;
    const body = Buffer.from(payload, 'base64');
    const files = {
      signed: join(root, 'signed'),
      signature: join(root, 'signature'),
      key: join(root, 'my.pub'),
    };
    const head = `DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `;
    await writeFile(files.signed, Buffer.concat([Buffer.from(head), body]));
    await writeFile(files.signature, Buffer.from(signatures[0]?.sig ?? '', 'base64'));
    const said =
      name === 'Ed25519'
        ? openssl(
            ...['pkeyutl', '-verify', '-pubin', '-inkey', files.key, '-rawin'],
            ...['-in', files.signed, '-sigfile', files.signature],
          )
        : openssl('dgst', '-sha256', '-verify', files.key, '-signature', files.signature, files.signed);
    expect(said).toMatch(/Verified (OK|Successfully)/i);
  });

  it.each(Object.entries(KINDS))('are checked by the public key alone: %s', async (_, args) => {
    await generate(args);
    const bundle = await signed(attester(env));
    expect(value(await check(attester({}, ['my.pub']), bundle)).statement).toEqual(statement);
    expect(value(await check(attester(env), bundle)).statement).toEqual(statement);
    const named = JSON.parse(JSON.stringify(bundle)) as Bundle;
    const hex = bundle.verificationMaterial.publicKey?.hint.replace('sha256:', '') ?? '';
    named.verificationMaterial = { publicKey: { hint: Buffer.from(hex, 'hex').toString('base64') } };
    expect(await check(attester({}, ['my.pub']), named)).toMatchObject({ ok: true });
    await expect(stat(home)).rejects.toThrow('ENOENT');
  });

  it('may be encrypted; the password is never quoted', async () => {
    await generate([...KINDS.Ed25519, '-aes256', '-pass', 'pass:pass word']);
    expect(await readFile(key(), 'utf8')).toContain('ENCRYPTED');
    expect(await check(attester(env), await signed(attester(env)))).toMatchObject({ ok: true });
    for (const password of ['wrong word', undefined]) {
      const result = await attester({ ...env, GOLDENTHREAD_SIGNING_PASSWORD: password }).sign(
        statement,
        call,
      );
      expect(result).toMatchObject({ ok: false, failures: [{ code: 'usage' }] });
      expect(JSON.stringify(result)).not.toContain('wrong word');
    }
  });

  it('are refused where they are of another kind', async () => {
    await generate(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384']);
    const refusal = { ok: false, failures: [{ code: 'usage' }] };
    expect(await attester(env).sign(statement, call)).toMatchObject(refusal);
    expect(await check(attester({}, ['my.pub']), await signed(attester()))).toMatchObject(refusal);
  });
});
