import { Secret, type Input } from '@goldenthread/core';
import { describe, expect, it } from 'vitest';
import { maskOf } from './ansible-mask.ts';

const given = (value: Input['value']): Input => ({ value, from: 'a spec' });
const mask = maskOf(
  new Map([
    ['short', given(new Secret('pw-1'))],
    ['key', given(new Secret('-----BEGIN-----\nabcdefgh1234\n}\n-----END-----\n'))],
    ['number', given(new Secret('4711'))],
    ['plain', given('visible')],
  ]),
);

describe('a mask', () => {
  it.each([
    ['a text with a secret', 'url=//me:pw-1@host', true],
    ['a line of a secret, indented', '    abcdefgh1234', true],
    ['a short line of a secret', 'if (x) { }', false],
    ['a secret escaped', JSON.stringify('-----BEGIN-----\nabcdefgh1234\n}\n-----END-----\n'), true],
    ['a member', { deep: [{ password: 'pw-1' }] }, true],
    ['the name of a member', { 'pw-1': 1 }, true],
    ['a number', 4711, true],
    ['another number', 471, false],
    ['what a module hid itself', 'VALUE_SPECIFIED_IN_NO_LOG_PARAMETER', true],
    ['an input that is none', 'visible', false],
    ['nothing', null, false],
  ])('%s', (_, value, expected) => {
    expect(mask.hides(value)).toBe(expected);
  });

  it('cleans texts, the longest first', () => {
    expect(mask.clean('pw-1 and -----BEGIN-----\nabcdefgh1234\n}\n-----END-----, visible')).toBe(
      '*** and ***, visible',
    );
  });

  it('hides what was decrypted: a value, and the values of a file, but for very short ones', () => {
    const found = maskOf(new Map(), [
      { text: 'inline', file: false },
      { text: 'db:\n  user: app\n  port: 15432\n  words: [quite secret]\n', file: true },
      { text: 'no: yaml: at all', file: true },
    ]);
    const texts = ['an inline', 'quite secret!', 15432, 'no: yaml: at all', 'app', 'elsewhere'];
    expect(texts.map(found.hides)).toEqual([true, true, true, true, false, false]);
    expect(found.all).toBeNull();
  });

  it('knows all secrets, or that there are none', () => {
    expect(Object.keys(mask.all ?? {})).toEqual(['short', 'key', 'number']);
    const none = maskOf(new Map([['empty', given(new Secret(''))]]));
    expect([none.hides('anything'), none.clean('any'), none.all]).toEqual([false, 'any', { empty: '' }]);
    expect(maskOf(new Map([['plain', given('x')]])).all).toBeNull();
  });
});
