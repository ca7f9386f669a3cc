import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fail, ok, type Call, type Failure, type Result } from '@goldenthread/core';

/** A program to run: an argument vector, never a shell line. */
export interface Command {
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the program; `environment()` makes one from ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Fed to its standard input, which is closed otherwise. */
  readonly input?: AsyncIterable<Uint8Array> | Iterable<Uint8Array | string>;
  /** Seconds until it is stopped. */
  readonly timeout?: number;
  /** Each line of standard output and standard error as it comes. */
  readonly onLine?: (line: string) => void;
  /** Standard output in full, before the program's end is answered: for listings that may be long. */
  readonly whole?: (text: string) => void;
  /** A file to which both outputs are written whole. */
  readonly log?: string;
  /** Completes "it is needed for …" where the program is missing. */
  readonly purpose?: string;
  /** How to get the program where it is missing. */
  readonly install?: string;
}

/** How a program ended. Outputs keep their last 256 KiB. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that still runs. */
export interface Running {
  /** Its process id; null where it could not be started. */
  readonly pid: number | null;
  readonly stdout: Readable;
  readonly done: Promise<Result<Finished>>;
  /** Closes its standard input and, where that does not end it, stops it. */
  stop(): Promise<void>;
}

const KEEP = 256 * 1024;
const GRACE_MS = 8_000;
// Linux ends our children with us, even when we are killed outright; elsewhere they see their input close.
const TETHER = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM', '--'] : [];

/** Our environment without what would change results (colours, locales, other people's Ansible settings) or is no business of a tool (keys), plus `more`. */
export function environment(
  more: Readonly<Record<string, string | undefined>> = {},
): Record<string, string | undefined> {
  const ours = Object.entries(process.env).filter(
    ([key]) => !/^(ANSIBLE_|PACKER_|PY|GOLDENTHREAD_SIGNING_|FORCE_COLOR$|NODE_OPTIONS$)/.test(key),
  );
  const path = [process.env['PATH'], '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).join(':');
  return { ...Object.fromEntries(ours), PATH: path, LC_ALL: 'C.UTF-8', NO_COLOR: '1', ...more };
}

const missing = (command: Command): Failure => ({
  code: 'tool-missing',
  tool: command.argv[0] ?? '',
  purpose: command.purpose ?? `running \`${command.argv.join(' ')}\``,
  install: command.install ?? 'Install it and see that it is on PATH.',
});

/** Whether a program's words say that the disk is full. */
export const saysDiskFull = (text: string): boolean =>
  /No space left on device|ENOSPC|Disk quota exceeded/i.test(text);

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already, which is what was wanted.
  }
}

/** Keeps the end of a stream as text, and hands its lines on. */
function collect(
  stream: Readable,
  log: WriteStream | null,
  onLine: ((line: string) => void) | undefined,
): () => string {
  let kept = '';
  stream.on('data', (chunk: Buffer) => {
    kept = (kept + chunk.toString('utf8')).slice(-KEEP);
    log?.write(chunk);
  });
  if (onLine) createInterface({ input: stream, crlfDelay: Infinity }).on('line', onLine);
  return () => kept;
}

/** The absolute path of a program on PATH, or null. */
export function which(name: string): string | null {
  if (name.includes('/')) return existsSync(name) ? name : null;
  const folders = (environment()['PATH'] ?? '').split(':');
  return folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path)) ?? null;
}

/**
 * Starts a program in a process group of its own. It is stopped (TERM, then KILL) by the call's signal or its timeout, and
 * ends with this process. Its answer fails with `tool-missing`, `cancelled` or `timeout`; any exit code is an answer.
 * With `raw`, standard output is the caller's to read and is not collected.
 */
export function start(command: Command, call: Call, raw = false): Running {
  const [name = '', ...args] = command.argv;
  const path = which(name);
  const argv = [...TETHER, path ?? name, ...args];
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    cwd: command.cwd,
    env: command.env ?? environment(),
    detached: true,
    stdio: [command.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const log = command.log === undefined ? null : createWriteStream(command.log, { flags: 'a' });
  log?.on('error', () => undefined);
  const { stdout, stderr } = child as ChildProcess & { stdout: Readable; stderr: Readable };
  const out = raw ? () => '' : collect(stdout, log, command.onLine);
  // Node throws away what nobody reads yet when a program ends; the caller may come later than that.
  const kept = raw ? stdout.pipe(new PassThrough()) : stdout;
  const chunks: Buffer[] = [];
  if (command.whole) stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const err = collect(stderr, log, command.onLine);
  if (command.input !== undefined && child.stdin) pipeline(command.input, child.stdin).catch(() => undefined);

  let ending: Failure | null = null;
  let timer: NodeJS.Timeout | undefined;
  const stop = (failure: Failure | null): void => {
    ending ??= failure;
    child.stdin?.destroy();
    signalGroup(child, 'SIGTERM');
    timer ??= setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS);
  };
  const cancel = (): void => stop({ code: 'cancelled' });
  const limit = command.timeout;
  const alarm =
    limit === undefined
      ? undefined
      : setTimeout(() => stop({ code: 'timeout', what: name, seconds: limit }), limit * 1000);
  if (call.signal.aborted) cancel();
  else call.signal.addEventListener('abort', cancel, { once: true });

  const done = new Promise<Result<Finished>>((resolve) => {
    const finish = (result: Result<Finished>): void => {
      clearTimeout(timer);
      clearTimeout(alarm);
      call.signal.removeEventListener('abort', cancel);
      if (log) log.end(() => resolve(result));
      else resolve(result);
    };
    child.on('error', (error: NodeJS.ErrnoException) =>
      finish(
        fail(
          error.code === 'ENOENT' || path === null
            ? missing(command)
            : { code: 'tool-failed', tool: name, detail: error.message },
        ),
      ),
    );
    child.on('close', (code, signal) => {
      if (ending) return finish(fail(ending));
      if (path === null) return finish(fail(missing(command)));
      command.whole?.(Buffer.concat(chunks).toString('utf8'));
      finish(ok({ code: code ?? (signal === 'SIGKILL' ? 137 : 143), stdout: out(), stderr: err() }));
    });
  });
  const halt = async (): Promise<void> => {
    stop(null);
    await done;
  };
  return { pid: child.pid ?? null, stdout: kept, done, stop: halt };
}

/** Runs a program to its end. Any exit code is an answer. */
export const run = (command: Command, call: Call): Promise<Result<Finished>> => start(command, call).done;

/** Runs a program that must exit with 0: another code fails with `disk-full` or `tool-failed` and the end of what it said. */
export async function must(command: Command, call: Call): Promise<Result<Finished>> {
  const finished = await run(command, call);
  if (!finished.ok || finished.value.code === 0) return finished;
  return fail(toolFailure(command, finished.value));
}

/** The failure that a program's bad end means. */
export function toolFailure(command: Command, finished: Finished): Failure {
  const said = `${finished.stderr}\n${finished.stdout}`.trim();
  if (saysDiskFull(said)) return { code: 'disk-full', folder: command.cwd ?? process.cwd() };
  const detail =
    said.split('\n').slice(-15).join('\n') || `it exited with code ${finished.code} and said nothing`;
  return {
    code: 'tool-failed',
    tool: command.argv[0] ?? '',
    detail,
    ...(command.log === undefined ? {} : { log: command.log }),
  };
}
