import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { must, run, start, which, type Command, type Finished } from '../host.ts';

// Both ends of the pipe belong to the program itself, so that it never meets a broken one.
const INTO_PIPE = 'exec 1<>"$1" 2>&1; shift; exec "$@"';

// What a provisioner left running may hold the pipe open.
const LINGER_MS = 5_000;
// A provider may be in the middle of something long; what it has begun is lost to the state where it is cut off.
const PATIENCE_MS = 600_000;

const quiet = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });

function tell(pid: number | null, signal: NodeJS.Signals): void {
  try {
    if (pid !== null) process.kill(pid, signal);
  } catch {
    // It is gone already, which is what was wanted.
  }
}

/** What a program is run with that must not be cut off. */
export interface Gently {
  /** A folder of this run alone, for its pipe. */
  readonly scratch: string;
  /** Said once, when it was told to stop and ends what it has begun. */
  readonly stopping: () => void;
}

/**
 * Runs a program that changes infrastructure. To stop it, it alone is interrupted, once: its providers, in the same group, go on
 * until what they have begun is done and in the state. When this process is killed outright the program is told (host.ts sees to
 * that) and can go on speaking although nobody listens: one that dies of a broken pipe, as Go programs do, would lose its state.
 */
export async function runGently(
  { onLine, ...command }: Command,
  { scratch, stopping }: Gently,
  call: Call,
): Promise<Result<Finished>> {
  // The shell that makes way for it would only say that it is not there.
  if (which(command.argv[0] ?? '') === null) return run({ ...command }, call);
  const pipe = join(scratch, `said-${randomBytes(4).toString('hex')}`);
  const made = await must({ argv: ['mkfifo', '-m', '0600', pipe] }, call);
  if (!made.ok) return made;
  const listener = start({ argv: ['cat', pipe], ...(onLine === undefined ? {} : { onLine }) }, quiet());
  const argv = ['sh', '-c', INTO_PIPE, 'goldenthread', pipe, ...command.argv];
  const running = start({ ...command, argv }, quiet());
  const over = new AbortController();
  const interrupt = (): void => {
    stopping();
    tell(running.pid, 'SIGINT');
    pause(PATIENCE_MS, undefined, { signal: over.signal }).then(
      () => running.stop(),
      () => undefined,
    );
  };
  if (call.signal.aborted) interrupt();
  else call.signal.addEventListener('abort', interrupt, { once: true });
  const ended = await running.done;
  call.signal.removeEventListener('abort', interrupt);
  const cutOff = call.signal.aborted || (ended.ok && ended.value.code > 128);
  // What it started would go on unseen.
  if (cutOff && running.pid !== null) tell(-running.pid, 'SIGTERM');
  // Where the program never came to open it, the listener still waits for somebody who does.
  await (await open(pipe, 'r+')).close();
  const late = pause(LINGER_MS, undefined, { signal: over.signal }).then(
    () => listener.stop(),
    () => undefined,
  );
  const heard = await listener.done;
  over.abort();
  await late;
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  return ended.ok && heard.ok ? ok({ ...ended.value, stdout: heard.value.stdout }) : ended;
}
