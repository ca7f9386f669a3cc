import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingTools, terraformWorld, type TerraformWorld } from '@goldenthread/testing';
import {
  Secret,
  type Call,
  type Event,
  type Failure,
  type InfraEngine,
  type StackOrder,
} from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { createTerraform } from './terraform.ts';

describe.skipIf(missingTools('terraform').length > 0)('terraform and variables', () => {
  let world: TerraformWorld;
  let engine: InfraEngine;
  let events: Event[];
  let call: Call;
  beforeEach(async () => {
    world = await terraformWorld();
    engine = createTerraform({ root: world.root, home: world.home } as Parts);
    events = [];
    call = { signal: new AbortController().signal, emit: (event) => void events.push(event) };
  });
  afterEach(async () => {
    expect(await world.leftovers()).toEqual([]);
    await world.dispose();
  });

  const refused = async (order: StackOrder): Promise<readonly Failure[]> => {
    const made = await engine.preview(order, 'apply', call);
    if (!made.ok) return made.failures;
    await made.value.discard();
    return [];
  };

  it.each([
    [
      'main.tf',
      'variable "w" {}\n# variable "token" {\n  variable "token" {\n    type = string\n  }\n',
      3,
      13,
    ],
    ['vars.tf.json', '{\n  "variable": {\n    "w": {},\n    "token": { "type": "string" }\n  }\n}\n', 4, 6],
  ])('takes no secret for one that is shown, in %s', async (name, text, line, column) => {
    await world.write({
      [name]: text,
      'more.tf':
        'variable "key" {\n  sensitive = true\n}\ncheck "one" {\n  assert {\n    condition     = var.token == ""\n    error_message = "Has ${substr(var.token, 0, 5)}."\n  }\n}\n',
    });
    const [token, key] = [new Secret('plant-82'), new Secret('plant-83')];
    const failures = await refused(await world.order({ inputs: { token, key, w: 'w', none: token } }));
    const shown = (one: Failure): boolean => one.code === 'declaration-invalid' && /shown/.test(one.found);
    expect(failures.filter(shown)).toMatchObject([
      {
        at: { file: `infra/network/${name}`, line, column, length: 5 },
        found: 'a variable that is shown',
        expected: 'sensitive = true, as it gets a secret (the specification)',
      },
    ]);
    expect(failures.filter((one) => !shown(one))).toMatchObject([
      {
        code: 'declaration-invalid',
        found: expect.stringContaining('"none", which is no variable') as string,
      },
    ]);
    // Not even what the check in it says.
    expect(JSON.stringify([failures, events])).not.toMatch(/plant|Has/);
  });

  it('says by a hash what all values are: of files, of the caller, its own and those that it is given', async () => {
    const names = ['given', 'file', 'auto', 'caller'];
    const write = (file: string, fallback: string): Promise<void> =>
      world.write({
        'main.tf': `variable "own" {\n  default = "${fallback}"\n}\n${names.map((name) => `variable "${name}" {}\n`).join('')}`,
        'some.tfvars': `file = "${file}"\n`,
        'terraform.tfvars': 'auto = "a"\n',
      });
    const values = async (given = 'g'): Promise<string | null> => {
      const order = await world.order({ terraform: { var_files: ['some.tfvars'] }, inputs: { given } });
      const seen = await engine.drift(order, call);
      if (!seen.ok) throw new Error(JSON.stringify(seen.failures));
      return seen.value.values;
    };
    process.env['TF_VAR_caller'] = 'plant-c1';
    try {
      await write('f', 'o');
      const first = await values();
      expect(first).toMatch(/^sha256:/);
      expect(await values()).toBe(first);
      const seen = [first, await values('h')];
      process.env['TF_VAR_caller'] = 'plant-c2';
      seen.push(await values());
      process.env['TF_VAR_caller'] = 'plant-c1';
      await write('F', 'o');
      seen.push(await values());
      await write('f', 'O');
      seen.push(await values());
      expect(new Set(seen).size).toBe(5);
    } finally {
      delete process.env['TF_VAR_caller'];
    }
  });
});
