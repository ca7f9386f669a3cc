import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from '../host.ts';

/** What Ansible and its linter run in: a folder of this run alone, and an environment in which only the workspace counts. */
export interface AnsibleWorld {
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How a world is made. */
export interface WorldOptions {
  /** What it is for, in the name of its folder. */
  readonly purpose: string;
  /** Absolute paths of the folders in which roles lie. */
  readonly rolePaths: readonly string[];
  /** Absolute path of the settings; those of the run's own folder by default. */
  readonly config?: string;
  /** Settings for a world without a file of its own. */
  readonly settings?: string;
}

/** Runs `work` in such a world and removes it afterwards. Only we can read its folder. */
export async function inWorld<T>(
  options: WorldOptions,
  work: (world: AnsibleWorld) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), `goldenthread-${options.purpose}-`));
  try {
    // Settings of the machine's owner must not decide what is right in the workspace.
    await writeFile(join(folder, 'ansible.cfg'), options.settings ?? '[defaults]\n');
    const env = environment({
      ANSIBLE_CONFIG: options.config ?? join(folder, 'ansible.cfg'),
      ANSIBLE_HOME: join(folder, 'ansible'),
      ANSIBLE_LOCAL_TEMP: join(folder, 'ansible/tmp'),
      ANSIBLE_COLLECTIONS_PATH: `${homedir()}/.ansible/collections:/usr/share/ansible/collections`,
      ANSIBLE_ROLES_PATH: options.rolePaths.join(':'),
      ANSIBLE_LOCALHOST_WARNING: '0',
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_NOCOWS: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    });
    return await work({ folder, env });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
