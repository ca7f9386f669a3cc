import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PolicyFinding, Preview, Result } from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { createFunctionPolicy } from './function.ts';

const PLAN: Preview = {
  schema: 1,
  stack: 'network',
  environment: 'production',
  engine: 'terraform',
  aim: 'apply',
  sources: '',
  commit: null,
  inputs: [],
  images: {},
  changes: [
    {
      address: 'net',
      type: 'aws_vpc',
      action: 'delete',
      attributes: [],
      region: null,
      tags: { team: 'a' },
    },
  ],
  outputs: {},
  changedOutputs: [],
  state: null,
  values: null,
  base: null,
  secrets: null,
  time: '2026-01-01T00:00:00Z',
  digest: '',
};

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'goldenthread-rule-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
};

const check = (
  path: string,
  { seconds, signal = new AbortController().signal }: { seconds?: number; signal?: AbortSignal } = {},
): Promise<Result<readonly PolicyFinding[]>> =>
  createFunctionPolicy({ root } as Parts, seconds).check(path, PLAN, { signal, emit: () => undefined });

/** Writes a rule of this text and asks it. */
const ask = async (text: string, options: Parameters<typeof check>[1] = {}): ReturnType<typeof check> => {
  await write({ 'rules/own.mjs': text });
  return check('rules/own.mjs', options);
};

const DELETES = `({ changes }) =>
  changes.filter(({ action }) => action === 'delete').map(({ address }) => ({ resource: address, message: 'not on a Friday' }))`;
const FOUND = { ok: true, value: [{ resource: 'net', message: 'not on a Friday' }] };

describe('a rule', () => {
  it.each([
    ['in JavaScript', `export const rule = ${DELETES};`],
    [
      'that takes its time',
      `export const rule = async (plan) => { await null; return (${DELETES})(plan); };`,
    ],
    ['that is declared', `export function rule(plan) { return (${DELETES})(plan); }`],
  ])('%s gets the plan, and its findings are told', async (_, text) => {
    expect(await ask(text)).toEqual(FOUND);
  });

  it('has nothing to say by an empty list, and of the whole plan without a resource', async () => {
    expect(await ask('export const rule = () => [];')).toEqual({ ok: true, value: [] });
    expect(await ask("export const rule = () => [{ message: 'x', more: 1 }];")).toEqual({
      ok: true,
      value: [{ resource: null, message: 'x' }],
    });
  });

  it('in TypeScript is taken as it is, with its siblings, and leaves nothing behind', async () => {
    await write({
      'ts/own.ts': `
        import type { Rule } from '@goldenthread/core';
        import { WORDS } from './words.js';
        import { Level, isBad } from './more/level.mts';
        import { readFileSync } from 'node:fs';
        const beside: string = readFileSync(new URL('./day.txt', import.meta.url), 'utf8');
        export const rule: Rule = ({ changes }) =>
          changes.filter(({ action }) => isBad(action, Level.High)).map(({ address }) => ({ resource: address, message: WORDS + beside }));
      `,
      'ts/words.ts': "export const WORDS = 'not on a ' as const satisfies string;\n",
      'ts/day.txt': 'Friday',
      'ts/more/level.mts':
        "export enum Level { High = 3 }\nexport const isBad = (a: string, l: Level): boolean => a === 'delete' && l > 2;\n",
    });
    const before = await readdir(root, { recursive: true });
    expect(await check('ts/own.ts')).toEqual(FOUND);
    expect((await readdir(root, { recursive: true })).toSorted()).toEqual(before.toSorted());
  });

  it('can change nothing but its own copy of the plan', async () => {
    const before = structuredClone(PLAN);
    await ask('export const rule = (plan) => { plan.changes.length = 0; plan.stack = 1; return []; };');
    expect(PLAN).toEqual(before);
  });

  it('sees nothing of our environment, and prints nothing', async () => {
    process.env['SPEC_TOKEN'] = 'planted-secret';
    try {
      const text = `export const rule = () => {
        console.log('noise'); process.stdout.write('noise'); console.error('noise');
        return [{ resource: null, message: JSON.stringify(process.env) }];
      };`;
      expect(await ask(text)).toEqual({ ok: true, value: [{ resource: null, message: '{}' }] });
    } finally {
      delete process.env['SPEC_TOKEN'];
    }
  });
});

