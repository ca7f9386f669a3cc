import { describe, expect, it } from 'vitest';
import type { Facts } from './facts.ts';
import { factLines } from './lines.ts';
import { playbookFacts } from './playbook.ts';
import { tasksFacts } from './tasks.ts';

/** Facts as lines, without the name of the file that is read. */
const brief = (facts: Facts): readonly string[] =>
  factLines(facts).map((line) => line.replace(/^failure [^:]+:/, 'failure '));

const playbook = (text: string): Facts => playbookFacts({ path: 'images/edge/playbook.yml', text });
const play = (text: string): readonly string[] =>
  brief(playbook(`- hosts: all\n${text.replace(/^/gm, '  ')}`));
const tasks = (text: string): readonly string[] =>
  brief(
    tasksFacts(
      { path: 'libs/roles/web/tasks/main.yml', text },
      { role: 'libs/roles/web', playbook: 'images/edge' },
    ),
  );

/** Where Ansible looks for a file of the role `web` that the playbook of `images/edge` runs. */
const search = (kind: string, name: string): string =>
  ['libs/roles/web', 'libs/roles/web/tasks', 'images/edge']
    .flatMap((at) => [`${at}/${kind}/${name}`, `${at}/${name}`])
    .join(' | ');

describe('files of tasks', () => {
  it.each([
    ['a template', '- template: {src: a.j2, dest: /a}', [`file ${search('templates', 'a.j2')}`]],
    ['by full name', '- ansible.builtin.template:\n    src: a.j2', [`file ${search('templates', 'a.j2')}`]],
    ['in one line', '- template: src=a.j2 dest="/x y/{{ z }}"', [`file ${search('templates', 'a.j2')}`]],
    [
      'as an action',
      '- action: copy src=a dest=/a\n- action: {module: copy, src: b}',
      [`file ${search('files', 'a')}`, `file ${search('files', 'b')}`],
    ],
    ['with args', '- copy:\n  args: {src: a}', [`file ${search('files', 'a')}`]],
    [
      'a named folder is not doubled',
      '- copy: {src: files/a, dest: /a}',
      ['file libs/roles/web/files/a | libs/roles/web/tasks/files/a | images/edge/files/a'],
    ],
    ['copy by content', '- copy: {content: x, dest: /a}', []],
    [
      'on the machine itself',
      '- copy: {src: a, dest: /a, remote_src: yes}\n- unarchive: {src: a, copy: no}\n- assemble: {src: parts}',
      [],
    ],
    [
      'assembled from here',
      '- assemble: {src: parts, remote_src: false}',
      [`file ${search('files', 'parts')}`],
    ],
    [
      'absolute paths and addresses',
      '- copy: {src: /etc/a}\n- copy: {src: ~/a}\n- unarchive: {src: "https://x.y/a.tgz"}',
      [],
    ],
    [
      'a script with arguments',
      '- script: "install.sh --for {{ user }}"\n- script: {cmd: "b.sh x"}',
      [`file ${search('files', 'install.sh')}`, `file ${search('files', 'b.sh')}`],
    ],
    [
      'modules of others are left alone',
      '- community.docker.docker_image: {src: a}\n- file: {src: a, dest: b}',
      [],
    ],
    [
      'under a condition it need not be there',
      '- template: {src: a.j2}\n  when: x',
      [`?file ${search('templates', 'a.j2')}`],
    ],
    [
      'a literal loop',
      '- copy: {src: "{{ item }}.conf"}\n  with_items: [a, b]',
      [`file ${search('files', 'a.conf')}`, `file ${search('files', 'b.conf')}`],
    ],
    [
      'a loop of maps',
      '- copy: {src: "{{ item.src }}"}\n  loop:\n  - {src: a}\n  - {src: "{{ x }}"}',
      [`file ${search('files', 'a')}`, 'unknown {{ item.src }}'],
    ],
    [
      'the first that exists',
      '- include_vars: "{{ item }}"\n  with_first_found: [a.yml, b.yml]',
      [`?file ${search('vars', 'a.yml')} | ${search('vars', 'b.yml')}`],
    ],
    [
      'the first of files and paths',
      '- include_vars: "{{ item }}"\n  with_first_found:\n  - files: ["{{ os }}.yml", b.yml]\n    paths: [../vars]',
      [expect.stringMatching(/^\?file .*libs\/roles\/web\/vars\/b\.yml/), 'unknown {{ item }}'],
    ],
    [
      'the first by parameters',
      '- include_vars: "{{ lookup(\'first_found\', params) }}"\n  vars:\n    params: {files: [b.yml], paths: vars}',
      [expect.stringMatching(/^\?file libs\/roles\/web\/vars\/b\.yml/)],
    ],
    [
      'a pattern counts as its folder',
      '- copy: {src: "{{ item }}"}\n  with_fileglob: ["conf.d/*.conf"]',
      [expect.stringMatching(/^\?file libs\/roles\/web\/files\/conf\.d \|/)],
    ],
    ['files as items', '- debug: {msg: "{{ item }}"}\n  with_file: [a]', [`?file ${search('files', 'a')}`]],
    [
      'the folder of the role',
      '- copy: {src: "{{ role_path }}/../x/files/a"}',
      ['file libs/roles/x/files/a'],
    ],
    [
      'a look-up',
      "- copy: {content: \"{{ lookup('file', 'a.pub') | trim }}\"}",
      [`?file ${search('files', 'a.pub')}`],
    ],
    [
      'a look-up of a joined path',
      "- set_fact: {a: \"{{ lookup('ansible.builtin.template', role_path + '/x.j2') }}\"}",
      ['?file libs/roles/web/x.j2'],
    ],
    [
      'a look-up over a loop',
      '- set_fact: {a: "{{ lookup(\'file\', item) }}"}\n  loop: [a]',
      [`?file ${search('files', 'a')}`],
    ],
    [
      'an unknown look-up',
      "- set_fact: {a: \"{{ lookup('file', base ~ '/x') }}\"}",
      ["unknown {{ lookup('file', base ~ '/x') }}"],
    ],
    ['other look-ups', "- set_fact: {a: \"{{ lookup('env', 'HOME') }}\"}", []],
    ['a template in the path', '- template: {src: "{{ os }}.j2"}', ['unknown {{ os }}.j2']],
    ['variables from a folder', '- include_vars: {dir: extra}', [`?file ${search('vars', 'extra')}`]],
  ])('%s', (_, text, expected) => {
    expect(tasks(text)).toEqual(expected);
  });

  it.each([
    [
      'imports must be there',
      '- import_tasks: a.yml\n  when: x',
      'tasks libs/roles/web/tasks/a.yml | libs/roles/web/handlers/a.yml | libs/roles/web/a.yml | images/edge/a.yml',
    ],
    [
      'includes under a condition need not',
      '- include_tasks: {file: a.yml}\n  when: x',
      '?tasks libs/roles/web/tasks/a.yml | libs/roles/web/handlers/a.yml | libs/roles/web/a.yml | images/edge/a.yml',
    ],
    ['an unknown include', '- include_tasks: "{{ os }}.yml"', 'unknown {{ os }}.yml'],
    [
      'a role in a folder of roles',
      '- include_role: {name: net/a}',
      'role images/edge/roles/net/a | images/edge/net/a | libs/roles/net/a | roles/net/a',
    ],
    [
      'tasks of another role',
      '- include_tasks: "{{ role_path }}/../x/tasks/a.yml"',
      'tasks libs/roles/x/tasks/a.yml',
    ],
  ])('%s', (_, text, expected) => {
    expect(tasks(text)).toEqual([expected]);
  });

  it('goes into blocks, and knows that a rescue need not run', () => {
    const text =
      '- block:\n  - copy: {src: a}\n  - block:\n    - import_role: {name: r}\n  rescue:\n  - copy: {src: b}\n  always:\n  - copy: {src: c}';
    expect(tasks(text)).toEqual([
      `?file ${search('files', 'a')}`,
      'role r',
      `?file ${search('files', 'b')}`,
      `?file ${search('files', 'c')}`,
    ]);
  });

  it('walks all lists of a play', () => {
    const lists = ['pre_tasks', 'tasks', 'post_tasks', 'handlers'].map(
      (list) => `${list}:\n- import_role: {name: ${list}}`,
    );
    expect(play(lists.join('\n'))).toEqual([
      'role pre_tasks',
      'role tasks',
      'role post_tasks',
      'role handlers',
    ]);
  });

  it.each([
    ['tasks that are no list', 'a: b', 'failure 1:1 tasks are a list'],
    ['a task that is no map', '- apt', 'failure 1:3 a task is a map, such as `name: …` and a module'],
    ['bad syntax', '- copy: {src: a', expect.stringMatching(/^failure 1:/)],
  ])('refuses %s', (_, text, expected) => {
    expect(tasks(text)).toEqual([expected]);
  });

  it('takes files for granted only where it knows the playbook', () => {
    const facts = tasksFacts(
      { path: 'libs/roles/web/tasks/main.yml', text: '- copy: {src: a}' },
      { role: 'libs/roles/web' },
    );
    expect(facts.references[0]?.optional).toBe(true);
  });
});
