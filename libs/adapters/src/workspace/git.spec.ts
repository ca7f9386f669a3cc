import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createGitWorkspace } from './git.ts';

const call = { signal: new AbortController().signal, emit: () => undefined };
const folders: string[] = [];
afterEach(() => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true }))));

async function repository(files: Readonly<Record<string, string>>) {
  const root = await mkdtemp(join(tmpdir(), 'goldenthread-git-'));
  folders.push(root);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=spec', '-c', 'user.email=spec@localhost', ...args], {
      cwd: root,
      encoding: 'utf8',
    });
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  git('init', '-q', '-b', 'main');
  for (const [path, text] of Object.entries(files)) await write(path, text);
  const commit = (): string => {
    git('add', '-A');
    git('commit', '-qm', 'a commit');
    return git('rev-parse', 'HEAD').trim();
  };
  return { root, git, write, commit };
}

const valueOf = <T>(result: { ok: true; value: T } | { ok: false; failures: readonly unknown[] }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

describe('git workspace', () => {
  it('lists tracked and new files, without ignored and deleted ones, whatever their names', async () => {
    const { root, write, commit } = await repository({
      '.gitignore': '*.pyc\n',
      'a b/ü.yml': '1',
      'gone.yml': '1',
    });
    commit();
    await rm(join(root, 'gone.yml'));
    await write('new\nline.yml', '1');
    await write('cache.pyc', '1');
    expect(valueOf(await createGitWorkspace(root).files(call))).toEqual([
      '.gitignore',
      'a b/ü.yml',
      'new\nline.yml',
    ]);
  });

  it('hashes content, executable bit and link target, and nothing else', async () => {
    const { root, write } = await repository({ 'x/a': 'same', 'x/b': 'same', 'y/c': 'else' });
    const hashes = async () => valueOf(await createGitWorkspace(root).hashes(['x'], call));
    const [a, b] = await hashes();
    expect(a?.digest).toBe(b?.digest);
    await chmod(join(root, 'x/b'), 0o755);
    expect((await hashes())[1]?.digest).not.toBe(b?.digest);
    await rm(join(root, 'x/b'));
    await symlink('a', join(root, 'x/b'));
    expect((await hashes())[1]?.digest).not.toBe(a?.digest);
    await write('x/a', 'same');
    expect((await hashes())[0]).toEqual(a);
    expect((await hashes()).map((file) => file.path)).toEqual(['x/a', 'x/b']);
  });

  it('compares from where the revisions parted; without a head, with the work tree', async () => {
    const { root, git, write, commit } = await repository({ 'a.yml': '1' });
    const start = commit();
    git('switch', '-qc', 'feature');
    await write('b.yml', '1');
    const feature = commit();
    git('switch', '-q', 'main');
    await write('main.yml', '1');
    commit();
    const workspace = createGitWorkspace(root);
    expect(valueOf(await workspace.changed('main', 'feature', call))).toEqual(['b.yml']);
    git('switch', '-q', 'feature');
    await write('a.yml', '2');
    await write('new.yml', '1');
    expect(valueOf(await workspace.changed(start, null, call))).toEqual(['a.yml', 'b.yml', 'new.yml']);
    expect(valueOf(await workspace.commit(call))).toEqual({ sha: feature, dirty: true });
  });

  it('answers a wrong revision and an option in its place with words', async () => {
    const { root, commit } = await repository({ 'a.yml': '1' });
    commit();
    for (const base of ['nowhere', '--output=/tmp/x'])
      expect(await createGitWorkspace(root).changed(base, 'HEAD', call)).toMatchObject({
        ok: false,
        failures: [{ code: 'usage' }],
      });
  });

  it('has no commit before the first one, and reads no file outside', async () => {
    const { root } = await repository({ 'a.yml': 'text' });
    const workspace = createGitWorkspace(root);
    expect(valueOf(await workspace.commit(call))).toBeNull();
    expect(workspace.read('a.yml')).toBe('text');
    expect(workspace.read('../etc/passwd')).toBeNull();
    expect(workspace.read('/etc/passwd')).toBeNull();
  });
});
