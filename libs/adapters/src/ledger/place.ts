import { fail, ok, type Call, type LedgerSnapshot, type Result, type Run } from '@goldenthread/core';
import { gitIn, type Git } from '../git/git.ts';
import { fetchMissing } from '../git/missing.ts';
import { fetch } from '../git/network.ts';
import { withObjects, type Objects } from '../git/objects.ts';
import { findRemote, ITSELF, misnamed, withoutPasswords, type Remote } from '../git/remote.ts';
import { mend } from './mend.ts';
import { readSnapshot, type Prefetch } from './snapshot.ts';

/** Where the ledger lies, and who writes it. */
export interface GitLedgerOptions {
  /** Absolute path of the workspace, or of any folder of a clone. */
  readonly root: string;
  /** A remote's name or URL; null: `origin` where there is one, otherwise the repository itself. */
  readonly remote: string | null;
  readonly branch: string;
  readonly run: Run;
  /** How often it tries where others are faster. */
  readonly tries?: number;
}

/** What messages call the ledger: its branch, and the remote that the settings name. */
export const ledgerName = ({ branch, remote }: GitLedgerOptions): string =>
  remote === null ? branch : `${branch} of ${withoutPasswords(remote)}`;

/** The ledger as this clone reaches it. */
export interface Place {
  /** For messages. */
  readonly name: string;
  readonly git: Git;
  readonly remote: Remote;
  /** The branch, as it is called where it is shared. */
  readonly branch: string;
  /** The ref of this clone by which it is read: ours alone, so that no branch of the user's moves. */
  readonly ref: string;
}

/** Finds the ledger of a clone; `usage` where the settings name no branch or no remote. */
export async function findPlace(options: GitLedgerOptions, call: Call): Promise<Result<Place>> {
  const { root, remote, branch } = options;
  // It ends up among git's arguments, where it must be neither an option nor a refspec of another meaning.
  if (!/^(?![-/])[^\s:*?^~[\\]+$/.test(branch)) return fail(misnamed('branch', branch));
  const git = gitIn(root);
  const found = await findRemote(git, remote, call);
  if (!found.ok) return found;
  const full = `refs/heads/${branch}`;
  const ref = found.value.name === ITSELF ? full : `refs/goldenthread/${branch}`;
  return ok({ name: ledgerName(options), git, remote: found.value, branch: full, ref });
}

/** Fetches the branch into our ref, which is only a copy: one that a crash has left broken or locked is made anew. */
async function bring(place: Place, call: Call, how: readonly string[]): Promise<Result<boolean>> {
  const { git, remote, branch, ref } = place;
  const args = ['--no-filter', ...how, remote.name, `+${branch}:${ref}`];
  const there = await fetch(git, remote, args, call);
  return !there.ok && (await mend(git, ref, call)) ? fetch(git, remote, args, call) : there;
}

/** What our ref names, in words where it is broken; null where the branch was never seen here. */
async function lastSeen({ git, ref }: Place, call: Call): Promise<Result<string | null>> {
  const listed = await git.end(['for-each-ref', '--format=%(objectname)', ref], call);
  if (!listed.ok) return listed;
  const { stdout, stderr } = listed.value;
  if (stdout.trim() !== '') return ok(stdout.trim());
  return ok(stderr.includes(ref) ? 'the revision that was seen last' : null);
}

/**
 * Brings what the remote has into our ref. A remote without the branch has an empty ledger only where nobody here has ever seen
 * one: else `ledger-lost`, as what is lost must not begin again.
 */
export async function refresh(place: Place, call: Call, how: readonly string[] = []): Promise<Result<void>> {
  if (place.remote.name === ITSELF) return ok(undefined);
  const there = await bring(place, call, how);
  if (!there.ok) return there;
  const seen = there.value ? ok(null) : await lastSeen(place, call);
  if (!seen.ok) return seen;
  if (seen.value === null) return ok(undefined);
  // Whoever works in this clone as well may have begun the ledger meanwhile: then it is there now.
  const again = await bring(place, call, how);
  if (!again.ok || again.value) return again.ok ? ok(undefined) : again;
  return fail({
    code: 'ledger-lost',
    ledger: place.name,
    branch: place.branch.replace('refs/heads/', ''),
    seen: seen.value,
  });
}

const NO_NETWORK = { GIT_ALLOW_PROTOCOL: 'none', GIT_NO_LAZY_FETCH: '1' };

/** Reads a snapshot, and has it looked at while its objects can still be asked for. */
export function look<T>(
  { git, remote, ref }: Place,
  options: { readonly paths: readonly string[]; readonly cached: boolean },
  call: Call,
  use: (snapshot: LedgerSnapshot, objects: Objects) => Promise<Result<T>>,
): Promise<Result<T>> {
  const { paths, cached } = options;
  const prefetch: Prefetch = async (revision) =>
    cached ? ok(undefined) : fetchMissing(git, remote, revision, call);
  const env = cached ? NO_NETWORK : remote.env;
  const all = async (objects: Objects): Promise<Result<T>> => {
    const snapshot = await readSnapshot(git, objects, { ref, paths, prefetch }, call);
    return snapshot.ok ? use(snapshot.value, objects) : snapshot;
  };
  return withObjects(git, call, all, env);
}
