import { describe, expect, it } from 'vitest';
import type { Account } from '../account.ts';
import { DEFAULT_SETTINGS, type Settings } from '../settings.ts';
import { distinctPlaces, fitting } from './accounts.ts';

const oci = (name: string, registry: string): Account => ({ kind: 'oci', name, registry, ca: null });
const settings = (...accounts: readonly Account[]): Settings => ({ ...DEFAULT_SETTINGS, accounts });

describe('accounts', () => {
  it('are places of their own: what is taken back from one must not be gone from another', () => {
    expect(distinctPlaces(settings(oci('one', 'r.example/a'), oci('two', 'r.example/b'))).ok).toBe(true);
    expect(distinctPlaces(settings(oci('one', 'r.example/a'), oci('two', 'r.example/a')))).toMatchObject({
      failures: [
        {
          code: 'usage',
          detail: expect.stringContaining('two is the same place as the account one') as unknown,
        },
      ],
    });
    const store = { kind: 'oci', name: 'store', registry: 'r.example/a', ca: null } as const;
    expect(distinctPlaces({ ...settings(oci('one', 'r.example/a')), store })).toMatchObject({
      failures: [{ detail: expect.stringContaining('the same place as the store') as unknown }],
    });
  });

  it('must fit what an image lies in', () => {
    const homes = [{ name: 'the registry', serves: ['oci', 'directory'] as const }];
    expect(fitting('edge', [oci('one', 'r.example')], homes).ok).toBe(true);
    const aws: Account = { kind: 'aws', name: 'partner', account: '123456789012', regions: [] };
    expect(fitting('edge', [aws], homes)).toMatchObject({
      failures: [
        {
          code: 'account-unfit',
          account: 'partner',
          why: 'it takes aws images, and this one lies in the registry',
        },
      ],
    });
  });
});
