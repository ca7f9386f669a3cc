import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  isEmpty,
  Secret,
  usedStack,
  yamlText,
  type Call,
  type Event,
  type Json,
  type Previewed,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { WrittenStack } from '@goldenthread/core/schemas';
import { missingTools } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Parts } from '../parts.ts';
import { createAnsible } from './ansible.ts';

vi.setConfig({ testTimeout: 120_000 });

const missing = missingTools('ansible-playbook', 'ansible-vault');
const PLANTED = 'plant-9d41-77';

const must = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};

describe.skipIf(missing.length > 0)('playbooks as stacks', () => {
  let folder: string;
  let out: string;
  let events: Event[];
  let call: Call;
  const file = (path: string): string => join(folder, 'work', path);
  const write = async (path: string, content: string | Json): Promise<void> => {
    await mkdir(dirname(file(path)), { recursive: true });
    await writeFile(file(path), typeof content === 'string' ? content : yamlText(content));
  };
  const engine = (): ReturnType<typeof createAnsible> =>
    createAnsible({ root: file(''), home: join(folder, 'home') } as Parts);
  const notes = (): readonly string[] => events.flatMap((one) => (one.type === 'note' ? [one.text] : []));

  /** An order for a playbook of one play with these tasks. */
  const orderOf = async (
    tasks: readonly Json[],
    more: Readonly<Record<string, Json>> = {},
  ): Promise<StackOrder> => {
    const { ansible = {}, ...play } = more;
    await write('infra/case/playbook.yml', [
      { name: 'Case', hosts: 'all', gather_facts: false, tasks, ...play },
    ]);
    const written = WrittenStack.parse({ playbook: 'playbook.yml', ansible });
    const inputs = new Map([
      ['out', { value: out, from: 'a spec' }],
      ['password', { value: new Secret(PLANTED), from: 'a spec' }],
      ['template', { value: "{{ lookup('pipe', 'touch " + out + "/templated') }}", from: 'a spec' }],
    ]);
    const stack = usedStack(written, 'infra/case', 'infra/case/stack.yaml');
    return { stack, environment: 'production', root: file(''), home: file(''), inputs };
  };
  const copy = (name: string, content: string, dest: string): Json => ({
    name,
    'ansible.builtin.copy': { content, dest: `{{ out }}/${dest}`, mode: '0600' },
  });
  const preview = async (order: StackOrder): Promise<Previewed> =>
    must(await engine().preview(order, 'apply', call));
  const briefOf = ({ content }: Previewed): readonly string[] =>
    content.changes.map(({ action, address, type }) => `${action} ${address} ${type}`);

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'goldenthread-cases-')));
    out = join(folder, 'out');
    await mkdir(out);
    events = [];
    call = { signal: new AbortController().signal, emit: (event) => void events.push(event) };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('tells each change by role or play, task and item, by what the module says', async () => {
    await write('libs/roles/greet/tasks/main.yml', [
      {
        name: 'Greet',
        'ansible.builtin.template': { src: 'greeting.j2', dest: '{{ out }}/greeting', mode: '0644' },
        notify: 'Tell',
      },
    ]);
    await write('libs/roles/greet/templates/greeting.j2', 'hello {{ goldenthread_stack }}\n');
    await write('libs/roles/greet/handlers/main.yml', [
      { name: 'Tell', 'ansible.builtin.debug': { msg: 'told' }, changed_when: true },
    ]);
    await writeFile(join(out, 'old'), 'x');
    await writeFile(join(out, 'lines'), 'a\n');
    const order = await orderOf(
      [
        {
          ...(copy('Each', '{{ item.value }}', '{{ item.name }}') as object),
          loop: [
            { name: 'a', value: 'A' },
            { name: 'b', value: 'B' },
          ],
        },
        { ...(copy('Hidden', '{{ password }}', 'hidden{{ item }}') as object), loop: [1, 2], no_log: true },
        { name: 'Old', 'ansible.builtin.file': { path: '{{ out }}/old', state: 'absent' } },
        { name: 'Line', 'ansible.builtin.lineinfile': { path: '{{ out }}/lines', line: 'b' } },
        {
          name: 'Mark',
          'ansible.builtin.command': { cmd: 'touch {{ out }}/mark', creates: '{{ out }}/mark' },
        },
        { name: 'Skipped', 'ansible.builtin.command': 'false', when: false },
        { name: 'Found', 'ansible.builtin.add_host': { name: 'other' } },
      ] as Json[],
      { roles: ['greet'] },
    );
    const planned = await preview(order);
    expect(briefOf(planned)).toEqual([
      'create localhost: Case : Each (a) ansible.builtin.copy',
      'create localhost: Case : Each (b) ansible.builtin.copy',
      'update localhost: Case : Hidden ansible.builtin.copy',
      'update localhost: Case : Hidden #2 ansible.builtin.copy',
      'update localhost: Case : Line ansible.builtin.lineinfile',
      'create localhost: Case : Mark ansible.builtin.command',
      'delete localhost: Case : Old ansible.builtin.file',
      'create localhost: greet : Greet ansible.builtin.template',
      'update localhost: greet : Tell ansible.builtin.debug',
    ]);
    const attributes = (address: string): unknown =>
      planned.content.changes.find((one) => one.address.includes(address))?.attributes;
    const value = (content: string): unknown => ({ is: 'value', value: content });
    expect(attributes('Line')).toEqual([
      { path: 'content', before: value('a\n'), after: value('a\nb\n'), forces: false },
    ]);
    expect(attributes('Each (b)')).toContainEqual({
      path: 'content',
      before: { is: 'absent' },
      after: value('B'),
      forces: false,
    });
    expect(attributes('Greet')).toContainEqual(
      expect.objectContaining({ path: 'content', after: value('hello case\n') }),
    );
    expect(attributes('Old')).toEqual([]);
    expect(attributes('Hidden #2')).toEqual([
      { path: 'result', before: { is: 'sensitive' }, after: { is: 'sensitive' }, forces: false },
    ]);
    must(await planned.apply(call));
    expect((await readdir(out)).toSorted()).toEqual([
      'a',
      'b',
      'greeting',
      'hidden1',
      'hidden2',
      'lines',
      'mark',
    ]);
    expect(briefOf(await preview(order))).toEqual([]);
  });

  it('names what it cannot check, and takes that for no reason to act', async () => {
    const touch = { name: 'Touch', 'ansible.builtin.command': `touch ${out}/touched` };
    const alone = await preview(
      await orderOf([touch, { name: 'Raw', 'ansible.builtin.raw': `touch ${out}/raw` }]),
    );
    expect(briefOf(alone)).toEqual([
      'read localhost: Case : Raw ansible.builtin.raw',
      'read localhost: Case : Touch ansible.builtin.command',
    ]);
    expect(isEmpty(alone.content)).toBe(true);
    expect(notes()).toEqual([
      expect.stringMatching(/Touch \(infra\/case\/playbook.yml:\d+\) cannot be checked/),
      expect.stringMatching(/Raw .*cannot be checked/),
    ]);
    must(await alone.apply(call));
    expect(await readdir(out)).toEqual([]);
    must(await (await preview(await orderOf([touch, copy('One', '1', 'one')]))).apply(call));
    expect((await readdir(out)).toSorted()).toEqual(['one', 'touched']);
  });

  it('says what a run did that no check could tell, and what a check did', async () => {
    const order = await orderOf([
      copy('One', '1', 'one'),
      { ...(copy('Late', '2', 'late') as object), when: 'not ansible_check_mode' },
      { name: 'Early', 'ansible.builtin.command': 'true', check_mode: false },
    ]);
    const planned = await preview(order);
    expect(notes()).toEqual([expect.stringMatching(/Early .*check_mode: false.*changed something/)]);
    must(await planned.apply(call));
    expect(notes().slice(1)).toEqual([
      'localhost: Case : Late changed something that its check had not told',
    ]);
  });

  it('fails in the words of the task, at its place, without a secret', async () => {
    const fails = {
      name: 'Break',
      'ansible.builtin.copy': { src: 'none-{{ password }}', dest: '{{ out }}/x' },
    };
    const order = await orderOf([
      { name: 'Forgiven', 'ansible.builtin.fail': { msg: 'no matter' }, ignore_errors: true },
      {
        block: [{ name: 'Bad', 'ansible.builtin.fail': { msg: 'bad' } }],
        rescue: [copy('Saved', '1', 'saved')],
      },
      fails,
    ]);
    const failed = await engine().preview(order, 'apply', call);
    expect(failed).toMatchObject({
      ok: false,
      failures: [{ code: 'tool-failed', tool: 'ansible-playbook' }],
    });
    const [failure] = failed.ok ? [] : failed.failures;
    const { detail, log } = failure as { detail: string; log: string };
    expect(detail).toMatch(
      /^localhost: Case : Break \(infra\/case\/playbook.yml:\d+\): Could not find or access 'none-\*\*\*'/,
    );
    expect(detail).toContain('This was a check');
    expect((await stat(log)).mode & 0o777).toBe(0o600);
    expect(JSON.stringify([failed, events, await readFile(log, 'utf8')])).not.toContain(PLANTED);
  });

  it('fails half-way in words that name the log, and goes on from there', async () => {
    const gate = {
      name: 'Gate',
      'ansible.builtin.fail': { msg: 'not yet' },
      when: 'not ansible_check_mode and stop',
    };
    const tasks = (stop: boolean): Json[] => [
      copy('One', '1', 'one'),
      { ...gate, vars: { stop } },
      copy('Two', '2', 'two'),
    ];
    const failed = await (await preview(await orderOf(tasks(true)))).apply(call);
    expect(failed).toMatchObject({
      ok: false,
      failures: [{ code: 'apply-failed', stack: 'case', environment: 'production' }],
    });
    expect(JSON.stringify(failed)).toMatch(/Gate .*not yet.*\.log/);
    const rest = await preview(await orderOf(tasks(false)));
    expect(briefOf(rest)).toEqual(['create localhost: Case : Two ansible.builtin.copy']);
    must(await rest.apply(call));
    expect((await readdir(out)).toSorted()).toEqual(['one', 'two']);
  });

  it('takes no value for a template, shows no secret in arguments, and keeps none in a file', async () => {
    const stats = {
      given: '{{ template }}',
      arguments: "{{ lookup('file', '/proc/self/cmdline') | regex_replace('[^ -~]', ' ') }}",
      files: "{{ lookup('fileglob', inventory_dir ~ '/values*') }}",
      beside: "{{ lookup('fileglob', inventory_dir ~ '/hosts*') }}",
      key: 'key={{ password }}',
      later: null,
    };
    const order = await orderOf([{ name: 'Tell', 'ansible.builtin.set_stats': { data: stats } }]);
    const { content, outputs } = await preview(order);
    expect(existsSync(join(out, 'templated'))).toBe(false);
    expect(outputs.get('given')).toContain('lookup(');
    expect(outputs.get('arguments')).toMatch(/ansible-playbook .*-e @/);
    expect([outputs.get('files'), outputs.get('beside')]).toEqual([
      [],
      expect.stringContaining('hosts.json'),
    ]);
    expect((outputs.get('key') as Secret).reveal()).toBe(`key=${PLANTED}`);
    expect([content.outputs['key'], content.outputs['later']]).toEqual([
      { is: 'sensitive' },
      { is: 'unknown' },
    ]);
    expect(outputs.has('later')).toBe(false);
    expect(JSON.stringify([content, events, [...outputs]])).not.toContain(PLANTED);
  });

  it('keeps what Ansible decrypts as secret as what it is given, and reads the ansible.cfg of the stack', async () => {
    await write('infra/case/pass', 'a password');
    await write('infra/case/ansible.cfg', '[defaults]\nvault_password_file = pass\n');
    await write('infra/case/vars.yml', { database: { password: `file-${PLANTED}`, user: 'app' } });
    const encrypt = (...args: readonly string[]): string =>
      execFileSync(
        'ansible-vault',
        [args[0] ?? '', '--vault-password-file', file('infra/case/pass'), ...args.slice(1)],
        {
          encoding: 'utf8',
        },
      );
    encrypt('encrypt', file('infra/case/vars.yml'));
    await write('infra/case/inline.yml', encrypt('encrypt_string', '--name', 'token', `inline-${PLANTED}`));
    const order = await orderOf(
      [
        copy('File', 'pw={{ database.password }}', 'file'),
        copy('Inline', 'token={{ token }}', 'inline'),
        { ...(copy('Each', '1', '{{ item.a }}') as object), loop: [{ a: 'b', c: '{{ token }}' }] },
        {
          ...(copy('Break {{ token }}', '1', 'x') as object),
          when: 'not ansible_check_mode',
          failed_when: true,
        },
      ] as Json[],
      { vars_files: ['vars.yml', 'inline.yml'] },
    );
    const planned = await preview(order);
    expect(briefOf(planned).map((one) => one.split(' : ')[1])).toEqual([
      expect.stringMatching(/^Each \(\{"a": "b", "c": "\*\*\*"\}\)/),
      'File ansible.builtin.copy',
      'Inline ansible.builtin.copy',
    ]);
    expect(planned.content.changes[1]?.attributes[0]).toMatchObject({
      path: 'content',
      after: { is: 'sensitive' },
    });
    const failed = await planned.apply(call);
    const [failure] = failed.ok ? [] : failed.failures;
    const log = await readFile((failure as { log: string }).log, 'utf8');
    expect(log).toContain('Break ***');
    expect(JSON.stringify([planned.content, failed, events, log])).not.toContain(PLANTED);
  });

  it.skipIf(missingTools('ssh').length > 0)('says which hosts cannot be reached', async () => {
    // Nothing answers at port 1.
    await write('infra/case/production.ini', '[web]\ngone ansible_host=127.0.0.1 ansible_port=1\n');
    const order = await orderOf([{ name: 'Ping', 'ansible.builtin.ping': {} }], {
      ansible: { inventory: 'production.ini' },
    });
    expect(await engine().preview(order, 'apply', call)).toMatchObject({
      ok: false,
      failures: [
        { code: 'unreachable', what: 'the host gone', detail: expect.stringContaining('refused') as string },
      ],
    });
  });

  it('takes no unreadable inventory for an empty one, and no play without hosts for one that is done', async () => {
    const gone = await orderOf([copy('One', '1', 'one')], { ansible: { inventory: 'none.ini' } });
    const refused = await engine().preview(gone, 'apply', call);
    expect(JSON.stringify(refused)).toMatch(/tool-failed.*none\.ini/);
    expect(must(await engine().validate(gone, call))).toMatchObject([
      { file: 'infra/case/stack.yaml', level: 'error' },
    ]);
    const nobody = await engine().preview(await orderOf([], { hosts: 'web' }), 'apply', call);
    expect(JSON.stringify(nobody)).toMatch(/no host for .*Case/);
  });

  it('destroys nothing without a playbook that says how, and says which key names it', async () => {
    const refused = await engine().preview(await orderOf([]), 'destroy', call);
    expect(refused).toMatchObject({
      ok: false,
      failures: [
        { code: 'destroy-refused', stack: 'case', next: expect.stringContaining('destroy:') as string },
      ],
    });
  });
});
