import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, type TestWorkspace } from '@goldenthread/testing';

const debian = 'base: { mmdebstrap: { suite: bookworm } }\n';
const tasks = (name: string): string => `- name: say ${name}\n  ansible.builtin.debug:\n    msg: ${name}\n`;

/**
 * base <- web (role nginx, directly), base <- cache (role redis, whose meta depends on nginx), base <- batch (imports a shared
 * playbook with role cron); plain uses nothing. Stack fleet runs web, service shop is on web, service report is on batch.
 * Stack peering takes an output of stack net and runs the image gate by its version; net is in live, peering in live and lab,
 * and a rule of live lies where no project does.
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
  'images/gate/image.yaml': debian,
  'infra/net/stack.yaml': '{}\n',
  'infra/net/main.tf': 'output "id" { value = "n" }\n',
  'infra/peering/stack.yaml':
    'images: { gate: { image: gate, as: version } }\ninputs: { net: { stack: net, output: id } }\n',
  'infra/peering/main.tf':
    'variable "gate" { type = string }\nvariable "net" { type = string }\nresource "terraform_data" "p" { input = "${var.gate} ${var.net}" }\n',
  'infra/environments/live/environment.yaml':
    'stage: 1\nstacks: [net, peering]\npolicy: [{ rule: ../../rules/own.mjs }]\n',
  'infra/environments/lab/environment.yaml': 'stage: 0\nstacks: [peering]\n',
  'infra/rules/own.mjs': 'export const rule = () => [];\n',
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
    [
      'an environment: its stacks, with what stands on them',
      'infra/environments/live/environment.yaml',
      `${FILES['infra/environments/live/environment.yaml'] ?? ''}channel: next\n`,
      ['lab', 'live', 'net', 'peering'],
    ],
    [
      'an environment with one stack, which others have as well',
      'infra/environments/lab/environment.yaml',
      'stage: 0\nstacks: [peering]\ndrift: repair\n',
      ['lab', 'live', 'peering'],
    ],
    [
      'a rule of an environment that is no project',
      'infra/rules/own.mjs',
      'export const rule = () => [{ message: "no" }];\n',
      ['lab', 'live', 'net', 'peering'],
    ],
    [
      'a stack whose output another takes',
      'infra/net/main.tf',
      'output "id" { value = "m" }\n',
      ['lab', 'live', 'net', 'peering'],
    ],
    [
      'an image that a stack takes by its version',
      'images/gate/image.yaml',
      `# changed\n${debian}`,
      ['gate', 'lab', 'live', 'peering'],
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

describe('targets of stacks', () => {
  it('have a configuration for each environment that lists the stack', async () => {
    const shown = async (name: string): Promise<Record<string, { configurations?: object }>> => {
      const { stdout } = await workspace.nx('show', 'project', name, '--json');
      return (JSON.parse(stdout) as { targets: Record<string, { configurations?: object }> }).targets;
    };
    const [net, peering] = [await shown('net'), await shown('peering')];
    expect(Object.keys(net).toSorted()).toEqual(
      ['apply', 'destroy', 'drift', 'lint', 'plan', 'test', 'validate'].toSorted(),
    );
    expect(Object.keys(net['plan']?.configurations ?? {})).toEqual(['live']);
    expect(Object.keys(peering['plan']?.configurations ?? {}).toSorted()).toEqual(['lab', 'live']);
  }, 60_000);

  it('call the command line for that environment, or for all, and first for what a stack stands on', async () => {
    // An engine of somebody's own that cannot be loaded: what was called shows, and nothing is done.
    await workspace.write({
      'infra/net/stack.yaml': 'engine: ./none.mjs\n',
      'infra/peering/stack.yaml': 'engine: ./none.mjs\ninputs: { net: { stack: net, output: id } }\n',
    });
    const [one, all, both] = [
      await workspace.nx('run', 'net:plan', '--configuration=live'),
      await workspace.nx('run', 'net:plan'),
      await workspace.nx('run', 'peering:apply', '--configuration=live'),
    ];
    expect(one.stdout).toMatch(/^> goldenthread plan net --environment live\s*$/m);
    expect(all.stdout).toMatch(/^> goldenthread plan net\s*$/m);
    // In lab there is no net: Nx would run its target without a configuration, which is in every environment.
    expect(both.stdout).toMatch(/^> goldenthread apply peering --environment live\s*$/m);
    expect(both.stdout).not.toContain('goldenthread apply net');
    expect(`${one.stdout}${one.stderr}`).toContain('infra/net/none.mjs');
    workspace.git('checkout', '-q', '.');
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
