import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  parseYaml,
  plain,
  usedStack,
  type Call,
  type PlanContent,
  type Result,
  type StackOrder,
} from '@goldenthread/core';
import { WrittenStack } from '@goldenthread/core/schemas';
import { clone, realDocker, skipAloud } from '@goldenthread/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Parts } from '../parts.ts';
import { createAnsible } from './ansible.ts';

// Some twenty runs of Ansible, each of a second or several where others work here as well.
vi.setConfig({ testTimeout: 300_000 });

const WHAT = 'the stack edge-local in Docker';
const docker = await realDocker(WHAT, ['docker', 'dockerd', 'ansible-playbook', 'ldd']);
afterAll(() => docker.stop());

/** Why Ansible cannot speak to Docker: its modules need a library in the Python that it runs on. */
function withoutLibrary(): string | null {
  const said = execFileSync('ansible-playbook', ['--version'], { encoding: 'utf8' });
  const python = /python version = .*\((\S+)\)$/m.exec(said)?.[1] ?? 'python3';
  try {
    execFileSync(python, ['-c', 'import requests'], { stdio: 'ignore' });
    return null;
  } catch {
    return skipAloud(WHAT, `${python} has no module requests (Debian: python3-requests)`);
  }
}
const missing = docker.missing ?? withoutLibrary();

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const run = (...args: readonly string[]): string => execFileSync('docker', args, { encoding: 'utf8' }).trim();
const brief = ({ changes }: PlanContent): readonly string[] =>
  changes.map(({ action, address }) => `${action} ${address}`);
const on = (...names: readonly string[]): readonly string[] =>
  names.map((name) => `localhost: Edge : ${name}`);

describe.skipIf(missing !== null)('the stack edge-local', () => {
  const root = 'infra/edge-local';
  const written = value(
    parseYaml(`${root}/stack.yaml`, readFileSync(join(clone, root, 'stack.yaml'), 'utf8')),
  );
  // A name of its own, as the daemon may be somebody's.
  const name = `edge-local-${process.pid}`;
  const stack = { ...usedStack(WrittenStack.parse(plain(written)), root, `${root}/stack.yaml`), name };
  const order: StackOrder = { stack, environment: 'spec', root: clone, home: clone, inputs: new Map() };
  const thing = `${name}-spec`;
  let home: string;
  const engine = (): ReturnType<typeof createAnsible> => createAnsible({ root: clone, home } as Parts);
  const apply = async (aim: 'apply' | 'destroy' = 'apply'): Promise<PlanContent> => {
    const previewed = value(await engine().preview(order, aim, call));
    value(await previewed.apply(call));
    return previewed.content;
  };
  /** Everything of ours that the daemon has. */
  const there = (): readonly string[] =>
    [
      run('ps', '-a', '--filter', `name=${thing}`, '--format', 'container {{.Names}}'),
      run('network', 'ls', '--filter', `name=${thing}`, '--format', 'network {{.Name}}'),
      run('volume', 'ls', '--filter', `name=${thing}`, '--format', 'volume {{.Name}}'),
      run('images', '--filter', `reference=${thing}`, '--format', 'image {{.Repository}}'),
    ].filter((line) => line !== '');

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'goldenthread-edge-local-'));
  });
  afterEach(() => apply('destroy'));
  afterAll(() => rm(home, { recursive: true, force: true }));

  it('is planned on an empty daemon, made, and destroyed to the last thing', async () => {
    expect(value(await engine().outputs(order, call))).toBeNull();
    const planned = await apply();
    expect(brief(planned)).toEqual(
      on('Container', 'Image', 'Network', 'Volume').map((one) => `create ${one}`),
    );
    expect(planned.changes.map(({ type, tags }) => [type, tags])).toEqual(
      [
        'community.docker.docker_container',
        'host_image',
        'community.docker.docker_network',
        'community.docker.docker_volume',
      ].map((type) => [type, { stack: name, environment: 'spec' }]),
    );
    expect(there()).toEqual([`container ${thing}`, `network ${thing}`, `volume ${thing}`, `image ${thing}`]);
    await expect
      .poll(() => run('exec', thing, 'sh', '-c', 'read beat < /data/beat; echo "$beat"'), { timeout: 20_000 })
      .toMatch(/\d\d:\d\d:\d\d/);
    const again = value(await engine().preview(order, 'apply', call));
    expect([again.content.changes, again.content.changedOutputs]).toEqual([[], []]);
    expect(value(await engine().outputs(order, call))).toEqual(
      new Map([
        ['network', thing],
        ['container', thing],
      ]),
    );
    expect(brief(await apply('destroy'))).toEqual(
      on('Container', 'Image', 'Network', 'Volume').map((one) => `delete ${one}`),
    );
    expect(there()).toEqual([]);
    expect(brief(value(await engine().preview(order, 'destroy', call)).content)).toEqual([]);
  });

  it('shows a network that was removed by hand as drift, and that alone, and is put right', async () => {
    await apply();
    run('network', 'disconnect', '--force', thing, thing);
    run('network', 'rm', thing);
    const drift = value(await engine().drift(order, call));
    expect(brief(drift)).toEqual(on('Network').map((one) => `create ${one}`));
    expect(there()).not.toContain(`network ${thing}`);
    await apply();
    expect(run('network', 'inspect', '--format', '{{range .Containers}}{{.Name}}{{end}}', thing)).toBe(thing);
    expect(brief(value(await engine().drift(order, call)))).toEqual([]);
  });

  it('checks every half of itself: a container, an image or a volume that is gone', async () => {
    await apply();
    run('rm', '--force', thing);
    // The network tells who is on it, and nobody is any more.
    expect(brief(value(await engine().drift(order, call)))).toEqual([
      ...on('Container').map((one) => `create ${one}`),
      ...on('Network').map((one) => `update ${one}`),
    ]);
    run('volume', 'rm', thing);
    run('rmi', `${thing}:1`);
    expect(brief(value(await engine().drift(order, call)))).toEqual([
      ...on('Container', 'Image').map((one) => `create ${one}`),
      ...on('Network').map((one) => `update ${one}`),
      ...on('Volume').map((one) => `create ${one}`),
    ]);
  });
});
