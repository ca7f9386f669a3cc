import { writeFile } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import {
  all,
  howToGet,
  ok,
  type Call,
  type Finding,
  type Linter,
  type LintTarget,
  type Result,
  type Tool,
} from '@goldenthread/core';
import { run } from '../host.ts';
import type { Parts } from '../parts.ts';
import { syntaxFinding } from '../playbook/syntax.ts';
import type { AnsibleWorld } from '../playbook/world.ts';
import { inAnsibleWorld } from './ansible-world.ts';

/** Reads playbooks and roles without running them. */
export const ANSIBLE_SYNTAX: Tool = {
  name: 'ansible-playbook',
  purpose: 'checking the syntax of playbooks and roles',
  version: ['--version'],
  install:
    'Install ansible (https://docs.ansible.com), which brings ansible-core and the community collections.',
  debian: 'ansible',
};

/** A playbook to check: its path for Ansible, and the file that a finding without a place is about. */
interface Playbook {
  readonly path: string;
  readonly file: string;
}

/** Where playbooks are checked, and for which project. */
interface Checks {
  readonly root: string;
  readonly world: AnsibleWorld;
  readonly project: string;
}

async function check(
  { root, world, project }: Checks,
  playbook: Playbook,
  call: Call,
): Promise<Result<readonly Finding[]>> {
  const { name, purpose } = ANSIBLE_SYNTAX;
  const argv = [name, '--syntax-check', '-i', 'localhost,', playbook.path];
  const install = howToGet(ANSIBLE_SYNTAX);
  const done = await run({ argv, cwd: root, env: world.env, purpose, install }, call);
  if (!done.ok) return done;
  const { code, stdout, stderr } = done.value;
  if (code === 0) return ok([]);
  const said = `${stderr}\n${stdout}`.trim();
  if (/no vault secrets/i.test(said)) {
    call.emit({
      type: 'note',
      project,
      text: `${playbook.file} reads encrypted files: Ansible cannot check it here`,
    });
    return ok([]);
  }
  return ok([syntaxFinding(said, realpathSync(root), playbook.file)]);
}

/** A role has no playbook of its own, so each gets one that does nothing but name it. */
async function rolePlaybooks(target: LintTarget, folder: string): Promise<readonly Playbook[]> {
  return Promise.all(
    target.roles.map(async (role, index) => {
      const path = join(folder, `role-${index}.json`);
      await writeFile(path, JSON.stringify([{ hosts: 'all', gather_facts: false, roles: [role] }]));
      return { path, file: target.file };
    }),
  );
}

/** Ansible's own syntax check of playbooks and roles: modules, tasks and roles that it cannot make sense of. */
export function createAnsibleLinter({ root }: Parts): Linter {
  return {
    name: 'ansible',
    tools: [ANSIBLE_SYNTAX],
    optional: false,
    lint: (target, call) =>
      inAnsibleWorld(root, target, async (world) => {
        const roles = await rolePlaybooks(target, world.folder);
        const playbooks = [...target.files.map((file) => ({ path: file, file })), ...roles];
        const checks = { root, world, project: target.project };
        const found = await Promise.all(playbooks.map((playbook) => check(checks, playbook, call)));
        const findings = all(found);
        return findings.ok ? ok(findings.value.flat()) : findings;
      }),
  };
}
