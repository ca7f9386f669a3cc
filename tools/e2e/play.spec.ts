import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, missingTools, type TestWorkspace } from '@goldenthread/testing';

const missing = missingTools('ansible-playbook', 'mmdebstrap');

const PLAYBOOK = `- hosts: all
  gather_facts: false
  vars:
    release: 2.0
    switched: yes
  roles: [app, site]
  tasks:
    - name: write what the roles told
      ansible.builtin.copy:
        dest: /etc/told
        content: "{{ app_port }} {{ site_name }} {{ release }} {{ switched }}\\n"
        mode: 0640
      notify: [restart app, reload play]
  handlers:
    - name: reload play
      ansible.builtin.copy: { dest: /etc/reloaded, content: play, mode: '0644' }
`;

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm, packages: [python3, python3-apt] } }\n',
  'images/whole/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\ntests:\n  - script: check.sh\n',
  'images/whole/playbook.yml': PLAYBOOK,
  'images/whole/check.sh': `#!/bin/sh
test "$(cat /etc/told)" = "8080 app.example 2.0 True" && echo "ok 1 - tasks know variables of roles"
test "$(stat -c %a /etc/told)" = 640 && echo "ok 2 - a mode is octal"
test -e /etc/restarted && echo "ok 3 - tasks notify handlers of roles"
test -e /etc/reloaded && echo "ok 4 - tasks notify handlers of the play"
test "$(cat /etc/site)" = 8080 && echo "ok 5 - a role knows variables of roles before it"
test "$(cat /etc/runs)" = app && echo "ok 6 - tasks of a role run once"
`,
  'libs/roles/app/defaults/main.yml': 'app_port: 8080\n',
  'libs/roles/app/tasks/main.yml':
    '- name: count\n  ansible.builtin.shell: echo app >> /etc/runs\n  changed_when: true\n',
  'libs/roles/app/handlers/main.yml':
    '- name: restart app\n  ansible.builtin.copy: { dest: /etc/restarted, content: x, mode: "0644" }\n',
  'libs/roles/site/vars/main.yml': 'site_name: app.example\n',
  'libs/roles/site/tasks/main.yml':
    '- name: site\n  ansible.builtin.copy: { dest: /etc/site, content: "{{ app_port }}", mode: "0644" }\n',
};

describe.skipIf(missing.length > 0)('a play that is baked role by role', () => {
  let workspace: TestWorkspace;
  beforeAll(async () => {
    // Beside the user's own store, so that a base is made once for all specifications and all later runs.
    workspace = await createWorkspace(FILES, { home: join(homedir(), '.cache/goldenthread/specs') });
  });
  afterAll(() => workspace.dispose());

  it('becomes what Ansible would have made of it in one go', async () => {
    const baked = await workspace.goldenthread('bake', 'whole');
    expect(baked.code, baked.stderr).toBe(0);
    const verified = await workspace.goldenthread('verify', 'whole');
    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stdout).toContain('6 tests passed');
  }, 180_000);
});
