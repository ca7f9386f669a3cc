import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fail, ok, type Blobs, type Call, type Layer, type Result } from '@goldenthread/core';
import type { Engine } from '../docker/engine.ts';
import { must, start } from '../host.ts';
import { EPOCH, NORMALISE, PACK } from '../namespace/scripts.ts';
import { quiet } from '../namespace/work.ts';
import type { Target } from './backend.ts';
import { toLayer } from './layer-tar.ts';

/** Whether process `pid` of this machine is the container's, as it is where the daemon runs beside us. */
function isOurs(pid: number, id: string): boolean {
  try {
    return pid > 0 && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id);
  } catch {
    return false;
  }
}

const isRoot = (): boolean => process.getuid?.() === 0;

// Enters the namespaces of a container for Ansible's chroot connection, which gives every word on as it is. (A connection of
// its own for this exists, but hands raw commands to a shell out here, and a `>` in them would write to this machine.)
const ENTER = `#!/bin/sh
pid="\${1#/proc/}"
pid="\${pid%/root}"
shift
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root SHELL=/bin/sh \\
  LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=${EPOCH} \${http_proxy:+http_proxy="$http_proxy"} \${https_proxy:+https_proxy="$https_proxy"} \\
  \${no_proxy:+no_proxy="$no_proxy"} nsenter -t "$pid" --mount --uts --ipc --net --pid -- "$@"
`;

/** How Ansible reaches a container: through its namespaces where that is possible, which is faster, else through the daemon. */
export async function targetOf(
  place: { readonly engine: Engine; readonly container: string; readonly work: string },
  call: Call,
): Promise<Result<Target>> {
  const { engine, container, work } = place;
  const inspected = await engine.ask((docker) => docker.getContainer(container).inspect(), call);
  if (!inspected.ok) return inspected;
  const { State, Id } = inspected.value;
  if (!isRoot() || !isOurs(State.Pid, Id))
    return ok({ host: container, connection: 'community.docker.docker', beside: [], variables: {}, env: {} });
  const enter = `${work}/enter`;
  await writeFile(enter, ENTER, { mode: 0o755 });
  const variables = { ansible_chroot_exe: enter };
  return ok({
    host: `/proc/${State.Pid}/root`,
    connection: 'community.general.chroot',
    beside: [],
    variables,
    env: {},
  });
}

/** A container whose changes are wanted, and the time (seconds since 1970) from which they date. */
export interface Capture {
  readonly engine: Engine;
  readonly blobs: Blobs;
  readonly container: string;
  readonly begun: number;
}

type Content = Result<Pick<Layer, 'digest' | 'size'>>;

/** Writes what changed in a container as a layer, and stops the container. */
export async function captureLayer(capture: Capture, call: Call): Promise<Content> {
  const folder = await changesFolder(capture, call);
  if (!folder.ok) return folder;
  return folder.value === null ? throughSave(capture, call) : fromFolder(capture, folder.value, call);
}

interface Info {
  readonly Driver?: string;
  readonly DriverStatus?: readonly (readonly [string, string])[] | null;
}

/**
 * The folder in which the daemon keeps the container's changes, where we may read it and it holds nothing but changes (with
 * redirections of folders in it, only the kernel could tell).
 */
async function changesFolder({ engine, container }: Capture, call: Call): Promise<Result<string | null>> {
  const asked = await engine.ask(async (docker) => {
    const info = (await docker.info()) as Info;
    const native = info.DriverStatus?.some(
      ([key, value]) => key === 'Native Overlay Diff' && value === 'true',
    );
    const inspected = await docker.getContainer(container).inspect();
    const data = inspected.GraphDriver.Data as { readonly UpperDir?: string } | null;
    const local = isRoot() && isOurs(inspected.State.Pid, inspected.Id);
    return local && info.Driver === 'overlay2' && native ? (data?.UpperDir ?? null) : null;
  }, call);
  return asked.ok && asked.value !== null && !existsSync(asked.value) ? ok(null) : asked;
}

/** Reads the changes as the overlay back end does: fast, and byte by byte the same for the same content. */
async function fromFolder(
  { engine, blobs, container, begun }: Capture,
  folder: string,
  call: Call,
): Promise<Content> {
  const stopped = await engine.ask(
    (docker) => docker.getContainer(container).kill() as Promise<unknown>,
    call,
  );
  if (!stopped.ok) return stopped;
  const clean = await must(
    { argv: ['sh', '-c', NORMALISE, 'goldenthread', folder, `${begun}`, 'step'] },
    call,
  );
  if (!clean.ok) return clean;
  const tar = start({ argv: ['sh', '-c', PACK, 'pack', folder] }, call, true);
  const written = await blobs.write(toLayer(tar.stdout), call);
  if (!written.ok) await tar.stop();
  const ended = await tar.done;
  if (!ended.ok) return ended;
  // What tar complains of explains a layer that could not be written, not the other way round.
  const said = ended.value.stderr.trim();
  if (ended.value.code !== 0 && said !== '') return fail({ code: 'tool-failed', tool: 'tar', detail: said });
  return written;
}

/** The way that every daemon has: commit, save the whole image, and keep its uppermost layer. */
export async function throughSave({ engine, container }: Capture, call: Call): Promise<Content> {
  const committed = await engine.ask(
    (docker) => docker.getContainer(container).commit({ pause: true }) as Promise<{ Id: string }>,
    call,
  );
  if (!committed.ok) return committed;
  const saved = await engine.save(committed.value.Id, call);
  await engine.ask((docker) => docker.getImage(committed.value.Id).remove({ force: true }), quiet());
  if (!saved.ok) return saved;
  const top = saved.value.layers.at(-1);
  return top
    ? ok(top)
    : fail({ code: 'content-corrupt', what: 'the committed image', expected: 'a layer', found: 'none' });
}
