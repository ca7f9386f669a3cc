import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { isAbsolute, join as joinPath } from 'node:path';
import {
  fail,
  ok,
  within,
  type Call,
  type HashedFile,
  type Result,
  type Workspace,
} from '@goldenthread/core';
import { gitIn, parts, type Git } from '../git/git.ts';

const MAX_SOURCE = 4 * 1024 * 1024;
const IN_MEMORY = 8 * 1024 * 1024;

/** `sha256:…` over mode and content: an executable file and a plain one differ; a link counts by its target. */
async function hashFile(root: string, path: string): Promise<HashedFile | null> {
  const full = joinPath(root, path);
  const stat = lstatSync(full, { throwIfNoEntry: false });
  if (!stat || stat.isDirectory()) return null;
  const hash = createHash('sha256');
  if (stat.isSymbolicLink()) hash.update(`link\0${readlinkSync(full)}`);
  else {
    hash.update(stat.mode & 0o100 ? 'program\0' : 'file\0');
    if (stat.size <= IN_MEMORY) hash.update(readFileSync(full));
    else await pipeline(createReadStream(full), hash, { end: false });
  }
  return { path, digest: `sha256:${hash.digest('hex')}` };
}

const LIST = ['ls-files', '-z', '-t', '--cached', '--deleted', '--others', '--exclude-standard'];

async function listFiles(git: Git, call: Call): Promise<Result<readonly string[]>> {
  const listed = await git.text(LIST, call);
  if (!listed.ok) return listed;
  // Each line has a tag before it; a file that is tracked and gone comes twice, the second time as removed (R).
  const tagged = parts(listed.value);
  const gone = new Set(tagged.filter((line) => line.startsWith('R ')).map((line) => line.slice(2)));
  return ok([...new Set(tagged.map((line) => line.slice(2)))].filter((path) => !gone.has(path)).sort());
}

/** Files that differ since `base` and `head` parted; without a head, the work tree's new files count too. */
async function changedFiles(
  git: Git,
  base: string,
  head: string | null,
  call: Call,
): Promise<Result<readonly string[]>> {
  const parted = await git.text(['merge-base', '--end-of-options', base, head ?? 'HEAD'], call);
  if (!parted.ok)
    return fail({
      code: 'usage',
      detail: `git finds no common commit of "${base}" and "${head ?? 'HEAD'}"`,
      hint: 'Name revisions that exist here with --base and --head; a shallow clone may need more history.',
    });
  const range = [parted.value.trim(), ...(head === null ? [] : [head])];
  const diff = await git.text(
    ['diff', '-z', '--name-only', '--no-renames', '--relative', ...range, '--'],
    call,
  );
  if (!diff.ok) return diff;
  const fresh =
    head === null ? await git.text(['ls-files', '-z', '--others', '--exclude-standard'], call) : ok('');
  return fresh.ok ? ok([...new Set([...parts(diff.value), ...parts(fresh.value)])].sort()) : fresh;
}

async function headCommit(git: Git, call: Call): ReturnType<Workspace['commit']> {
  const head = await git.end(['rev-parse', '--verify', '--quiet', 'HEAD'], call);
  if (!head.ok) return head;
  if (head.value.code !== 0) return ok(null);
  const status = await git.text(['status', '--porcelain', '-z', '--untracked-files=normal', '--', '.'], call);
  return status.ok ? ok({ sha: head.value.stdout.trim(), dirty: status.value !== '' }) : status;
}

/** The text of a file below `root`; null where there is none, or where it is too large to be a source. */
function readText(root: string, path: string): string | null {
  if (isAbsolute(path) || path.split('/').includes('..')) return null;
  const full = joinPath(root, path);
  const stat = lstatSync(full, { throwIfNoEntry: false });
  return stat?.isFile() && stat.size <= MAX_SOURCE ? readFileSync(full, 'utf8') : null;
}

/** The workspace at `root`, as git sees it: ignored files do not exist, new ones do. */
export function createGitWorkspace(root: string): Workspace {
  const git = gitIn(root);
  let known: Promise<Result<readonly string[]>> | undefined;
  const files = (call: Call): Promise<Result<readonly string[]>> => (known ??= listFiles(git, call));
  return {
    root,
    files,
    async hashes(paths, call) {
      const all = await files(call);
      if (!all.ok) return all;
      const wanted = all.value.filter((file) => paths.some((path) => within(file, path)));
      const hashed = await Promise.all(wanted.map((path) => hashFile(root, path)));
      return ok(hashed.filter((file) => file !== null));
    },
    read: (path) => readText(root, path),
    changed: (base, head, call) => changedFiles(git, base, head, call),
    commit: (call) => headCommit(git, call),
  };
}
