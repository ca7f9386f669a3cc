import { describe, expect, it } from 'vitest';
import type { FactRequest } from '@goldenthread/core';
import { memoryWorld } from '@goldenthread/testing';
import { loadGraph, projectNamed, readGraph } from './load.ts';

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\n',
  'images/web/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\n',
  'images/web/playbook.yml': '- ansible.builtin.import_playbook: ../../shared/site.yml\n',
  'shared/site.yml':
    '- hosts: all\n  roles: [nginx]\n  tasks:\n    - ansible.builtin.include_tasks: more.yml\n',
  'shared/more.yml': '[]\n',
  'libs/roles/nginx/tasks/main.yml': '[]\n',
};

describe('loadGraph', () => {
  it('reads on until every source is known, each once', async () => {
    const world = memoryWorld(FILES);
    const asked: FactRequest[] = [];
    const facts = {
      load: (requests: readonly FactRequest[]) => {
        asked.push(...requests);
        return world.ports.facts.load(requests);
      },
    };
    const graph = await loadGraph({ workspace: world.ports.workspace, facts }, world.call());
    if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
    expect(graph.value.edges.map(({ from, to }) => `${from} -> ${to}`).toSorted()).toEqual([
      'web -> base',
      'web -> role-nginx',
    ]);
    expect(graph.value.projects.get('web')?.files).toEqual(['shared/more.yml', 'shared/site.yml']);
    const paths = asked.map(({ kind, path }) => `${kind} ${path}`);
    expect(new Set(paths).size).toBe(paths.length);
  });

  it('fails with everything that is wrong, in all files at once', async () => {
    const world = memoryWorld({
      ...FILES,
      'images/a/image.yaml': 'colour: red\n',
      'images/b/image.yaml': 'base: { image: bsae }\nroles: [ngnix]\n',
      'images/c/image.yaml': `name: base\n${FILES['images/base/image.yaml'] ?? ''}`,
      'libs/roles/d/tasks/main.yml': '- "open\n',
    });
    const graph = await loadGraph(world.ports, world.call());
    if (graph.ok) throw new Error('nothing was found wrong');
    expect(
      graph.failures.map((failure) => `${failure.code} ${'at' in failure ? failure.at.file : ''}`).toSorted(),
    ).toEqual([
      'declaration-invalid images/a/image.yaml',
      'project-duplicate ',
      'reference-missing images/b/image.yaml',
      'reference-missing images/b/image.yaml',
      'source-unparsable libs/roles/d/tasks/main.yml',
    ]);
  });

  it('hands a graph with failures to those who want it all the same', async () => {
    const world = memoryWorld({ 'images/a/image.yaml': 'base: { image: nowhere }\n' });
    const graph = await readGraph([{ kind: 'image', path: 'images/a/image.yaml' }], world.ports.facts);
    expect([...graph.projects.keys()]).toEqual(['a']);
    expect(graph.failures).toMatchObject([{ code: 'reference-missing', name: 'nowhere' }]);
  });
});

describe('projectNamed', () => {
  it('minds the kind, and suggests names of that kind only', async () => {
    const world = memoryWorld(FILES);
    const graph = await loadGraph(world.ports, world.call());
    if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
    expect(projectNamed(graph.value, 'role-nginx')).toMatchObject({ ok: true, value: { kind: 'role' } });
    expect(projectNamed(graph.value, 'role-nginx', 'image')).toEqual({
      ok: false,
      failures: [{ code: 'project-unknown', name: 'role-nginx', kind: 'image', near: [] }],
    });
    expect(projectNamed(graph.value, 'wbe', 'image')).toMatchObject({ failures: [{ near: ['web'] }] });
  });
});
