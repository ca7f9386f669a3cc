import { execFileSync, spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This clone: the workspace that a specification runs in. */
export const clone = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A git repository in a temporary folder, with real Nx and this clone's command line. */
export interface TestWorkspace {
  readonly root: string;
  /** Goldenthread's own folder for it. */
  readonly home: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  remove(...paths: readonly string[]): Promise<void>;
  git(...args: readonly string[]): string;
  /** Commits everything; answers the commit. */
  commit(message?: string): string;
  /** Starts a program with the workspace's environment; with `detached` in a process group of its own. */
  spawn(argv: readonly string[], env?: Readonly<Record<string, string>>): ReturnType<typeof spawn>;
  run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  nx(...args: readonly string[]): Promise<Ended>;
  goldenthread(...args: readonly string[]): Promise<Ended>;
  dispose(): Promise<void>;
}

const NX_JSON = {
  defaultBase: 'main',
  analytics: false,
  neverConnectToCloud: true,
  tui: { enabled: false },
  cacheDirectory: '.nx/cache',
  plugins: [{ plugin: '@goldenthread/plugin' }],
};

const BASICS: Readonly<Record<string, string>> = {
  'nx.json': JSON.stringify(NX_JSON),
  'package.json': '{ "name": "spec", "private": true }',
  '.gitignore': 'node_modules\n.nx\n.goldenthread\n',
};

async function collect(child: ReturnType<typeof spawn>): Promise<Ended> {
  const out = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (out.stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, ...out };
}

/** Where a workspace comes from, and what its programs see. */
export interface WorkspaceOptions {
  /** Files and folders of this clone to take along. */
  readonly copy?: readonly string[];
  /** Goldenthread's own folder; one beside the workspace by default. */
  readonly home?: string;
  /** A repository to clone instead of beginning one. */
  readonly from?: string;
  /** Variables for every program that runs in it. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Makes a workspace of these files, committed on `main`. */
export async function createWorkspace(
  files: Readonly<Record<string, string>> = {},
  options: WorkspaceOptions = {},
): Promise<TestWorkspace> {
  // The real path, as Nx compares paths by their text.
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'goldenthread-spec-')));
  const root = join(folder, 'workspace');
  const home = options.home ?? join(folder, 'home');
  if (options.from === undefined) await mkdir(root, { recursive: true });
  else execFileSync('git', ['clone', '-q', options.from, root], { stdio: 'ignore' });
  await symlink(join(clone, 'node_modules'), join(root, 'node_modules'));
  const environment = {
    ...process.env,
    GOLDENTHREAD_HOME: home,
    NX_DAEMON: 'false',
    NX_ISOLATE_PLUGINS: 'false',
    NX_USE_LOCAL: 'true',
    NX_NO_CLOUD: 'true',
    NO_COLOR: '1',
    FORCE_COLOR: '0',
    GIT_AUTHOR_NAME: 'spec',
    GIT_AUTHOR_EMAIL: 'spec@localhost',
    GIT_COMMITTER_NAME: 'spec',
    GIT_COMMITTER_EMAIL: 'spec@localhost',
    ...options.env,
  };
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-c', 'user.name=spec', '-c', 'user.email=spec@localhost', ...args], {
      cwd: root,
      encoding: 'utf8',
    }).trim();
  const write = async (more: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(more)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
      if (text.startsWith('#!')) await chmod(join(root, path), 0o755);
    }
  };
  const commit = (message = 'a commit'): string => {
    git('add', '-A');
    git('commit', '-q', '--allow-empty', '-m', message);
    return git('rev-parse', 'HEAD');
  };
  const start: TestWorkspace['spawn'] = ([program = '', ...args], env = {}) =>
    spawn(program, args, {
      cwd: root,
      env: { ...environment, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  const run: TestWorkspace['run'] = (argv, env) => collect(start(argv, env));

  if (options.from === undefined) git('init', '-q', '-b', 'main');
  for (const path of options.copy ?? []) await cp(join(clone, path), join(root, path), { recursive: true });
  // A clone is as it was committed.
  if (options.from === undefined) {
    await write({ ...BASICS, ...files });
    commit('start');
  }
  return {
    root,
    home,
    write,
    remove: async (...paths) =>
      void (await Promise.all(paths.map((path) => rm(join(root, path), { recursive: true, force: true })))),
    git,
    commit,
    spawn: start,
    run,
    nx: (...args) => run([join(root, 'node_modules/.bin/nx'), ...args]),
    goldenthread: (...args) => run([process.execPath, join(clone, 'apps/cli/bin/goldenthread.js'), ...args]),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}
