import { readFile, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Call } from '@goldenthread/core';
import type { Git } from '../git/git.ts';

// Git holds the lock of a ref for milliseconds.
const STALE_MS = 60_000;

/** Whether the file of a lock is there, of somebody who cannot be at work any more. */
const stale = async (lock: string): Promise<boolean> => {
  const found = await stat(lock).catch(() => null);
  return found !== null && Date.now() - found.mtimeMs > STALE_MS;
};

/** Whether the file of a ref is there, and names nothing that this repository has. */
async function broken(git: Git, file: string, call: Call): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return false;
  if (!/^[0-9a-f]{40,64}\n$/.test(text)) return true;
  const there = await git.end(['cat-file', '-e', `${text.trim()}^{commit}`], call);
  return there.ok && there.value.code !== 0;
}

/**
 * Takes away what a machine that stopped in the middle may leave of a ref that is only a copy: its lock, or half of it. Git
 * repairs neither by itself, and the second is in the way of every other fetch. Answers whether there was anything.
 */
export async function mend(git: Git, ref: string, call: Call): Promise<boolean> {
  const path = await git.text(['rev-parse', '--git-path', ref], call);
  if (!path.ok) return false;
  const file = resolve(git.root, path.value.replace(/\n$/, ''));
  const left = [
    ...((await stale(`${file}.lock`)) ? [`${file}.lock`] : []),
    ...((await broken(git, file, call)) ? [file] : []),
  ];
  await Promise.all(left.map((one) => rm(one, { force: true })));
  return left.length > 0;
}
