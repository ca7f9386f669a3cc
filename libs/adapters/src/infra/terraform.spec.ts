import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  infraContract,
  missingTools,
  stubTool,
  terraformData,
  terraformStates,
  terraformWorld,
  withPath,
  type InfraCase,
  type TerraformState,
  type TerraformStates,
  type TerraformWorld,
} from '@goldenthread/testing';
import type { InfraEngine, Secret, StackOrder } from '@goldenthread/core';
import { must, which } from '../host.ts';
import type { Parts } from '../parts.ts';
import { terraformCommand, TERRAFORM, type Setting } from '../terraform/tool.ts';
import { init } from '../terraform/validate.ts';
import { createOpentofu, createTerraform } from './terraform.ts';

const call = { signal: new AbortController().signal, emit: () => undefined };

const HIDDEN = `
variable "secret" {
  type      = string
  sensitive = true
}
resource "terraform_data" "hidden" {
  input = var.secret
}
output "hidden" {
  value     = terraform_data.hidden.output
  sensitive = true
}
output "given" {
  value     = { text = var.secret }
  sensitive = true
}
`;

const thing = ([name, value]: readonly [string, string]): string =>
  `resource "terraform_data" "${name}" {\n  input = "${value}"\n}\noutput "${name}" {\n  value = terraform_data.${name}.output\n}\noutput "${name}_as_declared" {\n  value = "${value}"\n}\n`;

interface Made {
  readonly engine: (parts: Parts) => InfraEngine;
  /** The block of the backend, and its settings. */
  readonly backend: { readonly block: string; readonly settings: Readonly<Record<string, unknown>> };
  readonly state: (world: TerraformWorld) => Promise<TerraformState | null>;
}

async function tamper(order: StackOrder, world: TerraformWorld, name: string): Promise<void> {
  const data = join(world.home, 'somebody-else');
  const setting: Setting = {
    tool: TERRAFORM,
    cwd: join(order.root, order.stack.root),
    data,
    workspace: order.stack.terraform.workspace ?? null,
  };
  const settings = Object.entries(order.stack.terraform.backend ?? {}).map(
    ([key, value]) => `-backend-config=${key}=${value}`,
  );
  for (const done of [
    await init(setting, settings, call),
    await must(terraformCommand(setting, ['state', 'rm', `terraform_data.${name}`]), call),
  ])
    if (!done.ok) throw new Error(JSON.stringify(done.failures));
}

async function caseOf(
  world: TerraformWorld,
  { engine: create, backend, state }: Made,
): Promise<Omit<InfraCase, 'lock' | 'dispose'>> {
  const empty = join(world.home, 'empty');
  await mkdir(empty, { recursive: true });
  const engine = create({ root: world.root, home: world.home } as Parts);
  let last: StackOrder | null = null;
  const order = async (things: Readonly<Record<string, string>>, secret?: Secret): Promise<StackOrder> => {
    const text = [backend.block, ...Object.entries(things).map(thing), secret ? HIDDEN : ''].join('\n');
    await world.write({ 'main.tf': text });
    last = await world.order({
      terraform: { ...backend.settings, lock_timeout: 0 },
      inputs: secret ? { secret } : {},
      engine: engine.name,
    });
    return last;
  };
  return {
    engine,
    order,
    address: (name) => `terraform_data.${name}`,
    async real() {
      const { hidden: _hidden, ...rest } = terraformData(await state(world));
      return rest as Readonly<Record<string, string>>;
    },
    tamper: async (name) => tamper(last ?? (await order({})), world, name),
    async broken() {
      await world.write({
        'main.tf': `${backend.block}\nresource "terraform_data" "one" {\n  inputt = "a"\n}\n`,
      });
      return {
        order: await world.order({ engine: engine.name }),
        file: 'infra/network/main.tf',
        says: /"inputt" is not expected/,
      };
    },
    withoutTool: (work) => withPath([empty], work, true),
    leftovers: () => world.leftovers(),
  };
}

const local: Omit<Made, 'engine'> = {
  backend: { block: '', settings: {} },
  state: (world) => world.state(),
};

const remote = (states: TerraformStates): Omit<Made, 'engine'> => ({
  backend: {
    block: 'terraform {\n  backend "http" {}\n}\n',
    settings: { backend: states.backend('network'), workspace: 'default' },
  },
  state: async () => states.state('network'),
});

const missing = missingTools('terraform');
const why = missing.length > 0 ? 'terraform is not installed' : null;

infraContract(
  'terraform, with states beside the files',
  async () => {
    const world = await terraformWorld();
    return {
      ...(await caseOf(world, { engine: createTerraform, ...local })),
      lock: null,
      dispose: () => world.dispose(),
    };
  },
  why,
);

infraContract(
  'terraform, with states on a server',
  async () => {
    const world = await terraformWorld();
    const states = await terraformStates();
    return {
      ...(await caseOf(world, { engine: createTerraform, ...remote(states) })),
      lock: async () => {
        const id = states.hold('network');
        return { says: new RegExp(`force-unlock ${id}`), free: async () => states.free('network') };
      },
      async dispose() {
        await states.stop();
        await world.dispose();
      },
    };
  },
  why,
);

// OpenTofu has the command line of Terraform; where it is not to be had, a `tofu` that is Terraform under another name stands in for it.
infraContract(
  `opentofu, with ${which('tofu') === null ? 'Terraform called tofu' : 'the real tofu'}`,
  async () => {
    const world = await terraformWorld();
    const bin = join(world.home, 'bin');
    await mkdir(bin, { recursive: true });
    const path = process.env['PATH'];
    if (which('tofu') === null) {
      await stubTool(bin, 'tofu', { script: `exec '${which('terraform') ?? ''}' "$@"` });
      process.env['PATH'] = `${bin}:${path ?? ''}`;
    }
    return {
      ...(await caseOf(world, { engine: createOpentofu, ...local })),
      lock: null,
      async dispose() {
        process.env['PATH'] = path;
        await world.dispose();
      },
    };
  },
  why,
);
