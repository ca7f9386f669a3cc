import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, ok, type Call, type Locks, type Result } from '@goldenthread/core';

/**
 * A lock is a listening socket: the kernel lets one process listen on a name, and takes the name back when that process
 * ends, however it ends. Those who wait connect to it and are told by the closing of the connection.
 */
function addressOf(home: string, name: string): string {
  const id = `goldenthread-${createHash('sha256').update(`${home}\0${name}`).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return `\0${id}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${id}`;
  const folder = join(tmpdir(), 'goldenthread-locks');
  mkdirSync(folder, { recursive: true });
  return join(folder, id);
}

/** Listens on the address and answers how to let go of it; null where somebody else listens. */
function listen(address: string): Promise<(() => Promise<void>) | null> {
  return new Promise((resolve, reject) => {
    const waiting = new Set<Socket>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => undefined).on('close', () => waiting.delete(socket));
    });
    const release = (): Promise<void> =>
      new Promise((released) => {
        server.close(() => released());
        // Those who wait are connected: the end of their connection tells them.
        waiting.forEach((socket) => socket.destroy());
      });
    server.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen(address, () => {
      server.unref();
      resolve(release);
    });
  });
}

/** Resolves when one of the holders lets go, or when the signal fires. */
async function anyEnd(addresses: readonly string[], signal: AbortSignal): Promise<void> {
  const sockets: Socket[] = [];
  let stop = (): void => undefined;
  await new Promise<void>((resolve) => {
    stop = () => resolve();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) resolve();
    for (const address of addresses) {
      const socket = connect(address);
      sockets.push(socket);
      socket.on('error', () => forget(address)).on('close', () => resolve());
    }
  });
  // The signal is that of the whole run, which outlives this wait and has many more.
  signal.removeEventListener('abort', stop);
  sockets.forEach((socket) => socket.destroy());
}

/** Where sockets are files, a dead holder leaves its file behind. */
function forget(address: string): void {
  if (!address.startsWith('\0') && process.platform !== 'win32' && existsSync(address)) unlinkSync(address);
}

async function acquire(
  addresses: readonly string[],
  call: Call,
  waiting: () => void,
): Promise<Result<() => Promise<void>>> {
  for (let told = false; ;) {
    if (call.signal.aborted) return fail({ code: 'cancelled' });
    for (const address of addresses) {
      const release = await listen(address);
      if (release) return ok(release);
    }
    if (!told) waiting();
    told = true;
    await anyEnd(addresses, call.signal);
  }
}

/** Locks between processes that share `home`. */
export function createLocks(home: string, slots: number = availableParallelism()): Locks {
  const places = Array.from({ length: Math.max(1, slots) }, (_, index) => addressOf(home, `slot ${index}`));
  return {
    hold: (name, project, call) =>
      acquire([addressOf(home, name)], call, () =>
        call.emit({ type: 'waiting', project, what: 'another run that works on it' }),
      ),
    slot: (project, call) =>
      acquire(places, call, () =>
        call.emit({ type: 'waiting', project, what: `one of ${places.length} slots of this machine` }),
      ),
  };
}
