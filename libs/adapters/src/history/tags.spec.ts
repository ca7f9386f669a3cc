import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Result, Tag } from '@goldenthread/core';
import {
  cloneAt,
  createRemote,
  missingTools,
  serveGit,
  stubTool,
  withPath,
  type TestClone,
  type TestRemote,
} from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { which } from '../host.ts';
import { createGitHistory } from './git.ts';

const missing = missingTools('git');
const quiet = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};

describe.skipIf(missing.length > 0)('tags', { timeout: 60_000 }, () => {
  let remote: TestRemote;
  let clone: TestClone;
  let commit: string;
  let edge: Tag;
  beforeEach(async () => {
    remote = await createRemote();
    clone = remote.clone('clone');
    commit = clone.commit('start');
    clone.git('push', '-q', 'origin', 'HEAD:main');
    edge = { name: 'edge@1.4.1', commit, message: 'edge 1.4.1\n\nrole hardening changed' };
  });
  afterEach(() => remote.dispose());

  const tag = async (name: string, at: TestClone = clone) =>
    value(await createGitHistory(at.root, null).tag(name, quiet()));
  const set = (one: Tag, at: TestClone = clone) => createGitHistory(at.root, null).setTag(one, quiet());

  it('are annotated, and the same for everybody, once and for ever', async () => {
    expect(await tag(edge.name)).toBeNull();
    value(await set(edge));
    const other = remote.clone('other', '--no-tags');
    expect([await tag(edge.name), await tag(edge.name, other)]).toEqual([edge, edge]);
    expect(remote.git('cat-file', '-t', edge.name)).toBe('tag');
    expect(remote.git('for-each-ref', '--format=%(taggername)', 'refs/tags')).toBe('spec');
    expect(clone.git('rev-parse', edge.name)).toBe(remote.git('rev-parse', edge.name));
    value(await set({ ...edge, message: 'other words' }, other));
    expect(await tag(edge.name)).toEqual(edge);
    const next = other.commit('next');
    expect(await set({ ...edge, commit: next }, other)).toEqual({
      ok: false,
      failures: [
        { code: 'version-taken', version: 'edge@1.4.1', where: remote.url, expected: next, found: commit },
      ],
    });
  });

  it('are read whoever set them, however: lightweight, signed, of a tag, in a shallow clone', async () => {
    clone.git('tag', 'light');
    clone.git('tag', '-a', 'plain', '-m', 'words');
    clone.git('tag', '-a', 'outer', 'plain', '-m', 'outer words');
    const signed = `object ${commit}\ntype commit\ntag signed\ntagger a <a@b> 1 +0000\n\nwords\n-----BEGIN SSH SIGNATURE-----\nx\n`;
    const made = execFileSync('git', ['mktag'], { cwd: clone.root, input: signed, encoding: 'utf8' }).trim();
    clone.git('update-ref', 'refs/tags/signed', made);
    clone.git('update-ref', 'refs/tags/x/refs/tags/hidden', made);
    clone.git('tag', 'tree', 'HEAD^{tree}');
    clone.git('push', '-q', '--tags', 'origin');
    clone.git('commit', '-q', '--allow-empty', '-m', 'next');
    clone.git('push', '-q', 'origin', 'HEAD:main');
    const shallow = remote.clone('shallow', '--depth=1', '--no-tags');
    const messages = { light: '', plain: 'words', outer: 'outer words', signed: 'words' };
    for (const [name, message] of Object.entries(messages))
      expect(await tag(name, shallow)).toEqual({ name, commit, message });
    expect(await tag('hidden', shallow)).toBeNull();
    expect(await createGitHistory(shallow.root, null).tag('tree', quiet())).toMatchObject({
      failures: [{ code: 'content-corrupt' }],
    });
    expect(shallow.git('tag', '--list')).toBe('');
  });

  it('are set whatever the user has configured, and call no hook', async () => {
    clone.git('config', 'tag.gpgSign', 'true');
    clone.git('config', 'push.gpgSign', 'true');
    clone.git('config', 'push.followTags', 'true');
    clone.git('config', 'user.useConfigOnly', 'true');
    clone.git('config', '--unset', 'user.email');
    clone.git('update-ref', 'refs/tags/mine', commit);
    await writeFile(join(clone.root, '.git/hooks/pre-push'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    value(await set(edge));
    expect(remote.git('tag', '--list')).toBe(edge.name);
  });

  it('left here by a run that was killed are pushed as they are; one of the user’s own stays', async () => {
    clone.git('tag', '-a', edge.name, '-m', 'of the run before');
    const left = clone.git('rev-parse', edge.name);
    value(await set(edge));
    expect(remote.git('rev-parse', edge.name)).toBe(left);
    const next = clone.commit('next');
    clone.git('tag', 'edge@1.4.2', commit);
    value(await set({ ...edge, name: 'edge@1.4.2', commit: next }));
    expect(await tag('edge@1.4.2')).toMatchObject({ commit: next });
    expect(clone.git('rev-parse', 'edge@1.4.2')).toBe(commit);
  });

  it.each([
    ['before the tag is made', 'mktag', ':'],
    ['before it is pushed', 'push', ':'],
    ['after it was pushed', 'push', 'git "$@" >/dev/null'],
  ])('come out right when the run is killed outright %s', async (_, command, last) => {
    const tools = join(remote.folder, 'tools');
    await mkdir(tools);
    const git = which('git') ?? '';
    const script = `case " $* " in *" ${command} "*) ${last.replace('git', `'${git}'`)}; kill -9 $$;; esac; exec '${git}' "$@"`;
    await stubTool(tools, 'git', { script });
    await withPath([tools], async () => expect(await set(edge)).toMatchObject({ ok: false }));
    value(await set(edge));
    expect(await tag(edge.name)).toEqual(edge);
  });

  it('are set by one of many at once; the others see it, or that it is another', async () => {
    const clones = Array.from({ length: 4 }, (_, index) => remote.clone(`clone-${index}`));
    const same = await Promise.all(clones.map((one) => set(edge, one)));
    expect(same.every((one) => one.ok)).toBe(true);
    const others = clones.map((one, index) => one.commit(`commit ${index}`));
    const results = await Promise.all(
      clones.map((one, index) => set({ ...edge, name: 'edge@2.0.0', commit: others[index] ?? '' }, one)),
    );
    expect(results.filter((one) => one.ok)).toHaveLength(1);
    for (const one of results)
      if (!one.ok) expect(one.failures).toMatchObject([{ code: 'version-taken', version: 'edge@2.0.0' }]);
  });

  it('are refused by a server with its words, and by those that cannot be reached', async () => {
    await remote.hook('update', 'echo "tags are closed" >&2; exit 1');
    expect(await set(edge)).toMatchObject({
      failures: [
        { code: 'tool-failed', tool: 'git push', detail: expect.stringContaining('tags are closed') },
      ],
    });
    expect(clone.git('tag', '--list')).toBe('');
    const server = await serveGit(remote.folder, { user: 'robot', password: 's3cret' });
    clone.git('remote', 'set-url', 'origin', server.url());
    expect(await set(edge)).toMatchObject({ failures: [{ code: 'not-permitted' }] });
    await server.dispose();
    expect(await set(edge)).toMatchObject({ failures: [{ code: 'unreachable' }] });
  });

  it('throws at names that would be more than a name', async () => {
    for (const name of ['a:b', '-d', '*', 'a b', ''])
      await expect(set({ ...edge, name })).rejects.toThrow('not a name of a tag');
  });

  it('are those of the repository itself where there is no remote', async () => {
    const root = await mkdtemp(join(tmpdir(), 'goldenthread-tags-'));
    try {
      execFileSync('git', ['init', '-q', root]);
      const alone = cloneAt(root);
      const here = { ...edge, commit: alone.commit('start') };
      expect(await tag(edge.name, alone)).toBeNull();
      value(await set(here, alone));
      expect(await tag(edge.name, alone)).toEqual(here);
      expect(await set({ ...here, commit: alone.commit('next') }, alone)).toMatchObject({
        failures: [{ code: 'version-taken', where: 'this repository' }],
      });
      expect(await readFile(join(root, '.git/HEAD'), 'utf8')).toContain('refs/heads/');
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
