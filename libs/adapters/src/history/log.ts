import { ok, type Call, type Commit, type Result } from '@goldenthread/core';
import { fetch } from '../git/network.ts';
import { ITSELF } from '../git/remote.ts';
import { LOG, readCommits } from './commits.ts';
import type { Place } from './tags.ts';

/** The commit of HEAD; null before the first one. */
export async function findHead({ git }: Place, call: Call): Promise<Result<string | null>> {
  const head = await git.end(['rev-parse', '--verify', '--quiet', 'HEAD'], call);
  if (!head.ok) return head;
  return ok(head.value.code === 0 ? head.value.stdout.trim() : null);
}

/**
 * Fetches what a shallow clone lacks, up to the tip of the remote's default branch; answers whether this is one. Which files a
 * commit touched is said by trees: their content is left where it is.
 */
export async function complete({ git, remote }: Place, call: Call): Promise<Result<boolean>> {
  const shallow = await git.text(['rev-parse', '--is-shallow-repository'], call);
  if (!shallow.ok) return shallow;
  if (shallow.value.trim() !== 'true' || remote.name === ITSELF) return ok(false);
  const fetched = await fetch(git, remote, ['--unshallow', '--filter=blob:none', remote.name, 'HEAD'], call);
  return fetched.ok ? ok(true) : fetched;
}

/** The commits of a range of revisions, newest first. */
export async function log({ git }: Place, range: string, call: Call): Promise<Result<readonly Commit[]>> {
  const logged = await git.text([...LOG, range, '--'], call);
  return logged.ok ? ok(readCommits(logged.value)) : logged;
}
