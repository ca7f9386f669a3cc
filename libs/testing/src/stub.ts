import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** What a stub does when it is called. */
export interface StubAnswer {
  readonly stdout?: string;
  readonly stderr?: string;
  /** Its exit code; 0 by default. */
  readonly code?: number;
  /** Lines of sh that run first, with the stub's arguments as `$@`; such as `sleep 60`. */
  readonly script?: string;
}

/** A program that stands in for a tool: it does what it was told last, and remembers how it was called. */
export interface Stub {
  readonly path: string;
  /** Changes what it does from now on. */
  answer(behaviour: StubAnswer): Promise<void>;
  /** The arguments of each call so far, in order. */
  calls(): Promise<readonly (readonly string[])[]>;
}

// The end of a call in the record; no argument holds a NUL.
const END = '\0\n';

// A call is added in one piece, as several may run side by side.
const program = (memory: string): string => `#!/bin/sh
here='${memory}'
{ for argument in "$@"; do printf '%s\\0' "$argument"; done; printf '\\0\\n'; } > "$here/call.$$"
cat "$here/call.$$" >> "$here/calls"
rm "$here/call.$$"
. "$here/script"
cat "$here/stdout"
cat "$here/stderr" >&2
exit "$(cat "$here/code")"
`;

/** Writes an executable called `name` into `folder`, which then stands first on a PATH. */
export async function stubTool(folder: string, name: string, behaviour: StubAnswer = {}): Promise<Stub> {
  const path = join(folder, name);
  const memory = join(folder, `${name}.stub`);
  const answer = async ({ stdout = '', stderr = '', code = 0, script = ':' }: StubAnswer): Promise<void> => {
    const files = { stdout, stderr, code: String(code), script };
    await Promise.all(Object.entries(files).map(([file, text]) => writeFile(join(memory, file), text)));
  };
  await mkdir(memory, { recursive: true });
  await appendFile(join(memory, 'calls'), '');
  await answer(behaviour);
  await writeFile(path, program(memory));
  await chmod(path, 0o755);
  return {
    path,
    answer,
    calls: async () => {
      const text = await readFile(join(memory, 'calls'), 'utf8');
      const calls = text.split(END).slice(0, -1);
      return calls.map((call) => call.split('\0').slice(0, -1));
    },
  };
}

/** Runs `work` with folders put first on PATH; with `only`, they are all of it. */
export async function withPath<T>(
  folders: readonly string[],
  work: () => Promise<T>,
  only = false,
): Promise<T> {
  const before = process.env['PATH'];
  process.env['PATH'] = [...folders, ...(only ? [] : [before ?? ''])].join(delimiter);
  try {
    return await work();
  } finally {
    process.env['PATH'] = before;
  }
}
