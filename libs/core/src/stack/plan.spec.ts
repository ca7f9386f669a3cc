import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../secret.ts';
import {
  countActions,
  isEmpty,
  planDigest,
  revealed,
  sortChanges,
  type Preview,
  type ResourceChange,
} from './plan.ts';

const hash = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const DIGEST = hash('');

const CHANGE: ResourceChange = {
  address: 'aws_instance.edge',
  type: 'aws_instance',
  action: 'replace',
  attributes: [
    { path: 'ami', before: { is: 'value', value: 'a' }, after: { is: 'value', value: 'b' }, forces: true },
    { path: 'password', before: { is: 'sensitive' }, after: { is: 'sensitive' }, forces: false },
  ],
  region: 'eu-central-1',
  tags: { team: 'edge', env: 'production' },
};

const PLAN: Omit<Preview, 'digest'> = {
  schema: 1,
  stack: 'network',
  environment: 'production',
  engine: 'terraform',
  aim: 'apply',
  sources: DIGEST,
  commit: { sha: 'c'.repeat(40), dirty: false },
  inputs: [
    { name: 'ami', value: { is: 'value', value: { id: 1, more: [2] } }, from: 'the default of edge, 1.4.1' },
  ],
  images: { edge: { version: '1.4.1', digest: DIGEST } },
  changes: [CHANGE],
  outputs: { id: { is: 'unknown' }, url: { is: 'value', value: 'x' } },
  changedOutputs: ['id'],
  state: 'lineage 4',
  secrets: DIGEST,
  values: null,
  base: null,
  time: '2026-01-01T00:00:00Z',
};

const digest = (plan: Omit<Preview, 'digest'>): string => planDigest(plan, hash);
const withChange = (more: Partial<ResourceChange>): Partial<Preview> => ({
  changes: [{ ...CHANGE, ...more }],
});
const [FIRST, SECOND] = CHANGE.attributes;
if (!FIRST || !SECOND) throw new Error('the sample has two attributes');
const [INPUT] = PLAN.inputs;
if (!INPUT) throw new Error('the sample has an input');

/** The same value with the keys of each map in another order. */
function shuffled<T>(value: T, draw: () => number): T {
  if (Array.isArray(value)) return value.map((one: unknown) => shuffled(one, draw)) as T;
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, one]) => ({ key, one: one as unknown, at: draw() }));
  const sorted = entries.toSorted((a, b) => a.at - b.at);
  return Object.fromEntries(sorted.map(({ key, one }) => [key, shuffled(one, draw)])) as T;
}

describe('the digest of a plan is the same', () => {
  it('whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ noNaN: true })), (numbers) => {
        const draw = (): number => Number(numbers.next().value);
        expect(digest(shuffled(PLAN, draw))).toBe(digest(PLAN));
      }),
    );
  });

  it.each<[string, Partial<Preview>]>([
    ['time', { time: '2027-01-01T00:00:00Z' }],
    ['commit', { commit: { sha: 'd'.repeat(40), dirty: true } }],
    ['commit outside of git', { commit: null }],
    ['words', { inputs: [{ ...INPUT, from: 'declared' }] }],
  ])('for another %s', (_, more) => expect(digest({ ...PLAN, ...more })).toBe(digest(PLAN)));
});

