import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';
import { saysDiskFull, type Finished } from '../host.ts';
import { jitter, type Git } from './git.ts';
import { withoutPasswords, type Remote } from './remote.ts';

const DENIED =
  /Authentication failed|could not read (Username|Password)|prompts disabled|Permission denied|returned error: 40[13]|access denied|not authorized/i;
const SILENCE =
  /unable to access|could not resolve|connection (refused|timed out|reset|closed)|could not read from remote|does not appear to be a git repository|repository .* not found|hung up|early EOF|unexpected disconnect|too slow|RPC failed|unable to look up|invalid server response|not valid: is this a git repository/i;

/** What git's bad end means when it spoke to a remote; `doing` as "git fetch". */
export function remoteFailure(doing: string, remote: Remote, { stderr, code }: Finished): Failure {
  const said = withoutPasswords(stderr.trim());
  const ours = said.split('\n').filter((line) => !line.startsWith('remote:'));
  const detail = said.split('\n').slice(-15).join('\n') || `it exited with code ${code} and said nothing`;
  if (saysDiskFull(ours.join('\n'))) return { code: 'disk-full', folder: 'the repository' };
  if (DENIED.test(said))
    return {
      code: 'not-permitted',
      what: `${doing} with ${remote.where}`,
      hint: `Correct the credentials that git has for it (${ours.at(-1) ?? detail}).`,
    };
  return SILENCE.test(said)
    ? { code: 'unreachable', what: remote.where, detail }
    : { code: 'tool-failed', tool: doing, detail };
}

/** What the remote says of its refs by `git ls-remote` with these arguments: what each names, and its full name. */
export async function list(
  git: Git,
  remote: Remote,
  args: readonly string[],
  call: Call,
): Promise<Result<readonly (readonly [string, string])[]>> {
  const listed = await git.end(['ls-remote', '--quiet', ...args], call, { env: remote.env });
  if (!listed.ok) return listed;
  if (listed.value.code !== 0) return fail(remoteFailure('git ls-remote', remote, listed.value));
  const lines = listed.value.stdout.split('\n').map((line) => line.split('\t'));
  return ok(lines.map(([names = '', ref = '']) => [names, ref] as const));
}

const FETCH = [
  'fetch',
  '--quiet',
  '--no-tags',
  '--no-write-fetch-head',
  '--no-auto-maintenance',
  '--no-recurse-submodules',
  // Nor the remote-tracking branches: only what is named is fetched.
  '--refmap=',
];
// Two fetches at once want the same lock, or one finds that the other has moved the ref.
const COLLIDED = /cannot lock ref|shallow\.lock|shallow file has changed|Unable to create '.*\.lock'/;
const FETCHES = 20;

/** Fetches what `args` name; false where the remote has no such ref. Waits for others who fetch the same. */
export async function fetch(
  git: Git,
  remote: Remote,
  args: readonly string[],
  call: Call,
): Promise<Result<boolean>> {
  for (let tries = 1; ; tries++) {
    const fetched = await git.end([...FETCH, ...args], call, { env: remote.env });
    if (!fetched.ok) return fetched;
    if (fetched.value.code === 0) return ok(true);
    if (/couldn't find remote ref/i.test(fetched.value.stderr)) return ok(false);
    if (tries === FETCHES || !COLLIDED.test(fetched.value.stderr))
      return fail(remoteFailure('git fetch', remote, fetched.value));
    await jitter(50 * tries, call.signal);
  }
}

/** A ref that is to name `object`, where it names `before` now (null: where there is none yet). */
export interface Move {
  readonly ref: string;
  readonly object: string;
  readonly before: string | null;
}

/** How a push ended: done; somebody was faster; or perhaps somebody was, as the server could not take its lock. */
export type Pushed =
  | { readonly kind: 'done' | 'faster'; readonly failure?: never }
  | { readonly kind: 'unsure'; readonly failure: Failure };

const LOCKED = /cannot lock ref|failed to (update|lock)|incorrect old value|already exists/i;

/** Moves one ref of the remote by compare-and-swap. A refusal of the server's is a failure with its words. */
export async function push(git: Git, remote: Remote, move: Move, call: Call): Promise<Result<Pushed>> {
  const args = [
    'push',
    '--porcelain',
    // The user's own hooks judge the user's own work: this is neither their branch nor their commit.
    '--no-verify',
    '--no-signed',
    '--no-follow-tags',
    '--recurse-submodules=no',
    `--force-with-lease=${move.ref}:${move.before ?? ''}`,
    remote.name,
    `${move.object}:${move.ref}`,
  ];
  const ended = await git.end(args, call, { env: remote.env });
  if (!ended.ok) return ended;
  if (ended.value.code === 0) return ok({ kind: 'done' });
  const refused = ended.value.stdout.split('\n').find((line) => line.startsWith('!\t'));
  if (refused === undefined) return fail(remoteFailure('git push', remote, ended.value));
  if (refused.includes('\t[rejected]')) return ok({ kind: 'faster' });
  const failure = refusal(refused, ended.value);
  return LOCKED.test(refused) ? ok({ kind: 'unsure', failure }) : fail(failure);
}

/** The server's words, and git's for them. */
function refusal(line: string, { stderr }: Finished): Failure {
  const words = stderr.split('\n').filter((one) => one.startsWith('remote:'));
  const said = words.map((one) => one.replace(/^remote: ?/, '').trimEnd());
  const detail = withoutPasswords([...said, line.split('\t').at(-1) ?? ''].join('\n').trim());
  return { code: 'tool-failed', tool: 'git push', detail };
}
