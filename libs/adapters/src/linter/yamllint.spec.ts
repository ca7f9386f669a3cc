import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LintTarget, Result } from '@goldenthread/core';
import { stubTool, withPath, type Stub } from '@goldenthread/testing';
import type { Parts } from '../parts.ts';
import { createYamllint, readParsable } from './yamllint.ts';

describe('readParsable', () => {
  it('reads errors and warnings, with and without a rule, and nothing else', () => {
    const text = [
      './a b.yml:1:2: [error] too many blank lines (3 > 2) (empty-lines)',
      'c.yml:10:1: [warning] missing document start "---" (document-start)',
      'd.yml:4:1: [error] syntax error: found unexpected end of stream',
      'some other words',
    ].join('\n');
    expect(readParsable(text)).toEqual([
      {
        file: 'a b.yml',
        line: 1,
        column: 2,
        message: 'too many blank lines (3 > 2)',
        rule: 'yamllint empty-lines',
        level: 'error',
      },
      {
        file: 'c.yml',
        line: 10,
        column: 1,
        message: 'missing document start "---"',
        rule: 'yamllint document-start',
        level: 'warning',
      },
      {
        file: 'd.yml',
        line: 4,
        column: 1,
        message: 'syntax error: found unexpected end of stream',
        rule: 'yamllint syntax',
        level: 'error',
      },
    ]);
  });
});

describe('yamllint', () => {
  let root: string;
  let stub: Stub;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'goldenthread-linter-'));
    stub = await stubTool(root, 'yamllint');
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  const lint = (files: readonly string[]): Promise<Result<unknown>> => {
    const target: LintTarget = {
      project: 'x',
      root: 'x',
      file: 'x/image.yaml',
      files,
      roles: [],
      rolePaths: [],
    };
    const call = { signal: new AbortController().signal, emit: () => undefined };
    return withPath([root], () => createYamllint({ root, home: root } as Parts).lint(target, call));
  };

  it('takes relaxed rules only where the workspace has none of its own', async () => {
    await lint(['a.yml']);
    await writeFile(join(root, '.yamllint'), 'extends: default\n');
    await lint(['--version', 'b.yml']);
    expect(await stub.calls()).toEqual([
      ['-f', 'parsable', '-d', 'relaxed', '--', 'a.yml'],
      ['-f', 'parsable', '--', '--version', 'b.yml'],
    ]);
  });

  it('reads many files in several runs', async () => {
    await stub.answer({ stdout: 'a.yml:1:1: [error] wrong (rule)\n', code: 1 });
    const found = await lint(Array.from({ length: 2_001 }, (_, index) => `${index}.yml`));
    expect(found).toMatchObject({ ok: true, value: [{}, {}, {}] });
  });

  it('tells a failed run from findings', async () => {
    await stub.answer({ stderr: 'invalid config: unknown rule\n', code: 255 });
    expect(await lint(['a.yml'])).toMatchObject({
      ok: false,
      failures: [{ code: 'tool-failed', tool: 'yamllint', detail: 'invalid config: unknown rule' }],
    });
  });
});
