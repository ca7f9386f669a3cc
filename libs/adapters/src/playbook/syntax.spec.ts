import { describe, expect, it } from 'vitest';
import { syntaxFinding } from './syntax.ts';

describe('syntaxFinding', () => {
  const said = (message: string, path: string): string =>
    `ERROR! ${message}\n\nThe error appears to be in '${path}': line 2, column 11, but may\nbe elsewhere in the file.\n\nThe offending line appears to be:\n\n  roles: [nope]\n`;
  it.each([
    [
      'ansible-core up to 2.18',
      said("the role 'nope' was not found in /w/roles", '/w/images/x/p.yml'),
      { file: 'images/x/p.yml', line: 2, column: 11, message: "the role 'nope' was not found in /w/roles" },
    ],
    [
      'ansible-core from 2.19 on',
      "[ERROR]: the role 'nope' was not found\nOrigin: /w/images/x/p.yml:2:11\n\n1 - hosts: all\n2   roles: [nope]\n",
      { file: 'images/x/p.yml', line: 2, column: 11, message: "the role 'nope' was not found" },
    ],
    [
      'YAML',
      said(
        'We were unable to read either as JSON nor YAML, these are the errors we got from each:\nJSON: x\n\nSyntax Error while loading YAML.\n  found unexpected end of stream',
        '/w/p.yml',
      ),
      { file: 'p.yml', message: 'not valid YAML: found unexpected end of stream' },
    ],
    [
      'a place outside',
      said('broken', '/elsewhere/p.yml'),
      { file: 'images/x/image.yaml', line: 1, column: 1, message: 'broken' },
    ],
    ['no place', 'ERROR! broken\n', { file: 'images/x/image.yaml', line: 1, column: 1, message: 'broken' }],
    ['nothing', '', { message: 'Ansible refuses it and does not say why' }],
  ])('%s', (_, text, expected) => {
    expect(syntaxFinding(text, '/w', 'images/x/image.yaml')).toMatchObject({
      ...expected,
      rule: 'ansible syntax-check',
      level: 'error',
    });
  });
});
