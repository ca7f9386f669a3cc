import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PolicyFinding, Preview, Result } from '@goldenthread/core';
import { stubTool, withPath } from '@goldenthread/testing';
import type { Parts } from '../parts.ts';
import { which } from '../host.ts';
import { createRegoPolicy } from './rego.ts';
import { conftestAnswer, opaAnswer } from './rego-answer.ts';

// The answers below are what the tools print: conftest's output/result.go, and the results of opa's eval.
const PLAN = { stack: 'network', changes: [{ address: 'net', action: 'delete' }] } as unknown as Preview;

let root: string;
let bin: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'goldenthread-rego-'));
  bin = join(root, 'bin');
  await mkdir(bin);
  // A PATH of stubs alone, and what a stub itself is made of.
  for (const tool of ['sh', 'cat', 'rm', 'sleep']) await symlink(which(tool) ?? '', join(bin, tool));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const check = (signal = new AbortController().signal): Promise<Result<readonly PolicyFinding[]>> =>
  withPath(
    [bin],
    () => createRegoPolicy({ root } as Parts).check('rules/rego', PLAN, { signal, emit: () => undefined }),
    true,
  );

const CONFTEST = JSON.stringify([
  {
    filename: '',
    namespace: 'main',
    successes: 1,
    warnings: [{ msg: 'it has no owner', metadata: { query: 'data.main.warn' } }],
    failures: [
      { msg: 'not on a Friday', metadata: { query: 'data.main.deny', resource: 'net' } },
      { msg: 'too many', metadata: { query: 'data.main.violation', resource: 5 } },
    ],
  },
]);
const OPA = JSON.stringify({
  result: [
    {
      expressions: [
        {
          value: {
            deny: [{ msg: 'not on a Friday', resource: 'net' }],
            violation_size: ['too many'],
            warn: ['it has no owner'],
            helper: ['no finding'],
            denying: ['no finding either'],
          },
          text: 'data.main',
          location: { row: 1, col: 1 },
        },
      ],
    },
  ],
});

const FOUND: readonly PolicyFinding[] = [
  { resource: 'net', message: 'not on a Friday' },
  { resource: null, message: 'too many' },
  { resource: null, message: 'it has no owner' },
];

describe.each([
  ['conftest', CONFTEST, 1],
  ['opa', OPA, 0],
])('by %s', (name, answer, code) => {
  it('tells what rules refuse and what they warn of, with the resource where they name it', async () => {
    await stubTool(bin, name, { stdout: answer, code });
    expect(await check()).toEqual({ ok: true, value: FOUND });
  });

  it('hands the plan over by its standard input, and settings of nobody’s shell', async () => {
    const stub = await stubTool(bin, name, {
      stdout: answer,
      script:
        'cat > "$here/plan"\necho "$CONFTEST_NAMESPACE$OPA_DATA" > "$here/settings"\npwd > "$here/folder"',
    });
    vi.stubEnv('CONFTEST_NAMESPACE', 'other');
    vi.stubEnv('OPA_DATA', 'other');
    await check();
    vi.unstubAllEnvs();
    const kept = (file: string): Promise<string> => readFile(join(`${stub.path}.stub`, file), 'utf8');
    expect(JSON.parse(await kept('plan'))).toEqual(PLAN);
    expect((await kept('settings')).trim()).toBe('');
    expect((await kept('folder')).trim()).toBe(root);
    const [argv] = await stub.calls();
    expect(argv).toContain(join(root, 'rules/rego'));
    expect(argv?.join(' ')).not.toContain('Friday');
  });

  it.each([
    [
      'says something else',
      { stdout: 'fine\n', stderr: 'Error: unknown flag: --x', code: 1 },
      /unknown flag/,
    ],
    ['says nothing', { code: 0 }, /said nothing/],
    ['answers null', { stdout: 'null' }, /null/],
    ['answers a number', { stdout: '5' }, /5/],
    ['answers a list of texts', { stdout: '["a"]' }, /a/],
    [
      'finds policies that cannot be read',
      { stderr: 'Error: running test: load: rego_parse_error', code: 1 },
      /rego_parse_error/,
    ],
    [
      'has an error in a built-in',
      { stdout: '{ "errors": [{ "message": "div: divide by zero" }] }', code: 2 },
      /divide by zero/,
    ],
  ])('fails where it %s', async (_, behaviour, words) => {
    await stubTool(bin, name, behaviour);
    const found = await check();
    expect(found).toMatchObject({ ok: false, failures: [{ code: 'tool-failed', tool: name }] });
    expect(JSON.stringify(found)).toMatch(words);
  });

  it('ends with the call', async () => {
    await stubTool(bin, name, {
      stdout: answer,
      script: 'touch() { : > "$1"; }; touch "$here/begun"; sleep 60',
    });
    const abort = new AbortController();
    const asked = check(abort.signal);
    await vi.waitFor(() => readFile(join(bin, `${name}.stub`, 'begun')), { timeout: 10_000 });
    abort.abort();
    expect(await asked).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
  });
});

describe('where no rule could refuse anything', () => {
  it.each([
    ['conftest', '[{ "filename": "", "namespace": "main", "successes": 0 }]'],
    ['conftest', '[]'],
    ['opa', '{}'],
    ['opa', '{ "result": [{ "expressions": [{ "value": { "helper": [1] }, "text": "data.main" }] }] }'],
  ])('by %s: %s is refused', async (name, stdout) => {
    await stubTool(bin, name, { stdout });
    expect(await check()).toMatchObject({
      ok: false,
      failures: [{ code: 'usage', detail: 'rules/rego holds no rule that could refuse anything' }],
    });
  });
});

it('asks conftest first', async () => {
  const [conftest, opa] = [
    await stubTool(bin, 'conftest', { stdout: CONFTEST }),
    await stubTool(bin, 'opa', { stdout: OPA }),
  ];
  await check();
  expect([(await conftest.calls()).length, (await opa.calls()).length]).toEqual([1, 0]);
  const [argv = []] = await conftest.calls();
  expect([
    argv[0],
    ...argv.slice(argv.indexOf('--output'), argv.indexOf('--output') + 2),
    argv.at(-1),
  ]).toEqual(['test', '--output', 'json', '-']);
});

it('is closed where neither is there', async () => {
  expect(await check()).toMatchObject({ ok: false, failures: [{ code: 'tool-missing', tool: 'conftest' }] });
});

describe('answers', () => {
  const opa = (value: object): ReturnType<typeof opaAnswer> =>
    opaAnswer(JSON.stringify({ result: [{ expressions: [{ value }] }] }));

  it.each<[object, readonly string[]]>([
    [{ deny: [] }, []],
    [{ deny: false }, []],
    [{ deny: true }, ['deny is true']],
    [{ deny: 'no' }, ['no']],
    [{ deny: ['', { msg: '' }, 5] }, ['""', '{"msg":""}', '5']],
    [{ warn_cost: ['dear'], deny_a_b: ['no'], warning: ['x'], deny_: ['x'] }, ['dear', 'no']],
  ])('of opa: %j', (value, expected) =>
    expect(opa(value)?.findings.map(({ message }) => message)).toEqual(expected),
  );

  it('of conftest: every namespace, and a finding without words', () => {
    const one = { namespace: 'main', successes: 2, exceptions: [{ msg: 'allowed' }] };
    const two = { namespace: 'more', successes: 0, failures: [{ metadata: { resource: 'net' } }] };
    expect(conftestAnswer(JSON.stringify([one, two]))).toEqual({
      findings: [{ resource: 'net', message: '{"metadata":{"resource":"net"}}' }],
      rules: 4,
    });
  });
});
