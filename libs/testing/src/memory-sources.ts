import { createHash } from 'node:crypto';
import {
  basename,
  folder,
  ok,
  playbookFacts,
  roleFacts,
  roleFolder,
  ROLE_FOLDERS,
  tasksFacts,
  within,
  type FactRequest,
  type Facts,
  type FactSource,
  type Workspace,
} from '@goldenthread/core';
import { ABSENT, PRESENT } from '@goldenthread/core/graph';
import { declarationFacts } from '@goldenthread/core/schemas';

/** Text by path: a workspace that is written on no disk. */
export type MemoryFiles = Map<string, string>;

/** `sha256:…` of a text. */
export const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** The commit that stands for this content. */
export const commitOf = (committed: ReadonlyMap<string, string>): string =>
  sha256([...committed].join()).slice(7, 47);

/** A workspace of these files; `committed` is what all revisions hold. */
export function memoryWorkspace(files: MemoryFiles, committed: () => ReadonlyMap<string, string>): Workspace {
  const paths = (): readonly string[] => [...files.keys()].sort();
  const differs = (path: string): boolean => files.get(path) !== committed().get(path);
  const changed = (): readonly string[] =>
    [...new Set([...files.keys(), ...committed().keys()])].filter(differs).sort();
  return {
    root: '/workspace',
    files: async () => ok(paths()),
    hashes: async (wanted) => {
      const found = paths().filter((path) => wanted.some((one) => within(path, one)));
      return ok(found.map((path) => ({ path, digest: sha256(files.get(path) ?? '') })));
    },
    changed: async () => ok(changed()),
    read: (path) => files.get(path) ?? null,
    commit: async () => ok({ sha: commitOf(committed()), dirty: changed().length > 0 }),
  };
}

function factsOf({ kind, path }: FactRequest, files: MemoryFiles): Facts {
  const below = [...files.keys()].filter((file) => within(file, path));
  if (below.length === 0) return ABSENT;
  const source = { path, text: files.get(path) ?? '' };
  switch (kind) {
    case 'role': {
      const read = below.filter((file) => ROLE_FOLDERS.some((name) => within(file, `${path}/${name}`)));
      return roleFacts(
        path,
        read.map((file) => ({ path: file, text: files.get(file) ?? '' })),
      );
    }
    case 'playbook':
      return playbookFacts(source);
    case 'tasks': {
      const role = roleFolder(path);
      return tasksFacts(source, role === undefined ? {} : { role });
    }
    case 'file':
    case 'terraform':
    case 'packer':
      return PRESENT;
    default: {
      const beside = [...files.keys()].filter((file) => folder(file) === folder(path)).map(basename);
      return declarationFacts(kind, source, beside);
    }
  }
}

/** What these files refer to, by core's own readers; templates of Packer and Terraform only exist. */
export const memoryFacts = (files: MemoryFiles): FactSource => ({
  load: async (requests) => requests.map((request) => factsOf(request, files)),
});
