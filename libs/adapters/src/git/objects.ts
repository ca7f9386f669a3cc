import { PassThrough, type Readable } from 'node:stream';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { start, toolFailure, type Running } from '../host.ts';
import type { Git } from './git.ts';

const MAX_OBJECT = 4 * 1024 * 1024;
const MAX_ALL = 256 * 1024 * 1024;

/** An object of a repository. */
export interface GitObject {
  readonly oid: string;
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  /** Null where it is larger than 4 MiB, or where 256 MiB were read before it. */
  readonly content: Buffer | null;
}

/** Reads objects by any name that git knows for them, without a line break; null where there is none. */
export interface Objects {
  get(names: readonly string[]): Promise<Result<readonly (GitObject | null)[]>>;
}

/** Takes lines and bytes off a stream; null at its end. */
function reader(stream: Readable): {
  line(): Promise<string | null>;
  bytes(count: number): Promise<Buffer | null>;
  skip(count: number): Promise<void>;
  drain(): Promise<void>;
} {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const next = await chunks.next();
    if (next.done === true) return false;
    rest = Buffer.concat([rest, next.value]);
    return true;
  };
  const take = (count: number): Buffer => {
    const taken = rest.subarray(0, count);
    rest = rest.subarray(count);
    return taken;
  };
  const bytes = async (count: number): Promise<Buffer | null> => {
    while (rest.length < count) if (!(await more())) return null;
    return take(count);
  };
  return {
    bytes,
    async line() {
      while (!rest.includes(10)) if (!(await more())) return null;
      const line = take(rest.indexOf(10)).toString('utf8');
      take(1);
      return line;
    },
    async skip(count) {
      for (let left = count; left > 0;) {
        if (rest.length === 0 && !(await more())) return;
        left -= take(left).length;
      }
    },
    async drain() {
      do rest = Buffer.alloc(0);
      while (await more());
    },
  };
}

/** Runs `use` with a process that reads objects, which ends with it. */
export async function withObjects<T>(
  git: Git,
  call: Call,
  use: (objects: Objects) => Promise<Result<T>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Result<T>> {
  const input = new PassThrough();
  const command = git.command(['cat-file', '--batch'], { env, input });
  const running = start(command, call, true);
  const from = reader(running.stdout);
  try {
    return await use({ get: batch(running, input, from) });
  } finally {
    // Its input's end is its end, once what it still writes has found a reader.
    input.end();
    await from.drain();
    await running.done;
  }
}

const HEADER = /^([0-9a-f]{40,64}) (\w+) (\d+)$/;

function batch(running: Running, input: PassThrough, from: ReturnType<typeof reader>): Objects['get'] {
  let budget = MAX_ALL;
  const ended = async (): Promise<Result<never>> => {
    const done = await running.done;
    return done.ok ? fail(toolFailure({ argv: ['git cat-file'] }, done.value)) : done;
  };
  const next = async (): Promise<GitObject | null | undefined> => {
    const line = await from.line();
    if (line === null) return undefined;
    const [, oid = '', type = '', length = ''] = HEADER.exec(line) ?? [];
    if (oid === '') return null;
    const size = Number(length);
    const fits = size <= MAX_OBJECT && size <= budget;
    if (!fits) await from.skip(size);
    const content = fits ? await from.bytes(size) : null;
    budget -= content?.length ?? 0;
    await from.skip(1);
    return { oid, type, size, content };
  };
  return async (names) => {
    input.write(names.map((name) => `${name}\n`).join(''));
    const found: (GitObject | null)[] = [];
    for (let index = 0; index < names.length; index++) {
      const object = await next();
      if (object === undefined) return ended();
      found.push(object);
    }
    return ok(found);
  };
}
