import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { toolFailure } from '../host.ts';
import { gitIn } from './git.ts';

/** A commit's files in a folder. */
export interface Checkout {
  /** Absolute. */
  readonly root: string;
  dispose(): Promise<void>;
}

/** A clone that borrows the objects of the repository around `root` and stands at one of its commits: nothing there is touched. */
export async function checkout(root: string, commit: string, call: Call): Promise<Result<Checkout>> {
  const asked = await gitIn(root).text(['rev-parse', '--show-toplevel', '--show-prefix'], call);
  if (!asked.ok) return asked;
  const [top = root, prefix = ''] = asked.value.split('\n');
  const folder = await mkdtemp(join(tmpdir(), 'goldenthread-tree-'));
  const tree = join(folder, 'tree');
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const clone = ['clone', '--quiet', '--shared', '--no-checkout', '--no-tags', '--', top, tree];
  for (const [at, args] of [
    [root, clone],
    [tree, ['checkout', '--quiet', '--detach', commit, '--']],
  ] as const) {
    const git = gitIn(at);
    const ended = await git.end(args, call);
    if (ended.ok && ended.value.code === 0) continue;
    await dispose();
    return ended.ok ? fail(toolFailure(git.command(args), ended.value)) : ended;
  }
  return ok({ root: join(tree, prefix), dispose });
}
