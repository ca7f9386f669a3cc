import { ok, type Call, type Result } from '@goldenthread/core';
import { fetch } from './network.ts';
import type { Git } from './git.ts';
import type { Remote } from './remote.ts';

/**
 * Gets all content of a revision that a partial clone lacks, in one go: git by itself would ask the remote for one file after
 * the other. In a whole clone there is nothing to do.
 */
export async function fetchMissing(
  git: Git,
  remote: Remote,
  revision: string,
  call: Call,
): Promise<Result<void>> {
  if (remote.promisor === null) return ok(undefined);
  const args = ['rev-list', '--objects', '--no-object-names', '--missing=print', '--no-walk', revision];
  const listed = await git.text(args, call);
  if (!listed.ok) return listed;
  const missing = listed.value.split('\n').flatMap((line) => (line.startsWith('?') ? [line.slice(1)] : []));
  if (missing.length === 0) return ok(undefined);
  const from = { ...remote, name: remote.promisor };
  const fetched = await fetch(git, from, ['--no-filter', from.name, ...missing], call);
  return fetched.ok ? ok(undefined) : fetched;
}
