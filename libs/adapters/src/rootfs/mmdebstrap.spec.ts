import { describe, expect, it } from 'vitest';
import { mmdebstrapArguments } from './mmdebstrap.ts';

const source = { suite: 'bookworm', variant: 'minbase' as const, packages: [] };

describe('the arguments of mmdebstrap', () => {
  it("name no mirror where none is declared: the machine's own apt sources serve", () => {
    expect(mmdebstrapArguments(source, '/f')).toEqual({
      ok: true,
      value: ['--mode=root', '--format=directory', '--variant=minbase', 'bookworm', '/f'],
    });
  });

  it('do not depend on the order in which packages are declared', () => {
    const of = (...packages: string[]): unknown => mmdebstrapArguments({ ...source, packages }, '/f');
    expect(of('b', 'a')).toEqual(of('a', 'b'));
    expect(of('b', 'a')).toMatchObject({ value: expect.arrayContaining(['--include=a,b']) as unknown });
  });

  it('put the time of a snapshot where the mirror wants it', () => {
    const snapshot = '2025-05-20T02:00:00+02:00';
    expect(
      mmdebstrapArguments({ ...source, snapshot, mirror: 'https://mirror.example/debian/{snapshot}/' }, '/f'),
    ).toMatchObject({
      value: expect.arrayContaining([
        '--aptopt=Acquire::Check-Valid-Until "false"',
        'https://mirror.example/debian/20250520T000000Z/',
      ]) as unknown,
    });
  });

  it.each([
    [{ snapshot: '2025-05-20T00:00:00Z' }, 'a snapshot needs a mirror'],
    [
      { snapshot: '2025-05-20T00:00:00Z', mirror: 'https://mirror.example/debian' },
      'a snapshot needs a mirror',
    ],
    [{ mirror: 'https://mirror.example/{snapshot}' }, 'needs a time for {snapshot}'],
  ])('are refused for half a snapshot: %j', (half, said) => {
    const result = mmdebstrapArguments({ ...source, ...half }, '/f');
    expect(result).toMatchObject({
      ok: false,
      failures: [{ code: 'usage', detail: expect.stringContaining(said) as unknown }],
    });
  });
});
