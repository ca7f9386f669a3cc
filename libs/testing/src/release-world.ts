import type { Account } from '@goldenthread/core';
import { memoryWorld, type MemoryWorld } from './memory.ts';

/** A base, an image on it that is shared with two accounts, another that is not, a role, and a stack that uses the image. */
export const RELEASE_FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\ntests:\n  - script: check.sh\n',
  'images/base/check.sh': 'pass boots\n',
  'images/edge/image.yaml':
    'base: { image: base }\nroles: [hardening]\nshare: [one, two]\ntests:\n  - script: check.sh\n',
  'images/edge/check.sh': 'pass starts\n',
  'libs/roles/hardening/tasks/main.yml': '- name: say\n  ansible.builtin.debug:\n    msg: hardened\n',
  'infra/fleet/stack.yaml': 'uses:\n  - image: edge\n',
};

const account = (name: string): Account => ({
  kind: 'oci',
  name,
  registry: `${name}.example/golden`,
  ca: null,
});

/** A world in memory with commits, and two accounts. */
export interface ReleaseWorldInMemory extends MemoryWorld {
  /** Changes files and commits them; answers the commit. */
  change(message: string, files: Readonly<Record<string, string>>): Promise<string>;
}

/** Makes that world; nothing is baked in it yet. */
export async function releaseWorld(
  files: Readonly<Record<string, string>> = RELEASE_FILES,
): Promise<ReleaseWorldInMemory> {
  const world = memoryWorld(files);
  world.settings = { ...world.settings, accounts: [account('one'), account('two')] };
  const change: ReleaseWorldInMemory['change'] = async (message, changed) => {
    for (const [path, text] of Object.entries(changed)) world.files.set(path, text);
    world.commit();
    const commit = await world.ports.workspace.commit(world.call());
    const sha = commit.ok ? (commit.value?.sha ?? '') : '';
    const [, type = null, bang, subject = message] = /^(\w+)(?:\([^)]*\))?(!)?: (.*)$/.exec(message) ?? [];
    world.releases.commits.unshift({
      sha,
      subject,
      type,
      breaking: bang === '!',
      files: Object.keys(changed),
    });
    return sha;
  };
  const whole = Object.assign(world, { change });
  await whole.change('feat: start', files);
  return whole;
}
