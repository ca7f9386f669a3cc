import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical, type Json } from './canonical.ts';

/** The same value with the keys of every map in another order. */
function shuffled(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(shuffled);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffled(member ?? null)]),
  );
}

const json = fc.jsonValue() as fc.Arbitrary<Json>;

describe('canonical', () => {
  it.each<[Json, string]>([
    [{ b: 1, a: [true, null, 'x'] }, '{"a":[true,null,"x"],"b":1}'],
    [{ b: undefined, a: {} }, '{"a":{}}'],
    ['"\n', '"\\"\\n"'],
    [[[], {}], '[[],{}]'],
    [{ 10: 1, 9: 2 }, '{"10":1,"9":2}'],
  ])('%j', (value, text) => expect(canonical(value)).toBe(text));

  it('does not mind the order of keys', () => {
    fc.assert(fc.property(json, (value) => canonical(shuffled(value)) === canonical(value)));
  });
  it('says all of the value: reading it back gives the same', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
