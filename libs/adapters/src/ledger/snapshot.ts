import {
  fail,
  ok,
  positionAt,
  within,
  type Call,
  type Failure,
  type LedgerSnapshot,
  type Result,
} from '@goldenthread/core';
import type { Git } from '../git/git.ts';
import type { GitObject, Objects } from '../git/objects.ts';

interface Entry {
  readonly path: string;
  readonly mode: string;
  readonly oid: string;
}

const FOLDER = '40000';
const FILES: Readonly<Record<string, string>> = { '120000': 'a symbolic link', '160000': 'a submodule' };

const corrupt = (path: string, found: string, expected: string): Failure => ({
  code: 'ledger-corrupt',
  at: positionAt(path, '', 0),
  found,
  expected,
});

const gone = (what: string): Result<never> =>
  fail({ code: 'content-corrupt', what, expected: 'an object of the repository', found: 'none' });

/** The entries of a tree object: `<mode> <name>NUL<raw id>`, again and again. */
function entries(tree: GitObject, folder: string): readonly Entry[] {
  const bytes = tree.content ?? Buffer.alloc(0);
  const length = tree.oid.length / 2;
  const found: Entry[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0, at);
    const [mode = '', ...name] = bytes.toString('utf8', at, end).split(' ');
    const oid = bytes.toString('hex', end + 1, end + 1 + length);
    found.push({ path: `${folder}${name.join(' ')}`, mode, oid });
    at = end + 1 + length;
  }
  return found;
}

/** Files at or below `paths`, and nothing of the other folders. */
async function list(
  objects: Objects,
  root: string,
  paths: readonly string[],
): Promise<Result<readonly Entry[]>> {
  const files: Entry[] = [];
  let folders: readonly Entry[] = paths.length === 0 ? [] : [{ path: '', mode: FOLDER, oid: root }];
  while (folders.length > 0) {
    const trees = await objects.get(folders.map(({ oid }) => oid));
    if (!trees.ok) return trees;
    const below: Entry[] = [];
    for (const [index, tree] of trees.value.entries()) {
      const path = folders[index]?.path ?? '';
      if (tree?.type !== 'tree' || tree.content === null) return gone(`the folder ${path || 'at the top'}`);
      below.push(...entries(tree, path === '' ? '' : `${path}/`));
    }
    files.push(
      ...below.filter(({ mode, path }) => mode !== FOLDER && paths.some((one) => within(path, one))),
    );
    folders = below.filter(
      ({ mode, path }) => mode === FOLDER && paths.some((one) => within(path, one) || within(one, path)),
    );
  }
  return ok(files);
}

/** The text of a file; `ledger-corrupt` where it is none. */
function textOf({ path, mode }: Entry, object: GitObject): Result<string> {
  const other = FILES[mode];
  if (other !== undefined) return fail(corrupt(path, other, 'a file'));
  if (object.content === null) return fail(corrupt(path, `${object.size} bytes`, 'at most 4 MiB'));
  try {
    return ok(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(object.content));
  } catch {
    return fail(corrupt(path, 'bytes that are no UTF-8', 'text'));
  }
}

/** What a ref that cannot be read as a commit is: nothing at all, or something broken. */
async function absent(git: Git, ref: string, call: Call): Promise<Result<LedgerSnapshot>> {
  const listed = await git.end(['for-each-ref', ref], call);
  if (!listed.ok) return listed;
  const said = `${listed.value.stdout}${listed.value.stderr}`.trim();
  if (said === '') return ok({ revision: null, files: new Map() });
  return fail({ code: 'content-corrupt', what: ref, expected: 'a commit that can be read', found: said });
}

/** Reads missing content at once, where this is a partial clone: git itself would ask for each file of it. */
export type Prefetch = (revision: string) => Promise<Result<void>>;

/** Files at or below `paths`, all of the one revision that `ref` names now. */
export async function readSnapshot(
  git: Git,
  objects: Objects,
  options: { readonly ref: string; readonly paths: readonly string[]; readonly prefetch: Prefetch },
  call: Call,
): Promise<Result<LedgerSnapshot>> {
  const commits = await objects.get([`${options.ref}^{commit}`]);
  if (!commits.ok) return commits;
  const commit = commits.value[0] ?? null;
  if (commit === null) return absent(git, options.ref, call);
  const fetched = await options.prefetch(commit.oid);
  if (!fetched.ok) return fetched;
  const root = /^tree ([0-9a-f]+)$/m.exec(commit.content?.toString('utf8') ?? '')?.[1] ?? '';
  const listed = await list(objects, root, options.paths);
  if (!listed.ok) return listed;
  // A submodule's commit is no object of this repository; its entry is refused by its mode, like that of a link.
  const blobs = await objects.get(listed.value.map(({ oid, mode }) => (FILES[mode] ? commit.oid : oid)));
  if (!blobs.ok) return blobs;
  const files = new Map<string, string>();
  for (const [index, entry] of listed.value.entries()) {
    const blob = blobs.value[index] ?? null;
    if (blob === null) return gone(entry.path);
    const text = textOf(entry, blob);
    if (!text.ok) return text;
    files.set(entry.path, text.value);
  }
  return ok({ revision: commit.oid, files });
}
