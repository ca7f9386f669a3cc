import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, type TestWorkspace } from '@goldenthread/testing';

const debian = 'base: { mmdebstrap: { suite: bookworm } }\n';
const tasks = (name: string): string => `- name: say ${name}\n  ansible.builtin.debug:\n    msg: ${name}\n`;

/**
 * base <- web (role nginx, directly), base <- cache (role redis, whose meta depends on nginx), base <- batch (imports a shared
 * playbook with role cron); plain uses nothing. Stack fleet runs web, service shop is on web, service report is on batch.
 */
const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': `${debian}roles: [common]\n`,
  'images/web/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\n',
  'images/web/playbook.yml': '# the web\n- hosts: all\n  roles:\n    - nginx\n',
  'images/web-eu/image.yaml': 'base: { image: web }\nroles: []\n',
  'images/cache/image.yaml': 'base: { image: base }\nroles: [redis]\n',
  'images/batch/image.yaml': 'base: { image: base }\nplaybook: site.yml\n',
  'images/batch/site.yml': '- ansible.builtin.import_playbook: ../../playbooks/jobs.yml\n',
  'images/plain/image.yaml': debian,
  'playbooks/jobs.yml': '- hosts: all\n  tasks:\n    - ansible.builtin.include_role:\n        name: cron\n',
  'libs/roles/common/tasks/main.yml': tasks('common'),
  'libs/roles/nginx/tasks/main.yml': `${tasks('nginx')}- ansible.builtin.template:\n    src: site.j2\n    dest: /etc/site\n`,
  'libs/roles/nginx/templates/site.j2': 'site\n',
  'libs/roles/redis/meta/main.yml': 'dependencies:\n  - role: nginx\n',
  'libs/roles/redis/tasks/main.yml': tasks('redis'),
  'libs/roles/cron/tasks/main.yml': tasks('cron'),
  'infra/fleet/stack.yaml': 'images: { web_image: web }\n',
  'infra/fleet/main.tf': 'variable "web_image" { type = string }\nmodule "m" { source = "../modules/m" }\n',
  'infra/modules/m/main.tf': 'resource "terraform_data" "m" {}\n',
  'infra/other/stack.yaml': '{}\n',
  'infra/other/main.tf': 'resource "terraform_data" "o" {}\n',
  'apps/shop/service.yaml': 'base: { image: web }\nstacks: [fleet]\n',
  'apps/report/service.yaml': 'base: { image: batch }\n',
};

let workspace: TestWorkspace;
beforeAll(async () => {
  workspace = await createWorkspace(FILES);
});
afterAll(() => workspace.dispose());

/** Commits a change of one file and answers what Nx takes as affected by that commit. */
async function affectedBy(path: string, text: string): Promise<readonly string[]> {
  await workspace.write({ [path]: text });
  workspace.commit(`change ${path}`);
  const shown = await workspace.nx(
    'show',
    'projects',
    '--affected',
    '--base=HEAD~1',
    '--head=HEAD',
    '--json',
  );
  expect(shown.stderr).toBe('');
  return (JSON.parse(shown.stdout) as string[]).toSorted();
}

describe('nx affected over real commits', () => {
  it.each([
    [
      'a role used directly',
      'libs/roles/nginx/templates/site.j2',
      'changed\n',
      ['cache', 'fleet', 'role-nginx', 'role-redis', 'shop', 'web', 'web-eu'],
    ],
    [
      'a role that is used through meta dependencies only',
      'libs/roles/redis/tasks/main.yml',
      tasks('else'),
      ['cache', 'role-redis'],
    ],
    [
      'a role used by an imported playbook',
      'libs/roles/cron/tasks/main.yml',
      tasks('else'),
      ['batch', 'report', 'role-cron'],
    ],
    [
      'a shared playbook that is no project',
      'playbooks/jobs.yml',
      `# changed\n${FILES['playbooks/jobs.yml'] ?? ''}`,
      ['batch', 'report'],
    ],
    [
      'a Terraform module that is no project',
      'infra/modules/m/main.tf',
      'resource "terraform_data" "n" {}\n',
      ['fleet', 'shop'],
    ],
    [
      'the role of the base of all',
      'libs/roles/common/tasks/main.yml',
      tasks('else'),
      ['base', 'batch', 'cache', 'fleet', 'report', 'role-common', 'shop', 'web', 'web-eu'],
    ],
    ['an image nobody uses', 'images/plain/image.yaml', `# changed\n${debian}`, ['plain']],
    ['a file of no project', 'README.md', 'read me\n', []],
  ])(
    '%s',
    async (_, path, text, expected) => {
      expect(await affectedBy(path, text)).toEqual(expected);
    },
    60_000,
  );

  it('bakes exactly the affected images', async () => {
    await workspace.write({ 'libs/roles/redis/tasks/main.yml': tasks('again') });
    workspace.commit();
    const graph = await workspace.nx('affected', '-t', 'bake', '--base=HEAD~1', '--graph=stdout');
    const { tasks: planned } = JSON.parse(graph.stdout) as { tasks: { tasks: Record<string, unknown> } };
    // What the affected image stands on is asked for too: it is there already, and its fingerprint says so.
    expect(Object.keys(planned.tasks).toSorted()).toEqual(['base:bake', 'cache:bake']);
  }, 60_000);

  it('forgets an edge as soon as its source does', async () => {
    expect(await affectedBy('images/batch/site.yml', '- hosts: all\n  tasks: []\n')).toEqual([
      'batch',
      'report',
    ]);
    expect(await affectedBy('libs/roles/cron/tasks/main.yml', tasks('third'))).toEqual(['role-cron']);
  }, 60_000);
});

describe('goldenthread why', () => {
  it('names the file and the edges, each with its place', async () => {
    await workspace.write({ 'libs/roles/nginx/templates/site.j2': 'why\n' });
    workspace.commit();
    const { stdout, code } = await workspace.goldenthread(
      'why',
      'shop',
      '--base',
      'HEAD~1',
      '--head',
      'HEAD',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('libs/roles/nginx/templates/site.j2 changed, a file of role-nginx');
    expect(stdout).toMatch(/-> web .*nginx.* \(images\/web\/playbook\.yml:4:7\)/);
    expect(stdout).toMatch(/-> shop .* \(apps\/shop\/service\.yaml:1:\d+\)/);
  });
  it('says so when a project is not affected, and suggests a name for a mistyped one', async () => {
    const plain = await workspace.goldenthread('why', 'plain', '--base', 'HEAD~1', '--head', 'HEAD');
    expect(plain.stdout).toBe('plain is not affected by the 1 changed files\n');
    const wrong = await workspace.goldenthread('why', 'shpo');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('Did you mean "shop"?');
  });
});
