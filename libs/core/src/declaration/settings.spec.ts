import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../settings.ts';
import { parseDeclaration } from './parse.ts';
import { usedSettings, WrittenSettings } from './settings.ts';

const read = (text: string) => parseDeclaration(WrittenSettings, '.goldenthread.yaml', text);

const used = (text: string) => {
  const parsed = read(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.failures));
  return usedSettings(parsed.value.written);
};

describe('settings', () => {
  it('of an empty file are the same as without one', () => {
    expect(used('')).toEqual(DEFAULT_SETTINGS);
  });

  it('name the ledger, the store, keys, and accounts of every kind', () => {
    const settings = used(
      [
        'ledger: { remote: upstream, branch: state }',
        'store: { oci: registry.example:5000/team, ca: infra/ca.pem }',
        'signing: { trusted: [infra/release.pub] }',
        'accounts:',
        '  registry: { oci: other.example/golden }',
        '  folder: { directory: /srv/images }',
        '  amazon: { aws: { account: "123456789012", regions: { eu-central-1: {}, us-east-1: { kms_key: alias/images } } } }',
        '  azure: { azure: { subscription: 11111111-2222-4333-8444-555555555555, resource_group: images, gallery: golden, regions: [westeurope] } }',
        '  google: { google: { member: "group:ops@example.com" } }',
      ].join('\n'),
    );
    expect(settings).toMatchObject({
      ledger: { remote: 'upstream', branch: 'state' },
      store: { kind: 'oci', registry: 'registry.example:5000/team', ca: 'infra/ca.pem' },
      trusted: ['infra/release.pub'],
    });
    expect(settings.accounts.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'oci registry',
      'directory folder',
      'aws amazon',
      'azure azure',
      'google google',
    ]);
    expect(settings.accounts[2]).toMatchObject({
      regions: [
        { name: 'eu-central-1', kmsKey: null },
        { name: 'us-east-1', kmsKey: 'alias/images' },
      ],
    });
  });

  it.each([
    ['store: { oci: "https://registry.example" }', 'a registry and a path without scheme or tag', 1],
    ['accounts:\n  a: { aws: { account: "12" } }\n', 'an account number of twelve digits', 2],
    ['accounts:\n  a: { google: { member: ops } }\n', 'a member as IAM writes it', 2],
    ['acounts: {}\n', 'accounts', 1],
    ['store: { oci: r.example, ca: /etc/ca.pem }\n', 'a relative path', 1],
  ])('refuse %j', (text, expected, line) => {
    const parsed = read(text);
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    expect(JSON.stringify(parsed.failures)).toContain(expected);
    expect(parsed.failures[0]).toMatchObject({ code: 'declaration-invalid', at: { line } });
  });
});
