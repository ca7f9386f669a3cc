import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Whether a program is on PATH. */
function present(name: string): boolean {
  const folders = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':');
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Those of the programs that are not here, so that a suite which needs them can be skipped, aloud. In CI nothing may be
 * skipped: there a missing program is thrown.
 */
export function missingTools(...names: readonly string[]): readonly string[] {
  const missing = names.filter((name) => !present(name));
  if (missing.length > 0 && process.env['CI'] === 'true')
    throw new Error(`missing in CI: ${missing.join(', ')}`);
  if (missing.length > 0) console.warn(`SKIPPED, as these are not installed: ${missing.join(', ')}`);
  return missing;
}
