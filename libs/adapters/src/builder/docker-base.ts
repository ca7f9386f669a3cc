import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  fail,
  ok,
  type Blobs,
  type Call,
  type Json,
  type Layer,
  type MmdebstrapSource,
  type Result,
  type Tool,
} from '@goldenthread/core';
import { loadable } from '../docker/loadable.ts';
import { createEngine, type Engine } from '../docker/engine.ts';
import { ownedName, ownerLabels } from '../docker/owner.ts';
import { environment, start } from '../host.ts';
import { EPOCH } from '../namespace/scripts.ts';
import { quiet } from '../namespace/work.ts';
import { MMDEBSTRAP, mmdebstrapArguments } from '../rootfs/mmdebstrap.ts';
import { rootfsOf } from '../rootfs/rootfs.ts';
import { architecture } from '../platform.ts';
import type { Source } from './backend.ts';

/** Where a base is made. */
export interface BasePlace {
  readonly blobs: Blobs;
  readonly engine: Engine;
  /** Absolute path of the workspace. */
  readonly root: string;
  readonly work: string;
  readonly image: string;
  readonly log: string;
}

/** Programs needed to make a base for containers. */
export const baseTools = (source: Source): readonly Tool[] => ('mmdebstrap' in source ? [MMDEBSTRAP] : []);

/** What decides a base beside its declaration and its tools. */
export const baseKey = (source: Source, root: string): Promise<Json> => rootfsOf(source, root).key();

/** Makes the root file system of a source as one layer. */
export const makeBase = (source: Source, place: BasePlace, call: Call): Promise<Result<Layer>> =>
  'mmdebstrap' in source ? bootstrap(source.mmdebstrap, place, call) : flatten(source.oci, place, call);

// A machine's own name and name servers are no part of an image; containers get theirs from the engine.
const FORGET = 'rm -f "$1/etc/hostname" "$1/etc/resolv.conf"';

async function bootstrap(
  source: MmdebstrapSource,
  { blobs, work, image, log }: BasePlace,
  call: Call,
): Promise<Result<Layer>> {
  const words = mmdebstrapArguments(source, '-');
  if (!words.ok) return words;
  // It works where it may: how is the machine's matter, and a tar comes of it in every case.
  const rest = words.value.filter((word) => !/^--(mode|format)=/.test(word));
  const argv = [
    'mmdebstrap',
    '--mode=auto',
    '--format=tar',
    '--skip=output/dev',
    `--customize-hook=${FORGET}`,
    ...rest,
  ];
  const env = environment({ SOURCE_DATE_EPOCH: `${EPOCH}`, TMPDIR: work, DEBIAN_FRONTEND: 'noninteractive' });
  const onLine = (line: string): void => call.emit({ type: 'output', project: image, line });
  const running = start(
    { argv, env, log, onLine, purpose: MMDEBSTRAP.purpose, install: MMDEBSTRAP.install },
    call,
    true,
  );
  const written = await blobs.write(running.stdout, call);
  if (!written.ok) await running.stop();
  const ended = await running.done;
  if (!ended.ok) return ended;
  if (!written.ok) return written;
  if (ended.value.code !== 0)
    return fail({
      code: 'tool-failed',
      tool: 'mmdebstrap',
      detail: ended.value.stderr.trim().split('\n').slice(-15).join('\n'),
      log,
    });
  return ok({ ...written.value, step: rootfsOf({ mmdebstrap: source }, '').name });
}

interface Index {
  readonly manifests?: readonly {
    readonly digest: string;
    readonly platform?: { readonly os?: string; readonly architecture?: string };
  }[];
}

/** The manifest for this machine, where a digest names a list of them. */
async function platformDigest(blobs: Blobs, digest: string): Promise<string> {
  const text = await readFile(blobs.path(digest), 'utf8').catch(() => '{}');
  try {
    const { manifests = [] } = JSON.parse(text) as Index;
    return (
      manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture())
        ?.digest ?? digest
    );
  } catch {
    return digest;
  }
}

/** Brings an OCI image into Docker: from a layout folder of the workspace, or from its registry. */
async function fetchImage(
  name: string,
  { engine, root, blobs }: BasePlace,
  call: Call,
): Promise<Result<string>> {
  const [path = '', digest = ''] = name.split('@');
  const folder = join(root, path);
  if (existsSync(join(folder, 'oci-layout'))) {
    const layout: Blobs = { ...blobs, path: (one) => join(folder, 'blobs', one.replace(':', '/')) };
    const image = await loadable(layout, await platformDigest(layout, digest));
    return image.ok ? createEngine(layout).loadImage(image.value, call) : image;
  }
  const pulled = await engine.ask(async (docker) => {
    const progress = await docker.pull(name, { abortSignal: call.signal });
    let text = '';
    for await (const chunk of progress) text = (text + chunk.toString()).slice(-16_384);
    return /"error":\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? null;
  }, call);
  if (!pulled.ok) return pulled;
  return pulled.value === null
    ? ok(name)
    : fail({ code: 'tool-failed', tool: `docker pull ${name}`, detail: pulled.value });
}

/**
 * One layer of all that an image holds: its only layer as it is, or what a container made of all of them would see, in which
 * the engine's own files (`/.dockerenv` and such) stand too.
 */
async function flatten(name: string, place: BasePlace, call: Call): Promise<Result<Layer>> {
  const { engine } = place;
  const { name: step } = rootfsOf({ oci: name }, place.root);
  const id = await fetchImage(name, place, call);
  if (!id.ok) return id;
  const inspected = await engine.ask((docker) => docker.getImage(id.value).inspect(), call);
  if (!inspected.ok) return inspected;
  if (inspected.value.RootFS.Layers?.length !== 1) return exported(id.value, step, place, call);
  const saved = await engine.save(id.value, call);
  if (!saved.ok) return saved;
  const [only] = saved.value.layers;
  return only ? ok({ ...only, step }) : exported(id.value, step, place, call);
}

async function exported(
  id: string,
  step: string,
  { engine, blobs, image }: BasePlace,
  call: Call,
): Promise<Result<Layer>> {
  const container = ownedName(`${image}-base`);
  const archive = await engine.ask(async (docker) => {
    const created = await docker.createContainer({
      Image: id,
      name: container,
      Cmd: ['true'],
      Entrypoint: [],
      Labels: ownerLabels(),
    });
    return created.export();
  }, call);
  const written = archive.ok ? await blobs.write(archive.value as Readable, call) : archive;
  await engine.remove(container, quiet());
  return written.ok ? ok({ ...written.value, step }) : written;
}
