import { mkdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import {
  fail,
  ok,
  type Artifact,
  type Call,
  type Failure,
  type Machine,
  type MachineHost,
  type MachineOptions,
  type Result,
} from '@goldenthread/core';
import { run } from '../host.ts';
import { childrenOf, isRootless, openNamespace } from '../namespace/namespace.ts';
import { mountRoot, restoreAll, script, unpackedFolder, type Site } from '../namespace/root.ts';
import { BOOT, INIT, MOUNT_SYSTEM, TRY_CGROUP } from '../namespace/scripts.ts';
import { overlaySupported } from '../namespace/supported.ts';
import { NAMESPACE_TOOLS } from '../namespace/tools.ts';
import { cgroupOf, clear, handOver, makeWork, quiet, sweep } from '../namespace/work.ts';
import type { Parts } from '../parts.ts';

const BOOT_SECONDS = 60;
const POLL_MS = 50;
/** What systemd answers when it is done, well or not: a unit that failed is for the tests to find. */
const BOOTED = new Set(['running', 'degraded', 'maintenance']);

/** Machines that are namespaces: with nothing running in them and no network, or booted by the image's own systemd. */
export const createNamespaceMachines = (parts: Parts): MachineHost => ({
  name: 'namespace',
  tools: NAMESPACE_TOOLS,
  supported: (on, call) => supported(parts.home, on, call),
  start: async (artifact, options, call) => {
    const allowed = await supported(parts.home, options.on, call);
    if (!allowed.ok) return allowed;
    await sweep(parts.home);
    const work = await makeWork(parts.home);
    const machine = await startIn(parts, { artifact, options, work }, call);
    if (!machine.ok) await clear(work);
    return machine;
  },
});

async function supported(home: string, on: MachineOptions['on'], call: Call): Promise<Result<void>> {
  if (on === 'booted' && isRootless())
    return fail({
      code: 'not-permitted',
      what: 'booting an image as an ordinary user',
      hint: 'Run as root, or start the Docker daemon: it boots images in containers.',
    });
  const standing = await overlaySupported(home, call);
  return standing.ok && on === 'booted' ? cgroupsSupported(call) : standing;
}

async function cgroupsSupported(call: Call): Promise<Result<void>> {
  const tried = await run({ argv: ['unshare', '--mount', 'sh', '-c', TRY_CGROUP] }, call);
  if (!tried.ok) return tried;
  if (tried.value.code === 0) return ok(undefined);
  return fail({
    code: 'not-permitted',
    what: `making control groups of version 2 (${tried.value.stderr.trim()})`,
    hint: 'Allow it (in a container: a writable cgroup tree), or start the Docker daemon: it boots images in containers.',
  });
}

interface MachineOrder {
  readonly artifact: Artifact;
  readonly options: MachineOptions;
  readonly work: string;
}

async function startIn(parts: Parts, order: MachineOrder, call: Call): Promise<Result<Machine>> {
  const { artifact, options, work } = order;
  // A machine that is kept must not end with the call that started it.
  const tied = options.keep ? quiet() : call;
  const space = await openNamespace({ net: true, rootless: isRootless(), name: artifact.image }, tied);
  if (!space.ok) return space;
  const site: Site = { home: parts.home, work, space: space.value };
  const stop = async (): Promise<void> => {
    await space.value.close();
    await clear(work);
  };
  const standing = await stand(parts, site, order, call);
  if (!standing.ok) {
    await stop();
    return standing;
  }
  if (options.keep) {
    await handOver(work, space.value.pid);
    await space.value.keep();
  }
  const { root, beside } = standing.value;
  const inside = [...beside, 'chroot', root];
  return ok({
    connection: { kind: 'chroot', folder: root },
    beside,
    inside,
    enter: `${inside.map(quoted).join(' ')} /bin/sh   (to end it: kill -9 ${space.value.pid})`,
    stop: options.keep ? async () => undefined : stop,
  });
}

const quoted = (word: string): string =>
  /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

interface Standing {
  readonly root: string;
  readonly beside: readonly string[];
}

async function stand(
  parts: Parts,
  site: Site,
  { artifact, options }: MachineOrder,
  call: Call,
): Promise<Result<Standing>> {
  await mkdir(unpackedFolder(site.home), { recursive: true });
  const restored = await restoreAll(site, parts.blobs, artifact.layers, call);
  if (!restored.ok) return restored;
  const root = await mountRoot(site, { layers: artifact.layers, scaffold: null, changes: 'machine' }, call);
  if (!root.ok) return root;
  if (options.on === 'files') {
    const mounted = await script(site, MOUNT_SYSTEM, [root.value], call);
    return mounted.ok ? ok({ root: root.value, beside: site.space.enter }) : mounted;
  }
  const begun = await script(site, BOOT, [root.value, cgroupOf(site.work), site.work, INIT], call);
  return begun.ok ? awaitBoot(site, artifact.image, root.value, call) : begun;
}

/** Waits until systemd says that it has started everything. */
async function awaitBoot(site: Site, image: string, root: string, call: Call): Promise<Result<Standing>> {
  const deadline = Date.now() + BOOT_SECONDS * 1000;
  for (; Date.now() < deadline; await pause(POLL_MS)) {
    if (call.signal.aborted) return fail({ code: 'cancelled' });
    const init = await initOf(site.space.pid);
    if (init === 'ended') return fail(await bootFailure(site, image));
    if (init === 'begins') continue;
    const beside = ['nsenter', '-t', `${init}`, '-m', '-p', '-i', '-u', '-n', '-C'];
    const argv = [...beside, 'chroot', root, 'systemctl', 'is-system-running'];
    const asked = await run({ argv, timeout: BOOT_SECONDS }, call);
    if (!asked.ok) return asked;
    if (BOOTED.has(asked.value.stdout.trim())) return ok({ root, beside });
  }
  return fail({ code: 'timeout', what: `booting ${image}`, seconds: BOOT_SECONDS });
}

/** The host's number of the machine's process 1, which is the grandchild of the namespace's. */
async function initOf(pid: number): Promise<number | 'begins' | 'ended'> {
  const [parent] = await childrenOf(pid);
  if (parent === undefined) return 'ended';
  const [init] = await childrenOf(parent);
  if (init !== undefined) return init;
  const stat = await readFile(`/proc/${parent}/stat`, 'utf8').catch(() => ') Z');
  return /\) Z/.test(stat) ? 'ended' : 'begins';
}

async function bootFailure({ work }: Site, image: string): Promise<Failure> {
  const said = (await readFile(`${work}/boot.log`, 'utf8').catch(() => '')).trim();
  const lacking = /\/sbin\/init/.test(said);
  const detail = lacking
    ? 'the image has no /sbin/init; a test with `on: booted` needs systemd in it (packages systemd, systemd-sysv, dbus)'
    : said || 'its init system ended without a word';
  return { code: 'tool-failed', tool: `booting ${image}`, detail };
}
