import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, missingTools, type TestWorkspace } from '@goldenthread/testing';

const missing = missingTools('ansible-playbook', 'yamllint');

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\n',
  'images/web/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\n',
  'images/web/playbook.yml': '- name: Bake\n  hosts: all\n  roles:\n    - nginx\n',
  'roles/nginx/tasks/main.yml': '- name: Say hello\n  ansible.builtin.debug:\n    msg: hello\n',
};

describe.skipIf(missing.length > 0)('lint, with real Nx, Ansible and yamllint', { timeout: 120_000 }, () => {
  let workspace: TestWorkspace;
  beforeAll(async () => {
    workspace = await createWorkspace(FILES);
  });
  afterAll(() => workspace.dispose());

  it('is a target of images and roles, and passes where nothing is wrong', async () => {
    const ended = await workspace.nx('run-many', '-t', 'lint', '-p', 'base,web', '--output-style=static');
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/web clean \(by yamllint, ansible/);
  });

  it('fails with every finding as file:line:column, and exits with 1', async () => {
    await workspace.write({
      'images/web/image.yaml': `${FILES['images/web/image.yaml'] ?? ''}uses: [] \n`,
      'images/web/playbook.yml':
        '- name: Bake\n  hosts: all\n  tasks:\n    - name: Copy\n      ansible.builtin.copyy:\n        src: a\n',
    });
    const ended = await workspace.goldenthread('lint', 'base', 'web');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('images/web/image.yaml:3:9 trailing spaces (yamllint trailing-spaces)');
    expect(ended.stderr).toMatch(
      /images\/web\/playbook\.yml:4:7 couldn't resolve module.*\(ansible syntax-check\)/,
    );
    expect(ended.stderr).toMatch(/web: \d+ findings/);
  });

  it('skips aloud what is only wished for, and names a tool that is needed', async () => {
    const bare = { PATH: `${workspace.root}/bin` };
    await workspace.write({
      'bin/keep': '',
      'images/web/playbook.yml': FILES['images/web/playbook.yml'] ?? '',
    });
    for (const tool of ['git', 'node']) {
      const at = (await workspace.run(['sh', '-c', 'command -v "$1"', 'sh', tool])).stdout.trim();
      await workspace.run(['ln', '-s', at, `${workspace.root}/bin/${tool}`]);
    }
    const cli = [process.execPath, `${workspace.root}/node_modules/.bin/goldenthread`, 'lint', 'web'];
    const ended = await workspace.run(cli, bare);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(
      'web SKIPPED yamllint: yamllint is not installed. On Debian and Ubuntu: apt-get install yamllint.',
    );
    expect(ended.stderr).toContain(
      'ansible-playbook is not installed; it is needed for checking the syntax of playbooks and roles',
    );
  });
});
