import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ok, type Call, type LedgerEdit, type LedgerSnapshot, type Result } from '@goldenthread/core';
import {
  cloneAt,
  createRemote,
  missingTools,
  stubTool,
  withPath,
  type TestClone,
  type TestRemote,
} from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { which } from '../host.ts';
import { createGitLedger } from './git.ts';
import type { GitLedgerOptions } from './place.ts';

const missing = missingTools('git');
const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const run = { by: 'A Person <person@localhost>', id: 'https://ci.localhost/jobs/1' };

const ledgerIn = (root: string, more: Partial<GitLedgerOptions> = {}) =>
  createGitLedger({ root, remote: null, branch: 'deployments', run, ...more });

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};

const message = { what: 'a change', why: '', nodes: ['edge'], environments: [] };
const writing = (write: Readonly<Record<string, string | null>>, more = {}): Result<LedgerEdit> =>
  ok({ write: new Map(Object.entries(write)), message: { ...message, ...more } });
const files = ({ files: found }: LedgerSnapshot): Record<string, string> => Object.fromEntries(found);

describe.skipIf(missing.length > 0)('the ledger in git', { timeout: 60_000 }, () => {
  let remote: TestRemote;
  let clone: TestClone;
  beforeEach(async () => {
    remote = await createRemote();
    clone = remote.clone('clone');
    await writeFile(join(clone.root, 'nx.json'), '{}');
    clone.commit('start');
    clone.git('push', '-q', 'origin', 'HEAD:main');
  });
  afterEach(() => remote.dispose());

  it('is empty before its first change, and then has what was written, below the paths that are asked for', async () => {
    const ledger = ledgerIn(clone.root);
    expect(value(await ledger.read(['channels'], call))).toEqual({ revision: null, files: new Map() });
    const written = value(
      await ledger.commit(
        ['channels'],
        () => writing({ 'channels/edge.yaml': 'ü\n', 'channels-old': '', 'a "b" c/d': '1' }),
        call,
      ),
    );
    expect(files(written)).toEqual({ 'channels/edge.yaml': 'ü\n' });
    expect(remote.git('rev-parse', 'deployments')).toBe(written.revision);
    const elsewhere = ledgerIn(remote.clone('other').root);
    expect(value(await elsewhere.read(['channels/edge.yaml', 'a "b" c'], call))).toEqual({
      revision: written.revision,
      files: new Map([
        ['channels/edge.yaml', 'ü\n'],
        ['a "b" c/d', '1'],
      ]),
    });
    expect(Object.keys(files(value(await elsewhere.read([''], call))))).toHaveLength(3);
  });

  it('changes and removes files, and leaves alone what an edit does not name', async () => {
    const ledger = ledgerIn(clone.root);
    await ledger.commit([], () => writing({ a: '1', 'b/c': '1', 'b/d': '1' }), call);
    const next = value(await ledger.commit(['b'], () => writing({ a: '2', 'b/c': null, 'b/e': '2' }), call));
    expect(files(next)).toEqual({ 'b/d': '1', 'b/e': '2' });
    expect(files(value(await ledger.read([''], call)))).toEqual({ a: '2', 'b/d': '1', 'b/e': '2' });
  });

  it('makes no commit where nothing changes', async () => {
    const ledger = ledgerIn(clone.root);
    const first = value(await ledger.commit(['a'], () => writing({ a: '1' }), call));
    for (const edit of [() => writing({ a: '1', gone: null }), () => ok(null)])
      expect(value(await ledger.commit(['a'], edit, call))).toEqual(first);
    expect(remote.git('rev-list', '--count', 'deployments')).toBe('1');
  });

  it('refuses as a bug what no ledger can hold, and a record written twice', async () => {
    const ledger = ledgerIn(clone.root);
    await ledger.commit([], () => writing({ 'releases/edge/1.0.0.yaml': '1' }), call);
    for (const path of ['/a', '../a', 'a/../b', 'a//b', '', 'a\\b', '.git/config', 'a\nb', 'releases'])
      await expect(ledger.commit([], () => writing({ [path]: '1' }), call)).rejects.toThrow(/ledger/);
    for (const text of ['2', null])
      await expect(
        ledger.commit([], () => writing({ 'releases/edge/1.0.0.yaml': text }), call),
      ).rejects.toThrow('records are written once');
    expect(remote.git('rev-list', '--count', 'deployments')).toBe('1');
  });

  it('decides again where somebody was faster, and says so where that never ends', async () => {
    const [ours, theirs] = [ledgerIn(clone.root, { tries: 4 }), remote.clone('theirs')];
    const overtake = (): void => {
      theirs.git('fetch', '-q', 'origin');
      const parent = theirs.git('rev-parse', '--verify', 'origin/deployments');
      const tree = theirs.git('rev-parse', `${parent}^{tree}`);
      const next = theirs.git('commit-tree', tree, '-p', parent, '-m', 'theirs');
      theirs.git('push', '-q', 'origin', `${next}:refs/heads/deployments`);
    };
    value(await ours.commit([], () => writing({ a: '1' }), call));
    let decided = 0;
    const once = await ours.commit(
      ['a'],
      ({ files: found }) => {
        if (decided++ === 0) overtake();
        return writing({ a: `${found.get('a')}2` });
      },
      call,
    );
    expect([decided, files(value(once))]).toEqual([2, { a: '12' }]);
    const never = await ours.commit(
      ['a'],
      () => {
        overtake();
        return writing({ a: '3' });
      },
      call,
    );
    expect(never).toEqual({
      ok: false,
      failures: [{ code: 'ledger-contended', branch: 'deployments', tries: 4 }],
    });
    expect(remote.git('show', 'deployments:a')).toBe('12');
  });

  it('touches no work tree, no index, no branch, no stash, and calls none of the hooks', async () => {
    const { root, git } = clone;
    await writeFile(join(root, 'stashed'), '1');
    git('add', '-A');
    git('stash', '-q');
    await writeFile(join(root, 'nx.json'), '{ "dirty": true }');
    await writeFile(join(root, 'staged'), '1');
    git('add', 'staged');
    await writeFile(join(root, 'untracked'), '1');
    const hooks = [
      'pre-commit',
      'commit-msg',
      'post-commit',
      'pre-push',
      'post-checkout',
      'post-index-change',
    ];
    for (const hook of hooks)
      await writeFile(join(root, '.git/hooks', hook), `#!/bin/sh\ntouch ../${hook}\nexit 1\n`, {
        mode: 0o755,
      });
    const state = async (): Promise<unknown> => [
      await readFile(join(root, '.git/index'), 'base64'),
      git('status', '--porcelain=v2', '--branch'),
      git('for-each-ref', 'refs/heads', 'refs/tags', 'refs/stash'),
      git('config', '--list', '--local'),
      await readFile(join(root, '.git/HEAD'), 'utf8'),
      (await readdir(join(root, '.git'))).filter((name) => name !== 'logs'),
      await readdir(remote.folder),
    ];
    git('status');
    const before = await state();
    const ledger = ledgerIn(root);
    value(await ledger.commit([], () => writing({ 'nx.json': 'other', staged: '2' }), call));
    value(await ledger.read([''], call));
    value(await ledger.log({}, call));
    expect(await state()).toEqual(before);
    expect(git('for-each-ref', '--format=%(refname)', 'refs/goldenthread')).toBe(
      'refs/goldenthread/deployments',
    );
  });

  it('is not led astray by the variables of a hook that calls it', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'goldenthread-hook-'));
    const before = { ...process.env };
    Object.assign(process.env, {
      GIT_DIR: elsewhere,
      GIT_INDEX_FILE: join(elsewhere, 'index'),
      LANGUAGE: 'de',
    });
    try {
      value(await ledgerIn(clone.root).commit([], () => writing({ a: '1' }), call));
      expect(await readdir(elsewhere)).toEqual([]);
    } finally {
      process.env = before;
      await rm(elsewhere, { recursive: true });
    }
    expect(remote.git('show', 'deployments:a')).toBe('1');
  });

  it('answers what was last seen without asking the remote', async () => {
    const ledger = ledgerIn(clone.root);
    expect(value(await ledger.read([''], call, { cached: true })).revision).toBeNull();
    const first = value(await ledger.commit([''], () => writing({ a: '1' }), call));
    value(await ledgerIn(remote.clone('other').root).commit([], () => writing({ a: '2' }), call));
    expect(value(await ledger.read([''], call, { cached: true }))).toEqual(first);
    expect(files(value(await ledger.read([''], call)))).toEqual({ a: '2' });
    await rm(remote.path, { recursive: true });
    expect(files(value(await ledger.read([''], call, { cached: true })))).toEqual({ a: '2' });
  });

  it.each([
    ['half a name', 'abc'],
    ['an empty name', ''],
    ['the name of nothing', `${'1'.repeat(40)}\n`],
  ])('gets over its own copy of the branch when a crash has left %s there', async (_, broken) => {
    const ledger = ledgerIn(clone.root);
    value(await ledger.commit([], () => writing({ a: '1' }), call));
    await writeFile(join(clone.root, '.git/refs/goldenthread/deployments'), broken);
    expect(await ledger.read([''], call, { cached: true })).toMatchObject({ ok: false });
    expect(files(value(await ledger.read([''], call)))).toEqual({ a: '1' });
    expect(files(value(await ledger.read([''], call, { cached: true })))).toEqual({ a: '1' });
  });

  it('waits for whoever holds the lock of its copy, and gets over one who is gone', async () => {
    const ledger = ledgerIn(clone.root);
    const other = ledgerIn(remote.clone('other').root);
    const lock = join(clone.root, '.git/refs/goldenthread/deployments.lock');
    value(await ledger.commit([], () => writing({ a: '1' }), call));
    value(await other.commit([], () => writing({ a: '2' }), call));
    await writeFile(lock, '');
    // Whoever holds it lets go when our second try begins.
    const [tools, seen] = [join(remote.folder, 'tools'), join(remote.folder, 'seen')];
    await mkdir(tools);
    const letGo = `if [ -e '${seen}' ]; then rm -f '${lock}'; fi; touch '${seen}'`;
    const script = `case " $* " in *" fetch "*) ${letGo};; esac; exec '${which('git') ?? ''}' "$@"`;
    await stubTool(tools, 'git', { script });
    await withPath([tools], async () => {
      expect(files(value(await ledger.read([''], call)))).toEqual({ a: '2' });
    });
    value(await other.commit([], () => writing({ a: '3' }), call));
    await writeFile(lock, '');
    await utimes(lock, 1, 1);
    expect(files(value(await ledger.read([''], call)))).toEqual({ a: '3' });
  });

  it.each([
    ['as it was', null],
    ['in half by a crash', 'abc'],
  ])(
    'is not taken for empty where the remote has lost the branch, of which a copy is here %s',
    async (_, broken) => {
      const ledger = ledgerIn(clone.root);
      const seen = value(await ledger.commit([''], () => writing({ a: '1' }), call));
      remote.git('update-ref', '-d', 'refs/heads/deployments');
      if (broken !== null) await writeFile(join(clone.root, '.git/refs/goldenthread/deployments'), broken);
      const failure = {
        code: 'ledger-lost',
        ledger: 'deployments',
        branch: 'deployments',
        seen: broken === null ? seen.revision : 'the revision that was seen last',
      };
      for (const lost of [
        await ledger.read([''], call),
        await ledger.commit([], () => writing({ b: '1' }), call),
        await ledger.log({}, call),
        await ledger.read([''], call),
      ])
        expect(lost).toEqual({ ok: false, failures: [failure] });
      expect(remote.git('for-each-ref', 'refs/heads/deployments')).toBe('');
      if (broken === null) expect(value(await ledger.read([''], call, { cached: true }))).toEqual(seen);
    },
  );

  it('is found again where the remote gets its branch back', async () => {
    const ledger = ledgerIn(clone.root);
    const seen = value(await ledger.commit([''], () => writing({ a: '1' }), call));
    remote.git('update-ref', '-d', 'refs/heads/deployments');
    expect(await ledger.read([''], call)).toMatchObject({ ok: false });
    remote.git('update-ref', 'refs/heads/deployments', seen.revision ?? '');
    expect(value(await ledger.read([''], call))).toEqual(seen);
  });

  it('refuses files that are no text, no files, or far too large, with their place', async () => {
    const odd = remote.clone('odd');
    const put = async (path: string, content: Buffer): Promise<void> => {
      await writeFile(join(odd.root, path), content);
      odd.commit(path);
      odd.git('push', '-q', '-f', 'origin', 'HEAD:refs/heads/deployments');
    };
    odd.git('checkout', '-q', '--orphan', 'odd');
    await mkdir(join(odd.root, 'x'));
    const read = async (paths: readonly string[]) => ledgerIn(clone.root).read(paths, call);
    await put('x/bytes', Buffer.from([0xff, 0xfe, 0x0a]));
    expect(await read(['x'])).toMatchObject({
      failures: [
        { code: 'ledger-corrupt', at: { file: 'x/bytes', line: 1 }, found: 'bytes that are no UTF-8' },
      ],
    });
    await put('large', Buffer.alloc(5 * 1024 * 1024, 'a'));
    expect(await read(['large'])).toMatchObject({
      failures: [{ code: 'ledger-corrupt', found: '5242880 bytes' }],
    });
    expect(files(value(await read(['nx.json'])))).toEqual({ 'nx.json': '{}' });
    execFileSync('ln', ['-s', '/etc/passwd', join(odd.root, 'link')]);
    await put('z', Buffer.from('1'));
    expect(await read(['link'])).toMatchObject({
      failures: [{ code: 'ledger-corrupt', found: 'a symbolic link' }],
    });
  });

  it('stops when it is cancelled, and leaves no lock behind', async () => {
    const controller = new AbortController();
    const ledger = ledgerIn(clone.root);
    const changing = ledger.commit(
      [],
      () => {
        controller.abort();
        return writing({ a: '1' });
      },
      { ...call, signal: controller.signal },
    );
    expect(await changing).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(await ledger.read([], { ...call, signal: controller.signal })).toMatchObject({
      failures: [{ code: 'cancelled' }],
    });
    expect(value(await ledger.commit([''], () => writing({ a: '2' }), call)).files.get('a')).toBe('2');
  });
});

