import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { basename, folder, join, within } from './paths.ts';

describe('join', () => {
  it.each([
    [['a', 'b'], 'a/b'],
    [['', 'b'], 'b'],
    [['a', ''], 'a'],
    [['.', 'a/./b//c/'], 'a/b/c'],
    [['a/b', '../c'], 'a/c'],
    [['a', '../..', 'b'], '../b'],
    [['a', '../../..'], '../..'],
    [['..', 'a', '..'], '..'],
    [[], ''],
  ])('%j', (parts, expected) => expect(join(...parts)).toBe(expected));

  it('is the same however the parts are cut', () => {
    const part = fc.constantFrom('a', 'b', '.', '..', '');
    fc.assert(
      fc.property(
        fc.array(part),
        fc.array(part),
        (left, right) => join(join(...left), ...right) === join(...left, ...right),
      ),
    );
  });
});

describe('parts of a path', () => {
  it.each([
    ['a/b/c.yml', 'a/b', 'c.yml'],
    ['c.yml', '', 'c.yml'],
    ['', '', ''],
  ])('%j', (path, above, name) => {
    expect(folder(path)).toBe(above);
    expect(basename(path)).toBe(name);
  });
});

describe('within', () => {
  it.each([
    ['a/b', 'a', true],
    ['a', 'a', true],
    ['ab', 'a', false],
    ['a', 'a/b', false],
    ['anything', '', true],
  ])('%s in %j: %s', (path, root, expected) => expect(within(path, root)).toBe(expected));
});
