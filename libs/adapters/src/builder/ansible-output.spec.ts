import { describe, expect, it } from 'vitest';
import { playFailure } from './ansible-output.ts';

const before = `PLAY [all] *****

TASK [Gathering Facts] *****
ok: [edge]

TASK [nginx : Install it] *****
`;

describe('the output of a play that failed', () => {
  it('names the task and says what its module said', () => {
    const fatal = `fatal: [edge]: FAILED! => {"changed": false, "msg": "No package matching 'ngin' is available"}`;
    expect(playFailure(`${before}${fatal}\n\nPLAY RECAP ***\n`, '', '/w')).toEqual({
      task: 'nginx : Install it',
      detail: "No package matching 'ngin' is available",
    });
  });

  it('adds the end of what a command said', () => {
    const result = {
      msg: 'non-zero return code',
      rc: 3,
      stderr: `${'noise\n'.repeat(30)}the reason`,
      stdout: 'aside',
    };
    const { detail } = playFailure(
      `${before}fatal: [edge]: FAILED! => ${JSON.stringify(result)}\n`,
      '',
      '/w',
    );
    expect(detail.split('\n')).toHaveLength(13);
    expect(detail).toMatch(/^non-zero return code\nnoise/);
    expect(detail).toMatch(/the reason$/);
  });

  it('falls back on the output where there is no error output', () => {
    const result = { msg: 'non-zero return code', rc: 1, stderr: '', stdout: 'said aloud' };
    expect(
      playFailure(`${before}fatal: [edge]: FAILED! => ${JSON.stringify(result)}\n`, '', '/w').detail,
    ).toBe('non-zero return code\nsaid aloud');
  });

  it('names the item of a loop', () => {
    const failed = 'failed: [edge] (item=two) => {"item": "two", "msg": "no"}';
    expect(playFailure(`${before}ok: [edge] => (item=one)\n${failed}\n`, '', '/w').detail).toBe(
      'no (item two)',
    );
  });

  it('looks into modules that ran as one task', () => {
    const result = {
      msg: 'The following modules failed to execute: setup',
      failed_modules: { setup: { msg: 'MODULE FAILURE', module_stderr: 'no python' } },
    };
    const { task, detail } = playFailure(
      `TASK [Gathering Facts] **\nfatal: [edge]: FAILED! => ${JSON.stringify(result)}\n`,
      '',
      '/w',
    );
    expect(task).toBe('Gathering Facts');
    expect(detail).toMatch(/MODULE FAILURE\nno python$/);
  });

  it('takes the last failure: earlier ones were ignored or rescued', () => {
    const ignored = 'fatal: [edge]: FAILED! => {"msg": "harmless"}\n...ignoring\n\nTASK [nginx : Start] **\n';
    expect(
      playFailure(`${before}${ignored}fatal: [edge]: UNREACHABLE! => {"msg": "gone"}\n`, '', '/w'),
    ).toEqual({ task: 'nginx : Start', detail: 'gone' });
  });

  it('gives the place of a syntax error relative to the workspace', () => {
    const said = `ERROR! We were unable to read either as JSON nor YAML

Syntax Error while loading YAML.
  mapping values are not allowed in this context

The error appears to be in '/w/libs/roles/a/tasks/main.yml': line 3, column 7, but may
be elsewhere in the file depending on the exact syntax problem.

The offending line appears to be:

  raw: true
   bad: indent
`;
    const { task, detail } = playFailure('', said, '/w');
    expect(task).toBe('reading the play');
    expect(detail.split('\n')[0]).toBe(
      'libs/roles/a/tasks/main.yml:3:7: ERROR! We were unable to read either as JSON nor YAML',
    );
    expect(detail).toContain('mapping values are not allowed');
  });

  it('has something to say when Ansible had nothing', () => {
    expect(playFailure('', '', '/w').detail).toBe('ansible-playbook said nothing');
  });
});
