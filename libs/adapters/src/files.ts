import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, ok, type Failure, type Result } from '@goldenthread/core';

/** The failure that a common error of the disk means, while `target` in `folder` was written; null for any other error. */
function foreseen(error: unknown, folder: string, target: string): Failure | null {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return { code: 'disk-full', folder };
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') return null;
  return {
    code: 'not-permitted',
    what: `writing ${target}`,
    hint: `Correct its owner or mode (${message}).`,
  };
}

/** The failure that a file-system error means; anything unforeseen is thrown on, as a bug. */
export function fileFailure(error: unknown, path: string): Failure {
  const failure = foreseen(error, dirname(path), path);
  if (failure === null) throw error;
  return failure;
}

/** The failure that an error while writing content below a folder means; the words of the error where it is no common one. */
export const diskFailure = (error: unknown, folder: string): Failure =>
  foreseen(error, folder, `to ${folder}`) ?? {
    code: 'tool-failed',
    tool: 'writing content',
    detail: (error as Error).message,
  };

/** Writes a file whole or not at all: readers see the old content or the new, even after a crash. */
export async function writeWhole(path: string, text: string): Promise<Result<void>> {
  const part = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(part, 'wx');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    return ok(undefined);
  } catch (error) {
    await rm(part, { force: true });
    return fail(fileFailure(error, path));
  }
}
