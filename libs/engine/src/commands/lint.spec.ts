import { describe, expect, it } from 'vitest';
import type { Graph, Result } from '@goldenthread/core';
import { memoryWorld, type MemoryWorld } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { lint, lintTasks, type Linted } from './lint.ts';

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\nroles: [common]\n',
  'images/web/image.yaml':
    'base: { image: base }\nplaybook: playbook.yml\npacker: { template: web.pkr.hcl, var_files: [a.pkrvars.hcl, b.json] }\n',
  'images/web/playbook.yml': '- hosts: all\n  roles: [nginx]\n',
  'images/web/vars/site.yaml': 'port: 80\n',
  'images/web/web.pkr.hcl': 'build {}\n',
  'images/web/a.pkrvars.hcl': '\n',
  'images/web/b.json': '{}\n',
  'images/web/roles/own/tasks/main.yml': '[]\n',
  'infra/net/stack.yaml': '{}\n',
  'infra/net/main.tf': '\n',
  'infra/tofu/stack.yaml': 'engine: opentofu\n',
  'infra/hosts/stack.yaml':
    'playbook: site.yml\nansible: { destroy: gone.yml }\nenvironments: { live: { ansible: { destroy: live.yml } } }\n',
  'infra/hosts/site.yml': '- hosts: all\n  roles: [nginx]\n',
  'infra/hosts/gone.yml': '- hosts: all\n',
  'infra/hosts/live.yml': '- hosts: all\n',
  'infra/cloud/stack.yaml': 'cloudformation: {}\n',
  'infra/live/environment.yaml': 'stage: 1\n',
  'libs/roles/common/tasks/main.yml': '[]\n',
  'more/roles/nginx/meta/main.yml': 'dependencies: [common]\n',
  'more/roles/nginx/files/note.txt': 'x\n',
};

async function graphOf(world: MemoryWorld): Promise<Graph> {
  const graph = await loadGraph(world.ports, world.call());
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  return graph.value;
}

const run = async (world: MemoryWorld, ...names: readonly string[]): Promise<Result<readonly Linted[]>> =>
  lint({ ports: world.ports, graph: await graphOf(world), call: world.call() }, names);

describe('which linter reads what', () => {
  it.each([
    [
      'web',
      [
        ['yamllint', ['images/web/image.yaml', 'images/web/playbook.yml', 'images/web/vars/site.yaml'], []],
        ['ansible', ['images/web/playbook.yml'], []],
        ['ansible-lint', ['images/web/playbook.yml'], []],
        ['packer', ['images/web/web.pkr.hcl', 'images/web/a.pkrvars.hcl'], []],
      ],
      ['libs/roles', 'more/roles'],
    ],
    [
      'base',
      [
        ['yamllint', ['images/base/image.yaml'], []],
        ['ansible', [], ['common']],
      ],
      ['libs/roles'],
    ],
    [
      'role-nginx',
      [
        ['yamllint', ['more/roles/nginx/meta/main.yml'], []],
        ['ansible', [], ['nginx']],
        ['ansible-lint', ['more/roles/nginx'], []],
      ],
      ['libs/roles', 'more/roles'],
    ],
    [
      'net',
      [
        ['yamllint', ['infra/net/stack.yaml'], []],
        ['terraform', ['infra/net'], []],
        ['tflint', ['infra/net'], []],
        ['checkov', ['infra/net'], []],
      ],
      [],
    ],
    [
      'tofu',
      [
        ['yamllint', ['infra/tofu/stack.yaml'], []],
        ['terraform', ['infra/tofu'], []],
        ['tflint', ['infra/tofu'], []],
        ['checkov', ['infra/tofu'], []],
      ],
      [],
    ],
    [
      'hosts',
      [
        [
          'yamllint',
          ['infra/hosts/gone.yml', 'infra/hosts/live.yml', 'infra/hosts/site.yml', 'infra/hosts/stack.yaml'],
          [],
        ],
        ['ansible', ['infra/hosts/site.yml', 'infra/hosts/gone.yml', 'infra/hosts/live.yml'], []],
        ['ansible-lint', ['infra/hosts/site.yml', 'infra/hosts/gone.yml', 'infra/hosts/live.yml'], []],
      ],
      ['libs/roles', 'more/roles'],
    ],
    ['cloud', [['yamllint', ['infra/cloud/stack.yaml'], []]], []],
    ['live', [['yamllint', ['infra/live/environment.yaml'], []]], []],
  ])('%s', async (name, expected, rolePaths) => {
    const world = memoryWorld(FILES);
    const graph = await graphOf(world);
    const project = graph.projects.get(name);
    if (!project) throw new Error(`no project ${name}`);
    const tasks = lintTasks(graph, project, [...world.files.keys()].toSorted());
    expect(tasks.map(({ linter, target }) => [linter, target.files, target.roles])).toEqual(expected);
    for (const { target } of tasks)
      expect(target).toMatchObject({ project: name, root: project.root, file: project.file, rolePaths });
  });
});

