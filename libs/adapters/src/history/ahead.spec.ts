import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Call, Commit, Result } from '@goldenthread/core';
import {
  cloneAt,
  createRemote,
  missingTools,
  serveGit,
  type TestClone,
  type TestRemote,
} from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGitHistory } from './git.ts';

const missing = missingTools('git');
const call: Call = { signal: new AbortController().signal, emit: () => undefined };

let remote: TestRemote;
let clone: TestClone;
/** The commits of `main`, the oldest first; the remote has all of them. */
let shas: readonly string[];

const change = async (path: string, message: string, at: TestClone = clone): Promise<string> => {
  await mkdir(dirname(join(at.root, path)), { recursive: true });
  await writeFile(join(at.root, path), message);
  return at.commit(message);
};
const ask = (root: string, name: string | null = null): Promise<Result<readonly Commit[] | null>> =>
  createGitHistory(root, name).ahead(call);
/** Subjects of the commits ahead, newest first. */
const ahead = async (at: TestClone, name: string | null = null): Promise<readonly string[] | null> => {
  const result = await ask(at.root, name);
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value?.map(({ subject }) => subject) ?? null;
};
/** What a user has: refs, HEAD and what stands in the work tree. */
const state = ({ git }: TestClone): readonly string[] => [
  git('for-each-ref'),
  git('rev-parse', 'HEAD'),
  git('status', '--porcelain=v2', '--branch'),
];

const start = async (): Promise<void> => {
  remote = await createRemote();
  clone = remote.clone('clone');
  const made: string[] = [];
  for (const name of ['one', 'two', 'three']) made.push(await change(`${name}/file`, `feat: ${name}`));
  shas = made;
  clone.git('push', '-q', 'origin', 'HEAD:main');
};

describe.skipIf(missing.length > 0)('the commits ahead of HEAD', { timeout: 60_000 }, () => {
  beforeEach(start);
  afterEach(() => remote.dispose());

  it('are none at the tip of the default branch', async () => {
    expect(await ahead(clone)).toEqual([]);
    clone.git('checkout', '-q', '--detach');
    expect(await ahead(clone)).toEqual([]);
  });

  it('are those after HEAD, newest first, with what they mean and touched', async () => {
    clone.git('checkout', '-q', '--detach', shas[0] ?? '');
    const found = await ask(clone.root);
    const commit = { type: 'feat', breaking: false };
    expect(found).toEqual({
      ok: true,
      value: [
        { ...commit, sha: shas[2], subject: 'three', files: ['three/file'] },
        { ...commit, sha: shas[1], subject: 'two', files: ['two/file'] },
      ],
    });
    expect(await ask(join(clone.root, 'one'))).toMatchObject({ value: [{ files: [] }, { files: [] }] });
  });

  it('are asked of the remote, whatever this clone has seen of it, and no branch of the user moves', async () => {
    const old = remote.clone('old');
    await change('four', 'feat: four');
    clone.git('push', '-q', 'origin', 'HEAD:main');
    const before = state(old);
    expect(await ahead(old)).toEqual(['four']);
    expect(state(old)).toEqual(before);
  });

  it('are of the branch that the remote’s HEAD names, not of one that is called like ours', async () => {
    clone.git('checkout', '-q', '--detach', shas[1] ?? '');
    clone.git('push', '-q', 'origin', 'HEAD:refs/heads/trunk');
    remote.git('symbolic-ref', 'HEAD', 'refs/heads/trunk');
    expect(await ahead(clone)).toEqual([]);
    clone.git('checkout', '-q', 'main');
    expect(await ahead(clone)).toBeNull();
    clone.git('checkout', '-q', '--detach', shas[0] ?? '');
    expect(await ahead(clone)).toEqual(['two']);
  });

  it('include what a merge brought in, and nothing that HEAD has', async () => {
    clone.git('checkout', '-qb', 'side', shas[0] ?? '');
    await change('side', 'fix: side');
    clone.git('checkout', '-q', 'main');
    clone.git('merge', '-q', '--no-ff', '-m', 'Merge side', 'side');
    clone.git('push', '-q', 'origin', 'HEAD:main');
    const expected = ['Merge side', 'side'];
    clone.git('checkout', '-q', '--detach', shas[2] ?? '');
    expect(await ahead(clone)).toEqual(expected);
    const cut = remote.clone('cut', '--depth=1');
    cut.git('fetch', '-q', '--depth=1', 'origin', shas[2] ?? '');
    cut.git('checkout', '-q', '--detach', shas[2] ?? '');
    expect(await ahead(cut)).toEqual(expected);
  });

  it('are null on a fork, on a commit that is not pushed, and before the first commit', async () => {
    await change('mine', 'feat: mine');
    expect(await ahead(clone)).toBeNull();
    clone.git('checkout', '-qb', 'fork', shas[0] ?? '');
    await change('fork', 'feat: fork');
    clone.git('push', '-q', 'origin', 'fork');
    expect(await ahead(clone)).toBeNull();
    expect(await ahead(remote.clone('shallow', '--depth=1', '--branch=fork'))).toBeNull();
    clone.git('checkout', '-q', '--orphan', 'nothing');
    expect(await ahead(clone)).toBeNull();
  });

  it('are null for a branch that the remote has given up by rewriting it', async () => {
    const old = remote.clone('old');
    clone.git('reset', '-q', '--hard', shas[1] ?? '');
    await change('rewritten', 'feat: rewritten');
    clone.git('push', '-q', '--force', 'origin', 'HEAD:main');
    expect(await ahead(old)).toBeNull();
  });

  it('are none where there is no remote', async () => {
    clone.git('remote', 'remove', 'origin');
    expect(await ahead(clone)).toEqual([]);
    expect(await ahead(clone, '.')).toEqual([]);
  });

  it('are of the remote that the settings name, by its name or its address', async () => {
    clone.git('remote', 'rename', 'origin', 'team');
    clone.git('checkout', '-q', '--detach', shas[1] ?? '');
    expect(await ahead(clone)).toEqual([]);
    expect(await ahead(clone, 'team')).toEqual(['three']);
    expect(await ahead(clone, remote.url)).toEqual(['three']);
  });
});

