import semver from 'semver';
import type { ReleaseRecord } from '../ledger/schema.ts';
import type { Commit } from './commit.ts';

/** How a version came from the one before it. */
export type Bump = ReleaseRecord['bump'];

const FIRST = '1.0.0';

/** The greatest change that these commits ask for: conventional types; what is no conventional commit counts as a patch. */
export function bumpOf(commits: readonly Commit[]): Exclude<Bump, 'first'> {
  if (commits.some(({ breaking }) => breaking)) return 'major';
  return commits.some(({ type }) => type === 'feat') ? 'minor' : 'patch';
}

/** The version after `previous`, by the commits between them. */
export function nextVersion(
  previous: string | null,
  commits: readonly Commit[],
): { readonly version: string; readonly bump: Bump } {
  if (previous === null) return { version: FIRST, bump: 'first' };
  const bump = bumpOf(commits);
  const version = semver.inc(previous, bump);
  if (version === null) throw new Error(`${previous} is no version`);
  return { version, bump };
}

/** Orders versions, the lower first. */
export const compareVersions = (a: string, b: string): number => semver.compare(a, b);

/** The first version from this one on that nobody has taken; each that is taken counts as a patch. */
export function freeVersion<T extends { readonly version: string }>(next: T, taken: readonly string[]): T {
  let { version } = next;
  while (taken.includes(version)) version = semver.inc(version, 'patch') ?? version;
  return { ...next, version };
}
