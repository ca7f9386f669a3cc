import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Machine } from '@goldenthread/core';
import { createScript, interpreter, scriptCases } from './script.ts';

const root = await mkdtemp(join(tmpdir(), 'goldenthread-script-'));
afterAll(() => rm(root, { recursive: true, force: true }));

// The machine is this one: what is run inside is run here.
const here: Machine = {
  connection: { kind: 'chroot', folder: '/' },
  beside: [],
  inside: [],
  enter: '',
  stop: async () => undefined,
};

async function verify(text: string, timeout = 20) {
  await writeFile(join(root, 'check.sh'), text);
  const parts = { root, home: root, blobs: undefined as never };
  const call = { signal: new AbortController().signal, emit: () => undefined };
  return createScript(parts).verify(
    here,
    { verifier: 'script', path: 'check.sh', on: 'files', timeout },
    'edge',
    call,
  );
}

describe('interpreter', () => {
  it.each([
    ['echo no shebang', ['sh', '-s']],
    ['#!/bin/bash\n', ['/bin/bash', '-s']],
    ['#!/usr/bin/env bash\n', ['bash', '-s']],
    ['#!/usr/bin/python3\n', ['/usr/bin/python3', '-']],
  ])('%j', (text, expected) => expect(interpreter(text)).toEqual(expected));
});

describe('scriptCases', () => {
  it('makes a case of each TAP line', () => {
    const output = '1..3\nok 1 - starts\nnot ok 2 - answers\n# got 502\nok 3 - later # SKIP no network';
    expect(scriptCases('a.sh', 1, output)).toEqual([
      { name: 'starts', outcome: 'passed', seconds: 0 },
      { name: 'answers', outcome: 'failed', seconds: 0, message: '# got 502' },
      { name: 'later # SKIP no network', outcome: 'skipped', seconds: 0 },
    ]);
  });
  it('judges by the exit code where there is no TAP, and never passes a bad exit', () => {
    expect(scriptCases('a.sh', 0, 'hello')).toEqual([{ name: 'a.sh', outcome: 'passed', seconds: 0 }]);
    expect(scriptCases('a.sh', 3, 'boom')).toEqual([
      { name: 'a.sh', outcome: 'failed', seconds: 0, message: 'boom\nexit code 3' },
    ]);
    expect(scriptCases('a.sh', 1, 'ok 1 - first').map((one) => one.outcome)).toEqual(['passed', 'failed']);
  });
});

describe('script verifier', () => {
  it('runs the script with an empty environment and reads its cases', async () => {
    process.env['GOLDENTHREAD_SPEC_SECRET'] = 'leaks';
    const suite = await verify(
      'test -z "$GOLDENTHREAD_SPEC_SECRET" && echo "ok 1 - clean for $GOLDENTHREAD_IMAGE"',
    );
    expect(suite).toMatchObject({
      ok: true,
      value: { verifier: 'script', cases: [{ name: 'clean for edge', outcome: 'passed' }] },
    });
  });
  it('stops a script that hangs', async () => {
    expect(await verify('sleep 60', 1)).toEqual({
      ok: false,
      failures: [{ code: 'timeout', what: '/usr/bin/env', seconds: 1 }],
    });
  });
});
