import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifact, Call, Machine, MachineOptions, Result } from '@goldenthread/core';
import {
  clone,
  debianTar,
  miniRoot,
  missingTools,
  runSource,
  tarOf,
  tracesOf,
  skipAloud,
} from '@goldenthread/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must, run } from '../host.ts';
import { overlaySupported } from '../namespace/supported.ts';
import { sweep } from '../namespace/work.ts';
import { createBlobs } from '../store/blobs.ts';
import { createNamespaceMachines } from './namespace.ts';

const SECONDS = 1000;
const folder = mkdtempSync(join(tmpdir(), 'goldenthread-machine-'));
const home = join(folder, 'home');
const blobs = createBlobs(home);
const parts = { root: folder, home, blobs };
const call = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const supported =
  missingTools('unshare', 'nsenter', 'tar', 'ldd').length === 0 && (await overlaySupported(home, call())).ok;
if (!supported) skipAloud('machines in namespaces', 'no overlay mounts can be made in namespaces here');
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const left = (): string[] => [...tracesOf(home), ...readdirSync(join(home, 'work'))];

async function artifactOf(tar: AsyncIterable<Uint8Array>): Promise<Artifact> {
  const layer = { ...value(await blobs.write(tar, call())), step: 'base' };
  return { image: 'spec', layers: [layer] } as unknown as Artifact;
}
async function* once_(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
const start = async (artifact: Artifact, options: MachineOptions): Promise<Machine> =>
  value(await createNamespaceMachines(parts).start(artifact, options, call()));
const inside = async (machine: Machine, script: string): Promise<string> =>
  value(await must({ argv: [...machine.inside, '/bin/sh', '-c', script] }, call())).stdout.trim();

let artifact: Artifact;
beforeAll(async () => {
  const root = join(folder, 'mini');
  mkdirSync(root);
  miniRoot(root);
  artifact = await artifactOf(once_(tarOf(root)));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!supported)('a machine with nothing running', () => {
  it('shows the files of the artifact, lets them be changed, and forgets the changes', async () => {
    for (const _turn of [1, 2]) {
      const machine = await start(artifact, { on: 'files', keep: false });
      expect(
        await inside(machine, 'cat /etc/issue; echo changed >/etc/issue; cat /proc/sys/kernel/hostname'),
      ).toBe('mini\nspec');
      const seen = await must(
        {
          argv: [
            ...machine.beside,
            'cat',
            `${machine.connection.kind === 'chroot' ? machine.connection.folder : ''}/etc/issue`,
          ],
        },
        call(),
      );
      expect(value(seen).stdout).toBe('changed\n');
      await machine.stop();
      await machine.stop();
      expect(left()).toEqual([]);
    }
  });

  it(
    'lives on where it is kept, can be entered as it says, and is cleared after it was ended',
    async () => {
      const code = `
      import { createNamespaceMachines } from 'file://${clone}/libs/adapters/src/machine/namespace.ts';
      import { createBlobs } from 'file://${clone}/libs/adapters/src/store/blobs.ts';
      const call = { signal: new AbortController().signal, emit: () => undefined };
      const host = createNamespaceMachines({ root: '', home: ${JSON.stringify(home)}, blobs: createBlobs(${JSON.stringify(home)}) });
      const machine = await host.start(${JSON.stringify(artifact)}, { on: 'files', keep: true }, call);
      await machine.value.stop();
      console.log(machine.value.enter);
      process.exit(0);`;
      const child = runSource(code, clone);
      const closed = once(child, 'exit');
      const [said] = (await once(child.stdout ?? child, 'data')) as [Buffer];
      await closed;
      const [, enter = '', pid = ''] =
        /^(.*) \/bin\/sh {3}\(to end it: kill -9 (\d+)\)/.exec(said.toString()) ?? [];
      await sweep(home);
      expect(
        value(await must({ argv: [...enter.split(' '), '/bin/sh', '-c', 'cat /etc/issue'] }, call())).stdout,
      ).toBe('mini\n');
      process.kill(Number(pid), 'SIGKILL');
      await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 5 * SECONDS }).toBe(false);
      await sweep(home);
      expect(left()).toEqual([]);
    },
    30 * SECONDS,
  );

  it('says what is wrong where the content of the artifact is not there', async () => {
    const lost = {
      ...artifact,
      layers: [{ digest: `sha256:${'0'.repeat(64)}`, size: 1, step: 'role lost' }],
    };
    const result = await createNamespaceMachines(parts).start(lost, { on: 'files', keep: false }, call());
    expect(result).toMatchObject({
      ok: false,
      failures: [{ code: 'content-corrupt', what: 'the layer "role lost"' }],
    });
    expect(left()).toEqual([]);
  });
});

const bootable = supported && process.getuid?.() === 0;

describe.skipIf(!bootable)('a booted machine', () => {
  it('says what an image without an init system lacks', async () => {
    const result = await createNamespaceMachines(parts).start(
      artifact,
      { on: 'booted', keep: false },
      call(),
    );
    expect(result).toMatchObject({
      ok: false,
      failures: [
        {
          code: 'tool-failed',
          tool: 'booting spec',
          detail: expect.stringContaining('no /sbin/init') as unknown,
        },
      ],
    });
    expect(left()).toEqual([]);
  });

  it.skipIf(missingTools('mmdebstrap').length > 0)(
    'runs the services of the image, apart from this machine',
    async () => {
      const machine = await start(await artifactOf(createReadStream(await debianTar())), {
        on: 'booted',
        keep: false,
      });
      expect(
        await inside(
          machine,
          'systemctl is-active dbus; systemctl restart dbus && systemctl show -P SubState dbus',
        ),
      ).toBe('active\nrunning');
      expect(await inside(machine, 'cat /proc/1/comm; echo 1 >/proc/sys/kernel/panic || echo refused')).toBe(
        'systemd\nrefused',
      );
      const groups = async (): Promise<string> =>
        value(
          await run(
            { argv: ['find', '/sys/fs/cgroup', '-maxdepth', '2', '-name', `goldenthread-${process.pid}-*`] },
            call(),
          ),
        ).stdout;
      await machine.stop();
      expect(await groups()).toBe('');
      expect(left()).toEqual([]);
    },
    150 * SECONDS,
  );
});
