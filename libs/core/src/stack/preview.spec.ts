import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { planDigest, type Preview } from './plan.ts';
import { readPreview } from './preview.ts';

const hash = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const BARE: Omit<Preview, 'digest'> = {
  schema: 1,
  stack: 'network',
  environment: 'production',
  engine: './engines/own.ts',
  aim: 'apply',
  sources: hash('sources'),
  commit: { sha: 'c'.repeat(40), dirty: false },
  inputs: [{ name: 'ami', value: { is: 'value', value: ['x', { y: null }] }, from: 'declared' }],
  images: { edge: { version: '1.4.1', digest: hash('edge') } },
  changes: [
    {
      address: 'a["b.c"]',
      type: 'a',
      action: 'replace',
      attributes: [
        { path: 'x.0', before: { is: 'sensitive' }, after: { is: 'value', value: false }, forces: true },
      ],
      region: null,
      tags: { team: 'a' },
    },
  ],
  outputs: { id: { is: 'unknown' } },
  changedOutputs: ['id'],
  state: null,
  secrets: null,
  values: null,
  base: null,
  time: '2026-01-01T00:00:00+01:00',
};
const PLAN: Preview = { ...BARE, digest: planDigest(BARE, hash) };
const read = (plan: unknown) => readPreview('plan.production.json', JSON.stringify(plan), hash);

it('reads what was written, member by member', () => {
  expect(read(PLAN)).toEqual({ ok: true, value: PLAN });
});

describe('a plan that was edited is refused', () => {
  const [change] = PLAN.changes;
  if (!change) throw new Error('the sample has a change');
  it.each<[string, object]>([
    ['in its sources', { sources: hash('else') }],
    ['in its inputs', { inputs: [] }],
    ['in its images', { images: {} }],
    ['in its changes', { changes: [] }],
    ['in one action', { changes: [{ ...change, action: 'update' }] }],
    ['in one attribute', { changes: [{ ...change, attributes: [] }] }],
    ['in its outputs', { changedOutputs: [] }],
    ['in its state', { state: 'serial 5' }],
    ['in its secrets', { secrets: 'x' }],
    ['in its environment', { environment: 'staging' }],
    ['in its aim', { aim: 'destroy' }],
    ['in its digest', { digest: hash('else') }],
  ])('%s', (_, more) => {
    const edited = { ...PLAN, ...more };
    const { digest: _digest, ...rest } = edited;
    expect(read(edited)).toMatchObject({
      ok: false,
      failures: [
        {
          code: 'content-corrupt',
          what: 'plan.production.json',
          expected: edited.digest,
          found: planDigest(rest, hash),
        },
      ],
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['with an unknown key', { ...PLAN, approved: true }, /"approved" at $/],
    ['without a digest', BARE, /at digest$/],
    [
      'with an action that is none',
      { ...PLAN, changes: [{ ...change, action: 'run' }] },
      /at changes\.0\.action$/,
    ],
    [
      'with a value beside what hides it',
      { ...PLAN, outputs: { id: { is: 'sensitive', value: 'x' } } },
      /at outputs\.id/,
    ],
    ['of another schema', { ...PLAN, schema: 2 }, /at schema$/],
    ['that is a list', [PLAN], /at $/],
    ['that is nothing', null, /at $/],
  ])('%s', (_, plan, found) => {
    expect(read(plan)).toMatchObject({
      ok: false,
      failures: [
        { code: 'content-corrupt', expected: 'a plan', found: expect.stringMatching(found) as string },
      ],
    });
  });

  it('into no JSON', () => {
    const text = JSON.stringify(PLAN);
    expect(readPreview('p.json', text.slice(0, -1), hash)).toMatchObject({
      failures: [{ code: 'content-corrupt', expected: 'a plan as JSON' }],
    });
  });
});

it('does not care for the order of keys, nor for white space', () => {
  const turned = Object.fromEntries(Object.entries(PLAN).toReversed());
  expect(readPreview('p.json', JSON.stringify(turned, null, 4), hash)).toMatchObject({
    ok: true,
    value: PLAN,
  });
});
