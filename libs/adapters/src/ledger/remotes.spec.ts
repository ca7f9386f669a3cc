import { execFileSync, spawnSync } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ok, text, type Call, type Failure, type Result } from '@goldenthread/core';
import {
  createRemote,
  missingTools,
  serveGit,
  stubTool,
  withPath,
  type GitServer,
  type ServeOptions,
  type TestClone,
  type TestRemote,
} from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGitLedger } from './git.ts';

const missing = missingTools('git', 'openssl', 'ps');
const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const run = { by: 'spec <spec@localhost>', id: 'spec' };

const ledgerIn = (root: string, remote: string | null = null) =>
  createGitLedger({ root, remote, branch: 'deployments', run });
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};
const failure = (result: Result<unknown>): Failure => {
  const first = result.ok ? undefined : result.failures[0];
  if (first === undefined) throw new Error('it went well');
  return first;
};

const put = (root: string, path: string, content: string) =>
  ledgerIn(root).commit(
    [''],
    () =>
      ok({
        write: new Map([[path, content]]),
        message: { what: path, why: '', nodes: [], environments: [] },
      }),
    call,
  );

let remote: TestRemote;
let clone: TestClone;
const servers: { dispose(): Promise<void> }[] = [];
beforeEach(async () => {
  remote = await createRemote();
  clone = remote.clone('clone');
  for (const commit of ['one', 'two', 'three']) {
    await writeFile(join(clone.root, 'file'), commit);
    clone.commit(commit);
  }
  clone.git('push', '-q', 'origin', 'HEAD:main');
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.dispose()));
  await remote.dispose();
});

const serve = async (options: ServeOptions = {}): Promise<GitServer> => {
  const server = await serveGit(remote.folder, options);
  servers.push(server);
  return server;
};

describe.skipIf(missing.length > 0)('the ledger at a remote', { timeout: 60_000 }, () => {
  const writesAndReads = async (): Promise<void> => {
    value(await put(clone.root, 'a', '1'));
    value(await put(clone.root, 'b', '2'));
    const read = value(await ledgerIn(clone.root).read([''], call));
    expect(Object.fromEntries(read.files)).toEqual({ a: '1', b: '2' });
    expect(value(await ledgerIn(clone.root).log({}, call)).map(({ what }) => what)).toEqual(['b', 'a']);
    expect(remote.git('rev-parse', 'deployments')).toBe(read.revision);
  };

  it('is reached by HTTP', async () => {
    const server = await serve();
    clone.git('remote', 'set-url', 'origin', server.url());
    await writesAndReads();
    expect(server.asked.some((line) => line.includes('git-receive-pack'))).toBe(true);
  });

  it('is reached by HTTPS with a password, which no message and no argument tells', async () => {
    const server = await serve({ user: 'robot', password: 's3cret', tls: true });
    clone.git('remote', 'set-url', 'origin', server.url('robot'));
    expect(failure(await ledgerIn(clone.root).read([''], call))).toMatchObject({ code: 'unreachable' });
    // The variable, as it stands above the setting `http.sslCAInfo`.
    const before = process.env['GIT_SSL_CAINFO'];
    process.env['GIT_SSL_CAINFO'] = server.ca ?? '';
    try {
      await writesAndReads();
      remote.git('config', 'http.receivepack', 'false');
      const refused = failure(await put(clone.root, 'c', '3'));
      expect(refused).toMatchObject({ code: 'not-permitted' });
      expect(text(refused)).not.toContain('s3cret');
    } finally {
      if (before === undefined) delete process.env['GIT_SSL_CAINFO'];
      else process.env['GIT_SSL_CAINFO'] = before;
    }
    expect(ledgerIn(clone.root, server.url('robot')).name).not.toContain('s3cret');
  });

  it('is reached by ssh, with a program of the user’s own', async () => {
    const tools = join(remote.folder, 'tools');
    await mkdir(tools);
    const ssh = await stubTool(tools, 'their-ssh', { script: 'shift; exec sh -c "$*"' });
    clone.git('config', 'core.sshCommand', ssh.path);
    clone.git('remote', 'set-url', 'origin', `robot@host.invalid:${remote.path}`);
    await writesAndReads();
    expect((await ssh.calls())[0]?.join(' ')).toContain('robot@host.invalid');
  });

  it('is reached by plain ssh without ever asking anybody', async () => {
    const tools = join(remote.folder, 'tools');
    await mkdir(tools);
    const ssh = await stubTool(tools, 'ssh', {
      stderr: 'robot@h: Permission denied (publickey).\n',
      code: 255,
    });
    clone.git('remote', 'set-url', 'origin', `ssh://robot@host.invalid${remote.path}`);
    await withPath([tools], async () => {
      expect(failure(await ledgerIn(clone.root).read([''], call))).toMatchObject({ code: 'not-permitted' });
    });
    expect((await ssh.calls())[0]).toEqual(expect.arrayContaining(['-o', 'BatchMode=yes']));
  });

  it('may be another than origin, by its name or its address', async () => {
    clone.git('remote', 'rename', 'origin', 'team');
    for (const name of ['team', remote.url])
      value(
        await ledgerIn(clone.root, name).commit(
          [],
          () =>
            ok({
              write: new Map([[name === 'team' ? 'a' : 'b', '1']]),
              message: { what: 'x', why: '', nodes: [], environments: [] },
            }),
          call,
        ),
      );
    expect(remote.git('ls-tree', '--name-only', 'deployments')).toBe('a\nb');
  });

  it('says what a hook of the server has against it, and tries no second time', async () => {
    await remote.hook(
      'pre-receive',
      `echo x >> ${remote.folder}/calls; echo "the branch is closed" >&2; exit 1`,
    );
    expect(failure(await put(clone.root, 'a', '1'))).toEqual({
      code: 'tool-failed',
      tool: 'git push',
      detail: 'the branch is closed\n[remote rejected] (pre-receive hook declined)',
    });
    expect(execFileSync('wc', ['-l', join(remote.folder, 'calls')], { encoding: 'utf8' })).toMatch(/^1 /);
    expect(value(await ledgerIn(clone.root).read([''], call)).revision).toBeNull();
  });

  it.each(['garbage', '1'.repeat(40), ''])(
    'is not taken for empty where the remote’s ref is broken: "%s"',
    async (broken) => {
      value(await put(clone.root, 'a', '1'));
      await writeFile(join(remote.path, 'refs/heads/deployments'), broken);
      expect(await ledgerIn(clone.root).read([''], call)).toMatchObject({ ok: false });
      expect(await put(clone.root, 'b', '1')).toMatchObject({ ok: false });
    },
  );

  it('says which lock is in the way, where the server never gets it', async () => {
    value(await put(clone.root, 'a', '1'));
    await writeFile(join(remote.path, 'refs/heads/deployments.lock'), '');
    expect(failure(await put(clone.root, 'b', '1'))).toMatchObject({
      code: 'tool-failed',
      detail: expect.stringContaining('deployments.lock'),
    });
    await rm(join(remote.path, 'refs/heads/deployments.lock'));
    value(await put(clone.root, 'b', '1'));
  });
});

