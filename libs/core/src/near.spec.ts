import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { near } from './near.ts';

const NAMES = ['base', 'edge', 'node', 'nginx', 'web', 'web-eu', 'hardening', 'production', 'preproduction'];

describe('near', () => {
  it.each([
    ['bas', ['base']],
    ['bsae', ['base']],
    ['ngnix', ['nginx']],
    ['Edge', ['edge']],
    ['webb', ['web']],
    ['wbe', ['web']],
    ['hardning', ['hardening']],
    ['harednign', ['hardening']],
    ['prodution', ['production']],
    ['database', []],
    ['', []],
    ['x', []],
  ])('%j', (name, expected) => expect(near(name, NAMES)).toEqual(expected));

  it('puts the best first, and names two at most', () => {
    expect(near('abcdef', ['abcxyf', 'abcdex', 'abcdeg', 'abcdef'])).toEqual(['abcdef', 'abcdeg']);
  });

  it('finds a name in which one key was hit wrong, left out, hit twice or swapped with the next', () => {
    const word = fc.string({
      minLength: 3,
      maxLength: 20,
      unit: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', '-'),
    });
    fc.assert(
      fc.property(word, fc.nat(), fc.constantFrom('wrong', 'out', 'twice', 'swapped'), (name, seed, slip) => {
        const at = seed % (name.length - 1);
        const [a, b] = [name.slice(at, at + 1), name.slice(at + 1, at + 2)];
        const hit = { wrong: `_${b}`, out: b, twice: `${a}${a}${b}`, swapped: `${b}${a}` }[slip];
        expect(near(`${name.slice(0, at)}${hit}${name.slice(at + 2)}`, [name])).toEqual([name]);
      }),
    );
  });
});