describe.skipIf(missing.length > 0)(
  'the ledger of a repository without a remote',
  { timeout: 60_000 },
  () => {
    let root: string;
    let clone: TestClone;
    beforeEach(async () => {
      root = await mkdtemp(join(tmpdir(), 'goldenthread-alone-'));
      execFileSync('git', ['init', '-q', '-b', 'main', root]);
      clone = cloneAt(root);
    });
    afterEach(() => rm(root, { recursive: true }));

    it('is a branch of its own', async () => {
      const ledger = ledgerIn(root);
      expect(value(await ledger.read([''], call)).revision).toBeNull();
      expect(value(await ledger.log({}, call))).toEqual([]);
      value(await ledger.commit([], () => writing({ a: '1' }), call));
      value(await ledger.commit(['a'], ({ files: found }) => writing({ a: `${found.get('a')}2` }), call));
      expect(files(value(await ledger.read([''], call)))).toEqual({ a: '12' });
      expect(value(await ledger.log({}, call))).toHaveLength(2);
      expect(clone.git('for-each-ref', '--format=%(refname)')).toBe('refs/heads/deployments');
    });

    it('loses nothing when many write at once', async () => {
      const ledger = ledgerIn(root);
      const add = (one: number) =>
        ledger.commit(
          ['count'],
          ({ files: found }) =>
            writing({ count: `${Number(found.get('count') ?? 0) + 1}`, [`records/${one}`]: '' }),
          { ...call, signal: new AbortController().signal },
        );
      (await Promise.all(Array.from({ length: 8 }, (_, one) => add(one)))).forEach(value);
      const end = value(await ledger.read([''], call));
      expect([end.files.get('count'), end.files.size]).toEqual(['8', 9]);
    });

    it('may name its objects by SHA-256', async () => {
      await rm(join(root, '.git'), { recursive: true });
      execFileSync('git', ['init', '-q', '--object-format=sha256', root]);
      const ledger = ledgerIn(root);
      for (const text of ['1', '2']) value(await ledger.commit([], () => writing({ 'a/b': text }), call));
      expect(files(value(await ledger.read(['a'], call)))).toEqual({ 'a/b': '2' });
    });

    it('is refused where the branch is broken, and stays as it is', async () => {
      const ref = join(root, '.git/refs/heads/deployments');
      const ledger = ledgerIn(root);
      value(await ledger.commit([], () => writing({ a: '1' }), call));
      for (const broken of ['garbage\n', `${'1'.repeat(40)}\n`]) {
        await writeFile(ref, broken);
        expect(await ledger.read([''], call)).toMatchObject({
          failures: [{ code: 'content-corrupt', what: 'refs/heads/deployments' }],
        });
        expect(await ledger.commit([], () => writing({ a: '1' }), call)).toMatchObject({ ok: false });
        expect(await readFile(ref, 'utf8')).toBe(broken);
      }
    });

    it('is refused while it is checked out, as its work tree would be changed under its user', async () => {
      const ledger = ledgerIn(root);
      value(await ledger.commit([], () => writing({ a: '1' }), call));
      clone.git('checkout', '-q', 'deployments');
      expect(await ledger.commit([], () => writing({ a: '2' }), call)).toMatchObject({
        failures: [{ code: 'tool-failed', tool: 'git push', detail: expect.stringContaining('checked out') }],
      });
    });
  },
);
