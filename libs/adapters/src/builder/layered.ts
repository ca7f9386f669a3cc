import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import {
  canonical,
  fail,
  ok,
  type Artifact,
  type BakeOrder,
  type Built,
  type Call,
  type Image,
  type ImageBuilder,
  type Json,
  type Layer,
  type Result,
  type RunConfig,
  type Step,
  type Tool,
} from '@goldenthread/core';
import type { Parts } from '../parts.ts';
import { workName } from '../namespace/work.ts';
import { diskFailure } from '../files.ts';
import { ANSIBLE, runStep } from './ansible.ts';
import type { LayerBackend, LayerSession, Source } from './backend.ts';
import { configOf, inherit } from './config.ts';
import { createDockerBackend } from './docker.ts';
import { createOverlay } from './overlay.ts';

/** What the builder works with: the parts of every adapter, and back ends by preference. */
interface LayeredParts extends Parts {
  readonly backends: readonly LayerBackend[];
}

// Raised when layers are made in another way, so that old ones are not taken for new ones.
const FORMAT = 1;

/** What decides a layer. */
export interface LayerInputs {
  readonly backend: string;
  /** Digests of the layers below, the lowest first. */
  readonly below: readonly string[];
  /** Fingerprint of the step, or the source of a base. */
  readonly step: Json;
  readonly tools: Readonly<Record<string, string>>;
}

/** The name under which a layer is remembered. It holds the digests below, not their steps: equal content, equal key. */
export const layerKey = (inputs: LayerInputs): string =>
  createHash('sha256')
    .update(canonical({ format: FORMAT, ...inputs }))
    .digest('hex');

/** One bake under way. */
interface Bake {
  readonly parts: LayeredParts;
  readonly backend: LayerBackend;
  readonly order: BakeOrder;
  readonly log: string;
  readonly call: Call;
  /** The back end's session, opened when the first layer has to be made. */
  session: LayerSession | null;
}

const ownBackends = (parts: Parts): readonly LayerBackend[] => [
  createOverlay(parts),
  createDockerBackend(parts),
];

/** Bakes an image as a chain of layers, one for each step, and makes again only what has changed and what stands on it. */
export function createLayered(
  given: Parts,
  backends: readonly LayerBackend[] = ownBackends(given),
): ImageBuilder {
  const parts: LayeredParts = { ...given, backends };
  return {
    name: 'layered',
    variant: async (image, call) => {
      const backend = await choose(parts, image, call);
      return backend.ok ? ok(backend.value.name) : backend;
    },
    tools: (image, variant) => {
      const backend = backends.find(({ name }) => name === variant);
      const source = image.base && !('image' in image.base) ? (backend?.sourceTools(image.base) ?? []) : [];
      return [
        ...(backend?.tools ?? []),
        ...source,
        ...(image.playbook === null && image.roles.length === 0 ? [] : [ANSIBLE]),
      ];
    },
    build: async (order, call) => {
      const backend = await choose(parts, order.image, call);
      if (!backend.ok) return backend;
      const log = `${parts.home}/logs/${order.image.name}-${new Date().toISOString().replace(/[:.]/g, '-')}.log`;
      await mkdir(`${parts.home}/logs`, { recursive: true });
      const bake: Bake = { parts, backend: backend.value, order, log, call, session: null };
      try {
        return await build(bake);
      } finally {
        await bake.session?.close();
      }
    },
  };
}

async function choose(parts: LayeredParts, image: Image, call: Call): Promise<Result<LayerBackend>> {
  const candidates = parts.backends.filter(({ name }) => image.backend === null || image.backend === name);
  const refused = [];
  for (const backend of candidates) {
    const works = await backend.supported(call);
    if (works.ok) return ok(backend);
    refused.push(...works.failures);
  }
  return fail(...refused);
}

async function build(bake: Bake): Promise<Result<Built>> {
  const { parts, order, call } = bake;
  const base = await baseLayers(bake);
  if (!base.ok) return base;
  const layers = [...base.value.layers];
  for (const step of order.steps) {
    const layer = await stepLayer(bake, step, layers.slice());
    if (!layer.ok) return layer;
    layers.push(layer.value);
  }
  const written = await parts.blobs.image(layers, inherit(base.value.config, order.image.config), call);
  if (!written.ok) return written;
  return ok({
    ...written.value,
    base: { digest: base.value.digest },
    backend: bake.backend.name,
    layers,
    external: [],
  });
}

interface Base {
  readonly digest: string;
  readonly layers: readonly Layer[];
  /** How containers of the base run. */
  readonly config: RunConfig;
}

