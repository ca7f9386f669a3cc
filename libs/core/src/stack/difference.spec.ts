import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, type Json } from '../canonical.ts';
import { difference, shownOf, type Mask, type Masked } from './difference.ts';
import type { AttributeChange, Shown } from './plan.ts';

const word = (shown: Shown): string => (shown.is === 'value' ? canonical(shown.value) : shown.is);

/** Differences as lines `path: before -> after`, with an exclamation mark where they force a replacement. */
const lines = (changes: readonly AttributeChange[]): readonly string[] =>
  changes.map(
    ({ path, before, after, forces }) => `${path}: ${word(before)} -> ${word(after)}${forces ? '!' : ''}`,
  );

describe('difference', () => {
  it.each<[string, Masked, Masked, readonly string[]]>([
    ['nothing', { value: { a: 1 } }, { value: { a: 1 } }, []],
    ['the order of keys', { value: { a: 1, b: 2 } }, { value: { b: 2, a: 1 } }, []],
    ['null for nothing', { value: { a: null } }, { value: {} }, []],
    ['a leaf', { value: { a: 1, b: 2 } }, { value: { a: 1, b: 3 } }, ['b: 2 -> 3']],
    ['a deep leaf', { value: { a: { b: [1, 2] } } }, { value: { a: { b: [1, 3] } } }, ['a.b.1: 2 -> 3']],
    ['a new key', { value: {} }, { value: { a: { b: 1 } } }, ['a.b: absent -> 1']],
    ['a key that is gone', { value: { a: 1 } }, { value: {} }, ['a: 1 -> absent']],
    [
      'a new resource',
      { value: undefined },
      { value: { a: 1, b: [2] } },
      ['a: absent -> 1', 'b.0: absent -> 2'],
    ],
    ['an empty map for nothing', { value: {} }, { value: { a: {} } }, ['a: absent -> {}']],
    ['a list that is longer by nothing', { value: { a: [] } }, { value: { a: [null] } }, ['a: [] -> [null]']],
    [
      'a map of nothing for nothing',
      { value: {} },
      { value: { a: { b: null } } },
      ['a: absent -> {"b":null}'],
    ],
    ['a list for a map', { value: { a: {} } }, { value: { a: [] } }, ['a: {} -> []']],
    ['a text for a map', { value: { a: { b: 1 } } }, { value: { a: 'x' } }, ['a: {"b":1} -> "x"']],
    [
      'a key that every object has',
      { value: {} },
      { value: { constructor: 'x', toString: 'y' } },
      ['constructor: absent -> "x"', 'toString: absent -> "y"'],
    ],
    ['several, by path', { value: { z: 1, a: 1 } }, { value: { z: 2, a: 2 } }, ['a: 1 -> 2', 'z: 1 -> 2']],
    [
      'what is not known yet',
      { value: { id: 'x', a: 1 } },
      { value: { a: 1 }, unknown: { id: true } },
      ['id: "x" -> unknown'],
    ],
    [
      'all of it not known',
      { value: undefined },
      { value: undefined, unknown: true },
      [': absent -> unknown'],
    ],
    [
      'a part that is not known in a text before',
      { value: { a: 'x' } },
      { value: { a: { c: 1 } }, unknown: { a: { b: true } } },
      ['a: "x" -> unknown'],
    ],
    [
      'a sensitive value',
      { value: { a: 'x' }, sensitive: { a: true } },
      { value: { a: 'y' }, sensitive: { a: true } },
      ['a: sensitive -> sensitive'],
    ],
    [
      'one that is no longer sensitive',
      { value: { a: 'x' }, sensitive: { a: true } },
      { value: { a: 'y' } },
      ['a: sensitive -> sensitive'],
    ],
    [
      'one that becomes sensitive',
      { value: { a: 'x' } },
      { value: { a: { b: 'y' } }, sensitive: { a: true } },
      ['a: sensitive -> sensitive'],
    ],
    [
      'a new sensitive value',
      { value: {} },
      { value: { a: 'y' }, sensitive: { a: true } },
      ['a: absent -> sensitive'],
    ],
    [
      'a sensitive value that is not known yet',
      { value: {} },
      { value: {}, sensitive: { a: true }, unknown: { a: true } },
      ['a: absent -> sensitive'],
    ],
    [
      'a map with a sensitive part for a text',
      { value: { a: 'x' } },
      { value: { a: { b: 'y', c: 1 } }, sensitive: { a: { b: true } } },
      ['a: "x" -> sensitive'],
    ],
    ['the same sensitive value', { value: 'x', sensitive: true }, { value: 'x', sensitive: true }, []],
  ])('%s', (_, before, after, expected) => expect(lines(difference(before, after))).toEqual(expected));

  it('says which of them force a replacement', () => {
    const changes = difference({ value: { a: 1, b: { c: 1 } } }, { value: { a: 2, b: { c: 2 } } }, (path) =>
      path.includes('c'),
    );
    expect(lines(changes)).toEqual(['a: 1 -> 2', 'b.c: 1 -> 2!']);
  });
});

