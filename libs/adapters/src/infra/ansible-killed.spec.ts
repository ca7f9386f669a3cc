import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usedStack, yamlText, type Call, type StackOrder } from '@goldenthread/core';
import { WrittenStack } from '@goldenthread/core/schemas';
import { clone, missingTools, runSource, tracesOf } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Parts } from '../parts.ts';
import { createAnsible } from './ansible.ts';

vi.setConfig({ testTimeout: 120_000 });

// Something that no other spec's task does.
const SLEEP = `600.${process.pid}`;

describe.skipIf(missingTools('ansible-playbook').length > 0)('an apply, while a task runs', () => {
  let folder: string;
  let order: StackOrder;
  const sleepers = (): readonly string[] => tracesOf(SLEEP);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'goldenthread-killed-'));
    await mkdir(join(folder, 'tmp'));
    await mkdir(join(folder, 'infra/slow'), { recursive: true });
    const tasks = [
      { name: 'One', 'ansible.builtin.copy': { content: '1', dest: join(folder, 'one'), mode: '0600' } },
      { name: 'Wait', 'ansible.builtin.command': { cmd: `sleep ${SLEEP}`, creates: join(folder, 'never') } },
    ];
    const plays = [{ name: 'Slow', hosts: 'all', gather_facts: false, tasks }];
    await writeFile(join(folder, 'infra/slow/playbook.yml'), yamlText(plays));
    const stack = usedStack(
      WrittenStack.parse({ playbook: 'playbook.yml' }),
      'infra/slow',
      'infra/slow/stack.yaml',
    );
    order = { stack, environment: 'production', root: folder, home: folder, inputs: new Map() };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const begun = async (): Promise<void> => {
    await expect.poll(() => sleepers().length, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(existsSync(join(folder, 'one'))).toBe(true);
  };

  it('is cancelled, with nothing left running', async () => {
    const stop = new AbortController();
    const call: Call = { signal: stop.signal, emit: () => undefined };
    const planned = await createAnsible({ root: folder, home: join(folder, 'home') } as Parts).preview(
      order,
      'apply',
      call,
    );
    if (!planned.ok) throw new Error(JSON.stringify(planned.failures));
    const applying = planned.value.apply(call);
    await begun();
    stop.abort();
    expect(await applying).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    await expect.poll(sleepers, { timeout: 20_000 }).toEqual([]);
  });

  it('is killed, with nothing left running and nothing of ours left in a file', async () => {
    const code = `
      const { createAnsible } = await import(${JSON.stringify(`${clone}/libs/adapters/src/infra/ansible.ts`)});
      const order = { ...${JSON.stringify({ ...order, inputs: null })}, inputs: new Map() };
      const call = { signal: new AbortController().signal, emit: () => undefined };
      const planned = await createAnsible({ home: ${JSON.stringify(join(folder, 'home'))} }).preview(order, 'apply', call);
      await planned.value.apply(call);`;
    const temporary = join(folder, 'tmp');
    const child = runSource(code, clone, ['env', `TMPDIR=${temporary}`]);
    const closed = once(child, 'close');
    await begun();
    child.kill('SIGKILL');
    await closed;
    await expect.poll(sleepers, { timeout: 20_000 }).toEqual([]);
    // What Ansible unpacks its modules to is its own.
    const left = async (): Promise<readonly string[]> =>
      (await readdir(temporary)).filter((name) => name.startsWith('goldenthread'));
    await expect.poll(left, { timeout: 20_000 }).toEqual([]);
  });
});
