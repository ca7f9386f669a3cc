import { chmod, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { fail, ok, type Call, type Layer, type Result } from '@goldenthread/core';
import { start, which } from '../host.ts';
import { isRootless, openNamespace } from '../namespace/namespace.ts';
import {
  adopt,
  fromUnpacked,
  lowerdir,
  mountRoot,
  python,
  restoreAll,
  script,
  unpackedFolder,
  unpackedName,
  type Site,
} from '../namespace/root.ts';
import {
  CHROOT,
  MOUNT_APT,
  MOUNT_SYSTEM,
  NORMALISE,
  PACK,
  SCAFFOLD,
  SETTLE,
  TIDY_APT,
  UNMARK,
} from '../namespace/scripts.ts';
import { overlaySupported } from '../namespace/supported.ts';
import { NAMESPACE_TOOLS, TAR } from '../namespace/tools.ts';
import { makeWork, quiet, removeTree, sweep } from '../namespace/work.ts';
import type { Parts } from '../parts.ts';
import { rootfsOf } from '../rootfs/rootfs.ts';
import type { LayerBackend, LayerPlace, LayerSession, Source } from './backend.ts';
import { toLayer } from './layer-tar.ts';

/** Everything of one bake. */
interface Bake {
  readonly parts: Parts;
  readonly site: Site;
  readonly image: string;
  readonly log: string;
}

/** Makes layers with overlayfs in a namespace: no daemon, as root or as an ordinary user. */
export function createOverlay(parts: Parts): LayerBackend {
  return {
    name: 'overlay',
    tools: [...NAMESPACE_TOOLS, TAR],
    sourceTools: (source) => rootfsOf(source, parts.root).tools,
    sourceKey: (source) => rootfsOf(source, parts.root).key(),
    supported: (call) => overlaySupported(parts.home, call),
    open: (image, log, call) => openSession({ parts, image, log }, call),
  };
}

async function openSession(bake: Omit<Bake, 'site'>, call: Call): Promise<Result<LayerSession>> {
  const { home } = bake.parts;
  await sweep(home);
  const work = await makeWork(home);
  await mkdir(unpackedFolder(home), { recursive: true });
  const space = await openNamespace({ net: false, rootless: isRootless(), name: bake.image }, call);
  if (!space.ok) {
    await removeTree(work);
    return space;
  }
  const whole: Bake = { ...bake, site: { home, work, space: space.value } };
  const places = new Set<LayerPlace>();
  let count = 0;
  return ok({
    work,
    base: (source, within) => makeBase(whole, source, within),
    place: async (below, within) => {
      const place = await openPlace(whole, { below, number: (count += 1) }, within);
      if (place.ok) places.add(place.value);
      return place;
    },
    close: async () => {
      for (const place of places) await place.close();
      await space.value.close();
      await removeTree(work);
    },
  });
}

const seconds = (): number => Math.floor(Date.now() / 1000) - 1;

async function makeBase(bake: Bake, source: Source, call: Call): Promise<Result<Layer>> {
  const { site, image, log } = bake;
  const folder = `${site.work}/base`;
  const begun = seconds();
  const rootfs = rootfsOf(source, bake.parts.root);
  const filled = await rootfs.make({ site, folder, image, log }, call);
  if (!filled.ok) return filled;
  return capture(bake, { folder, begun, step: rootfs.name, base: true }, call);
}

interface Changes {
  readonly folder: string;
  /** Seconds since 1970. */
  readonly begun: number;
  readonly step: string;
  readonly base: boolean;
}

/** Writes a folder as a layer, and keeps the folder as the unpacked layer. */
async function capture({ site, parts }: Bake, changes: Changes, call: Call): Promise<Result<Layer>> {
  const { folder, begun, step, base } = changes;
  const clean = await script(site, NORMALISE, [folder, `${begun}`, base ? 'base' : 'step'], call);
  if (!clean.ok) return clean;
  const tar = start({ argv: [...site.space.enter, 'sh', '-c', PACK, 'pack', folder] }, call, true);
  const written = await parts.blobs.write(toLayer(tar.stdout), call);
  if (!written.ok) {
    await tar.stop();
    return call.signal.aborted ? fail({ code: 'cancelled' }) : written;
  }
  const ended = await tar.done;
  if (!ended.ok) return ended;
  if (ended.value.code !== 0)
    return fail({ code: 'tool-failed', tool: 'tar', detail: ended.value.stderr.trim() });
  await adopt(site.home, folder, written.value.digest);
  return ok({ ...written.value, step });
}

interface PlaceOrder {
  readonly below: readonly Layer[];
  readonly number: number;
}

// Each place has a namespace of its own: what a step leaves running or mounted ends before its changes are read.
async function openPlace(bake: Bake, order: PlaceOrder, call: Call): Promise<Result<LayerPlace>> {
  const space = await openNamespace({ net: false, rootless: isRootless(), name: bake.image }, call);
  if (!space.ok) return space;
  const site = { ...bake.site, space: space.value };
  const cache = await borrowApt(bake, order.below);
  const close = async (): Promise<void> => {
    await space.value.close();
    await returnApt(bake, cache);
  };
  const begun = seconds();
  const root = await prepare(bake, { ...order, site, cache: cache.lent }, call);
  if (!root.ok) {
    await close();
    return root;
  }
  const target = {
    host: root.value,
    connection: 'community.general.chroot',
    beside: space.value.enter,
    variables: { ansible_chroot_exe: `${site.work}/chroot` },
    env: {},
  };
  return ok({
    target,
    capture: async (step, within) => {
      await close();
      const settled = await settle(bake, order, within);
      if (!settled.ok) return settled;
      return capture(
        bake,
        { folder: `${site.work}/${order.number}/upper`, begun, step, base: false },
        within,
      );
    },
    close,
  });
}

async function prepare(
  bake: Bake,
  order: PlaceOrder & { readonly site: Site; readonly cache: string },
  call: Call,
): Promise<Result<string>> {
  const { site, below, number } = order;
  const restored = await restoreAll(site, bake.parts.blobs, below, call);
  if (!restored.ok) return restored;
  await writeFile(`${site.work}/chroot`, CHROOT);
  await chmod(`${site.work}/chroot`, 0o755);
  const scaffold = `scaffold-${number}`;
  const names = below.map((layer) => unpackedName(layer.digest)).toReversed();
  const scaffolded = await script(
    site,
    SCAFFOLD,
    [unpackedFolder(site.home), fromUnpacked(site, scaffold), ...names],
    call,
  );
  if (!scaffolded.ok) return scaffolded;
  const root = await mountRoot(site, { layers: below, scaffold, changes: `${number}` }, call);
  if (!root.ok) return root;
  for (const [text, args] of [
    [MOUNT_SYSTEM, [root.value]],
    [MOUNT_APT, [root.value, order.cache]],
  ] as const) {
    const done = await script(site, text, args, call);
    if (!done.ok) return done;
  }
  return root;
}

function settle({ site }: Bake, { below, number }: PlaceOrder, call: Call): Promise<Result<string>> {
  const args = [
    unpackedFolder(site.home),
    fromUnpacked(site, `${number}`),
    lowerdir(below),
    which(python()) ?? 'python3',
    UNMARK,
  ];
  return script(site, SETTLE, args, call);
}

/** A package cache that this bake has for itself. */
interface AptCache {
  readonly lent: string;
  /** The folder whose numbered children wait to be borrowed. */
  readonly shelf: string;
}

// Taking a cache is a rename, so two bakes never have the same one and none has to wait; a bake that is killed loses
// its cache with its work folder.
async function borrowApt({ site }: Bake, below: readonly Layer[]): Promise<AptCache> {
  const lent = `${site.work}/apt`;
  const shelf = `${site.home}/apt/${unpackedName(below[0]?.digest ?? '')}-${process.getuid?.() ?? 0}`;
  for (const name of await readdir(shelf).catch(() => [])) {
    const taken = await rename(`${shelf}/${name}`, lent).then(
      () => true,
      () => false,
    );
    if (taken) return { lent, shelf };
  }
  await mkdir(lent, { recursive: true });
  return { lent, shelf };
}

async function returnApt({ site }: Bake, { lent, shelf }: AptCache): Promise<void> {
  await script(site, TIDY_APT, [lent], quiet());
  await mkdir(shelf, { recursive: true });
  for (const number of [0, 1, 2, 3]) {
    const done = await rename(lent, `${shelf}/${number}`).then(
      () => true,
      () => false,
    );
    if (done) return;
  }
}
