import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Access, Account } from '../account.ts';
import type { ReleaseRecord } from '../ledger/schema.ts';
import { EMPTY_STATE } from '../ledger/state.ts';
import { lacking, planRelease, type ReleaseObservation } from './plan.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const other = `sha256:${'b'.repeat(64)}`;

const record: ReleaseRecord = {
  schema: 1,
  image: 'edge',
  role: 'edge',
  version: '1.4.1',
  digest,
  fingerprint: digest,
  commit: 'c'.repeat(40),
  base: null,
  bump: 'patch',
  reason: 'role hardening changed',
  changes: [],
  evidence: [{ tests: digest, passed: 1, skipped: 0, time: '2026-01-01T00:00:00Z' }],
  by: 'a',
  run: 'r',
  time: '2026-01-01T00:00:00Z',
};

const account = (name: string): Account => ({ kind: 'oci', name, registry: name, ca: null });
const NAMES = ['one', 'two', 'three', 'four'];

const observation = fc.record({
  tagged: fc.boolean(),
  found: fc.boolean(),
  labelled: fc.boolean(),
  attested: fc.boolean(),
  wanted: fc.subarray(NAMES),
  states: fc.array(fc.constantFrom<Access['state']>('ready', 'pending', 'missing', 'other'), {
    minLength: 4,
    maxLength: 4,
  }),
});

function seen(given: typeof observation extends fc.Arbitrary<infer T> ? T : never): ReleaseObservation {
  const access = NAMES.map((name, index): Access => ({
    account: account(name),
    state: given.states[index] ?? 'missing',
    detail: name,
  }));
  return {
    record,
    tag: given.tagged ? { name: 'edge@1.4.1', commit: record.commit, message: '' } : null,
    homes: [
      { store: 'here', found: given.found ? digest : null, labelled: given.labelled ? digest : null, access },
    ],
    attested: given.attested,
    wanted: given.wanted.map(account),
    wasDefault: false,
    state: EMPTY_STATE,
  };
}

const planned = (at: ReleaseObservation) => {
  const steps = planRelease(at);
  if (!steps.ok) throw new Error(JSON.stringify(steps.failures));
  return steps.value;
};

describe('the plan of a release', () => {
  it('shares with exactly those who are declared and were not seen to have it, and takes back from nobody else', () => {
    fc.assert(
      fc.property(observation, (given) => {
        const at = seen(given);
        const accounts = (what: string) =>
          planned(at).flatMap((step) => ('account' in step && step.do === what ? [step.account.name] : []));
        const state = (name: string) => given.states[NAMES.indexOf(name)];
        expect(accounts('share')).toEqual(given.wanted.filter((name) => state(name) !== 'ready'));
        expect(accounts('unshare')).toEqual(
          NAMES.filter((name) => !given.wanted.includes(name) && state(name) !== 'missing'),
        );
        expect(lacking(at).map(({ name }) => name)).toEqual(accounts('share'));
      }),
    );
  });

  it('publishes and signs before it shares, shares before the default moves, and retires last', () => {
    const order = ['put', 'attest', 'tag', 'label', 'share', 'default', 'unshare'];
    fc.assert(
      fc.property(observation, (given) => {
        const places = planned(seen(given)).map((step) => order.indexOf(step.do));
        expect(places).toEqual(places.toSorted((a, b) => a - b));
      }),
    );
  });

  it('is the same for the same observation, and every step says why', () => {
    fc.assert(
      fc.property(observation, (given) => {
        const steps = planned(seen(given));
        expect(steps).toEqual(planned(seen(given)));
        expect(steps.every(({ why }) => why.length > 0)).toBe(true);
      }),
    );
  });

  it('is refused where the version names something else', () => {
    const all = seen({ tagged: true, found: true, labelled: true, attested: true, wanted: [], states: [] });
    const [home] = all.homes;
    if (!home) throw new Error('no home');
    expect(planRelease({ ...all, homes: [{ ...home, labelled: other }] })).toMatchObject({
      failures: [{ code: 'version-taken', found: other }],
    });
    expect(planRelease({ ...all, tag: { name: '', commit: 'd'.repeat(40), message: '' } })).toMatchObject({
      failures: [{ code: 'version-taken', where: 'git' }],
    });
  });
});