describe('shownOf', () => {
  it.each<[Masked, string]>([
    [{ value: { a: 1 } }, '{"a":1}'],
    [{ value: null }, 'absent'],
    [{ value: undefined }, 'absent'],
    [{ value: { a: 's' }, sensitive: { a: true } }, 'sensitive'],
    [{ value: { a: 1 }, unknown: { b: true } }, 'unknown'],
    [{ value: { a: 1 }, unknown: { b: true }, sensitive: [true] }, 'sensitive'],
    [{ value: false, sensitive: { a: false, b: null, c: [] } }, 'false'],
  ])('%j: %s', (masked, expected) => expect(word(shownOf(masked))).toBe(expected));
});

const PLANTED = 'planted-secret';
const keys = fc.constantFrom('a', 'b', 'c', '__x', 'constructor', '0', '1');
const jsons = (...leaf: readonly Json[]): fc.Arbitrary<Json> =>
  fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom(...leaf),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(keys, tie('json'), { maxKeys: 3 }),
    ),
  })).json;
const json = jsons(null, true, 0, 1, 'x', 'y', '');

/** Plants secrets at random places of a value, and says where they are: as a mask as deep as they lie, or less deep. */
function planted(value: Json, draw: () => number): { readonly value: Json; readonly mask: Mask } {
  const luck = draw();
  if (luck < 0.2) return { value: `${PLANTED}-${draw()}`, mask: true };
  if (value === null || typeof value !== 'object') return { value, mask: draw() < 0.5 ? false : undefined };
  const parts = Object.entries(value).map(([key, one]) => [key, planted(one ?? null, draw)] as const);
  const whole = luck < 0.3 ? (true as const) : null;
  if (Array.isArray(value))
    return { value: parts.map(([, one]) => one.value), mask: whole ?? parts.map(([, one]) => one.mask) };
  return {
    value: Object.fromEntries(parts.map(([key, one]) => [key, one.value])),
    mask: whole ?? Object.fromEntries(parts.map(([key, one]) => [key, one.mask])),
  };
}

const numbers = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }));
const drawing = (stream: Iterator<number>) => (): number => Number(stream.next().value);

/** The leaves of a value by path; what is empty is a leaf. */
function leaves(value: Json | undefined, path: readonly string[] = []): ReadonlyMap<string, string> {
  const parts = value !== null && typeof value === 'object' ? Object.entries(value) : [];
  if (parts.length === 0) return new Map([[path.join('.'), canonical(value ?? null)]]);
  return new Map(parts.flatMap(([key, one]) => [...leaves(one, [...path, key])]));
}

describe('laws of a difference', () => {
  it('shows no masked value, whatever the two look like', () => {
    fc.assert(
      fc.property(json, json, numbers, (one, two, stream) => {
        const draw = drawing(stream);
        const [a, b] = [planted(one, draw), planted(two, draw)];
        const found = difference(
          { value: a.value, sensitive: a.mask },
          { value: b.value, sensitive: b.mask, unknown: draw() < 0.3 ? { a: true } : false },
        );
        expect(JSON.stringify(found)).not.toContain(PLANTED);
      }),
      { numRuns: 500 },
    );
  });

  it('is empty for equal values, and names a place of every leaf that differs, and no other', () => {
    fc.assert(
      fc.property(jsons(true, 0, 1, 'x', ''), jsons(true, 0, 1, 'x', ''), (one, two) => {
        const found = difference({ value: one }, { value: two }).map(({ path }) => path);
        const [before, after] = [leaves(one), leaves(two)];
        const differing = [...new Set([...before.keys(), ...after.keys()])].filter(
          (path) => before.get(path) !== after.get(path),
        );
        const near = (a: string, b: string): boolean =>
          a === b || a === '' || b === '' || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);
        for (const path of differing) expect(found.some((other) => near(path, other))).toBe(true);
        for (const path of found) expect(differing.some((other) => near(path, other))).toBe(true);
        expect(difference({ value: one }, { value: one })).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('leads from one value to the other', () => {
    const flat = fc.dictionary(keys, fc.dictionary(keys, fc.integer(), { minKeys: 1 }));
    fc.assert(
      fc.property(flat, flat, (one, two) => {
        const now = new Map(leaves(one));
        for (const { path, before, after } of difference({ value: one }, { value: two })) {
          expect(word(before)).toBe(now.get(path) ?? 'absent');
          if (after.is === 'absent') now.delete(path);
          else now.set(path, word(after));
        }
        const wanted = leaves(two);
        expect([...now].filter(([path]) => path !== '').toSorted()).toEqual(
          [...wanted].filter(([path]) => path !== '').toSorted(),
        );
      }),
    );
  });
});
