import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Call, Commit, Result } from '@goldenthread/core';
import { cloneAt, createRemote, missingTools, type TestClone, type TestRemote } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGitHistory } from './git.ts';

const missing = missingTools('git');
const call: Call = { signal: new AbortController().signal, emit: () => undefined };

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};

let remote: TestRemote;
let clone: TestClone;
let first: string;

const change = async (path: string, message: string, at: TestClone = clone): Promise<string> => {
  await mkdir(dirname(join(at.root, path)), { recursive: true });
  await writeFile(join(at.root, path), `${message} ${Math.random()}`);
  return at.commit(message);
};
const commits = async (since: string | null, root = clone.root): Promise<readonly Commit[]> =>
  value(await createGitHistory(root, null).commits(since, call));
const brief = (all: readonly Commit[]): readonly (readonly [string, readonly string[]])[] =>
  all.map(({ subject, files }) => [subject, files]);

beforeEach(async () => {
  remote = await createRemote();
  clone = remote.clone('clone');
  first = await change('start', 'start');
});
afterEach(() => remote.dispose());

describe.skipIf(missing.length > 0)('the commits of a workspace', { timeout: 60_000 }, () => {
  it('say what they touched and what their message means, newest first', async () => {
    const expected: (readonly [string, Omit<Commit, 'sha' | 'files'>])[] = [
      ['feat: a thing', { subject: 'a thing', type: 'feat', breaking: false }],
      ['fix(edge, x/y): another', { subject: 'another', type: 'fix', breaking: false }],
      ['Feat(edge)!: loud', { subject: 'loud', type: 'feat', breaking: true }],
      ['fix!: short', { subject: 'short', type: 'fix', breaking: true }],
      ['chore: x\n\nbody\n\nBREAKING CHANGE: gone', { subject: 'x', type: 'chore', breaking: true }],
      [
        'chore: x\n\nBREAKING-CHANGE: gone\nSigned-off-by: x',
        { subject: 'x', type: 'chore', breaking: true },
      ],
      ['chore: x\n\nThis is no breaking change: really.', { subject: 'x', type: 'chore', breaking: false }],
      ['Just words: with a colon', { subject: 'Just words: with a colon', type: null, breaking: false }],
      [
        'https://example.org is down',
        { subject: 'https://example.org is down', type: null, breaking: false },
      ],
    ];
    for (const [message] of expected) await change('a b/ü "x"', message);
    const found = await commits(first);
    expect(found.toReversed().map(({ subject, type, breaking }) => ({ subject, type, breaking }))).toEqual(
      expected.map(([, commit]) => commit),
    );
    expect(found[0]).toMatchObject({ sha: clone.git('rev-parse', 'HEAD'), files: ['a b/ü "x"'] });
    expect(brief(await commits(null)).at(-1)).toEqual(['start', ['start']]);
  });

  it('may be empty, have no message, or not be there yet', async () => {
    clone.git('commit', '-q', '--allow-empty', '--allow-empty-message', '-m', '');
    clone.git('commit', '-q', '--allow-empty', '-m', 'feat: nothing');
    await change('b', 'fix: b');
    expect(brief(await commits(first))).toEqual([
      ['b', ['b']],
      ['nothing', []],
      ['', []],
    ]);
    expect(await commits(clone.git('rev-parse', 'HEAD'))).toEqual([]);
    clone.git('checkout', '-q', '--orphan', 'empty');
    expect(await commits(null)).toEqual([]);
  });

  it('name files moved away and removed, relative to a workspace below the repository', async () => {
    await change('infra/deep/a', 'add');
    clone.git('mv', 'infra/deep/a', 'infra/b');
    clone.commit('move');
    await change('elsewhere', 'elsewhere');
    expect(brief(await commits(first, join(clone.root, 'infra')))).toEqual([
      ['elsewhere', []],
      ['move', ['b', 'deep/a']],
      ['add', ['deep/a']],
    ]);
  });

  it('of a merged branch are all there, once, with what the merge itself changed', async () => {
    clone.git('checkout', '-qb', 'branch');
    await change('branch', 'feat: on the branch');
    await writeFile(join(clone.root, 'both'), 'branch');
    clone.commit('fix: both');
    clone.git('checkout', '-q', 'main');
    await writeFile(join(clone.root, 'both'), 'main');
    clone.commit('fix: on main');
    const merge = (...args: string[]): void => void clone.git('merge', '-q', '--no-ff', ...args);
    expect(() => merge('branch')).toThrow('Command failed');
    await writeFile(join(clone.root, 'both'), 'by hand');
    clone.commit("Merge branch 'branch'");
    const found = brief(await commits(first));
    expect(found).toHaveLength(4);
    expect(found).toEqual(
      expect.arrayContaining([
        ["Merge branch 'branch'", ['both']],
        ['both', ['both']],
        ['on the branch', ['branch']],
        ['on main', ['both']],
      ]),
    );
    const before = clone.git('rev-parse', 'HEAD');
    clone.git('checkout', '-qb', 'titled');
    await change('titled', 'wip');
    clone.git('checkout', '-q', 'main');
    merge('-m', 'feat!: the title of a request', 'titled');
    expect((await commits(before))[0]).toMatchObject({ type: 'feat', breaking: true, files: ['titled'] });
  });

  it('count from where the history parted, if it was rewritten since', async () => {
    const base = await change('base', 'base');
    const released = await change('released', 'released');
    clone.git('reset', '-q', '--hard', base);
    await change('rebased', 'rebased');
    expect(brief(await commits(released))).toEqual([['rebased', ['rebased']]]);
  });

  it('are refused in words from a commit that nobody knows', async () => {
    clone.git('push', '-q', 'origin', 'HEAD:main');
    for (const since of ['1'.repeat(40), 'nowhere', '--all'])
      expect(await createGitHistory(clone.root, null).commits(since, call)).toMatchObject({
        failures: [{ code: 'usage', detail: expect.stringContaining(since) }],
      });
  });

  it.each([
    ['shallow', ['--depth=1']],
    ['partial', ['--filter=blob:none', '--no-checkout']],
    ['detached', ['--branch=v1', '--depth=2']],
  ])('are all there in a %s clone', async (_, options) => {
    for (const name of ['one', 'two', 'three']) await change(name, name);
    clone.git('tag', 'v1');
    clone.git('push', '-q', 'origin', 'HEAD:main', 'v1');
    const { root } = remote.clone('other', ...options);
    expect(brief(await commits(first, root))).toEqual([
      ['three', ['three']],
      ['two', ['two']],
      ['one', ['one']],
    ]);
  });

  it('are fetched where the remote filters nothing, and are of no use without it', async () => {
    for (const key of ['uploadpack.allowFilter', 'uploadpack.allowAnySHA1InWant'])
      remote.git('config', key, 'false');
    await change('one', 'one');
    clone.git('push', '-q', 'origin', 'HEAD:main');
    const [whole, cut] = [remote.clone('whole', '--depth=1'), remote.clone('cut', '--depth=1')];
    expect(brief(await commits(first, whole.root))).toEqual([['one', ['one']]]);
    await rm(remote.path, { recursive: true });
    expect(await createGitHistory(cut.root, null).commits(first, call)).toMatchObject({
      failures: [{ code: 'unreachable' }],
    });
  });

  it('tell whether HEAD is older than a commit, which may not be here yet', async () => {
    const second = await change('second', 'second');
    clone.git('push', '-q', 'origin', 'HEAD:main');
    const old = remote.clone('old', '--depth=1');
    const newest = await change('newest', 'newest');
    clone.git('push', '-q', 'origin', 'HEAD:main');
    const isBehind = async (commit: string, at = old): Promise<boolean> =>
      value(await createGitHistory(at.root, null).isBehind(commit, call));
    expect([await isBehind(newest), await isBehind(second), await isBehind(first)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(await isBehind('1'.repeat(40))).toBe(false);
    expect(await isBehind(newest, clone)).toBe(false);
  });

  it('stop when they are cancelled', async () => {
    const cancelled = { ...call, signal: AbortSignal.abort() };
    expect(await createGitHistory(clone.root, null).commits(null, cancelled)).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
  });

  it('are there without any remote', async () => {
    const root = await mkdtemp(join(tmpdir(), 'goldenthread-history-'));
    try {
      execFileSync('git', ['init', '-q', root]);
      await change('a', 'feat: a', cloneAt(root));
      expect(brief(await commits(null, root))).toEqual([['a', ['a']]]);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
