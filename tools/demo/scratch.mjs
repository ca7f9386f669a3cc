// A scratch copy of this repository, with a history of its own, so that the clone stays as it is.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { run } from '../children.mjs';
import { ROOT } from '../setup.mjs';

const IGNORED = new Set(['node_modules', '.git', '.nx', '.goldenthread', 'dist']);

/** Every file that belongs to the repository; where there is no git, all but what is generated. */
async function filesOf(root) {
  const argv = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { code, stdout } = await run(argv, { cwd: root, quiet: true });
  if (code === 0) return [...new Set(stdout.split('\0'))].filter((file) => file !== '');
  const walk = (at) =>
    fs.readdirSync(path.join(root, at), { withFileTypes: true }).flatMap((entry) => {
      if (IGNORED.has(entry.name)) return [];
      const file = path.join(at, entry.name);
      return entry.isDirectory() ? walk(file) : [file];
    });
  return walk('');
}

function copy(from, to, files) {
  for (const file of files) {
    const source = path.join(from, file);
    // Git still lists a file that was deleted and not committed.
    if (!fs.lstatSync(source, { throwIfNoEntry: false })) continue;
    fs.mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
    fs.cpSync(source, path.join(to, file), { verbatimSymlinks: true });
  }
}

/** Makes the copy, committed on `main`. Answers its folder, `git`, `write` and `remove`. */
export async function makeScratch() {
  // The real path, as Nx compares paths by their text.
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'goldenthread-start-')));
  const remove = () => fs.rmSync(folder, { recursive: true, force: true });
  const identity = ['user.name=npm start', 'user.email=start@localhost', 'commit.gpgsign=false'];
  const settings = [...identity, 'core.hooksPath=/dev/null', 'core.autocrlf=false'];
  const git = async (...args) => {
    const argv = ['git', ...settings.flatMap((setting) => ['-c', setting]), ...args];
    const { code, stdout, output } = await run(argv, { cwd: folder, env: environment(), quiet: true });
    if (code !== 0) throw new Error(`git ${args[0]} failed: ${output}`);
    return stdout;
  };
  const commit = async (message) => {
    await git('add', '--all');
    await git('commit', '--quiet', '--message', message);
  };
  try {
    copy(ROOT, folder, await filesOf(ROOT));
    fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    await git('init', '--quiet', '--initial-branch', 'main');
    fs.appendFileSync(path.join(folder, '.git/info/exclude'), '/node_modules\n');
    await commit('a copy of the repository');
    return { folder, git, commit, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Our environment without what would point Git or Nx at another repository or other results. */
export function environment(more = {}) {
  const kept = Object.entries(process.env).filter(([key]) => !/^(GIT_|NX_|npm_|INIT_CWD$)/.test(key));
  return { ...Object.fromEntries(kept), ...more };
}