describe.skipIf(missing.length > 0)('a remote that cannot be used', { timeout: 60_000 }, () => {
  const code = async (url: string): Promise<string> => {
    clone.git('remote', 'set-url', 'origin', url);
    const [read, written] = [await ledgerIn(clone.root).read([''], call), await put(clone.root, 'a', '1')];
    expect(failure(read).code).toBe(failure(written).code);
    return failure(read).code;
  };

  it('is unreachable where there is none', async () => {
    const server = await serveGit(remote.folder);
    await server.dispose();
    expect(await code(server.url())).toBe('unreachable');
    expect(await code(`file://${remote.folder}/none`)).toBe('unreachable');
    expect(await code(`${(await serve()).url()}/none`)).toBe('unreachable');
  });

  it('is not permitted with a wrong password or none, and never waits for one', async () => {
    const server = await serve({ user: 'robot', password: 's3cret' });
    expect(await code(server.url().replace('127', 'robot:wrong@127'))).toBe('not-permitted');
    expect(await code(server.url())).toBe('not-permitted');
  });

  it('is unreachable where nothing is answered for too long', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push({
      dispose: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          sockets.forEach((socket) => socket.destroy());
        }),
    });
    const { port } = server.address() as AddressInfo;
    process.env['GIT_HTTP_LOW_SPEED_TIME'] = '1';
    try {
      expect(await code(`http://127.0.0.1:${port}/repository.git`)).toBe('unreachable');
    } finally {
      delete process.env['GIT_HTTP_LOW_SPEED_TIME'];
    }
  });

  it('is let go of at once when the call is cancelled, with every process', async () => {
    const [tools, pid] = [join(remote.folder, 'tools'), join(remote.folder, 'pid')];
    await mkdir(tools);
    const ssh = await stubTool(tools, 'their-ssh', { script: `echo $$ > '${pid}'; exec sleep 600` });
    clone.git('config', 'core.sshCommand', ssh.path);
    clone.git('remote', 'set-url', 'origin', `robot@host.invalid:${remote.path}`);
    const controller = new AbortController();
    const reading = ledgerIn(clone.root).read([''], { ...call, signal: controller.signal });
    const id = async (): Promise<string> => {
      const text = await readFile(pid, 'utf8');
      expect(text).toMatch(/^\d+\n$/);
      return text.trim();
    };
    const process = await vi.waitFor(id, { timeout: 30_000 });
    controller.abort();
    expect(await reading).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    // A process that has ended may wait for its new parent to notice (Z).
    const state = spawnSync('ps', ['-o', 'stat=', '-p', process], { encoding: 'utf8' }).stdout.trim();
    expect(state).toMatch(/^(Z.*)?$/);
  });

  it('is refused where its name, or the branch, would be an option or something else', async () => {
    expect(failure(await ledgerIn(clone.root, '--upload-pack=x').read([], call))).toMatchObject({
      code: 'usage',
    });
    for (const branch of ['-x', 'a:b', 'a b', '*'])
      expect(
        failure(await createGitLedger({ root: clone.root, remote: null, branch, run }).read([], call)),
      ).toMatchObject({ code: 'usage' });
  });

  it('is said to need git where there is no git', async () => {
    const tools = join(remote.folder, 'tools');
    await mkdir(tools);
    await withPath(
      [tools],
      async () => {
        expect(failure(await ledgerIn(clone.root).read([], call))).toMatchObject({
          code: 'tool-missing',
          tool: 'git',
        });
      },
      true,
    );
  });
});

