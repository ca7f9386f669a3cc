import { readdirSync, readlinkSync } from 'node:fs';

/** Processes that work in a folder or below it. */
const processesIn = (folder: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
      } catch {
        return false;
      }
    })
    .map(Number);

/** Waits for a condition, at most a minute. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 600; turn += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not come to that within a minute');
}

/** Ends every process that works in a folder or below it at once, as a machine that is gone does. */
export function killIn(folder: string): void {
  for (const pid of processesIn(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It ended by itself between the look and the kill.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
