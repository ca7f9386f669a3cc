import { sign, type KeyObject } from 'node:crypto';
import {
  bundleFromJSON,
  bundleToJSON,
  isBundleWithDsseEnvelope,
  toDSSEBundle,
  type BundleWithDsseEnvelope,
} from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import { toSignedEntity, Verifier } from '@sigstore/verify';
import { canonical, fail, ok, type Json, type Result } from '@goldenthread/core';
import { keyId } from './keys.ts';

const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
/** Characters: a statement holds a whole list of packages at most. */
const LARGEST = 64 * 1024 * 1024;

/** The refusal of a bundle, with the reason. */
const untrusted = (why: string): Result<never> =>
  fail({ code: 'untrusted', what: 'a signed statement', why });

/** A Sigstore bundle, as JSON text, with the statement signed by this key: no certificate, no transparency log. */
export function signBundle(statement: Json, key: KeyObject): string {
  const artifact = Buffer.from(canonical(statement));
  const bytes = dsse.preAuthEncoding(PAYLOAD_TYPE, artifact);
  // Ed25519 brings its own hash; that of a curve has to be named.
  const signature = sign(key.asymmetricKeyType === 'ec' ? 'sha256' : null, bytes, key);
  return JSON.stringify(
    bundleToJSON(toDSSEBundle({ artifact, artifactType: PAYLOAD_TYPE, signature, keyHint: keyId(key) })),
  );
}

/** Reads a bundle, which may be anything. */
function parse(text: string): Result<BundleWithDsseEnvelope> {
  if (text.length > LARGEST) return untrusted('it is too large to be one');
  try {
    const bundle = bundleFromJSON(JSON.parse(text));
    return isBundleWithDsseEnvelope(bundle) ? ok(bundle) : untrusted('it signs something else');
  } catch {
    return untrusted('it is no Sigstore bundle');
  }
}

/** A key's id, and the same hash as other tools write it. */
function spellings(key: KeyObject): readonly string[] {
  const id = keyId(key);
  const hex = id.replace(/^sha256:/, '');
  return [id, hex, Buffer.from(hex, 'hex').toString('base64')];
}

/** The key among those trusted by which a bundle says that it is signed. */
function keyOf(
  { verificationMaterial: { content } }: BundleWithDsseEnvelope,
  trusted: readonly KeyObject[],
): Result<KeyObject> {
  if (content.$case !== 'publicKey')
    return untrusted('it is signed with a certificate instead of a key, which is not supported here');
  const { hint } = content.publicKey;
  const key = trusted.find((one) => spellings(one).includes(hint));
  if (key) return ok(key);
  const known = trusted.map(keyId).join(', ') || 'none, as this machine has no key yet';
  return untrusted(`it is signed with the key ${JSON.stringify(hint.slice(0, 100))}; trusted: ${known}`);
}

/** Whether the key made the signature: the library decides, with nothing but this key to trust. */
function isSigned(bundle: BundleWithDsseEnvelope, key: KeyObject): boolean {
  const verifier = new Verifier(
    {
      certificateAuthorities: [],
      timestampAuthorities: [],
      tlogs: [],
      ctlogs: [],
      publicKey: () => ({ publicKey: key, validFor: () => true }),
    },
    { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 },
  );
  try {
    verifier.verify(toSignedEntity(bundle));
    return true;
  } catch {
    return false;
  }
}

/** The statement in an envelope. */
function statementOf({ content: { dsseEnvelope } }: BundleWithDsseEnvelope): Result<Json> {
  if (dsseEnvelope.payloadType !== PAYLOAD_TYPE) return untrusted('what it signs is no in-toto statement');
  try {
    return ok(JSON.parse(dsseEnvelope.payload.toString('utf8')) as Json);
  } catch {
    return untrusted('the statement that it signs is not JSON');
  }
}

/** The statement in a bundle, and the id of the key that signed it; `untrusted`, whatever is wrong with it. */
export function checkBundle(
  text: string,
  trusted: readonly KeyObject[],
): Result<{ readonly statement: Json; readonly key: string }> {
  const bundle = parse(text);
  if (!bundle.ok) return bundle;
  const key = keyOf(bundle.value, trusted);
  if (!key.ok) return key;
  const id = keyId(key.value);
  if (!isSigned(bundle.value, key.value))
    return untrusted(`its signature is not one of ${id} over what it says`);
  const statement = statementOf(bundle.value);
  return statement.ok ? ok({ statement: statement.value, key: id }) : statement;
}
