import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assemblePorts } from '@goldenthread/adapters';
import type { Call, Graph, Ports, Result } from '@goldenthread/core';
import { bake, loadGraph, verify } from '@goldenthread/engine';
import { channels, checkRelease, release } from '@goldenthread/engine/release';
import {
  clone,
  createRemote,
  createWorkspace,
  killing,
  miniImage,
  missingTools,
  REGISTRY_PROGRAMS,
  runSource,
  startRegistry,
  type Changes,
  type RealRegistry,
  type TestRemote,
  type TestWorkspace,
} from '@goldenthread/testing';

const missing = missingTools('ansible-playbook', 'unshare', 'nsenter', 'tar', 'ldd', ...REGISTRY_PROGRAMS);
const call: Call = { signal: new AbortController().signal, emit: () => undefined };

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
}

const playbook = (text: string): string =>
  `- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Write\n      ansible.builtin.raw: echo ${text} > /etc/site\n`;

/** A release in a process of its own, which ends itself outright after its `at`th change. */
const KILLED = (places: { root: string; home: string }, at: number, when: 'before' | 'after'): string => `
import { assemblePorts } from 'file://${clone}/libs/adapters/src/index.ts';
import { loadGraph } from 'file://${clone}/libs/engine/src/index.ts';
import { release } from 'file://${clone}/libs/engine/src/release.ts';
import { killing } from 'file://${clone}/libs/testing/src/killing.ts';
const call = { signal: new AbortController().signal, emit: () => undefined };
const end = () => { process.kill(process.pid, 'SIGKILL'); for (;;); };
const ports = killing(assemblePorts(${JSON.stringify(places)}), { at: ${at}, when: '${when}', end }, { names: [] });
const graph = await loadGraph(ports, call);
console.log(JSON.stringify(await release({ ports, graph: graph.value, options: {}, call }, ['spec'])));
process.exit(0);`;

describe.skipIf(missing.length > 0)('kill -9 at every step of a release', { timeout: 300_000 }, () => {
  let remote: TestRemote;
  let store: RealRegistry;
  let account: RealRegistry;
  let workspace: TestWorkspace;
  let places: { root: string; home: string };

  const open = async (): Promise<{ ports: Ports; graph: Graph; call: Call; options: object }> => {
    const ports = assemblePorts(places);
    return { ports, graph: value(await loadGraph(ports, call)), call, options: {} };
  };

  /** Changes the image, bakes and tests it. */
  const change = async (text: string): Promise<void> => {
    await workspace.write({ 'images/spec/playbook.yml': playbook(text) });
    workspace.commit(`fix(spec): ${text}`);
    workspace.git('push', '-q', 'origin', 'main');
    const world = await open();
    value(await bake(world, ['spec']));
    value(await verify(world, 'spec'));
  };

  beforeAll(async () => {
    [remote, store, account] = await Promise.all([createRemote(), startRegistry(), startRegistry()]);
    workspace = await createWorkspace({
      '.goldenthread.yaml': `store: { oci: ${store.host}/golden }\naccounts:\n  one: { oci: ${account.host}/images }\n`,
      '.gitignore': 'node_modules\n.nx\n.goldenthread\nmini\n',
    });
    const digest = miniImage(join(workspace.root, 'mini'));
    await workspace.write({
      'images/spec/image.yaml': `base: { oci: mini@${digest} }\nbackend: overlay\nplaybook: playbook.yml\nshare: [one]\ntests:\n  - script: check.sh\n`,
      'images/spec/check.sh': '#!/bin/sh\ntest -f /etc/site && echo "ok 1 - has a site"\n',
    });
    workspace.git('remote', 'add', 'origin', remote.url);
    for (const [key, text] of [
      ['user.name', 'spec'],
      ['user.email', 'spec@localhost'],
    ] as const)
      workspace.git('config', key, text);
    places = { root: workspace.root, home: workspace.home };
  }, 120_000);

  afterAll(async () => {
    await Promise.all([workspace?.dispose(), remote?.dispose(), store?.stop(), account?.stop()]);
  });

  it('ends in the same state when it is run again: one version, signed, shared, tagged, the default', async () => {
    await change('first');
    const world = await open();
    const changes: Changes = { names: [] };
    const whole = await release({ ...world, ports: killing(world.ports, null, changes) }, ['spec']);
    expect(whole.failures).toEqual([]);
    expect(new Set(changes.names)).toEqual(
      new Set(['ledger.commit', 'home.put', 'store.attach', 'history.setTag', 'home.label', 'home.share']),
    );
    const endings = [
      ['before', 1] as const,
      ...changes.names.map((_, index) => ['after', index + 1] as const),
    ];
    for (const [count, [when, at]] of endings.entries()) {
      const step = `${when} ${changes.names[at - 1]} (${at})`;
      await change(`change ${count}`);
      const child = runSource(KILLED(places, at, when), clone);
      let said = '';
      child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const [, signal] = (await once(child, 'close')) as [number | null, string | null];
      expect(signal, `${step}: ${said}`).toBe('SIGKILL');

      const again = await open();
      expect((await release(again, ['spec'])).failures, step).toEqual([]);
      const version = `1.0.${count + 1}`;
      expect(
        value(await channels(again.ports, call)).map((one) => one.version),
        step,
      ).toEqual([version]);
      expect(value(await checkRelease(again, `spec@${version}`)), step).toMatchObject({ holds: true });
      expect((await release(again, ['spec'])).done, step).toMatchObject([{ state: 'unchanged', version }]);
    }
    const versions = endings.length + 1;
    expect(remote.git('tag', '--list').split('\n')).toHaveLength(versions);
    expect(remote.git('ls-tree', '-r', '--name-only', 'deployments', 'releases/').split('\n')).toHaveLength(
      versions,
    );
    expect(existsSync(join(workspace.home, 'keys'))).toBe(true);
    execFileSync('git', ['fsck', '--strict'], { cwd: remote.path, stdio: 'ignore' });
  });
});
