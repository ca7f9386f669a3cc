import { createReadStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { fail, ok, type Blobs, type Call, type Failure, type Layer, type Result } from '@goldenthread/core';
import { must, which, type Command } from '../host.ts';
import type { Namespace } from './namespace.ts';
import { MOUNT_ROOT } from './scripts.ts';
import { UNPACK } from './unpack.ts';

/** The place of one bake or machine: its namespace, its work folder, and the home they belong to. */
export interface Site {
  /** Absolute path of the folder that holds blobs, unpacked layers, caches and work folders. */
  readonly home: string;
  readonly work: string;
  readonly space: Namespace;
}

/**
 * The folder of unpacked layers. Each user has an own one: the files in it belong to the users of that user's
 * namespace, and would have wrong owners in anybody else's.
 */
export const unpackedFolder = (home: string): string => `${home}/unpacked/${process.getuid?.() ?? 0}`;

/** A layer's name in the folder of unpacked layers: short, because all of them stand in one mount option. */
export const unpackedName = (digest: string): string => digest.slice('sha256:'.length, 'sha256:'.length + 24);

/** Runs a fixed script inside the site's namespace; a full disk is said of the home folder. */
export async function script(
  site: Site,
  text: string,
  args: readonly string[],
  call: Call,
): Promise<Result<string>> {
  return inside(site, { argv: ['sh', '-c', text, 'goldenthread', ...args] }, call);
}

/** Runs a program inside the site's namespace; it must exit with 0. */
export async function inside(site: Site, command: Command, call: Call): Promise<Result<string>> {
  const [name = '', ...args] = command.argv;
  const path = which(name);
  const { purpose = 'the embedded builder', install = 'Install it and see that it is on PATH.' } = command;
  if (path === null) return fail({ code: 'tool-missing', tool: name, purpose, install });
  const done = await must({ ...command, argv: [...site.space.enter, path, ...args] }, call);
  if (done.ok) return ok(done.value.stdout);
  return { ok: false, failures: done.failures.map((failure) => named(failure, site.home, command)) };
}

// Seen from outside, every program in a namespace is `nsenter`, and none has a working folder.
function named(failure: Failure, home: string, command: Command): Failure {
  if (failure.code === 'disk-full') return { ...failure, folder: home };
  return failure.code === 'tool-failed' ? { ...failure, tool: command.argv[0] ?? failure.tool } : failure;
}

/** Debian's Python before another one that a user's PATH prefers. */
export const python = (): string => which('/usr/bin/python3') ?? 'python3';

/** Reads a layer's tar into a folder that is there, in the way that UNPACK says. */
export async function unpack(
  site: Site,
  tar: AsyncIterable<Uint8Array>,
  to: { readonly folder: string; readonly mode: 'overlay' | 'merge' },
  call: Call,
): Promise<Result<void>> {
  const argv = [python(), '-I', '-c', UNPACK, to.folder, to.mode];
  const done = await inside(
    site,
    { argv, input: tar, purpose: 'unpacking layers', install: 'Install python3.' },
    call,
  );
  return done.ok ? ok(undefined) : done;
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Gives a finished folder its name among the unpacked layers; a layer that is there already stays. */
export async function adopt(home: string, folder: string, digest: string): Promise<void> {
  await mkdir(unpackedFolder(home), { recursive: true });
  await rename(folder, `${unpackedFolder(home)}/${unpackedName(digest)}`).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    },
  );
}

async function restore(site: Site, blobs: Blobs, layer: Layer, call: Call): Promise<Result<void>> {
  if (await isThere(`${unpackedFolder(site.home)}/${unpackedName(layer.digest)}`)) return ok(undefined);
  if (!(await blobs.has(layer.digest)))
    return fail({
      code: 'content-corrupt',
      what: `the layer "${layer.step}"`,
      expected: layer.digest,
      found: 'nothing',
    });
  const folder = `${site.work}/unpack-${unpackedName(layer.digest)}`;
  await mkdir(folder, { recursive: true });
  const tar = createReadStream(blobs.path(layer.digest), { highWaterMark: 1 << 20 });
  const done = await unpack(site, tar, { folder, mode: 'overlay' }, call);
  if (done.ok) await adopt(site.home, folder, layer.digest);
  return done;
}

/** Sees to it that all layers lie unpacked, making those that do not from their blobs. */
export async function restoreAll(
  site: Site,
  blobs: Blobs,
  layers: readonly Layer[],
  call: Call,
): Promise<Result<void>> {
  for (const layer of layers) {
    const done = await restore(site, blobs, layer, call);
    if (!done.ok) return done;
  }
  return ok(undefined);
}

/** What to mount: the layers, the lowest first; above them perhaps a scaffold, a folder of the site's work folder. */
export interface RootOrder {
  readonly layers: readonly Layer[];
  readonly scaffold: string | null;
  /** Name of a folder in the work folder that takes the changes. */
  readonly changes: string;
}

/** The option that names the layers: relative to the folder of unpacked layers, the topmost first. */
export const lowerdir = (layers: readonly Layer[]): string =>
  layers
    .map((layer) => unpackedName(layer.digest))
    .toReversed()
    .join(':');

/** Mounts the layers with a folder for changes on top; answers the absolute path of the root file system. */
export async function mountRoot(site: Site, order: RootOrder, call: Call): Promise<Result<string>> {
  const scaffold = order.scaffold === null ? '' : `${fromUnpacked(site, order.scaffold)}:`;
  const args = [
    unpackedFolder(site.home),
    `${scaffold}${lowerdir(order.layers)}`,
    fromUnpacked(site, order.changes),
  ];
  const mounted = await script(site, MOUNT_ROOT, args, call);
  return mounted.ok ? ok(`${site.work}/${order.changes}/root`) : mounted;
}

/** A name in the work folder as seen from the folder of unpacked layers. */
export const fromUnpacked = (site: Site, name: string): string =>
  `../../work/${site.work.slice(site.work.lastIndexOf('/') + 1)}/${name}`;
