import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LintTarget } from '@goldenthread/core';
import { environment } from '../host.ts';

/** What Ansible and its linter run in: a folder of this run alone, and an environment in which only the workspace counts. */
export interface AnsibleWorld {
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs `work` in such a world and removes it afterwards. */
export async function inAnsibleWorld<T>(
  root: string,
  target: LintTarget,
  work: (world: AnsibleWorld) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'goldenthread-lint-'));
  try {
    // Settings of the machine's owner must not decide what is right in the workspace.
    await writeFile(join(folder, 'ansible.cfg'), '[defaults]\n');
    const env = environment({
      ANSIBLE_CONFIG: join(folder, 'ansible.cfg'),
      ANSIBLE_HOME: join(folder, 'ansible'),
      ANSIBLE_LOCAL_TEMP: join(folder, 'ansible/tmp'),
      ANSIBLE_COLLECTIONS_PATH: `${homedir()}/.ansible/collections:/usr/share/ansible/collections`,
      ANSIBLE_ROLES_PATH: target.rolePaths.map((path) => join(root, path)).join(':'),
      ANSIBLE_LOCALHOST_WARNING: '0',
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_NOCOWS: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      XDG_CACHE_HOME: join(folder, 'cache'),
    });
    return await work({ folder, env });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
