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
};
const CONFIGS = Object.keys(FILES).filter((file) => /(image|service)\.yaml$|main\.yml$/.test(file));

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
      targets: Record<string, { options: { command: string }; dependsOn?: string[]; inputs: unknown[] }>;
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
    expect(results).toHaveLength(3);
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
    ]);
  });
});
