import { ok, type Call, type Result, type Tool } from '@goldenthread/core';
import { environment, must, run, type Command, type Finished } from '../host.ts';

/** Git itself. */
export const GIT: Tool = {
  name: 'git',
  purpose: 'reading the workspace',
  version: ['--version'],
  install: 'Install git.',
  debian: 'git',
};

/** Runs git in one folder. */
export interface Git {
  readonly root: string;
  /** All that a command prints, which must exit with 0: listings of large repositories are longer than what `run` keeps. */
  text(args: readonly string[], call: Call): Promise<Result<string>>;
  /** How a command ended, whatever its exit code. */
  end(args: readonly string[], call: Call, more?: More): Promise<Result<Finished>>;
  /** The same command, to be started by others. */
  command(args: readonly string[], more?: More): Command;
}

/** What some commands need besides their arguments. */
export interface More {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array>;
}

// A hook of git's that calls us says which repository and which index it works on; we work on those of our folder.
const OF_A_HOOK = {
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
  GIT_OBJECT_DIRECTORY: undefined,
  GIT_ALTERNATE_OBJECT_DIRECTORIES: undefined,
  GIT_QUARANTINE_PATH: undefined,
  GIT_COMMON_DIR: undefined,
  GIT_PREFIX: undefined,
  // Git's messages are matched, so they must not be translated.
  LANGUAGE: undefined,
};

// Nobody sits before us. Even a look at history may go to a remote, where a clone is partial.
const ASK_NOBODY = {
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
  SSH_ASKPASS: '',
  SSH_ASKPASS_REQUIRE: 'never',
  GCM_INTERACTIVE: 'never',
};

/** Git in the folder `root`. */
export function gitIn(root: string): Git {
  const command: Git['command'] = (args, { env, input } = {}) => ({
    argv: ['git', '-c', 'core.quotepath=off', ...args],
    cwd: root,
    env: environment({ ...OF_A_HOOK, ...ASK_NOBODY, ...env }),
    ...(input === undefined ? {} : { input }),
    purpose: GIT.purpose,
    install: GIT.install,
  });
  return {
    root,
    command,
    end: (args, call, more) => run(command(args, more), call),
    async text(args, call) {
      let out = '';
      const finished = await must({ ...command(args), whole: (text) => (out = text) }, call);
      return finished.ok ? ok(out) : finished;
    },
  };
}

/** The parts of a text that git separates by NUL. */
export const parts = (text: string): readonly string[] => text.split('\0').filter((part) => part !== '');

/** Waits a part of `most` milliseconds, by chance, so that those who collided do not collide again; ends early on abort. */
export function jitter(most: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.random() * most);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