describe.skipIf(missing.length > 0)(
  'the commits ahead of a HEAD in part of a clone',
  { timeout: 60_000 },
  () => {
    beforeEach(start);
    afterEach(() => remote.dispose());

    it.each([
      ['shallow', ['--depth=1']],
      ['partial', ['--filter=blob:none']],
      ['partial, without trees', ['--filter=tree:0']],
    ])('are found in a %s one, at the tip and behind it', async (_, options) => {
      const part = remote.clone('part', ...options);
      expect(await ahead(part)).toEqual([]);
      await change('four', 'feat: four');
      await change('five', 'fix: five');
      clone.git('push', '-q', 'origin', 'HEAD:main');
      const before = state(part);
      expect(await ahead(part)).toEqual(['five', 'four']);
      expect(state(part)).toEqual(before);
    });

    it('are asked for without fetching where HEAD is the tip', async () => {
      const shallow = remote.clone('shallow', '--depth=1');
      const server = await serveGit(remote.folder);
      try {
        shallow.git('remote', 'set-url', 'origin', server.url());
        expect(await ahead(shallow)).toEqual([]);
        // The names of refs alone: once what the server speaks, once what it has.
        expect(server.asked.length).toBeLessThanOrEqual(2);
        expect(shallow.git('rev-list', '--count', 'HEAD')).toBe('1');
      } finally {
        await server.dispose();
      }
    });

    it.each([
      ['at the tip', 2, []],
      ['behind it', 0, ['three', 'two']],
    ])('are found where CI fetched one commit only, %s', async (_, at, expected) => {
      const root = join(remote.folder, 'ci');
      execFileSync('git', ['init', '-q', root]);
      const ci = cloneAt(root);
      ci.git('remote', 'add', 'origin', remote.url);
      ci.git('fetch', '-q', '--no-tags', '--depth=1', 'origin', `+${shas[at]}:refs/remotes/origin/main`);
      ci.git('checkout', '-q', '--detach', 'refs/remotes/origin/main');
      const before = state(ci);
      expect(await ahead(ci)).toEqual(expected);
      expect(state(ci)).toEqual(before);
    });

    it('are found where the tip is here as well, but not what lies between', async () => {
      const cut = remote.clone('cut', '--depth=1');
      cut.git('fetch', '-q', '--depth=1', 'origin', shas[0] ?? '');
      cut.git('checkout', '-q', '--detach', shas[0] ?? '');
      expect(await ahead(cut)).toEqual(['three', 'two']);
    });
  },
);

describe.skipIf(missing.length > 0)('the commits ahead at a remote without them', { timeout: 60_000 }, () => {
  beforeEach(start);
  afterEach(() => remote.dispose());

  const refused = async (): Promise<void> =>
    expect(await ask(clone.root)).toMatchObject({
      ok: false,
      failures: [{ code: 'usage', hint: expect.stringContaining('Push the branch') }],
    });

  it('are refused where nothing was pushed yet', async () => {
    remote.git('update-ref', '-d', 'refs/heads/main');
    await refused();
  });

  it('are refused where its HEAD names a branch that is not there, or none', async () => {
    // It ends as HEAD does: names that are asked for are matched from the end.
    remote.git('symbolic-ref', 'refs/heads/a/HEAD', 'refs/heads/main');
    remote.git('symbolic-ref', 'HEAD', 'refs/heads/never');
    await refused();
    remote.git('update-ref', '--no-deref', 'HEAD', shas[1] ?? '');
    await refused();
  });

  it('are refused where it cannot be reached, or its name would be an option', async () => {
    await rm(remote.path, { recursive: true });
    expect(await ask(clone.root)).toMatchObject({ failures: [{ code: 'unreachable' }] });
    const touched = join(remote.folder, 'touched');
    expect(await ask(clone.root, `--upload-pack=touch ${touched};`)).toMatchObject({
      failures: [{ code: 'usage' }],
    });
    expect(execFileSync('ls', [remote.folder], { encoding: 'utf8' })).not.toContain('touched');
  });

  it('stop when they are cancelled', async () => {
    const cancelled = { ...call, signal: AbortSignal.abort() };
    expect(await createGitHistory(clone.root, null).ahead(cancelled)).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
  });
});