describe.skipIf(missing.length > 0)('the ledger in a clone that lacks something', { timeout: 60_000 }, () => {
  beforeEach(async () => {
    for (const path of ['a', 'b', 'c']) value(await put(clone.root, path, path));
  });

  const works = async (root: string): Promise<void> => {
    const read = value(await ledgerIn(root).read([''], call));
    expect([...read.files.values()].join('')).toBe('abc');
    value(await put(root, 'd', 'd'));
    expect(value(await ledgerIn(root).log({}, call)).map(({ what }) => what)).toEqual(['d', 'c', 'b', 'a']);
    expect(value(await ledgerIn(root).read(['d'], call, { cached: true })).files.get('d')).toBe('d');
  };

  it('works in a shallow clone, whose own depth stays', async () => {
    const shallow = remote.clone('shallow', '--depth=1');
    await works(shallow.root);
    expect(shallow.git('rev-list', '--count', 'HEAD')).toBe('1');
  });

  it('works where the ledger itself was fetched without its history', async () => {
    const shallow = remote.clone('shallow', '--depth=1', '--no-single-branch');
    expect(shallow.git('rev-list', '--count', 'origin/deployments')).toBe('1');
    await works(shallow.root);
    expect(shallow.git('rev-list', '--count', 'HEAD')).toBe('1');
  });

  it('works in a partial clone, and gets what is missing in one go', async () => {
    const many = Array.from({ length: 20 }, (_, index): [string, string] => [`many/${index}`, `${index}`]);
    const message = { what: 'many', why: '', nodes: [], environments: [] };
    value(await ledgerIn(clone.root).commit([], () => ok({ write: new Map(many), message }), call));
    const partial = remote.clone('partial', '--filter=blob:none', '--no-checkout');
    const { url, asked } = await serve();
    partial.git('remote', 'set-url', 'origin', url());
    const posts = (): number => asked.filter((line) => line.startsWith('POST')).length;
    expect(value(await ledgerIn(partial.root).read([''], call)).files.size).toBe(23);
    // The names of refs and the branch; then names and content for all that is missing. One by one it would be twenty more.
    expect(posts()).toBeLessThanOrEqual(4);
    const before = posts();
    expect(value(await ledgerIn(partial.root).read([''], call, { cached: true })).files.size).toBe(23);
    expect(posts()).toBe(before);
    value(await put(partial.root, 'd', 'd'));
  });

  it('works in a partial clone without trees', async () => {
    await works(remote.clone('treeless', '--filter=tree:0', '--no-checkout').root);
  });

  it('shows the audit trail of a partial clone without trees, of which nothing was read before', async () => {
    const { root } = remote.clone('treeless', '--filter=tree:0', '--no-checkout');
    expect(value(await ledgerIn(root).log({}, call)).map(({ what }) => what)).toEqual(['c', 'b', 'a']);
  });

  it('works on a detached HEAD, and where only one ref was ever fetched', async () => {
    const ci = join(remote.folder, 'ci');
    execFileSync('git', ['init', '-q', ci]);
    const git = (...args: string[]) => execFileSync('git', args, { cwd: ci, stdio: 'ignore' });
    git('remote', 'add', 'origin', remote.url);
    git('fetch', '-q', '--no-tags', '--depth=1', 'origin', '+refs/heads/main:refs/remotes/pull/1/merge');
    git('checkout', '-q', '--detach', 'refs/remotes/pull/1/merge');
    await works(ci);
  });

  it('works in a folder of the repository and in another work tree', async () => {
    await mkdir(join(clone.root, 'sub'));
    clone.git('worktree', 'add', '-q', '--detach', '../tree');
    expect(value(await ledgerIn(join(clone.root, 'sub')).read([''], call)).files.size).toBe(3);
    await works(join(remote.folder, 'tree'));
  });
});
