import type { Hash } from '../bake/fingerprint.ts';
import type { Failure } from '../failure.ts';
import { groupBy } from '../group.ts';
import { fail, ok, type Result } from '../result.ts';
import { compareVersions } from '../release/version.ts';
import type { LedgerSnapshot } from './ledger.ts';
import { ChannelFile, ReleaseRecord, RevocationRecord, ShareFile } from './schema.ts';
import { allIn, written, type Kind } from './sealed.ts';
import { versionName, type LedgerState } from './state.ts';

/** All that is known of images: what `ledgerState` reads. */
export const IMAGE_PATHS: readonly string[] = ['releases', 'channels', 'revocations', 'shares'];

const RELEASE: Kind<ReleaseRecord> = {
  schema: ReleaseRecord,
  path: ({ image, version }) => `releases/${image}/${version}.yaml`,
};
const CHANNELS: Kind<ChannelFile> = { schema: ChannelFile, path: ({ image }) => `channels/${image}.yaml` };
const REVOCATION: Kind<RevocationRecord> = {
  schema: RevocationRecord,
  path: ({ image, version }) => `revocations/${image}/${version}.yaml`,
};
const SHARES: Kind<ShareFile> = { schema: ShareFile, path: ({ image }) => `shares/${image}.yaml` };

/** The file of a release. */
export const releaseFile = written(RELEASE);
/** The file of an image's channels. */
export const channelFile = written(CHANNELS);
/** The file of a revocation. */
export const revocationFile = written(REVOCATION);
/** The file of who was given what. */
export const shareFile = written(SHARES);

/** All that the ledger says of images, checked; every file that is refused, at once. */
export function ledgerState(snapshot: LedgerSnapshot, ledger: string, hash: Hash): Result<LedgerState> {
  const failures: Failure[] = [];
  const all = <T extends object>(folder: string, kind: Kind<T>): readonly T[] => {
    const read = allIn(folder, kind, { snapshot, ledger, hash });
    failures.push(...read.failures);
    return read.records;
  };
  const releases = all('releases', RELEASE);
  const channels = all('channels', CHANNELS);
  const revocations = all('revocations', REVOCATION);
  const shares = all('shares', SHARES);
  if (failures.length > 0) return fail(...failures);
  const sorted = releases.toSorted((a, b) => compareVersions(a.version, b.version));
  return ok({
    releases: groupBy(sorted, (release) => release.image),
    channels: new Map(channels.map((file) => [file.image, file])),
    revocations: new Map(revocations.map((one) => [versionName(one), one])),
    shares: new Map(shares.map((file) => [file.image, file])),
  });
}
