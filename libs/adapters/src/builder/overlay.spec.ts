import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Built, Call, Event, Result, Step } from '@goldenthread/core';
import { builderContract, miniBake, missingTools, skipAloud, tracesOf, without } from '@goldenthread/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { overlaySupported } from '../namespace/supported.ts';
import { createBlobs } from '../store/blobs.ts';
import { createLayered } from './layered.ts';
import { createOverlay } from './overlay.ts';

const missing = missingTools('ansible-playbook', 'unshare', 'nsenter', 'tar', 'ldd');
const quiet = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const folder = mkdtempSync(join(tmpdir(), 'goldenthread-overlay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const supported = missing.length === 0 && (await overlaySupported(join(folder, 'try'), quiet())).ok;
if (!supported) skipAloud('the embedded builder', 'no overlay mounts can be made in namespaces here');

const mini = miniBake(join(folder, 'root'), supported);
const { root } = mini;

const builderIn = (home: string): ReturnType<typeof createLayered> => {
  const parts = { root, home, blobs: createBlobs(home) };
  return createLayered(parts, [createOverlay(parts)]);
};
const homeNamed = (name: string): string => {
  mkdirSync(join(folder, name), { recursive: true });
  return join(folder, name);
};
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};
const leftIn = (home: string): string[] => [...tracesOf(home), ...readdirSync(join(home, 'work'))];

builderContract(
  'layered on overlayfs',
  async () => {
    const home = homeNamed('contract');
    const builder = builderIn(home);
    return {
      builder,
      order: (content) => mini.orderOf(mini.step('write', `echo ${content} >/etc/content`)),
      failing: mini.orderOf(mini.step('fail', 'echo no such luck; false')),
      endless: { order: mini.orderOf(mini.step('wait', 'sleep 600')), begun: /TASK \[Run wait\]/ },
      reproducible: true,
      withoutTool: (order, call) => without('ansible-playbook', () => builder.build(order, call)),
      has: (digest) => createBlobs(home).has(digest),
      leftovers: async () => leftIn(home),
      dispose: async () => undefined,
    };
  },
  supported ? null : 'no overlay mounts in namespaces',
);

describe.skipIf(!supported)('a bake on overlayfs', { timeout: 60_000 }, () => {
  const tarOfLayer = (home: string, built: Built, index: number, ...args: readonly string[]): string =>
    execFileSync('tar', [...args, '-f', createBlobs(home).path(built.layers[index]?.digest ?? '')], {
      encoding: 'utf8',
    }).slice(0, -1);
  /** Mode, date and name of everything in a layer. */
  const list = (home: string, built: Built, index: number): string[] =>
    tarOfLayer(home, built, index, '-tv')
      .split('\n')
      .map((line) => line.replace(/^(\S+)\s+\S+\s+\d+ /, '$1 '));

  it('takes into a layer what a step changed, dated alike, and nothing of what it needed to run', async () => {
    const home = homeNamed('content');
    const change = mini.step(
      'change',
      'echo new >/etc/new; rm /etc/issue; mkdir -p /etc/deep/er; echo x >/etc/deep/er/x; ln -s new /etc/link; ln /etc/new /etc/hard',
      'echo noise >/var/log/noise; echo noise >/tmp/noise; echo noise >/run/noise; echo noise >/var/cache/noise; cat /etc/resolv.conf',
      'sleep 600 </dev/null >/dev/null 2>&1 &',
    );
    const replace = mini.step('replace', 'rm -r /etc/deep; mkdir /etc/deep; echo y >/etc/deep/y');
    const built = value(await builderIn(home).build(mini.orderOf(change, replace), quiet()));
    expect(list(home, built, 1)).toEqual([
      'drwxr-xr-x 2020-01-01 00:00 ./',
      'drwxr-xr-x 2020-01-01 00:00 ./etc/',
      'drwxr-xr-x 2020-01-01 00:00 ./etc/deep/',
      'drwxr-xr-x 2020-01-01 00:00 ./etc/deep/er/',
      '-rw-r--r-- 2020-01-01 00:00 ./etc/deep/er/x',
      '-rw-r--r-- 2020-01-01 00:00 ./etc/hard',
      '-rw-r--r-- 2020-01-01 00:00 ./etc/.wh.issue',
      'lrwxrwxrwx 2020-01-01 00:00 ./etc/link -> new',
      'hrw-r--r-- 2020-01-01 00:00 ./etc/new link to ./etc/hard',
      // Unchanged itself, so it keeps its date.
      'drwxr-xr-x 2017-07-14 02:40 ./var/',
      'drwxr-xr-x 2020-01-01 00:00 ./var/cache/',
      'drwxr-xr-x 2020-01-01 00:00 ./var/log/',
    ]);
    const replaced = tarOfLayer(home, built, 2, '-t').split('\n');
    expect(replaced).toEqual(
      expect.arrayContaining(['./etc/deep/', './etc/deep/.wh..wh..opq', './etc/deep/y']),
    );
    expect(leftIn(home)).toEqual([]);
  });

  it('gives the same digest in another home, where layers come back from their content', async () => {
    const [one, two] = [homeNamed('one'), homeNamed('two')];
    const change = 'echo 1 >/etc/first; rm /etc/issue; rm -r /usr/sbin; mkdir /usr/sbin; touch /usr/sbin/x';
    const order = mini.orderOf(
      mini.step('first', change),
      mini.step('second', 'ls /etc /usr/sbin >/etc/list'),
    );
    const built = value(await builderIn(one).build(order, quiet()));
    expect(value(await builderIn(two).build(order, quiet())).digest).toBe(built.digest);
    rmSync(join(two, 'unpacked'), { recursive: true });
    const third = mini.orderOf(
      mini.step('first', change),
      mini.step('third', 'ls /etc /usr/sbin >/etc/list'),
    );
    const again = value(await builderIn(two).build(third, quiet()));
    expect(again.layers.map(({ digest }) => digest)).toEqual(built.layers.map(({ digest }) => digest));
  });

  it('serves several bakes in one home at once', async () => {
    const home = homeNamed('several');
    const orders = ['a', 'b', 'a'].map((content) =>
      mini.orderOf(mini.step('write', `echo ${content} >/etc/content`)),
    );
    const built = await Promise.all(orders.map((order) => builderIn(home).build(order, quiet())));
    const [first, second, third] = built.map((one) => value(one).digest);
    expect(third).toBe(first);
    expect(second).not.toBe(first);
    expect(leftIn(home)).toEqual([]);
  });

  it('looks files up beside the playbook, above it, and takes the variables', async () => {
    const home = homeNamed('lookup');
    for (const [path, text] of [
      ['images/spec/files', 'own'],
      ['shared', 'from a folder beside'],
    ] as const) {
      mkdirSync(join(root, path), { recursive: true });
      writeFileSync(join(root, path, 'text'), text);
    }
    const found = [
      "{{ lookup('file', '../../shared/text') }}",
      "{{ lookup('file', 'text') }}",
      '{{ word }}',
      '{{ inventory_hostname }}',
    ];
    const tasks = found.map((text) => ({ raw: `echo "${text}" >>/etc/found` }));
    const looks: Step = {
      ...mini.step('look'),
      play: { hosts: 'x', connection: 'ssh', gather_facts: false, tasks },
    };
    const built = value(await builderIn(home).build(mini.orderOf(looks), quiet()));
    expect(tarOfLayer(home, built, 1, '-xO', './etc/found')).toBe(
      'from a folder beside\nown\nfrom a variable\nspec',
    );
  });

  it('keeps the kernel of this machine out of reach', async () => {
    const attempt = mini.orderOf(mini.step('attempt', 'echo 1 >/proc/sys/kernel/panic'));
    const result = await builderIn(homeNamed('kernel')).build(attempt, quiet());
    expect(result).toMatchObject({ ok: false, failures: [{ code: 'step-failed' }] });
  });

  it('points at the line of a role that is no YAML', async () => {
    mkdirSync(join(root, 'roles/broken/tasks'), { recursive: true });
    writeFileSync(join(root, 'roles/broken/tasks/main.yml'), '- name: one\n  raw: true\n   bad: indent\n');
    const broken = { ...mini.step('role broken'), play: { hosts: 'all', roles: ['broken'] } };
    const order = { ...mini.orderOf(broken), rolePaths: ['roles'] };
    const at = expect.stringMatching(/^roles\/broken\/tasks\/main\.yml:3:\d+: /) as unknown;
    const result = await builderIn(homeNamed('syntax')).build(order, quiet());
    expect(result).toMatchObject({ ok: false, failures: [{ code: 'step-failed', detail: at }] });
  });

  it('says that a play is for other hosts instead of taking it for done', async () => {
    const play = '- hosts: elsewhere\n  gather_facts: false\n  tasks: [{ raw: "true" }]\n';
    writeFileSync(join(root, 'images/spec/other.yml'), play);
    const order = mini.orderOf({ ...mini.step('import'), play: { import_playbook: 'other.yml' } });
    const result = await builderIn(homeNamed('hosts')).build(order, quiet());
    expect(result).toMatchObject({ ok: false, failures: [{ task: 'choosing hosts' }] });
  });

  it('keeps what was said in a log and passes it on', async () => {
    const home = homeNamed('log');
    const lines: string[] = [];
    const emit = (event: Event): void => void (event.type === 'output' && lines.push(event.line));
    value(await builderIn(home).build(mini.orderOf(mini.step('speak', 'echo spoken')), { ...quiet(), emit }));
    const [log = ''] = readdirSync(join(home, 'logs'));
    expect(log).toMatch(/^spec-\d{4}-.*\.log$/);
    expect(readFileSync(join(home, 'logs', log), 'utf8')).toContain('TASK [Run speak]');
    expect(lines.join('\n')).toContain('TASK [Run speak]');
  });
});
