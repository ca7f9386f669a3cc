import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingTools } from '@goldenthread/testing';
import type { Finding, Result } from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { createPackerLinter, formatFindings, validateFindings } from './packer.ts';

describe('validateFindings', () => {
  it.each([
    [
      'HCL, every error',
      'Error: Invalid expression\n\n  on a/x.pkr.hcl line 2, in source "null" "it":\n   2:   communicator = \n   3: }\n\nExpected the start of an expression.\n\n\nError: Unsupported block\n\n  on a/y.pkr.hcl line 7:\n  (source code not available)\n\nNot here.\n\n',
      [
        { file: 'a/x.pkr.hcl', line: 2, message: 'Invalid expression: Expected the start of an expression.' },
        { file: 'a/y.pkr.hcl', line: 7, message: 'Unsupported block: Not here.' },
      ],
    ],
    [
      'JSON syntax',
      "Failed to parse template: Error parsing JSON: invalid character '}' after array element\nAt line 3, column 36 (offset 36):\n    1: {\n",
      [{ file: 't.json', line: 3, column: 36, message: "invalid character '}' after array element" }],
    ],
    [
      'JSON content',
      "Failed to parse template: 1 error occurred:\n\t* Unknown root level key in template: 'foo'\n\n",
      [{ file: 't.json', line: 1, column: 1, message: "Unknown root level key in template: 'foo'" }],
    ],
    ['other words', 'Template not found', [{ file: 't.json', line: 1, message: 'Template not found' }]],
    ['no words', '', [{ message: 'Packer refuses it and does not say why' }]],
  ])('%s', (_, said, expected) => {
    expect(validateFindings(said, 't.json')).toEqual(
      expected.map((one) => expect.objectContaining(one) as Finding),
    );
  });
});

describe('formatFindings', () => {
  it('points at the first line of each change', () => {
    const diff =
      'a/b.pkr.hcl\n--- old/a/b.pkr.hcl\n+++ new/a/b.pkr.hcl\n@@ -1,6 +1,6 @@\n source "null" "it" {\n-  communicator    = "none"\n+  communicator = "none"\n }\n build {\n-sources = []\n+  sources = []\n }\n@@ -20,3 +20,2 @@\n x\n-\n y\n';
    expect(formatFindings(diff).map(({ file, line }) => `${file}:${line}`)).toEqual([
      'a/b.pkr.hcl:2',
      'a/b.pkr.hcl:5',
      'a/b.pkr.hcl:21',
    ]);
  });
});

const missing = missingTools('packer');

describe.skipIf(missing.length > 0)('with the real Packer', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'goldenthread-linter-'));
    const files = {
      'form.pkr.hcl': 'source "null" "it" {\ncommunicator = "none"\n}\n',
      'bad.json': '{ "builders": [ { "type": "null" } }',
      'plain.json': '{"builders":[{"type":"null",\n"communicator":"none"}]}',
      'vars.pkrvars.hcl': 'a  = 1\n',
    };
    await Promise.all(Object.entries(files).map(([path, text]) => writeFile(join(root, path), text)));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  const lint = (...files: readonly string[]): Promise<Result<readonly Finding[]>> => {
    const call = { signal: new AbortController().signal, emit: () => undefined };
    const target = { project: 'x', root: '', file: 'image.yaml', files, roles: [], rolePaths: [] };
    return createPackerLinter({ root, home: root } as Parts).lint(target, call);
  };

  it('checks the form of HCL2, of JSON only the syntax', async () => {
    expect(await lint('plain.json')).toEqual({ ok: true, value: [] });
    expect(await lint('bad.json')).toMatchObject({
      ok: true,
      value: [{ file: 'bad.json', line: 1, column: 36, rule: 'packer validate' }],
    });
    expect(await lint('form.pkr.hcl', 'vars.pkrvars.hcl')).toMatchObject({
      ok: true,
      value: [
        { file: 'form.pkr.hcl', line: 2, rule: 'packer fmt' },
        { file: 'vars.pkrvars.hcl', line: 1, rule: 'packer fmt' },
      ],
    });
  });
});
