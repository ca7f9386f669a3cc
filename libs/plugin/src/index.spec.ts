import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreateDependenciesContext, CreateNodesContext, CreateNodesResult } from '@nx/devkit';
import { createWorkspace, type TestWorkspace } from '@goldenthread/testing';
import { createDependencies, createNodes } from './index.ts';

const FILES: Readonly<Record<string, string>> = {
  'images/web/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\nplaybook: ../../playbooks/web.yml\n',
  'images/own/image.yaml': 'base: { image: web }\nroles: [nginx]\n',
  'playbooks/web.yml': '- hosts: all\n  roles: [nginx]\n',
  'roles/nginx/tasks/main.yml': '- ansible.builtin.debug: { msg: x }\n',
  'roles/nginx/meta/main.yml': 'dependencies: []\n',
  'apps/shop/service.yaml': 'base: { image: web }\n',
  'infra/net/stack.yaml': 'uses: [{ file: ../shared.yml }]\n',
  'infra/fleet/stack.yaml': 'inputs: { net: { stack: net, output: id } }\n',
  'infra/alone/stack.yaml': '{}\n',
  'infra/shared.yml': '{}\n',
  'infra/rules/own.mjs': 'export const rule = () => [];\n',
  'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [net, fleet]\n',
  'infra/environments/live/environment.yaml':
    'stage: 1\nstacks: [net]\npolicy: [{ rule: ../../rules/own.mjs }]\n',
};
const CONFIGS = Object.keys(FILES).filter((file) =>
  /(image|service|stack|environment)\.yaml$|main\.yml$/.test(file),
);

let workspace: TestWorkspace;
beforeAll(async () => {
  workspace = await createWorkspace(FILES);
});
afterAll(() => workspace.dispose());

const contextOf = (): CreateNodesContext => ({ workspaceRoot: workspace.root, nxJsonConfiguration: {} });

async function nodes(configs: readonly string[] = CONFIGS) {
  const results = await createNodes[1](configs, {}, contextOf());
  return Object.assign(
    {},
    ...results.map(([, result]: readonly [string, CreateNodesResult]) => result.projects),
  ) as Record<
    string,
    {
      name: string;
      targets: Record<
        string,
        {
          options: { command: string };
          configurations?: Record<string, { args: string }>;
          dependsOn?: (string | { projects: string[]; target: string })[];
          inputs: unknown[];
          outputs?: string[];
        }
      >;
      tags: string[];
    }
  >;
}

