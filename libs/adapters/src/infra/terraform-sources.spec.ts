import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  missingTools,
  stubTool,
  terraformData,
  terraformStates,
  terraformWorld,
  withPath,
  type TerraformWorld,
} from '@goldenthread/testing';
import {
  stackIn,
  type Call,
  type Event,
  type InfraEngine,
  type Previewed,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { which } from '../host.ts';
import type { Parts } from '../parts.ts';
import { createTerraform } from './terraform.ts';

const MAIN = 'infra/network/main.tf';
const STACK = 'infra/network/stack.yaml';

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
}

describe.skipIf(missingTools('terraform').length > 0)('terraform and the sources of a stack', () => {
  let world: TerraformWorld;
  let engine: InfraEngine;
  let events: Event[];
  let call: Call;
  const held: Previewed[] = [];
  beforeEach(async () => {
    world = await terraformWorld();
    engine = createTerraform({ root: world.root, home: world.home } as Parts);
    events = [];
    call = { signal: new AbortController().signal, emit: (event) => void events.push(event) };
  });
  afterEach(async () => {
    for (const one of held.splice(0)) await one.discard();
    expect(await world.leftovers()).toEqual([]);
    await world.dispose();
  });

  const preview = async (order: StackOrder): Promise<Previewed> => {
    const made = must(await engine.preview(order, 'apply', call));
    held.push(made);
    return made;
  };
  const refused = async (order: StackOrder) => {
    const made = await engine.preview(order, 'apply', call);
    if (!made.ok) return made.failures;
    held.push(made.value);
    return [];
  };
  const apply = async (order: StackOrder): Promise<void> =>
    void must(await (await preview(order)).apply(call));

  describe('says what is wrong in them', () => {
    const variable =
      'variable "size" {\n  type = number\n  validation {\n    condition     = var.size > 3\n    error_message = "Too small."\n  }\n}\n';

    it('with the place, all at once', async () => {
      await world.write({
        'main.tf':
          'resource "terraform_data" "one" {\n  inputt = 1\n}\nresource "terraform_data" "two" {\n  input = local.none\n}\n',
      });
      const failures = await refused(await world.order());
      const byLine = failures.toSorted((one, other) =>
        'at' in one && 'at' in other ? one.at.line - other.at.line : 0,
      );
      expect(byLine).toMatchObject([
        {
          code: 'source-unparsable',
          language: 'Terraform',
          at: { file: MAIN, line: 2, column: 3, length: 6, text: '  inputt = 1' },
          detail: expect.stringContaining('Did you mean "input"?') as string,
        },
        { code: 'source-unparsable', at: { file: MAIN, line: 5 } },
      ]);
    });

    it('where a backend stands in the way of the check', async () => {
      await world.write({
        'main.tf': 'terraform {\n  backend "local" {}\n}\nresource "terraform_data" {\n}\n',
      });
      expect(await refused(await world.order())).toMatchObject([
        {
          code: 'source-unparsable',
          at: { file: MAIN, line: 4 },
          detail: expect.stringContaining('Missing name') as string,
        },
      ]);
    });

    it('of variables: without a value, with one that they do not take, and of none', async () => {
      await world.write({ 'main.tf': variable });
      expect(await refused(await world.order())).toMatchObject([
        {
          code: 'declaration-invalid',
          at: { file: MAIN, line: 1 },
          found: 'no value for the variable "size"',
          expected: expect.stringContaining('TF_VAR_size') as string,
        },
      ]);
      expect(await refused(await world.order({ inputs: { size: 2 } }))).toMatchObject([
        {
          code: 'declaration-invalid',
          at: { file: STACK, line: 3, text: '  size: given' },
          found: 'a value of size that it does not take: Too small.',
        },
      ]);
      expect(await refused(await world.order({ inputs: { size: 'big' } }))).toMatchObject([
        {
          code: 'declaration-invalid',
          at: { file: STACK, line: 3 },
          found: expect.stringContaining('a number is required') as string,
        },
      ]);
      expect(await refused(await world.order({ inputs: { size: 5, sise: 4 } }))).toMatchObject([
        {
          code: 'declaration-invalid',
          at: { file: STACK, line: 4, text: '  sise: given' },
          found: expect.stringContaining('"sise", which is no variable') as string,
        },
      ]);
      const both = await refused(await world.order({ inputs: { sise: 4 } }));
      expect(both.map(({ code }) => code)).toEqual(['declaration-invalid', 'declaration-invalid']);
    });

    it('of a backend that knows no workspaces, and of settings for none', async () => {
      const states = await terraformStates();
      await world.write({ 'main.tf': 'terraform {\n  backend "http" {}\n}\n' });
      const settings = { backend: states.backend('network') };
      expect(await refused(await world.order({ terraform: settings }))).toMatchObject([
        {
          code: 'declaration-invalid',
          at: { file: STACK, line: 1 },
          expected: expect.stringContaining('{environment}') as string,
        },
      ]);
      const each = {
        backend: Object.fromEntries(
          Object.entries(settings.backend).map(([key, value]) => [key, `${value}-{environment}`]),
        ),
      };
      expect(await refused(await world.order({ terraform: each }))).toEqual([]);
      expect(states.requests).toContain('GET /network-production');
      await world.write({ 'main.tf': '' });
      expect(await refused(await world.order({ terraform: settings }))).toMatchObject([
        {
          code: 'declaration-invalid',
          at: { file: STACK, line: 1 },
          found: 'settings of a backend, and no backend that they could be for',
        },
      ]);
      await states.stop();
    });
  });

  it('reads what the caller gives for variables, and nothing that would change how it works', async () => {
    await world.write({
      'main.tf':
        'variable "who" {\n  type = string\n}\nresource "terraform_data" "one" {\n  input = "${var.who} ${terraform.workspace}"\n}\n',
    });
    const before = { ...process.env };
    Object.assign(process.env, {
      TF_VAR_who: 'the caller',
      TF_WORKSPACE: 'elsewhere',
      TF_CLI_ARGS_plan: '-bogus',
      TF_LOG: 'trace',
      TF_DATA_DIR: '/nowhere',
    });
    try {
      const { content } = await preview(await world.order());
      expect(content.changes[0]?.attributes).toContainEqual(
        expect.objectContaining({ path: 'input', after: { is: 'value', value: 'the caller production' } }),
      );
    } finally {
      process.env = before;
    }
  });

  it('takes files of values, and lets what it is given count more', async () => {
    await world.write({
      'main.tf': ['a', 'b']
        .map(
          (name) =>
            `variable "${name}" {\n  type = string\n}\noutput "${name}" {\n  value = var.${name}\n}\n`,
        )
        .join(''),
      'production.tfvars': 'a = "file"\nb = "file"\n',
    });
    const order = await world.order({
      terraform: { var_files: ['{environment}.tfvars'] },
      inputs: { b: 'given' },
    });
    expect([...(await preview(order)).outputs]).toEqual([
      ['a', 'file'],
      ['b', 'given'],
    ]);
  });

  it('forgets what a `removed` block lets go of, and says so', async () => {
    await world.write({ 'main.tf': 'resource "terraform_data" "one" {\n  input = "a"\n}\n' });
    await apply(await world.order());
    await world.write({
      'main.tf': 'removed {\n  from = terraform_data.one\n  lifecycle {\n    destroy = false\n  }\n}\n',
    });
    const made = await preview(await world.order());
    expect(made.content.changes).toMatchObject([{ address: 'terraform_data.one', action: 'forget' }]);
    must(await made.apply(call));
    expect(terraformData(await world.state())).toEqual({});
    expect((await preview(await world.order())).content.changes).toEqual([]);
  });

  it('initialises once, and again only where Terraform asks for it', async () => {
    const bin = join(world.home, 'bin');
    await mkdir(bin, { recursive: true });
    const terraform = await stubTool(bin, 'terraform', { script: `exec '${which('terraform') ?? ''}' "$@"` });
    const verbs = async (): Promise<readonly (string | undefined)[]> =>
      (await terraform.calls()).map(([verb]) => verb);
    await world.write({ 'main.tf': 'terraform {\n  backend "local" {}\n}\n' });
    const order = await world.order();
    await withPath([bin], async () => {
      await preview(order);
      await preview(order);
      expect(await verbs()).toEqual(['init', 'plan', 'show', 'plan', 'show']);
      await world.write({
        'main.tf': 'terraform {\n  backend "local" {}\n}\nmodule "m" {\n  source = "./m"\n}\n',
        'm/main.tf': 'resource "terraform_data" "one" {}\n',
      });
      expect((await preview(order)).content.changes).toMatchObject([
        { address: 'module.m.terraform_data.one' },
      ]);
      expect((await verbs()).slice(5)).toEqual(['plan', 'init', 'plan', 'show']);
      await world.write({ 'main.tf': 'terraform {\n  backend "local" {\n    path = "states/x"\n  }\n}\n' });
      await preview(order);
      expect((await verbs()).slice(9)).toEqual(['plan', 'init', 'plan', 'show']);
    });
    expect(await readdir(join(world.root, 'infra/network'))).not.toContain('.terraform');
  });

  it('keeps environments apart that are worked at side by side, from the first time on', async () => {
    await world.write({
      'main.tf': 'terraform {\n  backend "local" {}\n}\nmodule "m" {\n  source = "./m"\n}\n',
      'm/main.tf': 'resource "terraform_data" "one" {\n  input = terraform.workspace\n}\n',
    });
    const staging = await world.order({ environment: 'staging' });
    const production = await world.order({ environment: 'production' });
    const [one, other] = await Promise.all([
      preview(staging),
      preview(production),
      preview(staging),
      preview(production),
    ]);
    must(await one.apply(call));
    must(await other.apply(call));
    expect(terraformData(await world.state('staging'))).toEqual({ one: 'staging' });
    expect(terraformData(await world.state('production'))).toEqual({ one: 'production' });
    expect(must(await engine.drift(staging, call)).state).toMatch(/^[0-9a-f-]{36} serial \d+$/);
  });

  it('says the warnings that are about the stack', async () => {
    await world.write({
      'main.tf':
        'check "one" {\n  assert {\n    condition     = terraform.workspace == "x"\n    error_message = "It does not hold."\n  }\n}\n',
    });
    await preview(await world.order());
    expect(events).toContainEqual({
      type: 'note',
      project: 'network',
      text: expect.stringContaining('It does not hold.') as string,
    });
  });

  describe('in an older tree', () => {
    const git = (...args: readonly string[]): void =>
      void execFileSync('git', ['-c', 'user.name=spec', '-c', 'user.email=spec@localhost', ...args], {
        cwd: world.root,
        stdio: 'ignore',
      });
    const elsewhere = async (order: StackOrder): Promise<StackOrder> => {
      const root = join(world.home, `tree-${Math.random()}`);
      await mkdir(join(root, 'infra/network'), { recursive: true });
      await cp(join(world.root, MAIN), join(root, MAIN));
      return { ...order, root };
    };

    it.each([
      ['without a backend', ''],
      [
        'with a backend of its own',
        'terraform {\n  backend "local" {\n    path          = "states/network"\n    workspace_dir = "states/each"\n  }\n}\n',
      ],
    ])('finds the state that lies in the work tree, %s', async (_, backend) => {
      await world.write({
        'main.tf': `${backend}resource "terraform_data" "one" {\n  input = "a"\n}\noutput "one" {\n  value = terraform_data.one.output\n}\n`,
      });
      for (const order of [await world.order(), await world.order({ terraform: { workspace: 'default' } })]) {
        await apply(order);
        const older = await elsewhere(order);
        expect((await preview(older)).content.changes).toEqual([]);
        expect(must(await engine.outputs(older, call))?.get('one')).toBe('a');
        const destroy = must(await engine.preview(older, 'destroy', call));
        held.push(destroy);
        must(await destroy.apply(call));
        expect((await preview(order)).content.changes).toMatchObject([{ action: 'create' }]);
      }
    });

    it('makes the state in the work tree where there was none', async () => {
      await world.write({ 'main.tf': 'resource "terraform_data" "one" {\n  input = "a"\n}\n' });
      await apply(await elsewhere(await world.order()));
      expect(terraformData(await world.state())).toEqual({ one: 'a' });
      expect(events.filter(({ type }) => type === 'note')).toEqual([]);
    });

    it('reads the states of others, which git does not keep', async () => {
      await world.write({ 'main.tf': 'output "vpc" {\n  value = "vpc-1"\n}\n' });
      const order = await world.order();
      await writeFile(join(world.root, '.gitignore'), '*.tfstate*\n');
      git('init', '-q');
      await apply(order);
      const edge =
        'data "terraform_remote_state" "network" {\n  backend   = "local"\n  workspace = terraform.workspace\n  config    = { path = "../network/terraform.tfstate", workspace_dir = "../network/terraform.tfstate.d" }\n}\noutput "vpc" {\n  value = data.terraform_remote_state.network.outputs.vpc\n}\n';
      const older = await elsewhere(order);
      await mkdir(join(older.root, 'infra/edge'), { recursive: true });
      await writeFile(join(older.root, 'infra/edge/main.tf'), edge);
      const stack = {
        ...stackIn(order.stack, 'production'),
        name: 'edge',
        root: 'infra/edge',
        file: 'infra/edge/stack.yaml',
      };
      expect((await preview({ ...older, stack })).outputs.get('vpc')).toBe('vpc-1');
    });
  });
});
