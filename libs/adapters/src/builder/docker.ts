import { canonical, ok, type Blobs, type Call, type Layer, type Result } from '@goldenthread/core';
import { createEngine, DOCKER, type Engine } from '../docker/engine.ts';
import { ownedName, ownerLabels } from '../docker/owner.ts';
import { makeWork, quiet, removeTree, sweep } from '../namespace/work.ts';
import { architecture } from '../platform.ts';
import type { LayerBackend, LayerPlace, LayerSession } from './backend.ts';
import { cacheVolumes, leaveApt, readyApt } from './docker-apt.ts';
import { baseKey, baseTools, makeBase } from './docker-base.ts';
import { captureLayer, targetOf } from './docker-place.ts';

/** What the back end works with. */
export interface DockerParts {
  /** Absolute path of the folder for blobs, layers, caches and work. */
  readonly home: string;
  /** Absolute path of the workspace. */
  readonly root: string;
  readonly blobs: Blobs;
}

/** Everything of one bake. */
interface Bake extends DockerParts {
  readonly engine: Engine;
  readonly image: string;
  readonly log: string;
  readonly work: string;
  /** Whether the images of this bake have apt, by the digest of their lowest layer; asked once. */
  readonly apt: Map<string, boolean>;
}

/** Makes layers in containers of the Docker Engine: for machines without overlayfs or user namespaces. */
export function createDockerBackend(parts: DockerParts): LayerBackend {
  const engine = createEngine(parts.blobs);
  return {
    name: 'docker',
    tools: [DOCKER],
    sourceTools: baseTools,
    sourceKey: (source) => baseKey(source, parts.root),
    supported: (call) => engine.ping(call),
    open: async (image, log, call) => {
      await sweep(parts.home);
      const swept = await engine.sweep(call);
      if (!swept.ok) return swept;
      return ok(session({ ...parts, engine, image, log, work: await makeWork(parts.home), apt: new Map() }));
    },
  };
}

function session(bake: Bake): LayerSession {
  const places = new Set<LayerPlace>();
  return {
    work: bake.work,
    base: (source, call) => makeBase(source, bake, call),
    place: async (below, call) => {
      const place = await openPlace(bake, below, call);
      if (place.ok) places.add(place.value);
      return place;
    },
    close: async () => {
      for (const place of places) await place.close();
      await removeTree(bake.work);
    },
  };
}

let count = 0;

async function openPlace(bake: Bake, below: readonly Layer[], call: Call): Promise<Result<LayerPlace>> {
  const { engine } = bake;
  const begun = Math.floor(Date.now() / 1000) - 1;
  const container = ownedName(`${bake.image}-${count++}`);
  const close = async (): Promise<void> => void (await engine.remove(container, quiet()));
  const target = await prepare(bake, { container, below }, call);
  if (!target.ok) {
    await close();
    return target;
  }
  return ok({
    target: target.value,
    capture: async (step, within) => {
      await leaveApt(container, within);
      const layer = await captureLayer({ engine, blobs: bake.blobs, container, begun }, within);
      await close();
      return layer.ok ? ok({ ...layer.value, step }) : layer;
    },
    close,
  });
}

interface PlaceOrder {
  readonly container: string;
  readonly below: readonly Layer[];
}

async function prepare(
  bake: Bake,
  { container, below }: PlaceOrder,
  call: Call,
): ReturnType<typeof targetOf> {
  const { engine } = bake;
  const rootfs = { type: 'layers', diff_ids: below.map(({ digest }) => digest) };
  const config = Buffer.from(canonical({ architecture: architecture(), os: 'linux', config: {}, rootfs }));
  const image = await engine.loadImage({ config, layers: below }, call);
  if (!image.ok) return image;
  // Its name keeps the layers at hand for the next bake, and lets them be given up when there is none for long.
  const tagged = await engine.tag(image.value, `${bake.image}-layers`, image.value, call);
  if (!tagged.ok) return tagged;
  const volumes = await cacheVolumes(bake, { image: image.value, base: below[0]?.digest ?? '' }, call);
  if (!volumes.ok) return volumes;
  const created = await create(bake, { container, image: image.value, volumes: volumes.value }, call);
  if (!created.ok) return created;
  const readied = volumes.value.length === 0 ? created : await readyApt(container, bake, call);
  return readied.ok ? targetOf({ engine, container, work: bake.work }, call) : readied;
}

interface Creation {
  readonly container: string;
  readonly image: string;
  readonly volumes: readonly string[];
}

const create = (
  { engine }: Bake,
  { container, image, volumes }: Creation,
  call: Call,
): Promise<Result<void>> =>
  engine.ask(async (docker) => {
    const created = await docker.createContainer({
      Image: image,
      name: container,
      Cmd: ['sleep', 'infinity'],
      Env: ['LC_ALL=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive'],
      Labels: ownerLabels(),
      // What lies on these does not become part of a layer.
      HostConfig: { Tmpfs: { '/run': '', '/tmp': 'mode=1777,exec' }, Binds: [...volumes], Init: true },
    });
    await created.start();
  }, call);
