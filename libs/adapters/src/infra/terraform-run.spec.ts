import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  clone,
  missingTools,
  runSource,
  stubTool,
  terraformData,
  terraformStates,
  terraformWorld,
  tracesOf,
  withPath,
  type TerraformStates,
  type TerraformWorld,
} from '@goldenthread/testing';
import {
  Secret,
  type Call,
  type Event,
  type Failure,
  type InfraEngine,
  type Previewed,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { run, which } from '../host.ts';
import type { Parts } from '../parts.ts';
import { createTerraform } from './terraform.ts';

const BOUND = { timeout: 15_000 };
const REMOTE = 'terraform {\n  backend "http" {}\n}\n';

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
}

const failuresOf = (result: Result<unknown>): readonly Failure[] => (result.ok ? [] : result.failures);

/** Every file below a folder. */
const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? join(entry.parentPath, entry.name) : [],
  );

describe.skipIf(missingTools('terraform').length > 0)('terraform at work', () => {
  let world: TerraformWorld;
  let states: TerraformStates;
  let engine: InfraEngine;
  let events: Event[];
  const held: Previewed[] = [];
  const callOf = (signal = new AbortController().signal): Call => ({
    signal,
    emit: (event) => void events.push(event),
  });
  beforeEach(async () => {
    world = await terraformWorld();
    states = await terraformStates();
    engine = createTerraform({ root: world.root, home: world.home } as Parts);
    events = [];
  });
  afterEach(async () => {
    for (const one of held.splice(0)) await one.discard();
    expect(await world.leftovers()).toEqual([]);
    expect(tracesOf(world.home)).toEqual([]);
    await states.stop();
    await world.dispose();
  });

  const preview = async (order: StackOrder): Promise<Previewed> => {
    const made = must(await engine.preview(order, 'apply', callOf()));
    held.push(made);
    return made;
  };
  const at = (name: string): string => join(world.home, name);
  const brief = ({ content }: Previewed) => content.changes.map(({ address, action }) => [address, action]);

  /** A stack of three, the second of which waits for a file. */
  const slow = (backend: string): string => `${backend}
resource "terraform_data" "one" {
  input = "a"
}
resource "terraform_data" "two" {
  input = terraform_data.one.output
  provisioner "local-exec" {
    command = "touch ${at('started')}; while [ ! -e ${at('go')} ]; do sleep 0.1; done"
  }
}
resource "terraform_data" "three" {
  input = terraform_data.two.output
}
`;
  const begun = (): Promise<unknown> => vi.waitUntil(() => existsSync(at('started')), BOUND);
  const remote = (): Promise<StackOrder> =>
    world.order({ terraform: { backend: states.backend('network'), workspace: 'default', lock_timeout: 0 } });

  /** The process of an apply in this world. */
  const applying = (): number => {
    const found = tracesOf(world.home).find((pid) =>
      /^terraform\0apply\0|\/terraform\0apply\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
    );
    if (found === undefined) throw new Error('no apply is under way');
    return Number(found);
  };

  it('shows what is left of an apply that was killed, and finishes it', async () => {
    await world.write({ 'main.tf': slow('') });
    const order = await world.order();
    const running = (await preview(order)).apply(callOf());
    await begun();
    process.kill(applying(), 'SIGKILL');
    const [failure] = failuresOf(await running);
    expect(failure).toMatchObject({
      code: 'apply-failed',
      stack: 'network',
      environment: 'production',
      detail: expect.stringContaining('terraform was killed') as string,
    });
    expect(failure?.code === 'apply-failed' && readFileSync(failure.log ?? '', 'utf8')).toContain(
      'terraform_data.two: Creating...',
    );
    expect(terraformData(await world.state())).toMatchObject({ one: 'a' });
    await writeFile(at('go'), '');
    const rest = await preview(order);
    expect(brief(rest)).toEqual(expect.arrayContaining([['terraform_data.three', 'create']]));
    expect(brief(rest).map(([address]) => address)).not.toContain('terraform_data.one');
    must(await rest.apply(callOf()));
    expect(terraformData(await world.state())).toEqual({ one: 'a', two: 'a', three: 'a' });
    expect(brief(await preview(order))).toEqual([]);
  });

  it('names the lock that a killed apply has left, and the way out, which is one', async () => {
    await world.write({ 'main.tf': slow(REMOTE) });
    const order = await remote();
    const running = (await preview(order)).apply(callOf());
    await begun();
    process.kill(applying(), 'SIGKILL');
    await running;
    await writeFile(at('go'), '');
    const id = states.lock('network')?.['ID'] ?? '';
    expect(id).not.toBe('');
    const next = await preview(order);
    const [failure] = failuresOf(await next.apply(callOf()));
    expect(failure).toMatchObject({
      code: 'state-locked',
      stack: 'network',
      environment: 'production',
      holder: expect.stringContaining(id) as string,
    });
    const wayOut = failure?.code === 'state-locked' ? failure.wayOut : '';
    expect(wayOut).toMatch(/seen that its holder is dead/);
    const [, command = ''] = /(\(cd .*\))$/.exec(wayOut) ?? [];
    // The server of the states is in this process, which therefore must not stand still.
    const freed = await run({ argv: ['sh', '-c', command], cwd: world.root, input: ['yes\n'] }, callOf());
    expect(freed).toMatchObject({ ok: true, value: { code: 0 } });
    expect(states.lock('network')).toBeNull();
    must(await next.apply(callOf()));
    expect(terraformData(states.state('network'))).toEqual({ one: 'a', two: 'a', three: 'a' });
  });

  it('ends well when it is cancelled: what is made is in the state, the lock is free, and nothing runs any more', async () => {
    await world.write({ 'main.tf': slow(REMOTE) });
    const order = await remote();
    const stop = new AbortController();
    const running = (await preview(order)).apply(callOf(stop.signal));
    await begun();
    stop.abort();
    expect(await running).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(states.lock('network')).toBeNull();
    expect(terraformData(states.state('network'))).toMatchObject({ one: 'a' });
    expect(terraformData(states.state('network'))).not.toHaveProperty('three');
    expect(events).toContainEqual(expect.objectContaining({ type: 'waiting' }));
    await writeFile(at('go'), '');
    must(await (await preview(order)).apply(callOf()));
    expect(terraformData(states.state('network'))).toEqual({ one: 'a', two: 'a', three: 'a' });
  });

  it('keeps the state and frees the lock when Goldenthread itself is killed, and the next run clears up behind it', async () => {
    await world.write({ 'main.tf': slow(REMOTE) });
    const order = await remote();
    const child = runSource(
      `import { createTerraform } from 'file://${clone}/libs/adapters/src/infra/terraform.ts';
       const call = { signal: new AbortController().signal, emit: () => undefined };
       const order = { ...${JSON.stringify(order)}, inputs: new Map() };
       const made = await createTerraform(${JSON.stringify({ root: world.root, home: world.home })}).preview(order, 'apply', call);
       if (!made.ok) throw new Error(JSON.stringify(made.failures));
       await made.value.apply(call);`,
      clone,
    );
    await begun();
    child.kill('SIGKILL');
    await vi.waitUntil(
      () => states.lock('network') === null && terraformData(states.state('network'))['one'] === 'a',
      BOUND,
    );
    await vi.waitUntil(() => tracesOf(world.home).length === 0, BOUND);
    expect((await world.leftovers()).length).toBe(1);
    await writeFile(at('go'), '');
    const rest = await preview(order);
    expect((await world.leftovers()).length).toBe(1);
    must(await rest.apply(callOf()));
    expect(terraformData(states.state('network'))).toEqual({ one: 'a', two: 'a', three: 'a' });
  });

  it('lets one of two applies at once wait for the other, which then is too late', async () => {
    await world.write({ 'main.tf': slow(REMOTE) });
    const order = await world.order({
      terraform: { backend: states.backend('network'), workspace: 'default', lock_timeout: 20 },
    });
    const [first, second] = [await preview(order), await preview(order)];
    const running = first.apply(callOf());
    await begun();
    const late = second.apply(callOf());
    await vi.waitUntil(() => states.requests.filter((one) => one === 'LOCK /network').length > 1, BOUND);
    await writeFile(at('go'), '');
    must(await running);
    expect(failuresOf(await late)).toMatchObject([
      { code: 'plan-outdated', moved: ['its state has moved since it was planned'] },
    ]);
  });

  it('says what the backend answers when it is out of order', async () => {
    await world.write({ 'main.tf': REMOTE });
    const order = await remote();
    const made = await preview(order);
    states.answer = (method) => (method === 'LOCK' ? { status: 500, body: 'out of order' } : null);
    expect(failuresOf(await made.apply(callOf()))).toMatchObject([
      {
        code: 'unreachable',
        detail: expect.stringMatching(/Failed to lock: LOCK .* giving up after 3 attempt\(s\)$/) as string,
      },
    ]);
    states.answer = () => ({ status: 403, body: '' });
    expect(failuresOf(await engine.preview(order, 'apply', callOf()))).toMatchObject([
      {
        code: 'tool-failed',
        tool: 'terraform',
        detail: expect.stringContaining('HTTP remote state endpoint') as string,
      },
    ]);
  });

  it('writes and says no secret, wherever it comes from and wherever it would go', async () => {
    const plants = ['plant-a-71f3', 'plant-b-0c9d', 'plant-c-44e8'] as const;
    const grep = /plant-[abc]-/;
    await world.write({
      'main.tf': `
variable "declared" {
  type      = string
  sensitive = true
}
variable "open" {
  type      = string
  sensitive = true
}
variable "caller" {
  type      = string
  sensitive = true
}
resource "terraform_data" "one" {
  input = { declared = var.declared, open = "has \${nonsensitive(var.open)} in it", caller = var.caller }
  provisioner "local-exec" {
    command     = "echo said $LEAK $MORE; echo and $LEAK >&2; exit $CODE"
    environment = { LEAK = nonsensitive(var.declared), MORE = nonsensitive(var.caller), CODE = fileexists("${at('good')}") ? 0 : 1 }
  }
}
output "all" {
  value     = terraform_data.one.output
  sensitive = true
}
output "open" {
  value = nonsensitive(var.open)
}
`,
    });
    const bin = at('bin');
    await mkdir(bin, { recursive: true });
    const terraform = await stubTool(bin, 'terraform', { script: `exec '${which('terraform') ?? ''}' "$@"` });
    process.env['TF_VAR_caller'] = plants[2];
    const said: unknown[] = [];
    try {
      await withPath([bin], async () => {
        const order = await world.order({
          inputs: { declared: new Secret(plants[0]), open: new Secret(plants[1]) },
        });
        const made = await preview(order);
        said.push(made.content, [...made.outputs]);
        expect(made.content.outputs).toMatchObject({ open: { is: 'sensitive' } });
        const failed = await made.apply(callOf());
        expect(failuresOf(failed)).toMatchObject([
          { code: 'apply-failed', detail: expect.stringContaining('***') as string },
        ]);
        await writeFile(at('good'), '');
        const again = await preview(order);
        const applied = must(await again.apply(callOf()));
        const outputs = must(await engine.outputs(order, callOf()));
        said.push(
          failed,
          again.content,
          [...applied],
          [...(outputs ?? [])],
          await engine.drift(order, callOf()),
        );
        await world.write({
          'main.tf': `variable "declared" {\n  type = number\n}\nresource "terraform_data" "x" {\n  input = "\${var.declared}\${local.none}"\n}\n`,
        });
        said.push(await engine.preview(order, 'apply', callOf()), await engine.validate(order, callOf()));
      });
    } finally {
      delete process.env['TF_VAR_caller'];
    }
    // While a preview lives, its folder is nobody else's; afterwards it is gone.
    for (const name of await world.leftovers())
      expect(statSync(join(world.home, 'work', name)).mode & 0o077).toBe(0);
    for (const one of held.splice(0)) await one.discard();
    expect(events.length).toBeGreaterThan(0);
    expect(JSON.stringify([said, events])).not.toMatch(grep);
    expect(JSON.stringify(await terraform.calls())).not.toMatch(grep);
    const written = [...filesIn(world.home), ...filesIn(world.root)].filter(
      (path) => !/\.tfstate(\.backup)?$/.test(path) || path.startsWith(world.home),
    );
    expect(written.some((path) => path.endsWith('.log'))).toBe(true);
    expect(written.filter((path) => grep.test(readFileSync(path, 'utf8')))).toEqual([]);
    const state = JSON.stringify(await world.state());
    // The state itself holds them, as Terraform has it: that the plants were there at all.
    for (const plant of plants) expect(state).toContain(plant);
  });
});