describe('the digest of a plan is another', () => {
  it.each<[string, Partial<Preview>]>([
    ['stack', { stack: 'fleet' }],
    ['environment', { environment: 'staging' }],
    ['engine', { engine: 'opentofu' }],
    ['aim', { aim: 'destroy' }],
    ['sources', { sources: hash('else') }],
    ['value of an input', { inputs: [{ ...INPUT, value: { is: 'value', value: { id: 1, more: [3] } } }] }],
    ['name of an input', { inputs: [{ ...INPUT, name: 'image' }] }],
    ['secret input', { inputs: [{ ...INPUT, value: { is: 'sensitive' } }] }],
    ['number of inputs', { inputs: [] }],
    ['digest of an image', { images: { edge: { version: '1.4.1', digest: hash('else') } } }],
    ['version of an image', { images: { edge: { version: '1.4.2', digest: DIGEST } } }],
    ['state', { state: 'lineage 5' }],
    ['state, of which there is none', { state: null }],
    ['secrets', { secrets: hash('else') }],
    ['secrets, of which there are none', { secrets: null }],
    ['output', { outputs: { ...PLAN.outputs, url: { is: 'value', value: 'y' } } }],
    ['output that is known', { outputs: { ...PLAN.outputs, id: { is: 'value', value: null } } }],
    ['set of changed outputs', { changedOutputs: ['id', 'url'] }],
    ['set of changes', { changes: [] }],
    ['address', withChange({ address: 'aws_instance.other' })],
    ['type', withChange({ type: 'aws_spot_instance' })],
    ['action', withChange({ action: 'update' })],
    ['region', withChange({ region: null })],
    ['tag', withChange({ tags: { team: 'edge', env: 'staging' } })],
    ['number of attributes', withChange({ attributes: [FIRST] })],
    ['path', withChange({ attributes: [{ ...FIRST, path: 'image' }, SECOND] })],
    ['value before', withChange({ attributes: [{ ...FIRST, before: { is: 'value', value: 'c' } }, SECOND] })],
    ['value after', withChange({ attributes: [{ ...FIRST, after: { is: 'value', value: 'c' } }, SECOND] })],
    ['value that is not known', withChange({ attributes: [{ ...FIRST, after: { is: 'unknown' } }, SECOND] })],
    ['reason to replace', withChange({ attributes: [{ ...FIRST, forces: false }, SECOND] })],
  ])('for another %s', (_, more) => expect(digest({ ...PLAN, ...more })).not.toBe(digest(PLAN)));

  it('for every two plans that differ in what matters', () => {
    const shown = fc.oneof(
      fc.constantFrom({ is: 'sensitive' } as const, { is: 'unknown' } as const, { is: 'absent' } as const),
      fc
        .jsonValue()
        .map((value) => ({ is: 'value' as const, value: JSON.parse(JSON.stringify(value)) as null })),
    );
    const change = fc.record({ path: fc.string(), before: shown, after: shown, forces: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (one, two) => {
        const of = (attributes: ResourceChange['attributes']): string =>
          digest({ ...PLAN, ...withChange({ attributes }) });
        expect(of(one) === of(two)).toBe(JSON.stringify(one) === JSON.stringify(two));
      }),
    );
  });
});

describe('an empty plan', () => {
  const read = { ...CHANGE, action: 'read' } as const;
  it.each<[string, Partial<Preview>, boolean]>([
    ['changes nothing', { changes: [], changedOutputs: [] }, true],
    ['may look at something', { changes: [read], changedOutputs: [] }, true],
    ['has no change', { changes: [read, CHANGE], changedOutputs: [] }, false],
    ['has no output that changes', { changes: [], changedOutputs: ['id'] }, false],
  ])('%s', (_, more, expected) => expect(isEmpty({ ...PLAN, ...more })).toBe(expected));
});

it('counts each action, also what there is none of', () => {
  const changes = (['create', 'replace', 'create', 'read'] as const).map((action) => ({ ...CHANGE, action }));
  expect(countActions(changes)).toEqual({ create: 2, update: 0, replace: 1, delete: 0, forget: 0, read: 1 });
});

it('sorts changes by address, and leaves the given list as it is', () => {
  const changes = ['b', 'B', 'a[10]', 'a[2]'].map((address) => ({ ...CHANGE, address }));
  expect(sortChanges(changes).map(({ address }) => address)).toEqual(['B', 'a[10]', 'a[2]', 'b']);
  expect(changes[0]?.address).toBe('b');
});

it('reveals secrets among inputs, for what needs them', () => {
  const inputs = new Map([
    ['token', { value: new Secret('hunter2'), from: 'fleet' }],
    ['size', { value: 3, from: 'declared' }],
  ]);
  expect(revealed(inputs)).toEqual({ token: 'hunter2', size: 3 });
});
