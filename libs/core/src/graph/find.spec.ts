import { describe, expect, it } from 'vitest';
import { findDeclarations } from './find.ts';

describe('findDeclarations', () => {
  it.each([
    ['image.yaml', ['image image.yaml']],
    ['images/edge/image.yaml', ['image images/edge/image.yaml']],
    ['infra/net/stack.yaml', ['stack infra/net/stack.yaml']],
    ['apps/shop/service.yaml', ['service apps/shop/service.yaml']],
    ['infra/environments/p/environment.yaml', ['environment infra/environments/p/environment.yaml']],
    ['images/edge/image.yml', []],
    ['images/edge/my-image.yaml', []],
    ['images/edge/image.yaml/x', []],
    ['libs/roles/nginx/tasks/main.yml', ['role libs/roles/nginx']],
    ['roles/nginx/meta/main.yaml', ['role roles/nginx']],
    ['roles/a/roles/b/handlers/main.yml', ['role roles/a/roles/b']],
    ['roles/nginx/tasks/other.yml', []],
    ['roles/nginx/templates/main.yml', []],
    ['roles/nginx/deep/tasks/main.yml', []],
    ['role/nginx/tasks/main.yml', []],
    ['roles/tasks/main.yml', []],
    ['src/constructor', []],
    ['src/toString', []],
    ['__proto__', []],
  ])('%s', (path, expected) =>
    expect(findDeclarations([path]).map(({ kind, path: at }) => `${kind} ${at}`)).toEqual(expected),
  );

  it('finds each role once, by whichever of its files', () => {
    const files = ['defaults', 'handlers', 'meta', 'tasks', 'vars'].map(
      (folder) => `roles/x/${folder}/main.yml`,
    );
    expect(findDeclarations(files)).toEqual([{ kind: 'role', path: 'roles/x' }]);
  });
});
