import { setTimeout as pause } from 'node:timers/promises';
import {
  fail,
  ok,
  type Artifact,
  type Call,
  type Machine,
  type MachineHost,
  type MachineOptions,
  type Result,
} from '@goldenthread/core';
import type { ContainerCreateOptions } from 'dockerode';
import { createEngine, DOCKER, type Engine } from '../docker/engine.ts';
import { KEPT, ownedName, ownerLabels } from '../docker/owner.ts';
import { run } from '../host.ts';
import { quiet } from '../namespace/work.ts';
import type { Parts } from '../parts.ts';

const BOOT_SECONDS = 60;
const POLL_MS = 100;
/** What systemd answers when it is done, well or not: a unit that failed is for the tests to find. */
const BOOTED = new Set(['running', 'degraded', 'maintenance']);

let count = 0;

/** Kept machines bear no owner in their name, so that no later run clears them away. */
const nameOf = (image: string, keep: boolean): string => {
  const number = count++;
  return keep ? `${KEPT}${image}-${process.pid}-${number}` : ownedName(`${image}-${number}`);
};

const FILES: ContainerCreateOptions = {
  Cmd: ['sleep', 'infinity'],
  Entrypoint: [],
  HostConfig: { NetworkMode: 'none', Init: true },
};

/** systemd as process 1 without any privilege: it needs folders of its own to write to, and to see the control groups. */
const booted = (cgroups: string): ContainerCreateOptions => ({
  Cmd: ['/sbin/init'],
  Entrypoint: [],
  StopSignal: 'SIGRTMIN+3',
  HostConfig: {
    Tmpfs: { '/run': '', '/run/lock': '' },
    // With version 2 it manages its own branch of the tree, for which it has to write.
    Binds: [`/sys/fs/cgroup:/sys/fs/cgroup:${cgroups === '2' ? 'rw' : 'ro'}`],
    ...(cgroups === '2' ? { CgroupnsMode: 'host' } : {}),
  },
});

async function settings(
  engine: Engine,
  on: MachineOptions['on'],
  call: Call,
): Promise<Result<ContainerCreateOptions>> {
  if (on === 'files') return ok(FILES);
  const info = await engine.ask((docker) => docker.info() as Promise<{ CgroupVersion?: string }>, call);
  return info.ok ? ok(booted(info.value.CgroupVersion ?? '1')) : info;
}

/** Waits until systemd says that it has started everything. */
async function awaitBoot(container: string, image: string, call: Call): Promise<Result<void>> {
  const deadline = Date.now() + BOOT_SECONDS * 1000;
  while (Date.now() < deadline) {
    const asked = await run(
      { argv: ['docker', 'exec', container, 'systemctl', 'is-system-running'], timeout: BOOT_SECONDS },
      call,
    );
    if (!asked.ok) return asked;
    if (BOOTED.has(asked.value.stdout.trim())) return ok(undefined);
    // Once the container has ended, or holds no systemctl, waiting does not help.
    if (/is not running|executable file not found/.test(asked.value.stderr))
      return fail({ code: 'tool-failed', tool: `booting ${image}`, detail: asked.value.stderr.trim() });
    await pause(POLL_MS);
  }
  return fail({ code: 'timeout', what: `booting ${image}`, seconds: BOOT_SECONDS });
}

const noInit = (image: string): Result<never> =>
  fail({
    code: 'tool-failed',
    tool: `booting ${image}`,
    detail:
      'the image has no /sbin/init; a test with `on: booted` needs systemd in it (packages systemd, systemd-sysv, dbus)',
  });

async function startContainer(
  engine: Engine,
  artifact: Artifact,
  options: MachineOptions,
  call: Call,
): Promise<Result<string>> {
  const id = await engine.load(artifact, call);
  if (!id.ok) return id;
  const tagged = await engine.tag(id.value, artifact.image, artifact.digest, call);
  if (!tagged.ok) return tagged;
  const created = await settings(engine, options.on, call);
  if (!created.ok) return created;
  const name = nameOf(artifact.image, options.keep);
  const Labels = options.keep ? {} : ownerLabels();
  const begun = await engine.ask(async (docker) => {
    const container = await docker.createContainer({ ...created.value, Image: id.value, name, Labels });
    await container.start();
  }, call);
  const ready = begun.ok && options.on === 'booted' ? await awaitBoot(name, artifact.image, call) : begun;
  if (ready.ok) return ok(name);
  await engine.remove(name, quiet());
  const lacksInit = ready.failures.some(
    (failure) => failure.code === 'tool-failed' && /\/sbin\/init.*no such file/s.test(failure.detail),
  );
  return lacksInit ? noInit(artifact.image) : ready;
}

/** Machines that are containers: with nothing running in them and no network, or booted by the image's own init. */
export function createDockerMachines({ blobs }: Pick<Parts, 'blobs'>): MachineHost {
  const engine = createEngine(blobs);
  return {
    name: 'docker',
    tools: [DOCKER],
    supported: (_on, call) => engine.ping(call),
    async start(artifact, options, call) {
      const swept = await engine.sweep(call);
      if (!swept.ok) return swept;
      const started = await startContainer(engine, artifact, options, call);
      if (!started.ok) return started;
      const container = started.value;
      const machine: Machine = {
        connection: { kind: 'docker', container },
        beside: [],
        inside: ['docker', 'exec', '-i', container],
        enter: `docker exec -it ${container} sh   (to end it: docker rm -f ${container})`,
        stop: async () => {
          // Stopping must work after Ctrl-C, when the call itself is over.
          if (!options.keep) await engine.remove(container, quiet());
        },
      };
      return ok(machine);
    },
  };
}
