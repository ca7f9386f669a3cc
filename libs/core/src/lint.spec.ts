import { describe, expect, it } from 'vitest';
import { findingText, sortFindings, type Finding } from './lint.ts';

const finding = (file: string, line: number, column = 1, rule = 'yamllint x'): Finding => ({
  file,
  line,
  column,
  message: 'm',
  rule,
  level: 'error',
});

describe('findings', () => {
  it('read as editors link them', () => {
    expect(findingText(finding('a/b.yml', 2, 3))).toBe('a/b.yml:2:3 m (yamllint x)');
  });
  it('come in the order of the files, each once', () => {
    const [first, second, third, fourth] = [
      finding('a', 2),
      finding('a', 10),
      finding('a', 10, 2),
      finding('b', 1),
    ];
    expect(sortFindings([fourth, third, second, first, second])).toEqual([first, second, third, fourth]);
  });
  it('of several linters at one place come by rule', () => {
    expect(sortFindings([finding('a', 1, 1, 'z'), finding('a', 1, 1, 'b')]).map(({ rule }) => rule)).toEqual([
      'b',
      'z',
    ]);
  });
});
