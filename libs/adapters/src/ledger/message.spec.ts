import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ok, type Call, type LedgerMessage, type Result } from '@goldenthread/core';
import { cloneAt, missingTools, type TestClone } from '@goldenthread/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGitLedger } from './git.ts';
import { readMessage, writeMessage } from './message.ts';

const missing = missingTools('git');
const call: Call = { signal: new AbortController().signal, emit: () => undefined };

const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};

const line = fc.stringMatching(/^[ -~]{0,20}$/).map((text) => text.trim());
const text = fc
  .array(fc.oneof(line, fc.constantFrom('', 'Node: prod', ' Run: x', 'Signed-off-by: x', 'Environment:')))
  .map((lines) => lines.join('\n').trim());
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);

describe('the message of a change', () => {
  it('reads as it was written, whatever it says', () => {
    const message = fc.record({
      what: line.filter((what) => what !== ''),
      why: text.filter((why) => !/\n\n\n/.test(why)),
      nodes: fc.array(name),
      environments: fc.array(name),
    });
    fc.assert(
      fc.property(message, name, (written, run) => {
        expect(readMessage(writeMessage(written, run))).toEqual({ ...written, run });
      }),
    );
  });

  it('takes what people wrote for what it is', () => {
    expect(readMessage('Revert "release edge 1.4.1"\r\n\r\nIt broke\r\nthe proxy: badly.\r\n')).toEqual({
      what: 'Revert "release edge 1.4.1"',
      why: 'It broke\nthe proxy: badly.',
      nodes: [],
      environments: [],
      run: '',
    });
    expect(readMessage('')).toMatchObject({ what: '', why: '', run: '' });
  });
});

describe.skipIf(missing.length > 0)('the audit trail', { timeout: 60_000 }, () => {
  let root: string;
  let clone: TestClone;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'goldenthread-trail-'));
    execFileSync('git', ['init', '-q', '-b', 'main', root]);
    clone = cloneAt(root);
  });
  afterEach(() => rm(root, { recursive: true }));

  const ledger = (by = 'A Person <person@localhost>', id = 'https://ci.localhost/1') =>
    createGitLedger({ root, remote: null, branch: 'deployments', run: { by, id } });
  let count = 0;
  const change = async (message: Partial<LedgerMessage>, by?: string, id?: string): Promise<void> => {
    const whole = { what: 'a change', why: '', nodes: [], environments: [], ...message };
    const write = new Map([['count', String(count++)]]);
    value(await ledger(by, id).commit([], () => ok({ write, message: whole }), call));
  };

  it('says what, why, about what, by whom and in which run, newest first', async () => {
    await change({ what: 'first', nodes: ['edge', 'base'], environments: ['pre'] });
    await change({ what: 'second', why: 'for a reason', nodes: ['edge2'] }, 'Ü <u@localhost>', 'job 2');
    const log = value(await ledger().log({}, call));
    expect(log).toMatchObject([
      {
        what: 'second',
        why: 'for a reason',
        nodes: ['edge2'],
        environments: [],
        by: 'Ü <u@localhost>',
        run: 'job 2',
      },
      {
        what: 'first',
        why: '',
        nodes: ['edge', 'base'],
        environments: ['pre'],
        run: 'https://ci.localhost/1',
      },
    ]);
    expect(log[0]?.revision).toBe(clone.git('rev-parse', 'deployments'));
    expect(Math.abs(Date.parse(log[0]?.time ?? '') - Date.now())).toBeLessThan(600_000);
  });

  it('is narrowed by whole names, times and a limit', async () => {
    await change({ what: 'one', nodes: ['edge'], environments: ['pre'] });
    await change({ what: 'two', nodes: ['edge2'], environments: ['production'] });
    await change({ what: 'three', nodes: ['edge', 'x.y'], environments: ['production'] });
    const whats = async (filter: Parameters<ReturnType<typeof ledger>['log']>[0]) =>
      value(await ledger().log(filter, call)).map(({ what }) => what);
    expect(await whats({ node: 'edge' })).toEqual(['three', 'one']);
    expect(await whats({ node: 'x.y' })).toEqual(['three']);
    expect(await whats({ node: 'x*' })).toEqual([]);
    expect(await whats({ node: 'edge', environment: 'production' })).toEqual(['three']);
    expect(await whats({ limit: 2 })).toEqual(['three', 'two']);
    const [newest] = value(await ledger().log({ limit: 1 }, call));
    expect(await whats({ since: newest?.time ?? '', limit: 1 })).toEqual(['three']);
    expect(await whats({ until: '2001-01-01T00:00:00Z' })).toEqual([]);
    expect(await whats({ since: '2101-01-01T00:00:00Z' })).toEqual([]);
    expect(await ledger().log({ since: 'yesterday-ish' }, call)).toMatchObject({
      failures: [{ code: 'usage' }],
    });
  });

  it('says what a change by hand is about by the files that it touches', async () => {
    for (const text of ['one', 'two']) {
      const write = new Map([
        ['channels/edge.yaml', text],
        ['environments/production.yaml', text],
      ]);
      const message = { what: text, why: 'because', nodes: ['edge'], environments: ['production'] };
      value(await ledger().commit([], () => ok({ write, message }), call));
    }
    clone.git('checkout', '-q', 'deployments');
    clone.git('revert', '--no-edit', 'HEAD');
    clone.git('checkout', '-q', '--detach');
    for (const filter of [{ node: 'edge' }, { environment: 'production' }])
      expect(value(await ledger().log(filter, call)).map(({ what }) => what)).toEqual([
        'Revert "two"',
        'two',
        'one',
      ]);
    expect(value(await ledger().log({ node: 'edge2' }, call))).toEqual([]);
  });

  it('lets no text pass for a trailer, another change or another person', async () => {
    await change(
      {
        what: 'innocent\n\nNode: production',
        why: 'so\u0000 it is\r\n\r\nNode: production\nEnvironment: production\nRun: forged',
        nodes: ['edge\nRun: forged'],
      },
      'Eve\n<root@localhost> 1 +0000\n\nmerge x <eve@localhost>',
      'job\n\nNode: production',
    );
    const [entry, ...others] = value(await ledger().log({}, call));
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      what: 'innocent Node: production',
      why: expect.stringMatching(/^so {2}it is\n\nNode: production\nEnvironment: production\nRun: forged$/),
      nodes: ['edge Run: forged'],
      environments: [],
      run: 'job Node: production',
    });
    expect(entry?.by).toMatch(/<eve@localhost>$/);
    expect(value(await ledger().log({ node: 'production' }, call))).toEqual([]);
    // Git's own reading of trailers is not deceived either.
    expect(clone.git('log', '-1', '--format=%(trailers:only,unfold)', 'deployments')).toBe(
      'Node: edge Run: forged\nRun: job Node: production',
    );
    expect(clone.git('fsck', '--strict', '--no-dangling')).toBe('');
  });
});
