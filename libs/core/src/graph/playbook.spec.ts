import { describe, expect, it } from 'vitest';
import type { Facts } from './facts.ts';
import { factLines } from './lines.ts';
import { playbookFacts } from './playbook.ts';

/** Facts as lines, without the name of the file that is read. */
const brief = (facts: Facts): readonly string[] =>
  factLines(facts).map((line) => line.replace(/^failure [^:]+:/, 'failure '));

const playbook = (text: string): Facts => playbookFacts({ path: 'images/edge/playbook.yml', text });
const play = (text: string): readonly string[] =>
  brief(playbook(`- hosts: all\n${text.replace(/^/gm, '  ')}`));
describe('roles of a play', () => {
  it.each([
    ['a list of names', 'roles: [nginx, node]', ['role nginx', 'role node']],
    [
      'maps',
      'roles:\n- role: nginx\n  vars: {a: 1}\n- name: node\n- {role: tls, when: x}',
      ['role nginx', 'role node', 'role tls'],
    ],
    ['comments', 'roles: # all of them\n# - role: old\n- nginx # the proxy', ['role nginx']],
    [
      'a path means a folder',
      'roles: [../../libs/roles/nginx/]',
      ['role images/libs/roles/nginx | libs/roles/nginx'],
    ],
    [
      'a folder of folders of roles',
      'roles: [common/tls]',
      [
        'role images/edge/roles/common/tls | images/edge/common/tls | libs/roles/common/tls | roles/common/tls',
      ],
    ],
    ['a path from the playbook', 'roles: ["{{ playbook_dir }}/../x"]', ['role images/x']],
    [
      'galaxy and collection roles may come from elsewhere',
      'roles: [geerlingguy.docker, a.b.c]',
      ['?role geerlingguy.docker', '?role a.b.c'],
    ],
    [
      'a template is unknown',
      'roles: ["{{ proxy }}", "web-{% if x %}a{% endif %}"]',
      ['unknown {{ proxy }}', 'unknown web-{% if x %}a{% endif %}'],
    ],
    ['an absolute path is unknown', 'roles: [/opt/roles/x]', ['unknown /opt/roles/x']],
    ['nothing', 'roles:', []],
    ['no list', 'roles: nginx', ['failure 2:10 `roles` is a list']],
    [
      'an entry without a name',
      'roles:\n- vars: {a: 1}',
      ['failure 3:5 a role is a name, or a map with `role:`'],
    ],
    [
      'includes and imports',
      'tasks:\n- include_role: {name: a}\n- ansible.builtin.import_role:\n    name: b\n- import_role: name=c tasks_from=x',
      ['role a', 'role b', 'role c'],
    ],
    ['a literal loop', 'tasks:\n- include_role: {name: "{{ item }}"}\n  loop: [a, b]', ['role a', 'role b']],
    [
      'a loop with a variable of its own',
      'tasks:\n- include_role: {name: "app-{{ r.name }}"}\n  loop: [{name: a}, {name: b}]\n  loop_control: {loop_var: r}',
      ['role app-a', 'role app-b'],
    ],
    [
      'a loop over a variable',
      'tasks:\n- include_role: {name: "{{ item }}"}\n  loop: "{{ all }}"',
      ['unknown {{ item }}'],
    ],
    [
      'a list that is partly literal',
      'tasks:\n- include_role: {name: "{{ item }}"}\n  with_items: [a, "{{ b }}"]',
      ['role a', 'unknown {{ item }}'],
    ],
  ])('%s', (_, text, expected) => {
    expect(play(text)).toEqual(expected);
  });

  it('follows anchors, aliases and merge keys, the own key first', () => {
    const text =
      'vars:\n  x: &base {role: nginx, tags: [t]}\nroles:\n- *base\n- <<: *base\n  role: node\n- <<: [*base]';
    expect(play(text)).toEqual(['role nginx', 'role node', 'role nginx']);
  });

  it('points at the name and says why it counts', () => {
    const [reference] = playbook('- hosts: all\n  roles:\n    - role: nginx\n').references;
    expect(reference).toMatchObject({
      reason: 'uses the role nginx',
      at: { file: 'images/edge/playbook.yml', line: 3, column: 13, length: 5 },
    });
  });

  it('says what to declare for what it cannot know', () => {
    expect(playbook('- hosts: all\n  roles: ["{{ x }}"]').unknowns[0]?.why).toMatch(
      /known only when it runs.*`uses:`.*image\.yaml/,
    );
  });
});

