import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importOwn, ownModule, thrownText } from './own-module.ts';

// How TypeScript is loaded shows where Node itself loads it: policy/function.spec.ts in a thread, tools/e2e in a process.

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'goldenthread-own-'));
  const files = {
    'own.mjs': 'export const create = () => 1;\n',
    'own.cjs': 'exports.create = () => 1;\n',
    'own.ts': 'export const create = (): number => 1;\n',
    'own.cts': '\n',
    'broken.mjs': "throw new Error('early');\n",
    'text.mjs': "throw 'a text';\n",
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text);
});
afterAll(() => rm(root, { recursive: true, force: true }));

it.each(['own.mjs', 'own.cjs', './x/../own.mjs'])('loads %s', async (path) => {
  const loaded = await importOwn(root, path);
  expect(loaded).toMatchObject({ ok: true });
  if (loaded.ok) expect((loaded.value['create'] as () => number)()).toBe(1);
});

describe('refuses', () => {
  it.each([
    ['none.mjs', /^there is no file none\.mjs$/],
    ['a/../none.ts', /^there is no file none\.ts$/],
    ['own.cts', /^own\.cts is no module that can be loaded$/],
    ['broken.mjs', /^broken\.mjs cannot be loaded: early$/],
    ['text.mjs', /^text\.mjs cannot be loaded: a text$/],
  ])('%s', async (path, detail) => {
    expect(await importOwn(root, path)).toMatchObject({
      ok: false,
      failures: [{ code: 'usage', detail: expect.stringMatching(detail) as string }],
    });
  });
});

it('asks for hooks where there is TypeScript to translate, and only there', () => {
  expect(ownModule(root, 'own.mjs')).toMatchObject({ ok: true, value: { hooks: null } });
  expect(ownModule(root, 'own.ts')).toMatchObject({
    ok: true,
    value: {
      path: 'own.ts',
      hooks: {
        url: expect.stringMatching(/^data:text\/javascript,/) as string,
        data: { typescript: expect.stringMatching(/^file:.*typescript/) as string },
      },
    },
  });
});

it('keeps what is told of an error short', () => {
  expect(thrownText(new Error('x'.repeat(10_000)))).toHaveLength(2_000);
});
