import { describe, expect, it } from 'vitest';
import type { StackRecord } from '../ledger/stack.ts';
import { pendingReasons } from './pending.ts';

const sha = (digit: string): string => `sha256:${digit.repeat(64)}`;
const record: StackRecord = {
  schema: 1,
  stack: 'fleet',
  environment: 'test',
  engine: 'terraform',
  root: 'infra/fleet',
  condition: 'ready',
  commit: { sha: 'abcdef0123456789', dirty: false },
  sources: sha('1'),
  plan: sha('2'),
  images: { edge: { version: '1.0.0', digest: sha('3') } },
  outputs: 'o',
  upstreams: { network: 'n' },
  state: null,
  values: null,
  drift: null,
  reason: 'x',
  by: 'a',
  run: 'b',
  time: '2026-01-01T00:00:00.000Z',
};
const now = {
  sources: sha('1'),
  images: { edge: { version: '1.0.0', digest: sha('3') } },
  upstreams: { network: 'n' },
};

describe('why a stack has to be planned', () => {
  it.each<[string, StackRecord | null, Parameters<typeof pendingReasons>[1], readonly string[]]>([
    ['nothing has changed', record, now, []],
    ['there is no record', null, now, ['it was never applied here']],
    ['its files are others', record, { ...now, sources: sha('9') }, ['its files changed since abcdef0123']],
    [
      'an image is another',
      record,
      { ...now, images: { edge: { version: '1.1.0', digest: sha('4') } } },
      ['edge moved from 1.0.0 to 1.1.0'],
    ],
    [
      'an image is new, called like something that every object has',
      record,
      { ...now, images: { ...now.images, constructor: { version: '1.0.0', digest: sha('4') } } },
      ['it gets constructor 1.0.0 now'],
    ],
    [
      'what it stands on gives something else',
      record,
      { ...now, upstreams: { network: 'm' } },
      ['the outputs of network have changed'],
    ],
    ['what it stands on was never applied', record, { ...now, upstreams: { network: null } }, []],
    ['it was broken off', { ...record, condition: 'reconciling' }, now, ['its last apply was broken off']],
    [
      'it did not come to rest',
      { ...record, condition: 'stalled' },
      now,
      ['its last apply did not come to rest'],
    ],
    [
      'it has drifted',
      { ...record, drift: { since: record.time, digest: sha('5'), resources: ['create network'] } },
      now,
      ['it has drifted: create network'],
    ],
  ])('%s', (_, before, made, reasons) => {
    expect(pendingReasons(before, made)).toEqual(reasons);
  });
});