describe('playbooks and files of variables', () => {
  it.each([
    ['an import', '- import_playbook: ../base/playbook.yml', ['playbook images/base/playbook.yml']],
    [
      'an import by full name, with parameters',
      '- ansible.builtin.import_playbook: a.yml tags=x',
      ['playbook images/edge/a.yml'],
    ],
    ['the old include', '- include: a.yml', ['playbook images/edge/a.yml']],
    [
      'a playbook of a collection',
      '- import_playbook: our.tools.site',
      ['?playbook images/edge/our.tools.site'],
    ],
    ['a template', '- import_playbook: "{{ env }}.yml"', ['unknown {{ env }}.yml']],
    ['the playbook folder', '- import_playbook: "{{ playbook_dir }}/../x.yml"', ['playbook images/x.yml']],
    ['a climb out of the workspace', '- import_playbook: ../../../x.yml', ['playbook ../x.yml']],
    [
      'files of variables',
      '- hosts: all\n  vars_files: [vars/a.yml, ../b.yml, /etc/c.yml]',
      ['file images/edge/vars/a.yml', 'file images/edge/b.yml | images/b.yml'],
    ],
    [
      'the first that exists',
      '- hosts: all\n  vars_files:\n  - [a.yml, b.yml]',
      ['file images/edge/vars/a.yml | images/edge/a.yml | images/edge/vars/b.yml | images/edge/b.yml'],
    ],
    [
      'the first, partly unknown',
      '- hosts: all\n  vars_files:\n  - ["{{ os }}.yml", vars/b.yml]',
      ['?file images/edge/vars/b.yml', 'unknown {{ os }}.yml'],
    ],
    ['no list', 'hosts: all', ['failure 1:1 a playbook is a list of plays']],
    ['nothing', '# empty\n', ['failure 1:1 a playbook is a list of plays']],
    ['no play', '- nginx', ['failure 1:3 a play is a map with `hosts:`, or an `import_playbook:`']],
    ['bad syntax', '- hosts: all\n  roles: [a\n', [expect.stringMatching(/^failure \d:\d+ Flow sequence/)]],
    [
      'an alias without an anchor',
      '- hosts: all\n  roles: *r\n',
      ['failure 2:10 there is no anchor &r before this alias'],
    ],
    [
      'an alias inside its own anchor',
      '- &p\n  hosts: all\n  tasks: [*p]\n',
      ['failure 3:11 the anchor &p contains its own alias'],
    ],
    ['an encrypted file', '$ANSIBLE_VAULT;1.1;AES256\n6162\n', ['unknown images/edge/playbook.yml']],
    [
      'an encrypted value',
      '- hosts: all\n  vars:\n    a: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      6162\n  roles: [x]',
      ['role x'],
    ],
    ['a JSON playbook', '[{"hosts": "all", "roles": ["x"]}]', ['role x']],
  ])('%s', (_, text, expected) => {
    expect(brief(playbook(text))).toEqual(expected);
  });

  it('refuses aliases that stand for more than anybody wrote', () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `    a${level + 1}: &a${level + 1} [${Array(10).fill(`*a${level}`).join(', ')}]`,
    );
    const text = `- hosts: all\n  vars:\n    a0: &a0 [x]\n${levels.join('\n')}\n  tasks: *a9\n`;
    expect(brief(playbook(text))).toEqual([
      expect.stringContaining('its aliases stand for more than 200000 values'),
    ]);
  });
});
