import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ok, type Call, type LedgerEdit, type Result } from '@goldenthread/core';
import {
  clone as sources,
  createRemote,
  missingTools,
  runSource,
  stubTool,
  withPath,
  type TestRemote,
} from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { which } from '../host.ts';
import { createGitLedger } from './git.ts';

const missing = missingTools('git');
const quiet = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const run = { by: 'spec <spec@localhost>', id: 'spec' };
const PROCESSES = 5;
const WRITERS = 10;

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};

/** A process in which many writers each add a record and count it, all at once. */
const writers = (roots: readonly string[], name: string): string => `
import { createGitLedger } from ${JSON.stringify(`file://${join(sources, 'libs/adapters/src/ledger/git.ts')}`)};
const run = ${JSON.stringify(run)};
const edit = (record) => ({ files }) => ({ ok: true, value: {
  write: new Map([['count', String(Number(files.get('count') ?? 0) + 1)], ['records/' + record, record]]),
  message: { what: record, why: '', nodes: [record], environments: [] },
} });
const all = await Promise.all(${JSON.stringify(roots)}.map(async (root, index) => {
  const call = { signal: new AbortController().signal, emit: () => undefined };
  const ledger = createGitLedger({ root, remote: null, branch: 'deployments', run });
  return ledger.commit(['count'], edit(${JSON.stringify(name)} + '-' + index), call);
}));
console.log(JSON.stringify(all.flatMap((one) => one.failures ?? [])));
`;

async function outcome(child: ReturnType<typeof runSource>): Promise<string> {
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  return said.trim();
}

describe.skipIf(missing.length > 0)('the ledger under many hands', () => {
  let remote: TestRemote;
  beforeEach(async () => {
    remote = await createRemote();
  });
  afterEach(() => remote.dispose());

  it('loses nothing of 50 writers, and readers see whole revisions', { timeout: 300_000 }, async () => {
    // Each process has two clones, so that writers meet at the remote and in one repository.
    const children = Array.from({ length: PROCESSES }, (_, process) => {
      const clones = [0, 1].map((index) => remote.clone(`clone-${process}-${index}`).root);
      const roots = Array.from({ length: WRITERS }, (_unused, index) => clones[index % 2] ?? '');
      return outcome(runSource(writers(roots, `process-${process}`), sources));
    });
    const ended = new AbortController();
    const outcomes = Promise.all(children).finally(() => ended.abort());
    const reader = createGitLedger({
      root: remote.clone('reader').root,
      remote: null,
      branch: 'deployments',
      run,
    });
    const seen: number[] = [];
    while (!ended.signal.aborted) {
      const { files } = value(await reader.read([''], quiet()));
      seen.push(Number(files.get('count') ?? 0));
      expect(files.size).toBe(files.size === 0 ? 0 : Number(files.get('count')) + 1);
    }
    expect(await outcomes).toEqual(Array.from({ length: PROCESSES }, () => '[]'));
    const { files } = value(await reader.read([''], quiet()));
    expect(files.get('count')).toBe('50');
    expect([...files.keys()].filter((path) => path.startsWith('records/'))).toHaveLength(50);
    expect(remote.git('rev-list', '--count', 'deployments')).toBe('50');
    expect(value(await reader.log({}, quiet()))).toHaveLength(50);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('is not taken for lost where another in this clone begins it while one looks for it', async () => {
    const { root, git } = remote.clone('clone');
    const tree = git('hash-object', '-t', 'tree', '-w', '/dev/null');
    const begun = git('commit-tree', tree, '-m', 'begun');
    const tools = join(remote.folder, 'tools');
    await mkdir(tools);
    // What the other does between our fetch, which finds no branch, and our look at what was seen before.
    const real = `'${which('git') ?? ''}'`;
    const begin = `${real} push -q origin ${begun}:refs/heads/deployments`;
    const see = `${real} update-ref refs/goldenthread/deployments ${begun}`;
    const script = `case " $* " in *" for-each-ref "*) ${begin} && ${see};; esac; exec ${real} "$@"`;
    await stubTool(tools, 'git', { script });
    const ledger = createGitLedger({ root, remote: null, branch: 'deployments', run });
    await withPath([tools], async () => {
      expect(value(await ledger.read([''], quiet())).revision).toBe(begun);
    });
  });

  it.each([
    ['before it fetches', 'fetch', 'before'],
    ['after it fetched', 'fetch', 'after'],
    ['before the commit is made', 'fast-import', 'before'],
    ['after the commit is made', 'fast-import', 'after'],
    ['before it pushes', 'push', 'before'],
    ['after it pushed', 'push', 'after'],
  ])('is whole when a writer is killed outright %s', async (_, command, moment) => {
    const { root } = remote.clone('clone');
    const ledger = createGitLedger({ root, remote: null, branch: 'deployments', run });
    const add = (record: string): Promise<Result<unknown>> =>
      ledger.commit(
        ['list'],
        ({ files }): Result<LedgerEdit | null> => {
          const list = files.get('list') ?? '';
          if (list.includes(record)) return ok(null);
          const message = { what: record, why: '', nodes: [], environments: [] };
          return ok({ write: new Map([['list', `${list}${record}\n`]]), message });
        },
        quiet(),
      );
    value(await add('first'));
    const tools = join(remote.folder, 'tools');
    await mkdir(tools);
    const git = which('git') ?? '';
    const last = moment === 'after' ? `'${git}' "$@" >/dev/null` : ':';
    const script = `case " $* " in *" ${command} "*) ${last}; kill -9 $$;; esac; exec '${git}' "$@"`;
    await stubTool(tools, 'git', { script });
    await withPath([tools], async () => {
      expect(await add('second')).toMatchObject({ ok: false });
    });
    value(await add('second'));
    value(await add('third'));
    expect(remote.git('show', 'deployments:list')).toBe('first\nsecond\nthird');
    expect(remote.git('rev-list', '--count', 'deployments')).toBe('3');
    expect(readdirSync(join(root, '.git')).filter((name) => /lock|crash/.test(name))).toEqual([]);
  });
});
