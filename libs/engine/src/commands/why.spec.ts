import { describe, expect, it } from 'vitest';
import type { Result } from '@goldenthread/core';
import { memoryWorld, type MemoryWorld } from '@goldenthread/testing';
import { loadGraph } from '../load.ts';
import { why, type Why } from './why.ts';

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\n',
  'images/web/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\n',
  'images/web/playbook.yml': '- hosts: all\n  roles:\n    - nginx\n',
  'images/batch/image.yaml': 'base: { image: base }\nplaybook: ../../shared/jobs.yml\n',
  'apps/shop/service.yaml': 'base: { image: web }\n',
  'libs/roles/nginx/tasks/main.yml': '[]\n',
  'shared/jobs.yml': '- hosts: all\n  tasks: []\n',
};

async function ask(
  world: MemoryWorld,
  name: string | null,
  files?: readonly string[],
): Promise<Result<readonly Why[]>> {
  const call = world.call();
  const graph = await loadGraph(world.ports, call);
  if (!graph.ok) throw new Error(JSON.stringify(graph.failures));
  const range = { base: 'main', head: null, ...(files ? { files } : {}) };
  return why({ workspace: world.ports.workspace, graph: graph.value, call }, name, range);
}

describe('why', () => {
  it('names the changed file, and every edge from there with its place', async () => {
    const world = memoryWorld(FILES);
    world.files.set('libs/roles/nginx/tasks/main.yml', '# else\n[]\n');
    expect(await ask(world, 'shop')).toMatchObject({
      ok: true,
      value: [
        {
          project: 'shop',
          affected: true,
          words: [
            'shop is affected:',
            '  libs/roles/nginx/tasks/main.yml changed, a file of role-nginx',
            '  -> web uses the role nginx (images/web/playbook.yml:3:7)',
            '  -> shop runs on the image web (apps/shop/service.yaml:1:16)',
          ],
        },
      ],
    });
  });

  it('tells a file that is used from one that is owned', async () => {
    const answer = await ask(memoryWorld(FILES), 'batch', ['shared/jobs.yml']);
    expect(answer).toMatchObject({
      value: [{ words: ['batch is affected:', '  shared/jobs.yml changed, which batch uses'] }],
    });
  });

  it('says of every affected project why, and nothing of the others', async () => {
    const answer = await ask(memoryWorld(FILES), null, ['images/web/playbook.yml', 'README.md']);
    expect(answer.ok && answer.value.map(({ project }) => project)).toEqual(['shop', 'web']);
    expect(await ask(memoryWorld(FILES), null, [])).toEqual({ ok: true, value: [] });
  });

  it('says so where a project is not affected', async () => {
    const answer = await ask(memoryWorld(FILES), 'base', ['README.md', 'images/web/image.yaml']);
    expect(answer).toEqual({
      ok: true,
      value: [
        {
          project: 'base',
          affected: false,
          cause: null,
          words: ['base is not affected by the 2 changed files'],
        },
      ],
    });
  });

  it('suggests a name for a mistyped one', async () => {
    expect(await ask(memoryWorld(FILES), 'bsae', [])).toEqual({
      ok: false,
      failures: [{ code: 'project-unknown', name: 'bsae', kind: 'project', near: ['base'] }],
    });
  });
});
