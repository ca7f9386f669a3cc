import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usedStack, type Input, type Secret, type StackOrder } from '@goldenthread/core';
import { WrittenStack } from '@goldenthread/core/schemas';
import { infraContract, missingTools, withPath, type InfraCase } from '@goldenthread/testing';
import { vi } from 'vitest';
import type { Parts } from '../parts.ts';
import { createAnsible } from './ansible.ts';

// A run of Ansible takes a second, or several where others work here as well.
vi.setConfig({ testTimeout: 120_000 });

const absent = missingTools('ansible-playbook');
const NAMES = ['one', 'two'];

/** A playbook whose things are files: those that are declared, and the absence of the others. */
function playbook(things: Readonly<Record<string, string>>, folder: string, secret: boolean): string {
  const dest = (name: string): string => join(folder, name);
  const tasks = NAMES.map((name) => ({
    name: `Thing ${name}`,
    ...(name in things
      ? { 'ansible.builtin.copy': { content: things[name], dest: dest(name), mode: '0600' } }
      : { 'ansible.builtin.file': { path: dest(name), state: 'absent' } }),
  }));
  const hidden = {
    name: 'The hidden thing',
    'ansible.builtin.copy': { content: 'key={{ secret }}\n', dest: dest('hidden'), mode: '0600' },
  };
  const stats = {
    name: 'Tell where it is',
    'ansible.builtin.set_stats': {
      data: { folder, stage: '{{ goldenthread_environment }}', ...(secret ? { key: '{{ secret }}' } : {}) },
    },
  };
  const all = [...tasks, ...(secret ? [hidden] : []), stats];
  return JSON.stringify([{ name: 'Things', hosts: 'all', gather_facts: false, tasks: all }]);
}

function destroying(folder: string): string {
  const tasks = [...NAMES, 'hidden'].map((name) => ({
    name: `Thing ${name}`,
    'ansible.builtin.file': { path: join(folder, name), state: 'absent' },
  }));
  return JSON.stringify([{ name: 'Things', hosts: 'all', gather_facts: false, tasks }]);
}

async function makeCase(): Promise<InfraCase> {
  const folder = await mkdtemp(join(tmpdir(), 'goldenthread-infra-'));
  const [root, real, temporary] = ['work', 'real', 'tmp'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const before = process.env['TMPDIR'];
  await Promise.all(
    [join(root, 'infra/things'), real, temporary].map((path) => mkdir(path, { recursive: true })),
  );
  process.env['TMPDIR'] = temporary;
  const written = WrittenStack.parse({ playbook: 'playbook.yml', ansible: { destroy: 'destroy.yml' } });
  const stack = usedStack(written, 'infra/things', 'infra/things/stack.yaml');
  const order = async (things: Readonly<Record<string, string>>, secret?: Secret): Promise<StackOrder> => {
    const file = (name: string): string => join(root, 'infra/things', name);
    await writeFile(file('playbook.yml'), playbook(things, real, secret !== undefined));
    await writeFile(file('destroy.yml'), destroying(real));
    const given: [string, Input][] = secret ? [['secret', { value: secret, from: 'a spec' }]] : [];
    return { stack, environment: 'production', root, home: root, inputs: new Map(given) };
  };
  return {
    engine: createAnsible({ root, home: join(folder, 'home') } as Parts),
    order,
    address: (thing) => `localhost: Things : Thing ${thing}`,
    async real() {
      const names = (await readdir(real)).filter((name) => name !== 'hidden');
      return Object.fromEntries(
        await Promise.all(names.map(async (name) => [name, await readFile(join(real, name), 'utf8')])),
      );
    },
    tamper: (thing) => rm(join(real, thing)),
    async broken() {
      const bad = await order({});
      await writeFile(
        join(root, 'infra/things/playbook.yml'),
        '- name: Bad\n  hosts: all\n  tasks:\n    - ansible.builtin.cpoy:\n        dest: x\n',
      );
      return { order: bad, file: 'infra/things/playbook.yml', says: /couldn't resolve module.*cpoy/ };
    },
    lock: null,
    withoutTool: (work) => withPath([temporary], work, true),
    leftovers: () => readdir(temporary),
    async dispose() {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

infraContract('ansible', makeCase, absent.length > 0 ? 'ansible-playbook is not installed' : null);
