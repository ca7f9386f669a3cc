import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Commit } from './commit.ts';
import { bumpOf, compareVersions, nextVersion } from './version.ts';

const commit = (type: string | null, breaking = false): Commit => ({
  sha: 'a'.repeat(40),
  subject: 's',
  type,
  breaking,
  files: [],
});

describe('the next version', () => {
  it.each([
    ['nothing released yet', null, [commit('feat')], '1.0.0', 'first'],
    ['a fix', '1.4.0', [commit('fix')], '1.4.1', 'patch'],
    ['no conventional commit', '1.4.0', [commit(null)], '1.4.1', 'patch'],
    ['no commit at all, only new packages', '1.4.0', [], '1.4.1', 'patch'],
    ['a feature among fixes', '1.4.1', [commit('fix'), commit('feat'), commit('fix')], '1.5.0', 'minor'],
    ['something that breaks others', '1.4.1', [commit('fix', true), commit('feat')], '2.0.0', 'major'],
  ])('after %s', (...[, previous, commits, version, bump]) => {
    expect(nextVersion(previous, commits)).toEqual({ version, bump });
  });

  it('is higher than the one before, whatever the commits say', () => {
    const any = fc.record({
      type: fc.option(fc.constantFrom('fix', 'feat', 'chore')),
      breaking: fc.boolean(),
    });
    const part = fc.nat(1000);
    fc.assert(
      fc.property(fc.tuple(part, part, part), fc.array(any), ([a, b, c], all) => {
        const previous = `${a}.${b}.${c}`;
        const { version } = nextVersion(
          previous,
          all.map(({ type, breaking }) => commit(type, breaking)),
        );
        expect(compareVersions(version, previous)).toBe(1);
      }),
    );
  });

  it('does not depend on the order of the commits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ type: fc.constantFrom('fix', 'feat'), breaking: fc.boolean() })),
        (all) => {
          const commits = all.map(({ type, breaking }) => commit(type, breaking));
          expect(bumpOf(commits)).toBe(bumpOf(commits.toReversed()));
        },
      ),
    );
  });
});
