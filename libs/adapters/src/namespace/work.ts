import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Call } from '@goldenthread/core';
import { run } from '../host.ts';
import { isRootless } from './namespace.ts';
import { END_CGROUP } from './scripts.ts';

const DAY_MS = 86_400_000;

/** A call that nobody stops and nobody hears: for cleaning up after one that was stopped. */
export const quiet = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });

/** When a process started, in ticks since the machine did; null where there is no such process. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the fields after it are counted from the last parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return existsSync('/proc/self/stat') ? null : startElsewhere(pid);
  }
}

// Where there is no /proc, all that can be asked of a process is whether it is there.
function startElsewhere(pid: number): string | null {
  try {
    return process.kill(pid, 0) ? '0' : null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? '0' : null;
  }
}

// Containers that share a home folder see other processes under the same numbers.
function pidSpace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

/** A new name in `home/work` that says who owns it, so that others can tell when its owner is gone. */
export const workName = (): string =>
  [process.pid, startOf(process.pid) ?? '0', pidSpace(), randomBytes(4).toString('hex')].join('-');

/** Makes a folder in `home/work` for this process. */
export async function makeWork(home: string): Promise<string> {
  const path = `${home}/work/${workName()}`;
  await mkdir(path, { recursive: true });
  return path;
}

/** Lets a work folder live as long as another process, such as a machine that was kept. */
export async function handOver(path: string, pid: number): Promise<void> {
  await writeFile(`${path}/owner`, [pid, startOf(pid) ?? '0', pidSpace()].join('-'));
}

/** Removes a file or folder; in a user namespace where files belong to its other users. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(async (error: unknown) => {
    if (!isRootless()) throw error;
    await run({ argv: ['unshare', '--map-root-user', '--map-auto', 'rm', '-rf', '--', path] }, quiet());
  });
}

/** Whether the process that a name in `home/work` speaks of still runs. */
export async function isAlive(folder: string, name: string): Promise<boolean> {
  const handed = await readFile(`${folder}/${name}/owner`, 'utf8').catch(() => null);
  const [pid = '', start = '', space = ''] = (handed ?? name).split('-');
  if (space === pidSpace()) return startOf(Number(pid)) === start;
  // Another container's processes cannot be seen from here: only what is long untouched counts as left behind.
  const touched = await stat(`${folder}/${name}`).catch(() => null);
  return handed !== null || (touched !== null && Date.now() - touched.mtimeMs < DAY_MS);
}

/** Removes the work folders and unfinished files of processes that are gone. */
export async function sweep(home: string): Promise<void> {
  const folder = `${home}/work`;
  for (const name of await readdir(folder).catch(() => []))
    if (/^\d+-\d+-\d+-/.test(name) && !(await isAlive(folder, name))) await clear(`${folder}/${name}`);
}

/** The control group of the machine that stands in a work folder. */
export const cgroupOf = (work: string): string => `goldenthread-${basename(work)}`;

/** Removes a work folder and, where a machine was booted in it, its control group. */
export async function clear(work: string): Promise<void> {
  const booted = await stat(`${work}/cgroup`).catch(() => null);
  if (booted && !isRootless())
    await run(
      { argv: ['unshare', '--mount', 'sh', '-c', END_CGROUP, 'end', `${work}/cgroup`, cgroupOf(work)] },
      quiet(),
    );
  await removeTree(work);
}