async function baseLayers(bake: Bake): Promise<Result<Base>> {
  const { base, image } = bake.order;
  if (base.kind === 'artifact') return artifactLayers(bake, base.artifact);
  if (base.kind === 'none')
    return fail({
      code: 'usage',
      detail: `${image.name} names no base`,
      hint: `Declare a \`base:\` in ${image.file}.`,
    });
  const { source } = base;
  const layer = await sourceLayer(bake, source);
  if (!layer.ok) return layer;
  const digest = 'oci' in source ? source.oci.slice(source.oci.lastIndexOf('@') + 1) : layer.value.digest;
  return ok({ digest, layers: [layer.value], config: {} });
}

async function artifactLayers({ parts }: Bake, artifact: Artifact): Promise<Result<Base>> {
  const { digest, layers, image } = artifact;
  const held = await Promise.all(layers.map((layer) => parts.blobs.has(layer.digest)));
  if (layers.length === 0 || !held.every(Boolean)) return fail({ code: 'artifact-missing', image });
  return ok({ digest, layers, config: await configOf(parts.blobs, digest) });
}

async function sourceLayer(bake: Bake, source: Source): Promise<Result<Layer>> {
  const { backend, call } = bake;
  const step = { source, key: await backend.sourceKey(source) } as Json;
  const key = layerKey({
    backend: backend.name,
    below: [],
    step,
    tools: versions(bake, backend.sourceTools(source)),
  });
  return remembered(bake, { key, step: 'base' }, async () => {
    const session = await sessionOf(bake);
    return session.ok ? session.value.base(source, call) : session;
  });
}

// Only the tools that make a layer count for it: a newer mmdebstrap that makes the same base changes no step.
const versions = ({ order }: Bake, tools: readonly Tool[]): Readonly<Record<string, string>> =>
  Object.fromEntries(tools.map(({ name }) => [name, order.tools[name] ?? '']));

function stepLayer(bake: Bake, step: Step, below: readonly Layer[]): Promise<Result<Layer>> {
  const digests = below.map((layer) => layer.digest);
  const key = layerKey({
    backend: bake.backend.name,
    below: digests,
    step: step.fingerprint,
    tools: versions(bake, [ANSIBLE]),
  });
  return remembered(bake, { key, step: step.name }, async () => {
    const session = await sessionOf(bake);
    if (!session.ok) return session;
    const place = await session.value.place(below, bake.call);
    if (!place.ok) return place;
    const work = `${session.value.work}/step-${below.length}`;
    await mkdir(work, { recursive: true });
    const { order, log, call, parts } = bake;
    const ran = await runStep(
      step,
      { root: parts.root, home: parts.home, work, log, target: place.value.target, order },
      call,
    );
    const layer = ran.ok ? await place.value.capture(step.name, call) : ran;
    await place.value.close();
    return layer;
  });
}

async function sessionOf(bake: Bake): Promise<Result<LayerSession>> {
  if (bake.session) return ok(bake.session);
  const session = await bake.backend.open(bake.order.image.name, bake.log, bake.call);
  if (session.ok) bake.session = session.value;
  return session;
}

/** The layer remembered under a key, or else a new one, which is remembered; says which. */
async function remembered(
  bake: Bake,
  at: { readonly key: string; readonly step: string },
  make: () => Promise<Result<Layer>>,
): Promise<Result<Layer>> {
  const { order, call, parts } = bake;
  const begun = Date.now();
  const say = (state: 'done' | 'reused' | 'failed'): void =>
    call.emit({
      type: 'step',
      project: order.image.name,
      step: at.step,
      state,
      seconds: (Date.now() - begun) / 1000,
    });
  const known = order.force ? null : await recall(parts, at.key);
  if (known) {
    say('reused');
    return ok(known);
  }
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  call.emit({ type: 'step', project: order.image.name, step: at.step, state: 'started' });
  const layer = await make();
  const kept = layer.ok ? await remember(parts, at.key, layer.value) : layer;
  say(kept.ok ? 'done' : 'failed');
  return kept;
}

async function recall({ home, blobs }: LayeredParts, key: string): Promise<Layer | null> {
  try {
    const layer = JSON.parse(await readFile(`${home}/layers/${key}.json`, 'utf8')) as Layer;
    return (await blobs.has(layer.digest)) ? layer : null;
  } catch {
    return null;
  }
}

async function remember({ home }: LayeredParts, key: string, layer: Layer): Promise<Result<Layer>> {
  const part = `${home}/work/${workName()}`;
  try {
    await mkdir(`${home}/layers`, { recursive: true });
    await mkdir(`${home}/work`, { recursive: true });
    await writeFile(part, canonical(layer));
    await rename(part, `${home}/layers/${key}.json`);
    return ok(layer);
  } catch (error) {
    return fail(diskFailure(error, home));
  }
}
