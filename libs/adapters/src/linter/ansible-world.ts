import { join } from 'node:path';
import type { LintTarget } from '@goldenthread/core';
import { inWorld, type AnsibleWorld } from '../playbook/world.ts';

/** Runs `work` in a world of Ansible for what is linted, and removes it afterwards. */
export const inAnsibleWorld = <T>(
  root: string,
  target: LintTarget,
  work: (world: AnsibleWorld) => Promise<T>,
): Promise<T> =>
  inWorld({ purpose: 'lint', rolePaths: target.rolePaths.map((path) => join(root, path)) }, (world) =>
    work({ ...world, env: { ...world.env, XDG_CACHE_HOME: join(world.folder, 'cache') } }),
  );
