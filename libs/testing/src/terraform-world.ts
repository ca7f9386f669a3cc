import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stackIn, usedStack, type Input, type Json, type Secret, type StackOrder } from '@goldenthread/core';
import type { TerraformState } from './terraform-state.ts';

/** Files of a stack of Terraform in a temporary folder, and orders for it. */
export interface TerraformWorld {
  /** The work tree. */
  readonly root: string;
  /** Goldenthread's own folder. */
  readonly home: string;
  /** Writes files of the stack; what it had before is gone, its states stay. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** An order for the stack as it is declared here. */
  order(given?: {
    readonly terraform?: Readonly<Record<string, unknown>>;
    readonly inputs?: Readonly<Record<string, Json | Secret>>;
    readonly environment?: string;
    readonly engine?: string;
  }): Promise<StackOrder>;
  /** The state beside the files, of a workspace; null where there is none. */
  state(workspace?: string): Promise<TerraformState | null>;
  /** What previews keep on this machine. */
  leftovers(): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

const FOLDER = 'infra/network';
const STATES = /^(terraform\.tfstate.*|states)$/;

const inputsOf = (values: Readonly<Record<string, Json | Secret>>): ReadonlyMap<string, Input> =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, from: 'the specification' }]));

/** Makes one with no files. */
export async function terraformWorld(): Promise<TerraformWorld> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'goldenthread-terraform-')));
  const [root, home] = [join(folder, 'tree'), join(folder, 'home')];
  const here = join(root, FOLDER);
  await mkdir(here, { recursive: true });
  return {
    root,
    home,
    async write(files) {
      for (const name of await readdir(here))
        if (!STATES.test(name)) await rm(join(here, name), { recursive: true });
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(here, path)), { recursive: true });
        await writeFile(join(here, path), text);
      }
    },
    async order({ terraform = {}, inputs = {}, environment = 'production', engine = 'terraform' } = {}) {
      const written = {
        images: {},
        inputs: {},
        variables: {},
        environments: {},
        uses: [],
        engine,
        terraform,
      };
      const file = `${FOLDER}/stack.yaml`;
      const names = Object.keys(inputs).map((name) => `  ${name}: given\n`);
      await writeFile(join(root, file), `backend: {}\nvariables:\n${names.join('')}`);
      const stack = stackIn(usedStack(written, FOLDER, file), environment);
      return { stack, environment, root, home: root, inputs: inputsOf(inputs) };
    },
    async state(workspace = 'production') {
      const path = join(
        here,
        workspace === 'default' ? '' : `terraform.tfstate.d/${workspace}`,
        'terraform.tfstate',
      );
      const text = await readFile(path, 'utf8').catch(() => null);
      return text === null ? null : (JSON.parse(text) as TerraformState);
    },
    leftovers: () => readdir(join(home, 'work')).catch(() => []),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The values of all `terraform_data` in a state, by name. */
export const terraformData = (state: TerraformState | null): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    (state?.resources ?? []).flatMap(({ name, instances }) =>
      instances.map(({ attributes }) => [
        name,
        (attributes['input'] as { readonly value?: unknown } | null)?.value,
      ]),
    ),
  );
