import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { missingTools, terraformWorld, withPath, type TerraformWorld } from '@goldenthread/testing';
import { Secret, type Call, type Event } from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { createTerraformTester } from './terraform.ts';

const STACK = `
variable "greeting" {
  type = string
}
resource "terraform_data" "one" {
  input = var.greeting
}
output "one" {
  value = terraform_data.one.output
}
`;

const TESTS = `
run "good" {
  assert {
    condition     = output.one == "hello"
    error_message = "it does not say hello"
  }
}
run "bad" {
  command = plan
  assert {
    condition     = terraform_data.one.input == "goodbye"
    error_message = "it says \${terraform_data.one.input}"
  }
}
`;

const missing = missingTools('terraform');

describe.skipIf(missing.length > 0)('the tester terraform', () => {
  let world: TerraformWorld;
  beforeEach(async () => {
    world = await terraformWorld();
  });
  afterEach(() => world.dispose());

  const recorder = (signal = new AbortController().signal): Call & { readonly events: readonly Event[] } => {
    const events: Event[] = [];
    return { events, signal, emit: (event) => void events.push(event) };
  };
  const tester = () => createTerraformTester({ root: world.root, home: world.home } as Parts);

  it('knows tests beside the files and in their folder', async () => {
    const { stack } = await world.order();
    const files = [
      'infra/network/main.tf',
      'infra/network/a.tftest.hcl',
      'infra/network/tests/b.tftest.json',
      'infra/network/tests/deep/c.tftest.hcl',
      'infra/other/d.tftest.hcl',
      'infra/network-2/e.tftest.hcl',
    ];
    expect(tester().tests(files, stack)).toEqual([
      'infra/network/a.tftest.hcl',
      'infra/network/tests/b.tftest.json',
    ]);
    expect(tester().tests(files, { ...stack, engine: 'ansible' })).toEqual([]);
  });

  it('answers each run as a case, with why it failed, and leaves nothing behind', async () => {
    await world.write({ 'main.tf': STACK, 'tests/x.tftest.hcl': TESTS });
    const order = await world.order({ inputs: { greeting: 'hello' } });
    const call = recorder();
    const suite = await tester().test(order, call);
    expect(suite).toMatchObject({
      ok: true,
      value: {
        name: 'terraform test infra/network',
        cases: [
          { name: 'tests/x.tftest.hcl good', outcome: 'passed' },
          {
            name: 'tests/x.tftest.hcl bad',
            outcome: 'failed',
            message: expect.stringContaining('it says hello') as string,
          },
        ],
      },
    });
    expect(call.events).toContainEqual({
      type: 'output',
      project: 'network',
      line: 'tests/x.tftest.hcl bad: fail',
    });
    expect((await readdir(join(world.root, 'infra/network'))).toSorted()).toEqual([
      'main.tf',
      'stack.yaml',
      'tests',
    ]);
  });

  it('shows no secret that it was given', async () => {
    await world.write({ 'main.tf': STACK, 'tests/x.tftest.hcl': TESTS });
    const order = await world.order({ inputs: { greeting: new Secret('plant-5b21-77') } });
    const call = recorder();
    const suite = await tester().test(order, call);
    expect(suite).toMatchObject({
      ok: true,
      value: { cases: [{ outcome: 'failed' }, { outcome: 'failed' }] },
    });
    expect(JSON.stringify([suite, call.events])).not.toContain('plant-5b21-77');
  });

  it('fetches modules first, and fails where the files are wrong', async () => {
    await world.write({
      'main.tf': `${STACK}\nmodule "m" {\n  source = "./m"\n}\n`,
      'm/main.tf': '',
      'x.tftest.hcl': 'run "plans" {\n  command = plan\n}\n',
    });
    const order = await world.order({ inputs: { greeting: 'hello' } });
    expect(await tester().test(order, recorder())).toMatchObject({
      ok: true,
      value: { cases: [{ name: 'x.tftest.hcl plans', outcome: 'passed' }] },
    });
    await world.write({ 'main.tf': 'resource "terraform_data" {}\n', 'x.tftest.hcl': 'run "plans" {}\n' });
    expect(await tester().test(order, recorder())).toMatchObject({
      ok: false,
      failures: [
        {
          code: 'tool-failed',
          tool: 'terraform',
          detail: expect.stringContaining('Missing name for resource') as string,
        },
      ],
    });
  });

  it('ends what it has begun when it is cancelled, takes away what it made, and begins nothing more', async () => {
    const [started, go, gone] = ['started', 'go', 'gone'].map((name) => join(world.home, name)) as [
      string,
      string,
      string,
    ];
    await mkdir(world.home, { recursive: true });
    await world.write({
      'main.tf': `resource "terraform_data" "one" {
        provisioner "local-exec" {
          command = "touch ${started}; while [ ! -e ${go} ]; do sleep 0.1; done"
        }
        provisioner "local-exec" {
          when    = destroy
          command = "touch ${gone}"
        }
      }`,
      'x.tftest.hcl': 'run "makes" {}\nrun "never" {}\n',
    });
    const stop = new AbortController();
    const call = recorder(stop.signal);
    const running = tester().test(await world.order(), call);
    await vi.waitUntil(() => existsSync(started), { timeout: 15_000 });
    stop.abort();
    await vi.waitUntil(() => call.events.some(({ type }) => type === 'waiting'));
    await writeFile(go, '');
    expect(await running).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(existsSync(gone)).toBe(true);
  });

  it('says that Terraform is missing', async () => {
    await world.write({ 'main.tf': STACK });
    const refused = await withPath(
      [world.home],
      async () => tester().test(await world.order(), recorder()),
      true,
    );
    expect(refused).toMatchObject({ ok: false, failures: [{ code: 'tool-missing', tool: 'terraform' }] });
  });
});