describe('lint', () => {
  it('answers what ran where nothing is wrong; warnings are said and fail nothing', async () => {
    const world = memoryWorld({ ...FILES, 'infra/net/stack.yaml': '{} # yamllint: warning too short\n' });
    const linted = await run(world, 'net', 'role-nginx');
    expect(linted).toMatchObject({
      ok: true,
      value: [
        {
          project: 'net',
          ran: ['yamllint', 'terraform', 'tflint', 'checkov'],
          skipped: [],
          findings: [{ file: 'infra/net/stack.yaml', line: 1, message: 'too short', level: 'warning' }],
        },
        { project: 'role-nginx', ran: ['yamllint', 'ansible', 'ansible-lint'], findings: [] },
      ],
    });
  });

  it('fails with all findings of all projects and linters, in the order of the files', async () => {
    const world = memoryWorld({
      ...FILES,
      'images/web/playbook.yml': `${FILES['images/web/playbook.yml'] ?? ''}# ansible-lint: error unnamed play\n# ansible: error no module\n`,
      'images/web/image.yaml': `${FILES['images/web/image.yaml'] ?? ''}# yamllint: warning long\n`,
      'images/web/web.pkr.hcl': '# packer: error broken\n',
      'libs/roles/common/tasks/main.yml': '[] # yamllint: error spaces\n',
    });
    const linted = await run(world, 'web', 'net', 'role-common');
    if (linted.ok) throw new Error('nothing was found');
    const told = linted.failures.map((failure) =>
      failure.code === 'lint-failed'
        ? [failure.project, ...failure.findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`)]
        : failure,
    );
    expect(told).toEqual([
      [
        'web',
        'images/web/image.yaml:4 yamllint rule',
        'images/web/playbook.yml:3 ansible-lint rule',
        'images/web/playbook.yml:4 ansible rule',
        'images/web/web.pkr.hcl:1 packer rule',
      ],
      ['role-common', 'libs/roles/common/tasks/main.yml:1 yamllint rule'],
    ]);
  });

  it("leaves another project's findings to that project", async () => {
    const world = memoryWorld({
      ...FILES,
      'libs/roles/common/tasks/main.yml': '[] # ansible: error no module\n',
    });
    expect(await run(world, 'base')).toMatchObject({ ok: true, value: [{ findings: [] }] });
    expect(await run(world, 'role-common')).toMatchObject({
      ok: false,
      failures: [{ code: 'lint-failed', project: 'role-common' }],
    });
  });

  it('skips a linter that is only wished for, aloud', async () => {
    const world = memoryWorld(FILES);
    world.tools.set('ansible-lint', null);
    expect(await run(world, 'role-common')).toMatchObject({
      ok: true,
      value: [{ ran: ['yamllint', 'ansible'], skipped: ['ansible-lint'] }],
    });
    expect(world.events).toContainEqual({
      type: 'note',
      project: 'role-common',
      text: 'SKIPPED ansible-lint: ansible-lint is not installed. Install ansible-lint.',
    });
  });

  it('fails where one that is needed is missing, and says what the others found', async () => {
    const world = memoryWorld({
      ...FILES,
      'libs/roles/common/tasks/main.yml': '[] # yamllint: error spaces\n',
    });
    world.tools.set('ansible', null);
    expect(await run(world, 'role-common')).toMatchObject({
      ok: false,
      failures: [{ code: 'lint-failed' }, { code: 'tool-missing', tool: 'ansible' }],
    });
  });

  it('suggests a name for a mistyped one', async () => {
    expect(await run(memoryWorld(FILES), 'role-ngnix')).toMatchObject({
      failures: [{ code: 'project-unknown', near: ['role-nginx'] }],
    });
  });
});

describe('accounts', () => {
  it('that the settings do not know are said with their place, before anything is released', async () => {
    const world = memoryWorld({
      'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\nshare: [prod, air-gaped]\n',
    });
    const account = (name: string) => ({ kind: 'directory', name, path: name }) as const;
    world.settings = { ...world.settings, accounts: [account('prod'), account('air-gapped')] };
    expect(await run(world, 'base')).toMatchObject({
      failures: [
        {
          code: 'reference-missing',
          kind: 'account',
          name: 'air-gaped',
          near: ['air-gapped'],
          at: { line: 2, column: 15 },
        },
      ],
    });
    world.settings = { ...world.settings, accounts: [account('prod'), account('air-gaped')] };
    expect(await run(world, 'base')).toMatchObject({ ok: true });
  });
});
