import type { Failure } from '../failure.ts';
import type { ReleaseRecord, RevocationRecord } from '../ledger/schema.ts';
import { allReleases, releaseOf, versionName, type LedgerState } from '../ledger/state.ts';

/** The release that another was made on, where it was one. */
function baseOf(state: LedgerState, { base }: ReleaseRecord): ReleaseRecord | null {
  if (base === null) return null;
  const named = state.releases.get(base.image)?.find(({ version }) => version === base.version);
  return named ?? releaseOf(state, base.image, base.digest);
}

/** What a release was made on, nearest first, as far as it was released. */
export function ancestors(state: LedgerState, release: ReleaseRecord): readonly ReleaseRecord[] {
  const chain: ReleaseRecord[] = [];
  for (let at = baseOf(state, release); at && !chain.includes(at); at = baseOf(state, at)) chain.push(at);
  return chain;
}

/** Releases that were made on this one, directly. */
export const children = (state: LedgerState, { image, digest }: ReleaseRecord): readonly ReleaseRecord[] =>
  allReleases(state).filter(({ base }) => base?.image === image && base.digest === digest);

/** Every release that stands on this one, nearest first. */
export function descendants(state: LedgerState, release: ReleaseRecord): readonly ReleaseRecord[] {
  const queue = [release];
  for (const at of queue) queue.push(...children(state, at).filter((child) => !queue.includes(child)));
  return queue.slice(1);
}

/** The revocation that holds for a digest of any image. */
export const revokedDigest = (state: LedgerState, digest: string): RevocationRecord | null =>
  [...state.revocations.values()].find((one) => one.digest === digest) ?? null;

/** The revocation that reaches a release: its own, or that of what it was made on. */
export function revocationOf(state: LedgerState, release: ReleaseRecord): RevocationRecord | null {
  const line = [release, ...ancestors(state, release)];
  const own = line.map((one) => state.revocations.get(versionName(one)) ?? revokedDigest(state, one.digest));
  const base = line.at(-1)?.base;
  return own.find((one) => one !== null) ?? (base ? revokedDigest(state, base.digest) : null);
}

/** An image, released or not, by what it is and what it stands on. */
interface Made {
  readonly image?: string | undefined;
  readonly digest: string;
  readonly base?: { readonly image?: string | undefined; readonly digest: string } | null;
}

/** The revocation that reaches what was baked, whether or not it was released: its own, or that of what it stands on. */
export function revocationReaching(
  state: LedgerState,
  { image, digest, base }: Made,
): RevocationRecord | null {
  const release = image === undefined ? null : releaseOf(state, image, digest);
  const own = (release && revocationOf(state, release)) ?? revokedDigest(state, digest);
  return own ?? (base ? revocationReaching(state, base) : null);
}

/** The failure that a revocation means for whoever wants to use `version`. */
export const revokedFailure = (version: string, by: RevocationRecord): Failure => ({
  code: 'revoked',
  version,
  by: versionName(by),
  reason: by.reason,
});

/** A release and what was made on it. */
export interface LineageNode {
  readonly release: ReleaseRecord;
  readonly revoked: RevocationRecord | null;
  readonly children: readonly LineageNode[];
}

/** The tree of everything that stands on a release. */
export const lineage = (state: LedgerState, release: ReleaseRecord): LineageNode => ({
  release,
  revoked: revocationOf(state, release),
  children: children(state, release).map((child) => lineage(state, child)),
});
