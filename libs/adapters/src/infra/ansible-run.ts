import { existsSync, realpathSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fail,
  howToGet,
  ok,
  revealed,
  type Call,
  type Result,
  type StackOrder,
  type Tool,
} from '@goldenthread/core';
import { run, type Finished } from '../host.ts';
import { inWorld, type AnsibleWorld } from '../playbook/world.ts';
import { CALLBACK } from './ansible-callback.ts';
import type { Mask } from './ansible-mask.ts';
import { readResults, type Told } from './ansible-records.ts';
import { valuesFile } from './ansible-values.ts';

/** Plans and applies stacks that are playbooks. */
export const ANSIBLE_PLAYBOOK: Tool = {
  name: 'ansible-playbook',
  purpose: 'planning and applying stacks that are playbooks',
  version: ['--version'],
  install:
    'Install ansible (https://docs.ansible.com), which brings ansible-core and the community collections.',
  debian: 'ansible',
};

/** How a playbook is run. */
export interface PlayOptions {
  /** The playbook, relative to the stack's folder. */
  readonly playbook: string;
  /** `check` only looks; `syntax` does not even do that. */
  readonly how: 'syntax' | 'check' | 'apply';
  readonly mask: Mask;
}

/** A playbook that was run: how Ansible ended, and what it told, free of secrets but for the tasks' own results. */
export interface Played {
  readonly finished: Finished;
  readonly told: Told;
  /** What Ansible printed, line by line. */
  readonly lines: readonly string[];
}

// What a stack says otherwise in an ansible.cfg of its own. A connection that is kept open would outlive us.
const SETTINGS = `[connection]
pipelining = True
[ssh_connection]
ssh_args = -C -o ControlMaster=no
`;
const LINES = 20_000;
// Folders that hold no sources, however large they are.
const NOT_SOURCES = new Set(['node_modules', 'dist']);

/** Every folder called `roles` at or below one, absolute: where Ansible looks for what the graph knows as roles. */
async function roleFolders(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const below = entries
    .filter((one) => one.isDirectory() && !one.name.startsWith('.') && !NOT_SOURCES.has(one.name))
    .map(({ name }) => name)
    .sort();
  const found = await Promise.all(
    below.map(async (name) => {
      const path = join(folder, name);
      return [...(name === 'roles' ? [path] : []), ...(await roleFolders(path))];
    }),
  );
  return found.flat();
}

/** This machine alone, with the Python that Ansible itself runs on. */
const hosts = (folder: string): string =>
  JSON.stringify({
    all: {
      hosts: {
        localhost: {
          ansible_connection: 'local',
          ansible_python_interpreter: '{{ ansible_playbook_python }}',
          ansible_remote_tmp: join(folder, 'remote'),
        },
      },
    },
  });

async function furnish(order: StackOrder, folder: string): Promise<void> {
  const values = {
    ...revealed(order.inputs),
    goldenthread_environment: order.environment,
    goldenthread_stack: order.stack.name,
  };
  await mkdir(join(folder, 'plugins'));
  await writeFile(join(folder, 'plugins/goldenthread.py'), CALLBACK);
  await writeFile(join(folder, 'values.yml'), valuesFile(values), { mode: 0o600 });
  await writeFile(join(folder, 'hosts.json'), hosts(folder));
}

function argvOf(
  { stack, root }: StackOrder,
  folder: string,
  { playbook, how }: PlayOptions,
): readonly string[] {
  const { inventory, become } = stack.ansible;
  return [
    ANSIBLE_PLAYBOOK.name,
    '-i',
    inventory === undefined ? join(folder, 'hosts.json') : join(root, stack.root, inventory),
    '-e',
    `@${join(folder, 'values.yml')}`,
    ...(become === true ? ['--become'] : []),
    ...(how === 'check' ? ['--check', '--diff'] : how === 'syntax' ? ['--syntax-check'] : ['--diff']),
    join(root, stack.root, playbook),
  ];
}

/** Runs a playbook of a stack; any exit code is an answer. Its folder, with the secrets in it, is gone afterwards. */
export async function runPlaybook(
  order: StackOrder,
  options: PlayOptions,
  call: Call,
): Promise<Result<Played>> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  // Ansible names files by their real path.
  const real = { ...order, root: realpathSync(order.root) };
  const config = join(real.root, order.stack.root, 'ansible.cfg');
  const world = {
    purpose: 'ansible',
    rolePaths: await roleFolders(real.root),
    settings: SETTINGS,
    ...(existsSync(config) ? { config } : {}),
  };
  return inWorld(world, async (made) => {
    await furnish(real, made.folder);
    return play(real, options, made, call);
  });
}

async function play(
  order: StackOrder,
  options: PlayOptions,
  { folder, env }: AnsibleWorld,
  call: Call,
): Promise<Result<Played>> {
  const project = order.stack.name;
  const lines: string[] = [];
  const onLine = (raw: string): void => {
    const line = options.mask.clean(raw);
    if (lines.length < LINES) lines.push(line);
    if (options.how !== 'syntax') call.emit({ type: 'output', project, line });
  };
  const { name: _name, purpose } = ANSIBLE_PLAYBOOK;
  const command = {
    argv: argvOf(order, folder, options),
    cwd: join(order.root, order.stack.root),
    env: {
      ...env,
      ANSIBLE_CALLBACK_PLUGINS: join(folder, 'plugins'),
      ANSIBLE_STDOUT_CALLBACK: 'goldenthread',
      // An inventory that cannot be read would be taken for an empty one.
      ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED: '1',
      ANSIBLE_RETRY_FILES_ENABLED: '0',
    },
    onLine,
    purpose,
    install: howToGet(ANSIBLE_PLAYBOOK),
  };
  const finished = await run(command, call);
  if (!finished.ok) return finished;
  const told = await readResults(folder);
  return told.ok ? ok({ finished: finished.value, told: told.value, lines }) : told;
}