describe('a rule fails, and so closes the gate', () => {
  it.each<[string, string, object, RegExp]>([
    [
      'where it throws',
      "export const rule = () => { throw new Error('no idea'); };",
      { code: 'tool-failed', tool: 'rules/own.mjs' },
      /threw: no idea/,
    ],
    [
      'where it throws later',
      "export const rule = async () => { throw 'a text'; };",
      { code: 'tool-failed' },
      /threw: a text/,
    ],
    [
      'where it throws nothing',
      'export const rule = () => { throw undefined; };',
      { code: 'tool-failed' },
      /threw: undefined/,
    ],
    [
      'where it answers nothing',
      'export const rule = () => {};',
      { code: 'usage' },
      /own\.mjs answers null, which are no findings/,
    ],
    ['where it answers a word', "export const rule = () => 'fine';", { code: 'usage' }, /answers "fine"/],
    ['where it answers true', 'export const rule = () => true;', { code: 'usage' }, /answers true/],
    ['where it answers texts', "export const rule = () => ['bad'];", { code: 'usage' }, /answers \["bad"\]/],
    [
      'where a finding has no message',
      "export const rule = () => [{ resource: 'net' }];",
      { code: 'usage' },
      /no findings/,
    ],
    [
      'where a message is empty',
      "export const rule = () => [{ resource: 'net', message: '' }];",
      { code: 'usage' },
      /no findings/,
    ],
    [
      'where a resource is no text',
      "export const rule = () => [{ resource: 5, message: 'x' }];",
      { code: 'usage' },
      /no findings/,
    ],
    [
      'where its answer turns in a circle',
      'export const rule = () => { const a = []; a.push(a); return a; };',
      { code: 'tool-failed' },
      /circular/,
    ],
    [
      'where its answer has no end',
      "export const rule = () => [{ message: 'x'.repeat(2 ** 21) }];",
      { code: 'tool-failed' },
      /too long/,
    ],
    [
      'where it exports another name',
      `export const rules = ${DELETES};`,
      { code: 'usage', hint: expect.stringContaining('Export `rule`') as string },
      /rules\/own\.mjs exports no function `rule`/,
    ],
    ['where it exports no function', 'export const rule = [];', { code: 'usage' }, /exports no function/],
    ['where it exports a default', `export default ${DELETES};`, { code: 'usage' }, /exports no function/],
    [
      'where it cannot be read',
      'export const rule = (;',
      { code: 'usage' },
      /rules\/own\.mjs cannot be loaded: /,
    ],
    [
      'where a sibling is missing',
      "import './none.mjs'; export const rule = () => [];",
      { code: 'usage' },
      /cannot be loaded: .*none\.mjs/,
    ],
    [
      'where it throws while it is loaded',
      "throw new Error('early');",
      { code: 'usage' },
      /cannot be loaded: early/,
    ],
    [
      'where it ends',
      'export const rule = () => process.exit(0);',
      { code: 'tool-failed' },
      /ended without an answer/,
    ],
    [
      'where it never answers',
      'export const rule = () => new Promise(() => {});',
      { code: 'tool-failed' },
      /ended without an answer/,
    ],
    [
      'where it eats all memory',
      'export const rule = () => { const a = []; for (;;) a.push(new Array(1e5).fill(a.length)); };',
      { code: 'tool-failed' },
      /memory/,
    ],
  ])(
    '%s',
    async (_, text, failure, words) => {
      const found = await ask(text);
      expect(found).toMatchObject({ ok: false, failures: [failure] });
      expect(JSON.stringify(found).replaceAll('\\"', '"')).toMatch(words);
    },
    30_000,
  );

  it('where it never ends: it is stopped', async () => {
    expect(
      await ask('export const rule = () => { for (;;) console.log(1); };', { seconds: 1 }),
    ).toMatchObject({
      failures: [{ code: 'timeout', what: '`rule` of rules/own.mjs', seconds: 1 }],
    });
  });

  it('where its module never ends', async () => {
    expect(await ask('for (;;);', { seconds: 1 })).toMatchObject({ failures: [{ code: 'timeout' }] });
  });

  it('where nobody waits for it any more', async () => {
    const abort = new AbortController();
    const text =
      "import { writeFileSync } from 'node:fs'; export const rule = () => { writeFileSync(new URL('./begun', import.meta.url), ''); for (;;); };";
    const asked = ask(text, { signal: abort.signal });
    await vi.waitFor(() => access(join(root, 'rules/begun')), { timeout: 10_000 });
    abort.abort();
    expect(await asked).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(await check('rules/own.mjs', { signal: abort.signal })).toMatchObject({
      failures: [{ code: 'cancelled' }],
    });
  });

  it.each([
    ['a file that is not there', 'rules/none.mjs', /there is no file rules\/none\.mjs/],
    ['a detour to nothing', 'ts/../rules/./none.mjs', /there is no file rules\/none\.mjs/],
    ['a folder', 'rules', /no module that can be loaded/],
    ['another language', 'rules/own.py', /no module that can be loaded/],
    ['TypeScript that is not there', 'rules/none.ts', /there is no file rules\/none\.ts/],
  ])('where it is %s', async (_, path, words) => {
    await write({ 'rules/own.py': 'rule = 1\n' });
    const found = await check(path);
    expect(found).toMatchObject({ ok: false, failures: [{ code: 'usage' }] });
    expect(JSON.stringify(found)).toMatch(words);
  });

  it('where its TypeScript cannot be read: with the place', async () => {
    await write({ 'rules/bad.ts': 'const a: number = 1;\nexport const rule = (: string) => [];\n' });
    const found = await check('rules/bad.ts');
    expect(JSON.stringify(found)).toMatch(/rules\/bad\.ts:2:\d+ /);
  });
});
