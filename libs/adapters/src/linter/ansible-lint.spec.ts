import { describe, expect, it } from 'vitest';
import { readReport } from './ansible-lint.ts';

const issue = (more: object): string =>
  JSON.stringify([
    {
      check_name: 'name[play]',
      description: 'All plays should be named.',
      location: { path: 'p.yml', lines: { begin: 3 } },
      ...more,
    },
  ]);

describe('readReport', () => {
  it.each([
    [
      'a line',
      issue({ severity: 'major' }),
      { file: 'p.yml', line: 3, column: 1, rule: 'ansible-lint name[play]', level: 'error' },
    ],
    [
      'a position',
      issue({ location: { path: './p.yml', positions: { begin: { line: 4, column: 7 } } } }),
      { file: 'p.yml', line: 4, column: 7 },
    ],
    ['no place', issue({ location: { path: 'p.yml' } }), { line: 1, column: 1 }],
    ['mild by its severity', issue({ severity: 'info' }), { level: 'warning' }],
    ['mild by its level', issue({ severity: 'major', level: 'warning' }), { level: 'warning' }],
    ['grave by its level', issue({ severity: 'minor', level: 'error' }), { level: 'error' }],
    [
      'a file that cannot be loaded',
      issue({ check_name: 'load-failure', content: { body: 'while scanning\n  a scalar' } }),
      { message: 'All plays should be named.: while scanning a scalar' },
    ],
    [
      'words before the report',
      `\nWARNING  Listing 1 violation(s)\n${issue({})}`,
      { message: 'All plays should be named.' },
    ],
  ])('%s', (_, text, expected) => {
    expect(readReport(text)).toEqual([expect.objectContaining(expected)]);
  });

  it('knows a clean run from a text that is no report', () => {
    expect(readReport('')).toEqual([]);
    expect(readReport('[]')).toEqual([]);
    expect(readReport('{}')).toBeNull();
    expect(readReport('Traceback (most recent call last):')).toBeNull();
    expect(readReport('[1')).toBeNull();
  });
});
