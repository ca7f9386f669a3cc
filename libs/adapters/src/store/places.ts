import { isAbsolute, join } from 'node:path';
import { fail, ok, type Account, type Result } from '@goldenthread/core';
import { sweep } from '../namespace/work.ts';
import { homeLayout, ownLayout } from '../oci/content.ts';
import { workspaceRepository } from '../oci/workspace-name.ts';
import { layoutPlace } from '../oci/layout.ts';
import { createMemory } from '../oci/memory.ts';
import type { OciPlace } from '../oci/place.ts';
import { openRegistry, readCa, type Registry, type RegistryOptions } from '../oci/registry.ts';
import type { Parts } from '../parts.ts';

/** Accounts that are registries or layout folders. */
export type OciAccount = Extract<Account, { kind: 'oci' | 'directory' }>;

/** Where an account keeps its images. */
export type Shelf = (repository: string) => OciPlace;

/** Finds the shelves of accounts; those of one registry share its connections, and all what is known of content. */
export interface Shelves {
  /** The content that builders write on this machine. */
  readonly local: Shelf;
  /** Null: this machine's own folder. */
  of(account: OciAccount | null): Promise<Result<Shelf>>;
}

const REFERENCE = /^([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/i;

/** Opens shelves for a workspace. */
export function createShelves({ root, home }: Parts, options: RegistryOptions): Shelves {
  const registries = new Map<string, Registry>();
  const memory = createMemory();
  const local: Shelf = (repository) => ({
    ...layoutPlace(homeLayout(home), repository, `${home}/oci`),
    memory,
  });

  // All workspaces of this machine share its content, found by fingerprint, but a version is a workspace's own: two of them may
  // both have an `edge 1.0.0`.
  const own: Shelf = (repository) =>
    local(repository.startsWith('staging/') ? repository : workspaceRepository(root, repository));

  async function registryShelf(account: Extract<OciAccount, { kind: 'oci' }>): Promise<Result<Shelf>> {
    if (!REFERENCE.test(account.registry))
      return fail({
        code: 'usage',
        detail: `"${account.registry}" of ${account.name} is no address of a registry`,
        hint: 'Write its host and, where there is one, the path below which images lie: registry.example/team.',
      });
    const ca = account.ca === null ? ok(null) : await readCa(join(root, account.ca));
    if (!ca.ok) return ca;
    const [host = '', ...path] = account.registry.split('/');
    const key = `${host} ${ca.value ?? ''}`;
    const registry = registries.get(key) ?? openRegistry(host, ca.value, options);
    registries.set(key, registry);
    return ok((repository) => ({ ...registry.place([...path, repository].join('/')), memory }));
  }

  return {
    local,
    async of(account) {
      if (account === null) return ok(own);
      if (account.kind === 'oci') return registryShelf(account);
      const folder = isAbsolute(account.path) ? account.path : join(root, account.path);
      // What was being written there when somebody was killed is nobody's.
      await sweep(folder);
      return ok((repository) => ({ ...layoutPlace(ownLayout(folder), repository, account.path), memory }));
    },
  };
}
