import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import {
  fail,
  ok,
  type BakeOrder,
  type Call,
  type Failure,
  type Json,
  type Result,
  type Step,
  type Tool,
} from '@goldenthread/core';
import { environment, run, saysDiskFull, which } from '../host.ts';
import { EPOCH } from '../namespace/scripts.ts';
import { playFailure } from './ansible-output.ts';
import type { Target } from './backend.ts';

/** Runs plays. */
export const ANSIBLE: Tool = {
  name: 'ansible-playbook',
  purpose: 'running the roles and playbooks of images',
  version: ['--version'],
  install:
    'Install ansible (https://docs.ansible.com), which brings ansible-core and the community collections.',
  debian: 'ansible',
};

/** One step to run, and where. */
export interface StepRun {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** Absolute path of the folder that everything is kept in. */
  readonly home: string;
  /** A folder for this run alone. */
  readonly work: string;
  /** The file to which everything said is added. */
  readonly log: string;
  readonly target: Target;
  readonly order: Pick<BakeOrder, 'image' | 'rolePaths' | 'variables'>;
}

/** Runs a step's play on a target. Fails with `step-failed` in the words of the task that failed. */
export async function runStep(step: Step, on: StepRun, call: Call): Promise<Result<void>> {
  const program = which(ANSIBLE.name);
  if (program === null)
    return fail({
      code: 'tool-missing',
      tool: ANSIBLE.name,
      purpose: ANSIBLE.purpose,
      install: ANSIBLE.install,
    });
  const folder = await mirror(on.root, step.folder, `${on.work}/tree`);
  const playbook = `${folder}/goldenthread-step.json`;
  await writeFile(playbook, JSON.stringify([play(step)]));
  await writeFile(`${on.work}/vars.json`, JSON.stringify(on.order.variables));
  await writeFile(`${on.work}/hosts.json`, JSON.stringify(inventory(on)));
  await writeFile(`${on.work}/ansible.cfg`, '[defaults]\n');
  const argv = [
    ...on.target.beside,
    program,
    '-i',
    `${on.work}/hosts.json`,
    '-e',
    `@${on.work}/vars.json`,
    playbook,
  ];
  const project = on.order.image.name;
  const onLine = (line: string): void => call.emit({ type: 'output', project, line });
  const done = await run({ argv, env: ansibleEnvironment(on), log: on.log, onLine }, call);
  if (!done.ok) return done;
  const { code, stdout, stderr } = done.value;
  if (code !== 0) return fail(failure(step, on, playFailure(stdout, stderr, on.root)));
  // Ansible calls a play without hosts a success; a layer without its content is none.
  return stdout.includes('skipping: no hosts matched') ? fail(failure(step, on, NO_HOSTS)) : ok(undefined);
}

const NO_HOSTS = {
  task: 'choosing hosts',
  detail: 'an imported play is for other hosts than `all`, so nothing was done',
};

function failure(
  step: Step,
  on: StepRun,
  found: { readonly task: string; readonly detail: string },
): Failure {
  if (saysDiskFull(found.detail)) return { code: 'disk-full', folder: on.home };
  return { code: 'step-failed', image: on.order.image.name, step: step.name, ...found, log: on.log };
}

/** The step's play for our only host. How it is reached is ours to say, so the play's own word on it goes. */
function play(step: Step): Json {
  if ('import_playbook' in step.play) return step.play;
  return { ...step.play, hosts: 'all', connection: undefined };
}

/** The host bears the image's name: a template that prints it prints the same on every machine. */
function inventory({ order, target }: StepRun): Json {
  const variables = {
    ansible_host: target.host,
    ansible_connection: target.connection,
    ansible_python_interpreter: 'auto_silent',
    ...target.variables,
  };
  return { all: { hosts: { [order.image.name]: variables as Json } } };
}

function ansibleEnvironment({ root, work, order, target }: StepRun): Record<string, string | undefined> {
  return environment({
    ANSIBLE_CONFIG: `${work}/ansible.cfg`,
    ANSIBLE_HOME: `${work}/ansible`,
    ANSIBLE_LOCAL_TEMP: `${work}/ansible/tmp`,
    ANSIBLE_REMOTE_TEMP: '/tmp/.ansible',
    ANSIBLE_COLLECTIONS_PATH: `${homedir()}/.ansible/collections:/usr/share/ansible/collections`,
    ANSIBLE_ROLES_PATH: order.rolePaths.map((path) => `${root}/${path}`).join(':'),
    ANSIBLE_PIPELINING: '1',
    ANSIBLE_NOCOWS: '1',
    ANSIBLE_NOCOLOR: '1',
    ANSIBLE_RETRY_FILES_ENABLED: '0',
    ANSIBLE_STDOUT_CALLBACK: 'default',
    ANSIBLE_LOCALHOST_WARNING: '0',
    PYTHONDONTWRITEBYTECODE: '1',
    SOURCE_DATE_EPOCH: `${EPOCH}`,
    ...target.env,
  });
}

/**
 * Makes the folder of a playbook again out of links, with real folders on the way to it, so that a play that is made for
 * one step looks up templates, files and `../` exactly as the playbook beside it in the workspace does.
 */
async function mirror(root: string, folder: string, to: string): Promise<string> {
  let [from, here] = [root, to];
  for (const part of [...folder.split('/').filter(Boolean), null]) {
    await mkdir(here, { recursive: true });
    for (const name of await readdir(from))
      if (name !== part) await symlink(`${from}/${name}`, `${here}/${name}`);
    if (part === null) break;
    from = `${from}/${part}`;
    here = `${here}/${part}`;
  }
  return here;
}
