import { describe, expect, it } from 'vitest';
import type { Facts, SourceFile } from './facts.ts';
import { factLines } from './lines.ts';
import { roleFacts } from './role.ts';

/** Facts as lines, without the name of the file that is read. */
const brief = (facts: Facts): readonly string[] =>
  factLines(facts).map((line) => line.replace(/^failure [^:]+:/, 'failure '));

describe('a role', () => {
  const file = (path: string, text: string): SourceFile => ({ path: `libs/roles/web/${path}`, text });
  const meta = (text: string): readonly string[] =>
    brief(roleFacts('libs/roles/web', [file('meta/main.yml', text)]));

  it.each([
    ['names and maps', 'dependencies: [a, {role: b, x: 1}, {name: c}]', ['role a', 'role b', 'role c']],
    [
      'a galaxy role',
      'dependencies:\n- src: geerlingguy.java\n- {src: "https://x.y/z/ansible-role-tls.git", scm: git}\n- {src: a.b, name: own}',
      ['?role geerlingguy.java', '?role ansible-role-tls', '?role own'],
    ],
    ['a galaxy role in one line', 'dependencies: ["geerlingguy.java,1.2,java"]', ['role java']],
    ['none', 'galaxy_info: {author: me}\ndependencies: []', []],
    ['nothing behind it', 'dependencies:', []],
    ['an empty file', '---\n', []],
    ['a template', 'dependencies: ["{{ x }}"]', ['unknown {{ x }}']],
    ['no list', 'dependencies: {a: b}', ['failure 1:15 `dependencies` is a list']],
    ['no map', '- a', ["failure 1:1 a role's meta data are a map"]],
    [
      'no name',
      'dependencies: [{version: 1}]',
      ['failure 1:16 a dependency is a name, or a map with `role:`'],
    ],
  ])('depends on: %s', (_, text, expected) => {
    expect(meta(text)).toEqual(expected);
  });

  it('reads all its files, and leaves its own tasks out', () => {
    const facts = roleFacts(
      'libs/roles/web',
      [
        file(
          'tasks/main.yml',
          '- import_tasks: install.yml\n- include_tasks: sub/x.yml\n- include_role: {name: a}',
        ),
        file('tasks/install.yml', '- include_role: {name: b}'),
        file('tasks/sub/x.yml', '- import_tasks: ../install.yml'),
        file('handlers/main.yml', '- import_role: {name: c}'),
        file('meta/main.yml', 'dependencies: [d]'),
        file('defaults/main.yml', "key: \"{{ lookup('file', '../shared/key') }}\""),
        file('vars/secret.yml', '$ANSIBLE_VAULT;1.1;AES256\n6162\n'),
      ],
      'images/edge',
    );
    expect(brief(facts)).toEqual([
      'role a',
      'role b',
      'role c',
      'role d',
      expect.stringMatching(/^\?file libs\/roles\/web\/shared\/key/),
    ]);
  });

  it('reports each file that cannot be parsed', () => {
    const facts = roleFacts('libs/roles/web', [
      file('tasks/main.yml', '- a: [b'),
      file('vars/main.yml', 'a: "b'),
    ]);
    expect(facts.failures.map((failure) => failure.code)).toEqual(['source-unparsable', 'source-unparsable']);
    expect(facts.failures.map((failure) => 'at' in failure && failure.at.file)).toEqual([
      'libs/roles/web/tasks/main.yml',
      'libs/roles/web/vars/main.yml',
    ]);
  });
});
