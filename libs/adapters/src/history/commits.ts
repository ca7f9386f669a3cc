import { CommitParser } from 'conventional-commits-parser';
import type { Commit } from '@goldenthread/core';

const parser = new CommitParser({
  headerPattern: /^(\w+)(?:\(([^()]*)\))?(!?): +(.*)$/,
  headerCorrespondence: ['type', 'scope', 'bang', 'subject'],
});

/** How a commit's message reads, apart from what it touched. */
function parse(message: string): Pick<Commit, 'subject' | 'type' | 'breaking'> {
  const text = message.trim();
  if (text === '') return { subject: '', type: null, breaking: false };
  const { type, subject, bang, header, notes } = parser.parse(text);
  // Keywords of a footer are found in any case; the convention wants them in capitals, as prose has them too.
  const noted = notes.some(({ title }) => title === title.toUpperCase());
  return {
    subject: subject ?? header ?? '',
    type: type?.toLowerCase() ?? null,
    breaking: bang === '!' || noted,
  };
}

/** One diff of a commit: a merge has as many as it has parents. */
interface Diff {
  readonly sha: string;
  readonly message: string;
  readonly files: readonly string[];
}

/** How `git log` prints what `readCommits` reads: NUL-separated files of each diff, with paths below the folder it runs in. */
export const LOG = [
  'log',
  '-z',
  '-m',
  '--root',
  '--topo-order',
  '--no-renames',
  '--name-only',
  '--relative',
  '--encoding=UTF-8',
  '--no-show-signature',
  '--no-color',
  '--format=%x00%H%x00%B%x00',
];

/** The diffs in what `git log` printed. */
function diffs(output: string): readonly Diff[] {
  const parts = output.split('\0');
  const found: Diff[] = [];
  // Each begins with an empty part, which no file's name is; another one ends its header.
  for (let at = 0; at + 3 < parts.length;) {
    const end = parts.indexOf('', at + 4);
    const files = parts.slice(at + 4, end === -1 ? undefined : end);
    const [first, ...rest] = files;
    found.push({
      sha: parts[at + 1] ?? '',
      message: parts[at + 2] ?? '',
      files: first === undefined ? [] : [first.replace(/^\n/, ''), ...rest],
    });
    at = end === -1 ? parts.length : end;
  }
  return found;
}

/**
 * A commit of its diffs. What a branch touched is said by the branch's own commits, which are listed as well; so a merge
 * touched only what differs from all its parents, and is not counted for the rest again. But where its own message is a
 * conventional one (the title of a request whose commits say nothing), it speaks for all that it brought in.
 */
function commitOf(sha: string, message: string, diff: readonly (readonly string[])[]): Commit {
  const read = parse(message);
  const [first = [], ...others] = diff;
  const files =
    read.type === null ? first.filter((file) => others.every((one) => one.includes(file))) : first;
  return { sha, ...read, files };
}

/** Commits from the output of `git log` with the arguments above, in its order. */
export function readCommits(output: string): readonly Commit[] {
  const bySha = new Map<string, { message: string; diff: (readonly string[])[] }>();
  for (const { sha, message, files } of diffs(output)) {
    const known = bySha.get(sha);
    if (known) known.diff.push(files);
    else bySha.set(sha, { message, diff: [files] });
  }
  return [...bySha].map(([sha, { message, diff }]) => commitOf(sha, message, diff));
}
