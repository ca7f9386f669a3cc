import { open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Call, Result } from '@goldenthread/core';
import { must, run, start, type Command, type Finished } from '../host.ts';
import { quiet } from '../namespace/work.ts';

// Both ends of the pipe belong to the program itself, so that it never meets a broken one.
const INTO_PIPE = 'exec 1<>"$1" 2>&1; shift; exec "$@"';

// Something that the program left running may hold the pipe open.
const LINGER_MS = 5_000;

/**
 * Runs a program that has things to take away when it is told to stop, and hands its lines on. When this process is killed
 * outright, the program is told (host.ts sees to that) and can go on speaking although nobody listens: one that dies of a
 * broken pipe, as Go programs do, would leave its machines running.
 */
export async function runUnbroken(command: Command, pipe: string, call: Call): Promise<Result<Finished>> {
  const made = await must({ argv: ['mkfifo', '-m', '0600', pipe] }, call);
  if (!made.ok) return made;
  const { onLine, ...rest } = command;
  const listener = start({ argv: ['cat', pipe], ...(onLine === undefined ? {} : { onLine }) }, quiet());
  const ended = await run(
    { ...rest, argv: ['sh', '-c', INTO_PIPE, 'goldenthread', pipe, ...command.argv] },
    call,
  );
  // Where the program never came to open it, the listener still waits for somebody who does.
  await (await open(pipe, 'r+')).close();
  const over = new AbortController();
  const late = pause(LINGER_MS, undefined, { signal: over.signal }).then(
    () => listener.stop(),
    () => undefined,
  );
  await listener.done;
  over.abort();
  await late;
  return ended;
}
