import { fail, ok, type Call, type Commit, type History, type Result } from '@goldenthread/core';
import type { Finished } from '../host.ts';
import { gitIn } from '../git/git.ts';
import { fetch } from '../git/network.ts';
import { findRemote, ITSELF } from '../git/remote.ts';
import { ahead } from './ahead.ts';
import { complete, findHead, log } from './log.ts';
import { readTag, writeTag, type Place } from './tags.ts';

const unknown = (since: string): Result<never> =>
  fail({
    code: 'usage',
    detail: `"${since}" and HEAD have no history in common that this clone could see or fetch`,
    hint: 'Name a commit that the branch was made from; a clone with a rewritten history has to be cloned again.',
  });

/** A commit of a branch that this clone does not follow; whether the remote has it and gives it away is the remote's to say. */
async function obtain({ git, remote }: Place, commit: string, call: Call): Promise<Result<void>> {
  if (remote.name === ITSELF || !/^[0-9a-f]{40,64}$/.test(commit)) return ok(undefined);
  const fetched = await fetch(git, remote, [remote.name, commit], call);
  const refused = !fetched.ok && fetched.failures.every(({ code }) => code === 'tool-failed');
  return fetched.ok || refused ? ok(undefined) : fetched;
}

/** How a question about a commit ends, which is asked again with that commit fetched where it is not here. */
async function askAbout(
  place: Place,
  commit: string,
  question: readonly string[],
  call: Call,
): Promise<Result<Finished>> {
  const asked = await place.git.end(question, call);
  if (!asked.ok || asked.value.code <= 1) return asked;
  const obtained = await obtain(place, commit, call);
  return obtained.ok ? place.git.end(question, call) : obtained;
}

/** Where HEAD and `since` parted: `since` itself, unless the history was rewritten. */
async function parting(place: Place, since: string, call: Call): Promise<Result<string>> {
  const asked = await askAbout(place, since, ['merge-base', '--end-of-options', since, 'HEAD'], call);
  if (!asked.ok) return asked;
  return asked.value.code === 0 ? ok(asked.value.stdout.trim()) : unknown(since);
}

async function isBehind(place: Place, commit: string, call: Call): Promise<Result<boolean>> {
  const head = await findHead(place, call);
  if (!head.ok) return head;
  if (head.value === null || head.value === commit) return ok(false);
  const whole = await complete(place, call);
  if (!whole.ok) return whole;
  const question = ['merge-base', '--is-ancestor', '--end-of-options', 'HEAD', commit];
  const asked = await askAbout(place, commit, question, call);
  return asked.ok ? ok(asked.value.code === 0) : asked;
}

async function commits(place: Place, since: string | null, call: Call): Promise<Result<readonly Commit[]>> {
  const head = await findHead(place, call);
  if (!head.ok) return head;
  if (head.value === null) return ok([]);
  const whole = await complete(place, call);
  if (!whole.ok) return whole;
  const from = since === null ? ok(null) : await parting(place, since, call);
  if (!from.ok) return from;
  return log(place, from.value === null ? 'HEAD' : `${from.value}..HEAD`, call);
}

/** The commits of the workspace at `root`, and branch and tags as `remote` has them (null: `origin`, or the repository itself). */
export function createGitHistory(root: string, remote: string | null): History {
  const git = gitIn(root);
  const at = async <T>(call: Call, use: (place: Place) => Promise<Result<T>>): Promise<Result<T>> => {
    const found = await findRemote(git, remote, call);
    return found.ok ? use({ git, remote: found.value }) : found;
  };
  return {
    commits: (since, call) => at(call, (place) => commits(place, since, call)),
    isBehind: (commit, call) => at(call, (place) => isBehind(place, commit, call)),
    ahead: (call) => at(call, (place) => ahead(place, call)),
    tag: (name, call) => at(call, (place) => readTag(place, name, call)),
    setTag: (tag, call) => at(call, (place) => writeTag(place, tag, call)),
  };
}
