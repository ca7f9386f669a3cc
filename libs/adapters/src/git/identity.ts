import { hostname } from 'node:os';
import { ok, type Call, type Result } from '@goldenthread/core';
import { parts, type Git } from './git.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Variables in which CI systems say who started a job: name and address. */
const CI_PEOPLE: readonly (readonly [string, string])[] = [
  ['GITHUB_ACTOR', ''],
  ['GITLAB_USER_NAME', 'GITLAB_USER_EMAIL'],
  ['BUILDKITE_BUILD_CREATOR', 'BUILDKITE_BUILD_CREATOR_EMAIL'],
  ['BUILD_REQUESTEDFOR', 'BUILD_REQUESTEDFOREMAIL'],
  ['BUILD_USER', 'BUILD_USER_EMAIL'],
  ['CIRCLE_USERNAME', ''],
];

const plain = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[<>\u0000-\u001f\u007f]/g, ' ').trim();

/** `Name <mail>` as git writes it, whatever the two texts hold. */
export function person(name: string, mail: string): string {
  const address = plain(mail).replaceAll(' ', '');
  return `${plain(name) || address || 'goldenthread'} <${address || `goldenthread@${hostname()}`}>`;
}

/** Name and address of a text `Name <mail>`, made harmless. */
export function parsePerson(by: string): string {
  const [, name = by, mail = ''] = /^(.*?)\s*<([^<>]*)>\s*$/s.exec(by) ?? [];
  return person(name, mail);
}

/** Who works here: git's own variables and settings, else whoever started the CI job, else this program on this machine. */
export async function identity(git: Git, call: Call, env: Env = process.env): Promise<Result<string>> {
  const asked = await git.end(['config', '--null', '--get-regexp', '^user\\.(name|email)$'], call);
  if (!asked.ok) return asked;
  const config = new Map(
    parts(asked.value.stdout).map((line): [string, string] => {
      const [key = '', value = ''] = line.split('\n');
      return [key, value];
    }),
  );
  // As git itself: its variables go before its settings.
  const name = env['GIT_COMMITTER_NAME'] ?? config.get('user.name') ?? '';
  const mail = env['GIT_COMMITTER_EMAIL'] ?? config.get('user.email') ?? '';
  if (name !== '' || mail !== '') return ok(person(name, mail));
  const found = CI_PEOPLE.find(([key]) => (env[key] ?? '') !== '');
  return ok(found ? person(env[found[0]] ?? '', env[found[1]] ?? '') : person('goldenthread', ''));
}
