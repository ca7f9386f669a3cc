import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifact, Blobs, Call, Machine, Result } from '@goldenthread/core';
import { containersOf, debianTar, forgetImages, realDocker, simpleBlobs } from '@goldenthread/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerMachines } from './docker.ts';

const docker = await realDocker('machines in Docker', ['docker', 'mmdebstrap']);
afterAll(() => docker.stop());

const call = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

describe.skipIf(docker.missing !== null)('machines in Docker', () => {
  let folder: string;
  let blobs: Blobs;
  let artifact: Artifact;
  const machines = (): ReturnType<typeof createDockerMachines> => createDockerMachines({ blobs });
  const within = ({ inside }: Machine, ...argv: readonly string[]): string => {
    const [program = '', ...args] = [...inside, ...argv];
    return execFileSync(program, args, { encoding: 'utf8' }).trim();
  };
  const names = (): string[] =>
    execFileSync('docker', ['ps', '-a', '--format', '{{.Names}}'], { encoding: 'utf8' }).split('\n');
  const ours = (): readonly string[] => containersOf(process.pid);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gt-machine-'));
    blobs = simpleBlobs(folder);
    const layer = { ...value(await blobs.write(createReadStream(await debianTar()), call())), step: 'base' };
    const { digest } = value(await blobs.image([layer], {}, call()));
    artifact = { image: 'spec-machine', digest, layers: [layer] } as unknown as Artifact;
  }, 120_000);
  afterAll(() => {
    forgetImages('spec-machine');
    return rm(folder, { recursive: true, force: true });
  });

  it('shows the files, with nothing running and no network', async () => {
    const machine = value(await machines().start(artifact, { on: 'files', keep: false }, call()));
    expect(machine.connection).toEqual({ kind: 'docker', container: ours()[0] });
    expect(within(machine, 'cat', '/etc/debian_version')).toMatch(/^12/);
    expect(within(machine, 'ls', '/sys/class/net')).toBe('lo');
    await machine.stop();
    expect(ours()).toEqual([]);
  });

  it('boots the init system, and waits until it is done', async () => {
    const machine = value(await machines().start(artifact, { on: 'booted', keep: false }, call()));
    expect(within(machine, 'sh', '-c', 'systemctl is-system-running || true')).toMatch(
      /^(running|degraded)$/,
    );
    expect(within(machine, 'systemctl', 'is-active', 'dbus')).toBe('active');
    await machine.stop();
    expect(ours()).toEqual([]);
  }, 60_000);

  it('keeps a machine that is to be looked at', async () => {
    const machine = value(await machines().start(artifact, { on: 'files', keep: true }, call()));
    await machine.stop();
    const name = machine.connection.kind === 'docker' ? machine.connection.container : '';
    const again = value(await machines().start(artifact, { on: 'files', keep: false }, call()));
    await again.stop();
    expect(names()).toContain(name);
    expect(machine.enter).toContain(`docker exec -it ${name} sh`);
    execFileSync('docker', ['rm', '-f', name]);
  });

  it('says what an image lacks that cannot be booted', async () => {
    // The layer hides init, as an image without systemd would lack it.
    const tar = execFileSync('sh', [
      '-c',
      'mkdir -p "$1/usr/sbin" && : >"$1/usr/sbin/.wh.init" && tar -C "$1" -cf - usr',
      'x',
      join(folder, 'without'),
    ]);
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      yield tar;
    };
    const layer = { ...value(await blobs.write(chunks(), call())), step: 'without init' };
    const { digest } = value(await blobs.image([...artifact.layers, layer], {}, call()));
    expect(
      await machines().start({ ...artifact, digest }, { on: 'booted', keep: false }, call()),
    ).toMatchObject({
      ok: false,
      failures: [
        {
          code: 'tool-failed',
          tool: 'booting spec-machine',
          detail: expect.stringContaining('no /sbin/init'),
        },
      ],
    });
    expect(ours()).toEqual([]);
  });
});
