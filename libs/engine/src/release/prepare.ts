import {
  fail,
  latest,
  ok,
  versionName,
  type LedgerState,
  type Project,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import {
  commitsOf,
  decideRelease,
  freeVersion,
  nextVersion,
  reasonOf,
  releaseFile,
  type ReleaseDraft,
} from '@goldenthread/core/release';
import { proven } from '../commands/verify.ts';
import type { ReleaseSite, ReleaseWorld } from './observe.ts';
import { intent } from './shares.ts';
import { siteOf } from './site.ts';
import { changeState } from './state.ts';

/** An image with all that is decided about its release before anything is written. */
export interface Prepared {
  readonly draft: ReleaseDraft;
  /** The release before: the draft's commits came after it. */
  readonly before: ReleaseRecord | null;
  readonly site: ReleaseSite;
}

async function head({ ports, call }: ReleaseWorld): Promise<Result<string>> {
  const commit = await ports.workspace.commit(call);
  if (!commit.ok) return commit;
  if (commit.value && !commit.value.dirty) return ok(commit.value.sha);
  return fail({
    code: 'usage',
    detail: commit.value ? 'there are changes that are not committed' : 'there is no commit here',
    hint: 'Commit them first: a release names the commit that it was made from.',
  });
}

/**
 * Whether a newer commit decides about an image: one that was released, or one that waits on the remote's default branch. Fails
 * with `usage` where HEAD is not on that branch: what nobody merged is not released.
 */
export async function isSuperseded(
  { ports, graph, call, anyBranch = false }: ReleaseWorld,
  image: string,
  before: ReleaseRecord | null,
): Promise<Result<boolean>> {
  const ahead = anyBranch ? ok([]) : await ports.history.ahead(call);
  if (!ahead.ok) return ahead;
  if (ahead.value === null)
    return fail({
      code: 'usage',
      detail: "this commit is not on the remote's default branch",
      hint: 'Merge and push it first, or say --any-branch where a release from elsewhere is meant.',
    });
  if (commitsOf(graph, image, ahead.value).length > 0) return ok(true);
  return before ? ports.history.isBehind(before.commit, call) : ok(false);
}

/** Versions after the last release that somebody has tagged without the ledger: they are not free. */
async function takenAfter(
  { ports, call }: ReleaseWorld,
  image: string,
  next: { readonly version: string },
): Promise<Result<readonly string[]>> {
  const taken: string[] = [];
  for (;;) {
    const { version } = freeVersion(next, taken);
    const tag = await ports.history.tag(versionName({ image, version }), call);
    if (!tag.ok) return tag;
    if (tag.value === null) return ok(taken);
    taken.push(version);
  }
}

/** Whether the key here is one of those that count: a release that nobody trusts must not begin. */
async function canSign({ ports, call }: ReleaseWorld, { attester }: ReleaseSite): Promise<Result<void>> {
  const settings = await ports.settings();
  if (!settings.ok) return settings;
  // Where nobody is named, this machine's own key counts.
  if (settings.value.trusted === null) return ok(undefined);
  const bundle = await attester.sign({ purpose: 'whether this key is trusted' }, call);
  const checked = bundle.ok ? await attester.check(bundle.value, call) : bundle;
  if (checked.ok || !checked.failures.some(({ code }) => code === 'untrusted'))
    return checked.ok ? ok(undefined) : checked;
  const why = 'it is none of those that `signing.trusted` names';
  return fail({ code: 'untrusted', what: 'the signing key of this machine', why });
}

/** Everything about a release that git, the ledger and the declaration decide. */
export async function prepareRelease(
  world: ReleaseWorld,
  project: Project,
  state: LedgerState,
): Promise<Result<Prepared>> {
  const { ports, graph, call } = world;
  const commit = await head(world);
  if (!commit.ok) return commit;
  const proof = await proven(world, project);
  if (!proof.ok) return proof;
  const site = await siteOf(world, project, proof.value);
  if (!site.ok) return site;
  const signs = await canSign(world, site.value);
  if (!signs.ok) return signs;
  const before = latest(state, project.name);
  const log = before ? await ports.history.commits(before.commit, call) : ok([]);
  if (!log.ok) return log;
  const commits = commitsOf(graph, project.name, log.value);
  const run = await ports.run(call);
  if (!run.ok) return run;
  // What stands already needs no version.
  const stands = before?.digest === proof.value.artifact.digest;
  const taken = stands
    ? ok([])
    : await takenAfter(world, project.name, nextVersion(before?.version ?? null, commits));
  if (!taken.ok) return taken;
  const draft: ReleaseDraft = {
    ...proof.value,
    commit: commit.value,
    commits,
    taken: taken.value,
    reason: reasonOf(graph, project.name, commits, before === null),
    by: run.value.by,
    run: run.value.id,
    time: ports.now().toISOString(),
  };
  return ok({ draft, before, site: site.value });
}

/** What reserving a version came to. */
export interface Reserved {
  readonly record: ReleaseRecord;
  readonly isNew: boolean;
}

/** Reserves the version in the ledger: from then on it names this artifact. Null: somebody released meanwhile, so prepare again. */
export function reserve(
  { ports, call }: ReleaseWorld,
  { draft, before, site }: Prepared,
): Promise<Result<Reserved | null>> {
  return changeState<Reserved | null>(ports, call, (state) => {
    const { image, digest } = draft.artifact;
    const newest = latest(state, image);
    if (newest?.version !== before?.version && newest?.digest !== digest)
      return ok({ edit: null, value: null });
    const decided = decideRelease(state, draft);
    if (!decided.ok) return decided;
    const { record, isNew } = decided.value;
    const files = [...(isNew ? [releaseFile(record, ports.hash)] : []), ...intent(state, record, site)];
    const what = `${isNew ? 'release' : 'share'} ${versionName(record)}`;
    const why = isNew ? record.reason : 'the declaration names further accounts';
    const message = { what, why, nodes: [image], environments: [] };
    return ok({ edit: files.length > 0 ? { write: new Map(files), message } : null, value: decided.value });
  });
}
