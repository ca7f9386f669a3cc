import { basename } from '../paths.ts';
import type { ProjectKind } from './facts.ts';
import type { Found } from './graph.ts';

const DECLARATIONS: ReadonlyMap<string, ProjectKind> = new Map([
  ['image.yaml', 'image'],
  ['stack.yaml', 'stack'],
  ['service.yaml', 'service'],
  ['environment.yaml', 'environment'],
]);

// A folder below any `roles/` is a role as soon as it has one of the files that Ansible reads by itself.
const ROLE = /^((?:.*\/)?roles\/[^/]+)\/(?:tasks|meta|defaults|handlers|vars)\/main\.ya?ml$/;

/** Globs of every file that can declare a project, for Nx. */
export const DECLARATION_GLOB =
  '**/{image.yaml,stack.yaml,service.yaml,environment.yaml,roles/*/{tasks,meta,defaults,handlers,vars}/main.{yml,yaml}}';

/** The declarations among these files; each role once. */
export function findDeclarations(files: Iterable<string>): readonly Found[] {
  const found = new Map<string, Found>();
  for (const file of files) {
    const kind = DECLARATIONS.get(basename(file));
    if (kind) found.set(file, { kind, path: file });
    else if (file.endsWith('ml')) {
      const role = ROLE.exec(file)?.[1];
      if (role !== undefined) found.set(role, { kind: 'role', path: role });
    }
  }
  return [...found.values()];
}
