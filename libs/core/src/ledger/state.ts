import { near } from '../near.ts';
import { fail, ok, type Result } from '../result.ts';
import type { ChannelFile, ReleaseRecord, RevocationRecord, ShareFile } from './schema.ts';

/** What the ledger says of images, at one revision. */
export interface LedgerState {
  /** By image; the lowest version first. */
  readonly releases: ReadonlyMap<string, readonly ReleaseRecord[]>;
  /** By image. */
  readonly channels: ReadonlyMap<string, ChannelFile>;
  /** By `image@version`. */
  readonly revocations: ReadonlyMap<string, RevocationRecord>;
  /** By image. */
  readonly shares: ReadonlyMap<string, ShareFile>;
}

/** A ledger that says nothing yet. */
export const EMPTY_STATE: LedgerState = {
  releases: new Map(),
  channels: new Map(),
  revocations: new Map(),
  shares: new Map(),
};

/** The channel that a role's default is. */
export const DEFAULT_CHANNEL = 'default';

/** `edge@1.4.1`: how people, tags and messages name a release. */
export const versionName = ({
  image,
  version,
}: {
  readonly image: string;
  readonly version: string;
}): string => `${image}@${version}`;

/** The highest release of an image. */
export const latest = (state: LedgerState, image: string): ReleaseRecord | null =>
  state.releases.get(image)?.at(-1) ?? null;

/** The state with releases that are not written yet: of a rehearsal, in which the next image stands on the one before. */
export function withReleases(state: LedgerState, more: readonly ReleaseRecord[]): LedgerState {
  const releases = new Map(state.releases);
  for (const record of more) releases.set(record.image, [...(releases.get(record.image) ?? []), record]);
  return { ...state, releases };
}

/** The release of an image that has this digest. */
export const releaseOf = (state: LedgerState, image: string, digest: string): ReleaseRecord | null =>
  state.releases.get(image)?.findLast((release) => release.digest === digest) ?? null;

/** Every release of every image. */
export const allReleases = (state: LedgerState): readonly ReleaseRecord[] =>
  [...state.releases.values()].flat();

/** The release of this version; `version-unknown` with versions that look alike. */
export function releaseNamed(state: LedgerState, image: string, version: string): Result<ReleaseRecord> {
  const own = state.releases.get(image) ?? [];
  const found = own.find((release) => release.version === version);
  if (found) return ok(found);
  const others = own.length > 0 ? own : allReleases(state);
  const name = versionName({ image, version });
  return fail({ code: 'version-unknown', version: name, near: near(name, others.map(versionName)) });
}

/** Splits `edge@1.4.1`; `usage` for anything else. */
export function parseVersionName(text: string): Result<{ readonly image: string; readonly version: string }> {
  const [, image, version] = /^([^@]+)@([^@]+)$/.exec(text) ?? [];
  if (image !== undefined && version !== undefined) return ok({ image, version });
  return fail({
    code: 'usage',
    detail: `"${text}" does not name a release`,
    hint: 'Write image@version, such as edge@1.4.1.',
  });
}
