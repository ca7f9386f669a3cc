import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_SETTINGS, fail, ok, SETTINGS_FILE, type Result, type Settings } from '@goldenthread/core';

const MAX_BYTES = 1 << 20;

/** The settings of the workspace at `root`: its file, or what holds without one. Every problem of the file at once. */
export async function readSettings(root: string): Promise<Result<Settings>> {
  const path = join(root, SETTINGS_FILE);
  let text: string;
  try {
    if ((await lstat(path)).size > MAX_BYTES)
      return fail({
        code: 'usage',
        detail: `${SETTINGS_FILE} is larger than any settings`,
        hint: 'See what it holds.',
      });
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ok(DEFAULT_SETTINGS);
    const { message } = error as Error;
    return fail({
      code: 'not-permitted',
      what: `reading ${SETTINGS_FILE}`,
      hint: `It has to be a file that may be read (${message}).`,
    });
  }
  const { parseDeclaration, usedSettings, WrittenSettings } = await import('@goldenthread/core/schemas');
  const parsed = parseDeclaration(WrittenSettings, SETTINGS_FILE, text);
  if (!parsed.ok) return parsed;
  const settings = usedSettings(parsed.value.written);
  const { distinctPlaces } = await import('@goldenthread/core/release');
  const distinct = distinctPlaces(settings);
  return distinct.ok ? ok(settings) : distinct;
}
