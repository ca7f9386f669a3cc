import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { place, positionAt, positionOf, underline } from './position.ts';

describe('positionAt', () => {
  it.each([
    ['the start', 'ab\ncd', 0, 1, [1, 1, 1, 'ab']],
    ['the start of a later line', 'ab\ncd', 3, 2, [2, 1, 2, 'cd']],
    ['a length that runs over the line', 'ab\ncd', 1, 9, [1, 2, 1, 'ab']],
    ['a line break itself', 'ab\ncd', 2, 1, [1, 3, 1, 'ab']],
    ['the end', 'ab\ncd', 5, 1, [2, 3, 1, 'cd']],
    ['beyond the end', 'ab', 99, 5, [1, 3, 1, 'ab']],
    ['before the start', 'ab', -5, 1, [1, 1, 1, 'ab']],
    ['an empty text', '', 0, 1, [1, 1, 1, '']],
    ['a first line that is empty', '\nab', 0, 1, [1, 1, 1, '']],
    ['lines that end with CR LF', 'ab\r\ncd\r\n', 4, 9, [2, 1, 2, 'cd']],
    ['no length', 'ab', 0, 0, [1, 1, 1, 'ab']],
  ] as const)('%s', (...[, text, offset, length, expected]) => {
    const [line, column, marked, whole] = expected;
    expect(positionAt('f', text, offset, length)).toEqual({
      file: 'f',
      line,
      column,
      length: marked,
      text: whole,
    });
  });

  it('points back at the offset it was made from, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'ü', '\n', '\r\n', '\t', ' ')),
        fc.nat(40),
        (parts, offset) => {
          const text = parts.join('');
          const { line, column, length, text: whole } = positionAt('f', text, offset);
          const before = text.split('\n').slice(0, line - 1);
          const at = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
          expect(at).toBe(Math.min(offset, text.length));
          expect(whole).toBe((text.split('\n')[line - 1] ?? '').replace(/\r$/, ''));
          expect(length).toBe(1);
        },
      ),
    );
  });
});

describe('positionOf', () => {
  it('finds the text, or else points at the start', () => {
    expect(positionOf('f', 'a\nbase = x', 'base')).toMatchObject({ line: 2, column: 1, length: 4 });
    expect(positionOf('f', 'a\nb', 'z')).toMatchObject({ line: 1, column: 1 });
    expect(positionOf('f', 'a\nb', '')).toMatchObject({ line: 1, column: 1, length: 1 });
  });
});

describe('in words', () => {
  it('as editors link it', () => {
    expect(place(positionAt('a/b.yml', 'x\nyz', 3))).toBe('a/b.yml:2:2');
  });
  it.each([
    ['under the text', 'roles: nginx', 7, 5, '1 | roles: nginx\n  |        ^^^^^'],
    ['tabs keep their width', '\tx: 1', 1, 1, '1 | \tx: 1\n  | \t^'],
  ] as const)('%s', (...[, text, offset, length, expected]) => {
    expect(underline(positionAt('f', text, offset, length))).toBe(expected);
  });
  it('makes room for long line numbers', () => {
    const text = `${'\n'.repeat(99)}base`;
    expect(underline(positionAt('f', text, 99, 4))).toBe('100 | base\n    | ^^^^');
  });
});
