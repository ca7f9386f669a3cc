import { describe, expect, it } from 'vitest';
import { WrittenStack } from '../declaration/stack.ts';
import { usedStack } from '../declaration/used-stack.ts';
import type { ReleaseRecord } from '../ledger/schema.ts';
import { EMPTY_STATE, type LedgerState } from '../ledger/state.ts';
import { Secret } from '../secret.ts';
import { giveInputs, imageChoice } from './inputs.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const release = (version: string, digit: string): ReleaseRecord => ({
  schema: 1,
  image: 'edge',
  role: 'edge',
  version,
  digest: digest(digit),
  fingerprint: digest('9'),
  commit: 'a'.repeat(40),
  base: null,
  bump: 'patch',
  reason: 'x',
  changes: [],
  evidence: [{ tests: digest('8'), passed: 1, skipped: 0, time: '2026-01-01T00:00:00Z' }],
  by: 'a',
  run: 'b',
  time: '2026-01-01T00:00:00Z',
});
const state: LedgerState = {
  ...EMPTY_STATE,
  releases: new Map([['edge', [release('1.0.0', '1'), release('1.1.0', '2')]]]),
  channels: new Map([
    [
      'edge',
      { schema: 1, image: 'edge', role: 'edge', channels: { default: '1.1.0', slow: '1.0.0' }, history: [] },
    ],
  ]),
};

describe('the version of an image in an environment', () => {
  it.each([
    [
      'the default',
      {},
      'default',
      { version: '1.1.0', digest: digest('2'), from: 'edge 1.1.0, the default' },
    ],
    [
      'another channel',
      {},
      'slow',
      { version: '1.0.0', digest: digest('1'), from: 'edge 1.0.0, the channel slow' },
    ],
    [
      'a pin, whatever the channel says',
      { edge: '1.0.0' },
      'default',
      { version: '1.0.0', digest: digest('1'), from: 'edge 1.0.0, pinned' },
    ],
    ['an empty channel', {}, 'fast', null],
    ['a channel called like something that every object has', {}, 'constructor', null],
  ])('%s', (_, pins, channel, value) => {
    expect(imageChoice({ pins, channel }, 'edge', state)).toEqual({ ok: true, value });
  });

  it('is none that was never released, and none that is revoked', () => {
    expect(imageChoice({ pins: { edge: '9.9.9' }, channel: 'default' }, 'edge', state)).toMatchObject({
      ok: false,
      failures: [{ code: 'version-unknown' }],
    });
    const revocation = {
      schema: 1,
      image: 'edge',
      version: '1.1.0',
      digest: digest('2'),
      reason: 'leak',
      by: 'a',
      run: 'b',
      time: 'x',
    } as const;
    const revoked = { ...state, revocations: new Map([['edge@1.1.0', revocation]]) };
    expect(imageChoice({ pins: {}, channel: 'default' }, 'edge', revoked)).toMatchObject({
      ok: false,
      failures: [{ code: 'revoked' }],
    });
  });
});

describe('what a stack is given', () => {
  const stack = usedStack(
    WrittenStack.parse({
      variables: { size: 3 },
      images: { image: 'edge', version: { image: 'edge', as: 'version' } },
      inputs: { zones: { stack: 'network', output: 'zones' }, token: { stack: 'network', output: 'token' } },
    }),
    'infra/fleet',
    'infra/fleet/stack.yaml',
  );
  const choice = { version: '1.1.0', digest: digest('2'), from: 'edge 1.1.0, the default' };

  it('comes from declarations, images and outputs, each with where from', () => {
    const token = new Secret('hidden');
    const { inputs, images, missing } = giveInputs(stack, {
      image: () => choice,
      outputs: () =>
        new Map<string, string | Secret>([
          ['zones', 'a'],
          ['token', token],
        ]),
    });
    expect([...inputs]).toEqual([
      ['image', { value: digest('2'), from: 'edge 1.1.0, the default' }],
      ['size', { value: 3, from: 'declared' }],
      ['token', { value: token, from: 'token of network' }],
      ['version', { value: '1.1.0', from: 'edge 1.1.0, the default' }],
      ['zones', { value: 'a', from: 'zones of network' }],
    ]);
    expect([images, missing]).toEqual([{ edge: { version: '1.1.0', digest: digest('2') } }, []]);
  });

  it('is said to be missing and never invented', () => {
    const { inputs, missing } = giveInputs(stack, {
      image: () => null,
      outputs: () => new Map([['zones', 'a']]),
    });
    expect([...inputs.keys()]).toEqual(['size', 'zones']);
    expect(missing).toEqual([
      'edge has no version here yet, which image is to get',
      'edge has no version here yet, which version is to get',
      'token of network is known only when network has been applied',
    ]);
  });
});
