import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseYaml, plain, yamlText } from '../yaml.ts';
import type { LedgerSnapshot } from './ledger.ts';
import { STACK_PATHS, stackFile, stackPath, stackRecords, type StackRecord } from './stack.ts';

const hash = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const RECORD: StackRecord = {
  schema: 1,
  stack: 'network',
  environment: 'production',
  engine: 'terraform',
  root: 'infra/network',
  condition: 'ready',
  commit: { sha: 'c'.repeat(40), dirty: false },
  sources: hash('sources'),
  plan: hash('plan'),
  images: { edge: { version: '1.4.1', digest: hash('edge') } },
  outputs: null,
  upstreams: {},
  state: 'serial 4',
  values: null,
  drift: { since: '2026-01-01T00:00:00Z', digest: hash('drift'), resources: ['net'] },
  reason: 'its files changed',
  by: 'a',
  run: 'r',
  time: '2026-01-01T00:00:00Z',
};

const snapshot = (...files: readonly (readonly [string, string])[]): LedgerSnapshot => ({
  revision: 'r',
  files: new Map(files),
});
const read = (...files: readonly (readonly [string, string])[]) =>
  stackRecords(snapshot(...files), 'deployments', hash);
const [PATH, TEXT] = stackFile(RECORD, hash);

it('reads what was written, whatever else the ledger holds', () => {
  const other = { ...RECORD, environment: 'staging', drift: null, commit: null };
  expect(read([PATH, TEXT], stackFile(other, hash), ['channels/edge.yaml', 'edited: true\n'])).toEqual({
    ok: true,
    value: [RECORD, other],
  });
});

it('keeps each record where its content says', () => {
  expect(PATH).toBe('stacks/production/network.yaml');
  expect(stackPath(RECORD)).toBe(PATH);
  expect(STACK_PATHS).toEqual(['stacks']);
});

it('never writes what it would refuse to read', () => {
  expect(() => stackFile({ ...RECORD, sources: 'none' }, hash)).toThrow('sha256');
});

/** The file as somebody would edit it: a key with another value, the seal left as it is. */
function edited(key: string, value: unknown): string {
  const parsed = parseYaml('x', TEXT);
  if (!parsed.ok) throw new Error('the sample is YAML');
  return yamlText({ ...(plain(parsed.value) as object), [key]: value } as never);
}

describe('a file that was edited by hand is refused', () => {
  it.each<[string, unknown]>([
    ['condition', 'stalled'],
    ['sources', hash('else')],
    ['plan', hash('else')],
    ['commit', null],
    ['images', {}],
    ['state', 'serial 5'],
    ['drift', null],
    ['outputs', hash('else')],
    ['upstreams', { net: hash('else') }],
    ['reason', 'else'],
    ['by', 'b'],
    ['time', '2027-01-01T00:00:00Z'],
    ['seal', hash('else')],
  ])('in its %s: at its seal', (key, value) => {
    expect(read([PATH, edited(key, value)])).toMatchObject({
      ok: false,
      failures: [
        {
          code: 'ledger-corrupt',
          at: { file: `deployments:${PATH}`, column: 'seal: '.length + 1 },
          found: 'content that was edited by hand',
        },
      ],
    });
  });

  it.each<[string, string, string]>([
    ['with a word that is no condition', 'condition', 'fine'],
    ['with an unknown key', 'approved', 'yes'],
    ['with a sum that is none', 'sources', 'sha256:1'],
  ])('%s: where it stands', (_, key, value) => {
    expect(read([PATH, edited(key, value)])).toMatchObject({
      ok: false,
      failures: [{ code: 'ledger-corrupt', at: { text: `${key}: ${value}` } }],
    });
  });

  it('into no YAML', () =>
    expect(read([PATH, `${TEXT}: [`])).toMatchObject({
      failures: [{ code: 'ledger-corrupt', expected: 'YAML' }],
    }));

  it('and put elsewhere, although its seal is whole', () =>
    expect(read(['stacks/staging/network.yaml', TEXT])).toMatchObject({
      failures: [{ code: 'ledger-corrupt', found: `what belongs to ${PATH}` }],
    }));

  it('all of them at once', () => {
    const other = ['stacks/staging/network.yaml', 'x: 1\n'] as const;
    const found = read([PATH, edited('by', 'b')], other);
    expect(found.ok ? [] : found.failures.map((failure) => 'at' in failure && failure.at.file)).toEqual(
      expect.arrayContaining([`deployments:${PATH}`, `deployments:${other[0]}`]),
    );
  });
});
