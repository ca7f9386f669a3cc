import { fail, ok, type Call, type LedgerEntry, type LedgerFilter, type Result } from '@goldenthread/core';
import { parts, type Git } from '../git/git.ts';
import { readMessage } from './message.ts';

const FIELDS = ['%H', '%ct', '%an', '%ae', '%B'] as const;

function* records(text: string): Generator<LedgerEntry> {
  const fields = text.split('\0');
  for (let at = 0; at + FIELDS.length < fields.length; at += FIELDS.length) {
    const [revision = '', seconds = '', name = '', mail = '', message = ''] = fields.slice(
      at,
      at + FIELDS.length,
    );
    yield {
      ...readMessage(message),
      revision: revision.trim(),
      time: new Date(Number(seconds) * 1000).toISOString(),
      by: `${name} <${mail}>`,
    };
  }
}

const bound = (text: string | undefined, open: number): number =>
  // Git keeps whole seconds.
  text === undefined ? open : Math.floor(Date.parse(text) / 1000) * 1000;

// What a file of the ledger is about: its second part, be it a folder or a file of its own.
const ABOUT = /^(environments|[^/]+)\/([^/]+?)(?:\.yaml)?(?:\/|$)/;

/** An entry that says nothing of itself, as `git revert` makes it: it is about the files that it changes. */
async function told(git: Git, entry: LedgerEntry, call: Call): Promise<Result<LedgerEntry>> {
  if (entry.nodes.length + entry.environments.length > 0) return ok(entry);
  const argv = ['diff-tree', '--root', '--no-commit-id', '--name-only', '-r', '-z', entry.revision, '--'];
  const files = await git.text(argv, call);
  if (!files.ok) return files;
  const about = parts(files.value).flatMap((file): [string, string][] => {
    const [, folder, name] = ABOUT.exec(file) ?? [];
    return folder === undefined || name === undefined ? [] : [[folder, name]];
  });
  const names = (isEnvironment: boolean): readonly string[] => [
    ...new Set(
      about.flatMap(([folder, name]) => ((folder === 'environments') === isEnvironment ? [name] : [])),
    ),
  ];
  return ok({ ...entry, nodes: names(false), environments: names(true) });
}

/** The commits of `ref` that the filter lets pass, newest first. A filter is compared with whole names, never as a pattern. */
export async function readTrail(
  git: Git,
  ref: string,
  filter: LedgerFilter,
  call: Call,
): Promise<Result<readonly LedgerEntry[]>> {
  const [since, until] = [bound(filter.since, -Infinity), bound(filter.until, Infinity)];
  if (Number.isNaN(since) || Number.isNaN(until))
    return fail({
      code: 'usage',
      detail: `not a time: ${Number.isNaN(since) ? filter.since : filter.until}`,
      hint: 'Give a time such as 2026-01-31T12:00:00Z.',
    });
  const format = `--format=${FIELDS.map((field) => `${field}%x00`).join('')}`;
  const args = ['log', '--topo-order', '--encoding=UTF-8', '--no-show-signature', '--no-color', format];
  const logged = await git.text([...args, ref, '--'], call);
  if (!logged.ok) return logged;
  const { node, environment, limit = Infinity } = filter;
  const entries: LedgerEntry[] = [];
  for (const written of records(logged.value)) {
    if (entries.length >= limit) break;
    const read = await told(git, written, call);
    if (!read.ok) return read;
    const entry = read.value;
    const time = Date.parse(entry.time);
    const passes =
      (node === undefined || entry.nodes.includes(node)) &&
      (environment === undefined || entry.environments.includes(environment)) &&
      time >= since &&
      time <= until;
    if (passes) entries.push(entry);
  }
  return ok(entries);
}
