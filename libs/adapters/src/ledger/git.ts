import {
  fail,
  ok,
  within,
  type Call,
  type Failure,
  type Ledger,
  type LedgerEdit,
  type LedgerFilter,
  type LedgerSnapshot,
  type Result,
  type Run,
} from '@goldenthread/core';
import { jitter } from '../git/git.ts';
import { push } from '../git/network.ts';
import { ITSELF } from '../git/remote.ts';
import { changes, writeCommit } from './change.ts';
import { findPlace, ledgerName, look, refresh, type GitLedgerOptions, type Place } from './place.ts';
import { readTrail } from './trail.ts';

type Edit = Parameters<Ledger['commit']>[1];

/** What an edit comes to on the snapshot that stands; null where it changes nothing. */
interface Decided {
  readonly snapshot: LedgerSnapshot;
  readonly edit: LedgerEdit | null;
}

const decide = (place: Place, paths: readonly string[], edit: Edit, call: Call): Promise<Result<Decided>> =>
  look(place, { paths, cached: false }, call, async (snapshot, objects) => {
    const decided = edit(snapshot);
    if (!decided.ok) return decided;
    if (decided.value === null) return ok({ snapshot, edit: null });
    const write = await changes(objects, snapshot.revision, decided.value.write);
    if (!write.ok) return write;
    return ok({ snapshot, edit: write.value.size === 0 ? null : { ...decided.value, write: write.value } });
  });

/** The snapshot that a change makes of another. */
function changed(
  { files }: LedgerSnapshot,
  edit: LedgerEdit,
  revision: string,
  paths: readonly string[],
): LedgerSnapshot {
  const next = new Map(files);
  for (const [path, text] of edit.write) {
    if (text === null) next.delete(path);
    else if (paths.some((one) => within(path, one))) next.set(path, text);
  }
  return { revision, files: next };
}

/** One try: the new snapshot, or how the push ended that did not make it. */
type Tried =
  | { readonly kind: 'done'; readonly snapshot: LedgerSnapshot }
  | { readonly kind: 'missed'; readonly from: string | null; readonly failure: Failure | null };

async function attempt(
  place: Place,
  run: Run,
  change: { readonly paths: readonly string[]; readonly edit: Edit },
  call: Call,
): Promise<Result<Tried>> {
  const fresh = await refresh(place, call);
  if (!fresh.ok) return fresh;
  const decided = await decide(place, change.paths, change.edit, call);
  if (!decided.ok) return decided;
  const { snapshot, edit } = decided.value;
  if (edit === null) return ok({ kind: 'done', snapshot });
  const before = snapshot.revision;
  const made = await writeCommit(place.git, { parent: before, edit, run }, call);
  if (!made.ok) return made;
  const pushed = await push(place.git, place.remote, { ref: place.branch, object: made.value, before }, call);
  if (!pushed.ok) return pushed;
  if (pushed.value.kind !== 'done')
    return ok({ kind: 'missed', from: before, failure: pushed.value.failure ?? null });
  await remember(place, made.value, before, call);
  return ok({ kind: 'done', snapshot: changed(snapshot, edit, made.value, change.paths) });
}

/** Lets cached reads see what was pushed; where somebody has fetched something newer meanwhile, that stays. */
async function remember(place: Place, revision: string, before: string | null, call: Call): Promise<void> {
  if (place.remote.name === ITSELF) return;
  await place.git.end(['update-ref', place.ref, revision, before ?? ''], call);
}

const TRIES = 100;
// As often may a server fail to take its lock while nobody moves the branch, until that is its own trouble.
const STUCK = 5;
const LONGEST_WAIT_MS = 4_000;

async function commit(
  options: GitLedgerOptions,
  change: { readonly paths: readonly string[]; readonly edit: Edit },
  call: Call,
): Promise<Result<LedgerSnapshot>> {
  const place = await findPlace(options, call);
  if (!place.ok) return place;
  const tries = options.tries ?? TRIES;
  let stuck = 0;
  let last: string | null | undefined;
  for (let count = 1; count <= tries; count++) {
    const begun = performance.now();
    const tried = await attempt(place.value, options.run, change, call);
    if (!tried.ok) return tried;
    if (tried.value.kind === 'done') return ok(tried.value.snapshot);
    const { from, failure } = tried.value;
    stuck = failure !== null && from === last ? stuck + 1 : 0;
    if (failure !== null && stuck === STUCK) return fail(failure);
    last = from;
    // By how long a try takes here and now, so that a slow remote is not asked more often than it can answer.
    const took = performance.now() - begun;
    await jitter(Math.min(LONGEST_WAIT_MS, took * 2 ** count), call.signal);
  }
  return fail({ code: 'ledger-contended', branch: options.branch, tries });
}

// More than any ledger has: all that a shallow clone lacks of this branch, and nothing of others.
const ALL = '--depth=1000000000';

async function log(place: Place, filter: LedgerFilter, call: Call): ReturnType<Ledger['log']> {
  const shallow = await place.git.text(['rev-parse', '--is-shallow-repository'], call);
  if (!shallow.ok) return shallow;
  const fresh = await refresh(place, call, shallow.value.trim() === 'true' ? [ALL] : []);
  if (!fresh.ok) return fresh;
  const now = await look(place, { paths: [], cached: true }, call, async (snapshot) => ok(snapshot));
  if (!now.ok) return now;
  return now.value.revision === null ? ok([]) : readTrail(place.git, now.value.revision, filter, call);
}

/** The ledger in a branch of git: read and written by its object store alone, so that no work tree and no index is touched. */
export function createGitLedger(options: GitLedgerOptions): Ledger {
  return {
    name: ledgerName(options),
    async read(paths, call, { cached = false } = {}) {
      const place = await findPlace(options, call);
      if (!place.ok) return place;
      const fresh = cached ? ok(undefined) : await refresh(place.value, call);
      if (!fresh.ok) return fresh;
      return look(place.value, { paths, cached }, call, async (snapshot) => ok(snapshot));
    },
    commit: (paths, edit, call) => commit(options, { paths, edit }, call),
    async log(filter, call) {
      const place = await findPlace(options, call);
      return place.ok ? log(place.value, filter, call) : place;
    },
  };
}