describe('createNodes', () => {
  it('makes a project of each declaration and each role, once', async () => {
    const found = await nodes();
    expect(Object.entries(found).map(([root, { name, tags }]) => [root, name, tags[0]])).toEqual([
      ['apps/shop', 'shop', 'kind:service'],
      ['images/own', 'own', 'kind:image'],
      ['images/web', 'web', 'kind:image'],
      ['infra/alone', 'alone', 'kind:stack'],
      ['infra/environments/live', 'live', 'kind:environment'],
      ['infra/environments/test', 'test', 'kind:environment'],
      ['infra/fleet', 'fleet', 'kind:stack'],
      ['infra/net', 'net', 'kind:stack'],
      ['roles/nginx', 'role-nginx', 'kind:role'],
    ]);
  });

  it('gives images targets that call the command line, bases first', async () => {
    const { 'images/web': web, 'roles/nginx': role } = await nodes();
    expect(Object.keys(web?.targets ?? {})).toEqual(['bake', 'verify', 'test', 'publish', 'release', 'lint']);
    expect(web?.targets['bake']).toMatchObject({
      options: { command: 'goldenthread bake web' },
      dependsOn: ['^bake'],
    });
    expect(web?.targets['verify']).toMatchObject({
      options: { command: 'goldenthread verify web' },
      dependsOn: ['bake'],
    });
    expect(Object.keys(role?.targets ?? {})).toEqual(['lint']);
  });

  it('gives stacks targets for all of their environments, and a configuration for each', async () => {
    const { 'infra/net': net, 'infra/fleet': fleet, 'infra/alone': alone } = await nodes();
    const verbs = ['lint', 'validate', 'test', 'plan', 'apply', 'drift', 'destroy'];
    for (const stack of [net, fleet, alone]) expect(Object.keys(stack?.targets ?? {})).toEqual(verbs);
    for (const verb of verbs) expect(net?.targets[verb]?.options.command).toBe(`goldenthread ${verb} net`);
    const both = { live: { args: '--environment live' }, test: { args: '--environment test' } };
    for (const verb of ['plan', 'apply', 'drift', 'destroy']) {
      expect(net?.targets[verb]?.configurations).toEqual(both);
      expect(fleet?.targets[verb]?.configurations).toEqual({ test: both.test });
      expect(alone?.targets[verb]).not.toHaveProperty('configurations');
    }
    for (const verb of ['lint', 'validate', 'test'])
      expect(net?.targets[verb]).not.toHaveProperty('configurations');
    expect(net?.targets['apply']).not.toHaveProperty('dependsOn');
    // Its configuration is one of the stack that it stands on as well.
    expect(fleet?.targets['apply']?.dependsOn).toEqual([{ projects: ['net'], target: 'apply' }]);
    expect(net?.targets['plan']?.outputs).toEqual(['{workspaceRoot}/.goldenthread/{projectName}']);
  });

  it('names the declarations and rules of its environments as inputs of what a stack plans', async () => {
    const { 'infra/net': net } = await nodes();
    const own = ['{workspaceRoot}/infra/shared.yml', '{workspaceRoot}/infra/shared.yml/**/*'];
    const places = [
      '{workspaceRoot}/infra/environments/live/environment.yaml',
      '{workspaceRoot}/infra/rules/own.mjs',
      '{workspaceRoot}/infra/rules/own.mjs/**/*',
      '{workspaceRoot}/infra/environments/test/environment.yaml',
    ];
    const inputs = (...files: readonly string[]): readonly unknown[] => [
      'default',
      '^default',
      ...files,
      { externalDependencies: [] },
    ];
    for (const verb of ['plan', 'apply', 'drift'])
      expect(net?.targets[verb]?.inputs).toEqual(inputs(...own, ...places));
    for (const verb of ['lint', 'validate', 'test', 'destroy'])
      expect(net?.targets[verb]?.inputs).toEqual(inputs(...own));
  });

  it('gives environments targets over their stacks, which do not wait for those of the stacks', async () => {
    const { 'infra/environments/live': live } = await nodes();
    const targets = Object.entries(live?.targets ?? {});
    expect(targets.map(([verb, { options }]) => [verb, options.command])).toEqual([
      ['lint', 'goldenthread lint live'],
      ['plan', 'goldenthread plan --environment live'],
      ['apply', 'goldenthread apply --environment live'],
      ['drift', 'goldenthread drift --environment live'],
    ]);
    for (const [, target] of targets) expect(target).not.toHaveProperty('dependsOn');
  });

  it('names files that belong to no project as inputs, so that a change of them reaches the image', async () => {
    const { 'images/web': web } = await nodes();
    expect(web?.targets['bake']?.inputs).toEqual([
      'default',
      '^default',
      '{workspaceRoot}/playbooks/web.yml',
      '{workspaceRoot}/playbooks/web.yml/**/*',
      { externalDependencies: [] },
    ]);
  });

  it('refuses a graph with a failure, all projects aside', async () => {
    await workspace.write({ 'images/bad/image.yaml': 'base: { image: wbe }\n' });
    await expect(
      createNodes[1]([...CONFIGS, 'images/bad/image.yaml'], {}, contextOf()),
    ).rejects.toMatchObject({
      errors: [
        ['images/bad/image.yaml', { message: expect.stringContaining('Did you mean "web"?') as string }],
      ],
    });
    await workspace.remove('images/bad');
  });

  it('leaves folders on the ignore list alone', async () => {
    const results = await createNodes[1](CONFIGS, { ignore: ['apps'] }, contextOf());
    expect(results).toHaveLength(CONFIGS.length - 2);
  });
});

describe('createDependencies', () => {
  it('makes an edge static where a file of the project says it, implicit where another file does', async () => {
    const found = await nodes();
    const projects = Object.fromEntries(Object.entries(found).map(([root, { name }]) => [name, { root }]));
    const context = {
      ...contextOf(),
      projects,
      fileMap: { projectFileMap: {}, nonProjectFiles: [] },
    } as unknown as CreateDependenciesContext;
    expect(await createDependencies({}, context)).toEqual([
      { source: 'shop', target: 'web', type: 'static', sourceFile: 'apps/shop/service.yaml' },
      { source: 'own', target: 'web', type: 'static', sourceFile: 'images/own/image.yaml' },
      { source: 'own', target: 'role-nginx', type: 'static', sourceFile: 'images/own/image.yaml' },
      { source: 'web', target: 'role-nginx', type: 'implicit' },
      ...['net'].map((target) => ({
        source: 'live',
        target,
        type: 'static',
        sourceFile: 'infra/environments/live/environment.yaml',
      })),
      ...['net', 'fleet'].map((target) => ({
        source: 'test',
        target,
        type: 'static',
        sourceFile: 'infra/environments/test/environment.yaml',
      })),
      { source: 'fleet', target: 'net', type: 'static', sourceFile: 'infra/fleet/stack.yaml' },
    ]);
  });
});
