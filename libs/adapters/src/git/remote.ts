import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';
import { parts, type Git } from './git.ts';

/** Where a repository is shared: a remote, or `.`, the repository itself, where there is none. */
export interface Remote {
  /** As git takes it. */
  readonly name: string;
  /** For messages: its address without user and password. */
  readonly where: string;
  /** The remote that a partial clone gets missing content from; null in others. */
  readonly promisor: string | null;
  /** What git needs to speak to it, and to give it up where it does not answer. */
  readonly env: Readonly<Record<string, string>>;
}

/** The repository itself, as a remote. */
export const ITSELF = '.';

/** A text without the user names and passwords of the URLs in it. */
export const withoutPasswords = (text: string): string => text.replace(/(\w:\/\/)[^\s/]+@/g, '$1');

// Seconds without a byte after which a server is given up; whoever sets them in the environment knows better.
const PATIENCE = { GIT_HTTP_LOW_SPEED_LIMIT: '1', GIT_HTTP_LOW_SPEED_TIME: '60' };
const SSH = 'ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15';

function patiently(ownSsh: boolean): Readonly<Record<string, string>> {
  const { env } = process;
  const patience = Object.entries(PATIENCE).filter(([key]) => env[key] === undefined);
  const configured = ownSsh || env['GIT_SSH_COMMAND'] !== undefined || env['GIT_SSH'] !== undefined;
  return { ...Object.fromEntries(patience), ...(configured ? {} : { GIT_SSH_COMMAND: SSH }) };
}

/** What is said of a branch or remote in the settings that git would not take for one. */
export const misnamed = (what: 'branch' | 'remote', name: string): Failure => ({
  code: 'usage',
  detail: `"${name}" is no name of a ${what}`,
  hint: `Correct \`ledger.${what}\` in .goldenthread.yaml.`,
});

/** The remote called `wanted` (or its URL); with null `origin` where there is one, otherwise the repository itself. */
export async function findRemote(git: Git, wanted: string | null, call: Call): Promise<Result<Remote>> {
  // Among git's arguments it must be no option.
  if (wanted?.startsWith('-')) return fail(misnamed('remote', wanted));
  const keys = '^(remote\\..*\\.(url|promisor)|core\\.sshcommand)$';
  const asked = await git.end(['config', '--null', '--get-regexp', keys], call);
  if (!asked.ok) return asked;
  const config = new Map(
    parts(asked.value.stdout).map((line): [string, string] => {
      const [key = '', ...value] = line.split('\n');
      return [key, value.join('\n')];
    }),
  );
  const name = wanted ?? (config.has('remote.origin.url') ? 'origin' : ITSELF);
  const where = config.get(`remote.${name}.url`) ?? (name === ITSELF ? 'this repository' : name);
  const promisor = [...config].find(([key, value]) => key.endsWith('.promisor') && value === 'true');
  return ok({
    name,
    where: withoutPasswords(where),
    promisor: promisor?.[0].slice('remote.'.length, -'.promisor'.length) ?? null,
    env: patiently(config.has('core.sshcommand')),
  });
}
