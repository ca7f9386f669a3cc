import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionAt } from '../position.ts';
import { cycles } from './cycle.ts';
import type { Edge } from './graph.ts';

const edge = (from: string, to: string): Edge => ({
  from,
  to,
  at: positionAt(from, `${to}\n`, 0),
  reason: `needs ${to}`,
});
const edges = (...pairs: readonly string[]): readonly Edge[] =>
  pairs.map((pair) => edge(pair.charAt(0), pair.charAt(1)));
const paths = (list: readonly Edge[]): readonly string[] =>
  cycles(list).map((failure) => (failure.code === 'cycle' ? failure.path.join('') : failure.code));

describe('cycles', () => {
  it.each([
    ['none', ['ab', 'bc', 'ac'], []],
    ['of one', ['aa'], ['aa']],
    ['of two', ['ab', 'ba'], ['aba']],
    ['begun at the first name', ['cb', 'bc'], ['bcb']],
    ['behind a chain', ['ab', 'bc', 'cd', 'db'], ['bcdb']],
    ['two that share a project', ['ab', 'ba', 'ac', 'ca'], ['aba', 'aca']],
    ['two apart', ['ab', 'ba', 'cd', 'dc'], ['aba', 'cdc']],
    ['a diamond is none', ['ab', 'ac', 'bd', 'cd'], []],
    ['said twice, found once', ['ab', 'ab', 'ba'], ['aba']],
  ])('%s', (_, list, expected) => expect(paths(edges(...list))).toEqual(expected));

  it('point at the edge they begin with', () => {
    expect(cycles(edges('ab', 'ba'))).toMatchObject([{ at: { file: 'a', text: 'b' } }]);
  });

  it('are found in long chains without running out of stack', () => {
    const chain = Array.from({ length: 20_000 }, (_, index) => edge(`n${index}`, `n${index + 1}`));
    expect(cycles(chain)).toEqual([]);
    expect(cycles([...chain, edge('n20000', 'n0')])).toHaveLength(1);
  });

  const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
  const pair = fc
    .tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES))
    .map(([from, to]) => `${from}${to}`);

  it('are real, and there are some exactly where projects cannot be put in an order', () => {
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 14 }), (list) => {
        const found = paths(edges(...list));
        for (const path of found) {
          expect(path.at(0)).toBe(path.at(-1));
          for (let index = 1; index < path.length; index += 1)
            expect(list).toContain(path.slice(index - 1, index + 1));
        }
        expect(found.length > 0).toBe(!sortable(list));
      }),
    );
  });
});

/** Whether projects can be taken away one after another, each when nothing needs it any more. */
function sortable(pairs: readonly string[]): boolean {
  const free = pairs.filter((pair) => pairs.some((other) => other.endsWith(pair.charAt(0))));
  return free.length === pairs.length ? pairs.length === 0 : sortable(free);
}
