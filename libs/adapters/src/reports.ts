import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Reports, type Result } from '@goldenthread/core';
import { writeWhole } from './files.ts';

const MAX_BYTES = 64 * 1024 * 1024;

async function readText(path: string): Promise<Result<string | null>> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_BYTES)
        return fail({
          code: 'content-corrupt',
          what: path,
          expected: `at most ${MAX_BYTES} bytes`,
          found: `${size}`,
        });
      return ok(await file.readFile('utf8'));
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return ok(null);
    return fail({
      code: 'not-permitted',
      what: `reading ${path}`,
      hint: `It has to be a file that may be read (${message}).`,
    });
  }
}

/** Records below `.goldenthread` in the workspace. */
export function createReports(root: string): Reports {
  const path = (project: string, file: string): string => join(root, '.goldenthread', project, file);
  return {
    read: (project, file) => readText(path(project, file)),
    write: (project, file, record) => writeWhole(path(project, file), `${JSON.stringify(record, null, 2)}\n`),
  };
}
