import {
  folder,
  join,
  ok,
  sourcesDigest,
  within,
  type Call,
  type HashedFile,
  type Preview,
  type Result,
  type Workspace,
} from '@goldenthread/core';
import { rolesOf } from '../ingredients.ts';
import type { Site, StackWorld } from './world.ts';

/** Folders and files of a stack that its settings name for the environment: an inventory brings what lies beside it along. */
function settingPaths({ stack }: Site): readonly string[] {
  const { ansible, terraform } = stack;
  const inventory = ansible.inventory === undefined ? [] : [folder(join(stack.root, ansible.inventory))];
  return [...inventory, ...(terraform.var_files ?? []).map((path) => join(stack.root, path))];
}

/** Files and folders that make a stack: its own, and those of others that it is made with. Not the stacks that it takes outputs of. */
function sourcePaths(site: Site): readonly string[] {
  const { graph, project } = site;
  const roles = rolesOf(graph, project.name);
  const own = [project, ...roles];
  const used = graph.edges
    .filter(({ from }) => own.some(({ name }) => name === from))
    .flatMap(({ path }) => path ?? []);
  return [...own.flatMap(({ root, files }) => [root, ...files]), ...used, ...settingPaths(site)];
}

// A folder called `tests` may hold tasks that a playbook includes: only what no engine reads is left out.
const isBeside = (path: string): boolean =>
  /(\.tftest\.(hcl|json)|_test\.go|\.test)$/.test(path) || /(^|\/)(README|CHANGELOG)\.md$/i.test(path);

const makes = (path: string, paths: readonly string[]): boolean =>
  !isBeside(path) && paths.some((root) => within(path, root));

/** The files that make a stack, hashed; what is only read by people or by tests does not count. */
export async function sourceFiles(site: Site, call: Call): Promise<Result<readonly HashedFile[]>> {
  const paths = sourcePaths(site);
  const hashed = await site.workspace.hashes(paths, call);
  return hashed.ok ? ok(hashed.value.filter(({ path }) => makes(path, paths))) : hashed;
}

/** The hash of all that makes a stack in its environment. */
export async function sourcesOf(site: Site, { ports, call }: StackWorld): Promise<Result<string>> {
  const files = await sourceFiles(site, call);
  return files.ok ? ok(sourcesDigest(site.stack, files.value, ports.hash)) : files;
}

/** What git says of a tree: its commit, and the files that differ from it. */
export interface Tracked {
  /** Null outside git. */
  readonly sha: string | null;
  readonly changed: readonly string[];
}

/** Asks git; the same for all stacks of a tree. */
export async function trackedIn(workspace: Workspace, call: Call): Promise<Result<Tracked>> {
  const commit = await workspace.commit(call);
  if (!commit.ok) return commit;
  if (commit.value === null || !commit.value.dirty)
    return ok({ sha: commit.value?.sha ?? null, changed: [] });
  const changed = await workspace.changed('HEAD', null, call);
  return changed.ok ? ok({ sha: commit.value.sha, changed: changed.value }) : changed;
}

/** Files that make a stack and differ from what is committed. */
export function uncommitted(site: Site, { changed }: Tracked): readonly string[] {
  // By path and not by what is there: a file that was removed makes a difference as well.
  const paths = sourcePaths(site);
  return changed.filter((path) => makes(path, paths));
}

/** The commit that a stack is made from; dirty where one of its own files is not committed. */
export const commitOf = (site: Site, tracked: Tracked): Preview['commit'] =>
  tracked.sha === null ? null : { sha: tracked.sha, dirty: uncommitted(site, tracked).length > 0 };
