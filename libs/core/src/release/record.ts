import type { Artifact, Evidence } from '../artifact.ts';
import type { ReleaseRecord } from '../ledger/schema.ts';
import { latest, releaseOf, versionName, type LedgerState } from '../ledger/state.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Commit } from './commit.ts';
import { revocationReaching, revokedFailure } from './lineage.ts';
import { mayPublish } from './publish.ts';
import { changesOf } from './reason.ts';
import { freeVersion, nextVersion } from './version.ts';

/** What is known of an artifact before it is released. */
export interface ReleaseDraft {
  readonly artifact: Artifact;
  readonly evidence: readonly Evidence[];
  /** The commit that is released. */
  readonly commit: string;
  /** Commits since the release before that touched the image or what it is made of. */
  readonly commits: readonly Commit[];
  /** Versions that tags of somebody else stand on. */
  readonly taken: readonly string[];
  readonly reason: string;
  readonly by: string;
  readonly run: string;
  readonly time: string;
}

const summary = ({ tests, time, suites }: Evidence): ReleaseRecord['evidence'][number] => {
  const cases = suites.flatMap((suite) => suite.cases);
  const count = (outcome: string): number => cases.filter((one) => one.outcome === outcome).length;
  return { tests, passed: count('passed'), skipped: count('skipped'), time };
};

/** What an artifact was made on, as a release where it is one; `revoked` where it must not be used. */
function baseOf(state: LedgerState, artifact: Artifact): Result<ReleaseRecord['base']> {
  const { base } = artifact;
  if (base === null) return ok(null);
  const name = base.image ?? 'a base from elsewhere';
  const release = base.image === undefined ? null : releaseOf(state, base.image, base.digest);
  const revoked = revocationReaching(state, base);
  if (revoked) return fail(revokedFailure(release ? versionName(release) : name, revoked));
  if (base.image === undefined) return ok(null);
  const { image, digest } = base;
  // What stands on something that nobody released could not be followed back, nor be revoked with it.
  if (!release)
    return fail({
      code: 'version-unknown',
      version: `${image} ${digest.slice(0, 19)}, the base of ${artifact.image},`,
      near: [],
    });
  return ok({ image, version: release.version, digest });
}

/**
 * The record of an artifact's release: the one that stands, or a new one with the next version. Fails with `evidence-missing`
 * for what was not tested, and with `revoked` for what must not be used or stands on it.
 */
export function decideRelease(
  state: LedgerState,
  draft: ReleaseDraft,
): Result<{ readonly record: ReleaseRecord; readonly isNew: boolean }> {
  const { artifact, commits } = draft;
  const newest = latest(state, artifact.image);
  // An older release of the same content does not stand: taking a change back in Git is a change, and gets its own version.
  const standing = newest?.digest === artifact.digest ? newest : null;
  const revoked = revocationReaching(state, artifact);
  if (revoked) return fail(revokedFailure(standing ? versionName(standing) : artifact.image, revoked));
  const proven = mayPublish(artifact, draft.evidence);
  if (!proven.ok) return proven;
  if (standing) return ok({ record: standing, isNew: false });
  const base = baseOf(state, artifact);
  if (!base.ok) return base;
  const next = freeVersion(nextVersion(newest?.version ?? null, commits), draft.taken);
  const { image, role, digest, fingerprint } = artifact;
  const { commit, reason, by, run, time } = draft;
  const record: ReleaseRecord = {
    schema: 1,
    image,
    role,
    version: next.version,
    digest,
    fingerprint,
    commit,
    base: base.value,
    bump: next.bump,
    reason,
    changes: [...changesOf(commits)],
    evidence: proven.value.map(summary),
    by,
    run,
    time,
  };
  return ok({ record, isNew: true });
}
