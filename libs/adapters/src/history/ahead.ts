import { fail, ok, type Call, type Commit, type Result } from '@goldenthread/core';
import { fetch, list } from '../git/network.ts';
import { ITSELF } from '../git/remote.ts';
import { toolFailure } from '../host.ts';
import { complete, findHead, log } from './log.ts';
import type { Place } from './tags.ts';

/** The newest commit of the remote's default branch, which is the one that its HEAD names. */
async function findTip({ git, remote }: Place, call: Call): Promise<Result<string>> {
  const listed = await list(git, remote, ['--symref', remote.name, 'HEAD'], call);
  if (!listed.ok) return listed;
  const said = listed.value.flatMap(([names, ref]) => (ref === 'HEAD' ? [names] : []));
  const tip = said.find((names) => /^[0-9a-f]{40,64}$/.test(names));
  if (tip !== undefined && said.some((names) => names.startsWith('ref: refs/heads/'))) return ok(tip);
  return fail({
    code: 'usage',
    detail: `${remote.where} has no default branch: its HEAD names no branch that is there`,
    hint: 'Push the branch that releases are made from first, and make it the default branch of the remote.',
  });
}

/** Fetches all commits up to that tip, into no branch: by the name HEAD, as a server may give away nothing by its id. */
async function bring(place: Place, call: Call): Promise<Result<void>> {
  const whole = await complete(place, call);
  if (!whole.ok) return whole;
  const { git, remote } = place;
  const fetched = whole.value ? whole : await fetch(git, remote, [remote.name, 'HEAD'], call);
  return fetched.ok ? ok(undefined) : fetched;
}

/** Commits of the remote's default branch that HEAD does not have, newest first; null where HEAD is not on that branch. */
export async function ahead(place: Place, call: Call): Promise<Result<readonly Commit[] | null>> {
  if (place.remote.name === ITSELF) return ok([]);
  const tip = await findTip(place, call);
  if (!tip.ok) return tip;
  const head = await findHead(place, call);
  if (!head.ok) return head;
  if (head.value === tip.value) return ok([]);
  if (head.value === null) return ok(null);
  const brought = await bring(place, call);
  if (!brought.ok) return brought;
  const question = ['merge-base', '--is-ancestor', head.value, tip.value];
  const asked = await place.git.end(question, call);
  if (!asked.ok) return asked;
  if (asked.value.code === 0) return log(place, `${head.value}..${tip.value}`, call);
  if (asked.value.code === 1) return ok(null);
  return fail(toolFailure({ argv: ['git merge-base'], cwd: place.git.root }, asked.value));
}
