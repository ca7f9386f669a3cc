import {
  fail,
  fingerprint,
  ok,
  steps,
  type Artifact,
  type BakeBase,
  type BakeOrder,
  type Built,
  type Call,
  type Graph,
  type Image,
  type ImageBuilder,
  type Ingredients,
  type Json,
  type Ports,
  type Project,
  type Result,
} from '@goldenthread/core';
import { imageSources, roleNeeds, rolePaths, rolesOf } from '../ingredients.ts';
import { ensureContent, knownArtifact, type Sought } from '../known.ts';
import { projectNamed } from '../load.ts';

/** How to bake. */
export interface BakeOptions {
  /** Bake again although an artifact for the fingerprint is there. */
  readonly force?: boolean;
  /** Say what would be baked; bake nothing. */
  readonly dryRun?: boolean;
  /** Use this builder instead of the declared one, for images that can be made by it. */
  readonly builder?: string;
}

/** What became of one image. */
export interface Baked {
  readonly image: string;
  readonly fingerprint: string;
  /** Null in a dry run where nothing is there yet. */
  readonly artifact: Artifact | null;
  readonly state: 'baked' | 'reused' | 'would-bake';
  /** Why, in words. */
  readonly reason: string;
  readonly seconds: number;
}

/** What is asked for: where, how, and until when. */
export interface BakeJob {
  readonly ports: Ports;
  readonly graph: Graph;
  readonly options: BakeOptions;
  readonly call: Call;
}

/** One run over a graph: what every step of it needs. */
interface Job extends BakeJob {
  /** The images that were asked for by name. */
  readonly names: ReadonlySet<string>;
  /** What this run has started, so that a base that several images need is baked once. */
  readonly started: Map<string, Promise<Result<readonly Baked[]>>>;
}

/** An image with everything decided but the bake itself. */
export interface Prepared {
  readonly image: Image;
  readonly builder: ImageBuilder;
  readonly order: BakeOrder;
}

/** The image as it is to be baked: with the chosen builder where it can be made by it. */
function chosen(image: Image, builder: string | undefined): Image {
  if (builder === undefined || builder === image.builder) return image;
  if (builder === 'packer' && image.packer === null) return image;
  if (builder === 'layered' && image.playbook === null && image.roles.length === 0) return image;
  return { ...image, builder };
}

function baseIngredient(base: BakeBase): Json {
  if (base.kind === 'artifact') return base.artifact.digest;
  return base.kind === 'source' ? base.source : null;
}

/** Decides everything about one bake: builder, tools, files, fingerprint and steps. */
export async function prepare(job: BakeJob, project: Project, base: BakeBase): Promise<Result<Prepared>> {
  const { ports, graph, options, call } = job;
  if (!project.image) throw new Error(`${project.name} is no image`);
  const image = chosen(project.image, options.builder);
  const builder = await ports.builder(image.builder);
  if (!builder.ok) return builder;
  const variant = await builder.value.variant(image, call);
  if (!variant.ok) return variant;
  const [tools, sources] = await Promise.all([
    ports.tools.versions(builder.value.tools(image, variant.value), call),
    imageSources(job, project, image),
  ]);
  if (!tools.ok) return sources.ok ? tools : fail(...tools.failures, ...sources.failures);
  if (!sources.ok) return sources;
  const { files, roles, drafts } = sources.value;
  const parts: Ingredients = {
    image,
    base: baseIngredient(base),
    variant: variant.value,
    tools: tools.value,
    files,
    roles,
  };
  const order: BakeOrder = {
    image,
    fingerprint: fingerprint(parts, ports.hash),
    base,
    steps: steps(drafts, parts, roleNeeds(graph), ports.hash),
    rolePaths: rolePaths(rolesOf(graph, project.name)),
    variables: image.variables,
    tools: tools.value,
    force: options.force ?? false,
  };
  return ok({ image, builder: builder.value, order });
}

/** The record of what a builder made. */
async function recordOf(
  { ports, call }: Job,
  prepared: Prepared,
  built: Built,
  started: Date,
): Promise<Result<Artifact>> {
  const commit = await ports.workspace.commit(call);
  if (!commit.ok) return commit;
  const { image, builder, order } = prepared;
  const parent = order.base.kind === 'artifact' ? { image: order.base.artifact.image } : {};
  const now = ports.now();
  return ok({
    schema: 1,
    image: image.name,
    role: image.role,
    fingerprint: order.fingerprint,
    digest: built.digest,
    base: built.base && { ...parent, digest: built.base.digest },
    builder: { name: builder.name, ...(built.backend === undefined ? {} : { backend: built.backend }) },
    tools: { ...order.tools },
    commit: commit.value,
    size: built.size,
    time: now.toISOString(),
    seconds: (now.getTime() - started.getTime()) / 1000,
    layers: [...built.layers],
    external: [...built.external],
  });
}

/** Bakes what was prepared, holding one of the machine's slots. */
async function work(job: Job, prepared: Prepared): Promise<Result<Artifact>> {
  const { ports, call } = job;
  const slot = await ports.locks.slot(prepared.image.name, call);
  if (!slot.ok) return slot;
  const started = ports.now();
  try {
    call.emit({ type: 'started', project: prepared.image.name, what: `bake with ${prepared.builder.name}` });
    const built = await prepared.builder.build(prepared.order, call);
    if (!built.ok) return built;
    const artifact = await recordOf(job, prepared, built.value, started);
    if (!artifact.ok) return artifact;
    const stored = await ports.records.put(artifact.value);
    return stored.ok ? artifact : stored;
  } finally {
    await slot.value();
  }
}

/** What is to be found, where somebody has baked it. */
export const soughtBy = ({ image, order }: Prepared): Sought => ({
  image: image.name,
  role: image.role,
  fingerprint: order.fingerprint,
  base: order.base.kind === 'artifact' ? order.base.artifact.digest : null,
});

/** Sees that the base may be used, and that its content is here. */
async function baseReady({ ports, call }: Job, { image, order }: Prepared): Promise<Result<void>> {
  // Loaded only now: nothing that is reused needs to know the ledger.
  const { usableBase } = await import('../release/base.ts');
  const usable = await usableBase(ports, image.name, order.base, call);
  if (!usable.ok || order.base.kind !== 'artifact') return usable;
  return ensureContent(ports, order.base.artifact, call);
}

/** Bakes what was prepared unless somebody has: the second of two bakes of one image waits and reuses. */
async function bakePrepared(job: Job, prepared: Prepared): Promise<Result<Baked>> {
  const { ports, options, call } = job;
  const { image, order } = prepared;
  const started = ports.now().getTime();
  const answer = (artifact: Artifact | null, state: Baked['state'], reason: string): Result<Baked> =>
    ok({
      image: image.name,
      fingerprint: order.fingerprint,
      artifact,
      state,
      reason,
      seconds: (ports.now().getTime() - started) / 1000,
    });
  const same = 'nothing that goes into it has changed';
  const before = await knownArtifact(ports, soughtBy(prepared), call);
  if (!before.ok) return before;
  if (before.value && !options.force) return answer(before.value, 'reused', same);
  if (options.dryRun)
    return answer(null, 'would-bake', options.force ? 'forced' : 'no artifact has its fingerprint');

  const lock = await ports.locks.hold(`bake ${image.name}`, image.name, call);
  if (!lock.ok) return lock;
  try {
    const meanwhile = await ports.records.find(image.name, order.fingerprint);
    if (!meanwhile.ok) return meanwhile;
    if (meanwhile.value && !options.force)
      return answer(meanwhile.value, 'reused', 'another run has just baked it');
    const usable = await baseReady(job, prepared);
    if (!usable.ok) return usable;
    const artifact = await work(job, prepared);
    return artifact.ok
      ? answer(artifact.value, 'baked', options.force ? 'forced' : 'no artifact had its fingerprint')
      : artifact;
  } finally {
    await lock.value();
  }
}

const first = (project: Project, base: string): Baked => ({
  image: project.name,
  fingerprint: '',
  artifact: null,
  state: 'would-bake',
  reason: `its base ${base} is baked first`,
  seconds: 0,
});

/** Where the chain stands after an image: all that was baked on the way, the image itself last. */
async function bakeProject(run: Job, project: Project): Promise<Result<readonly Baked[]>> {
  const source = project.image?.base ?? null;
  const below = source && 'image' in source ? await bakeChain(run, source.image) : ok([]);
  const job = run.names.has(project.name) ? run : { ...run, options: { ...run.options, force: false } };
  if (!below.ok) return below;
  const parent = below.value.at(-1);
  if (source && 'image' in source && !parent?.artifact)
    return ok([...below.value, first(project, source.image)]);
  const base = baseOf(source, parent?.artifact ?? null);
  const prepared = await prepare(job, project, base);
  if (!prepared.ok) return prepared;
  const baked = await bakePrepared(job, prepared.value);
  return baked.ok ? ok([...below.value, baked.value]) : baked;
}

/** What an image is made on, ready for its builder. */
export function baseOf(source: Image['base'], parent: Artifact | null): BakeBase {
  if (source === null) return { kind: 'none' };
  if (!('image' in source)) return { kind: 'source', source };
  if (!parent) throw new Error('a base image without an artifact');
  return { kind: 'artifact', artifact: parent };
}

/** Bakes an image and, before it, the images it is made on. */
function bakeChain(job: Job, name: string): Promise<Result<readonly Baked[]>> {
  const started = job.started.get(name);
  if (started) return started;
  const project = projectNamed(job.graph, name, 'image');
  const baking = project.ok ? bakeProject(job, project.value) : Promise.resolve(project);
  job.started.set(name, baking);
  return baking;
}

/**
 * Bakes images by name; bases first, each once. `force` holds for the named ones alone. Answers them in the order in which
 * they are needed.
 */
export async function bake(job: BakeJob, names: readonly string[]): Promise<Result<readonly Baked[]>> {
  const named: Job = { ...job, names: new Set(names), started: new Map() };
  const chains = await Promise.all(names.map((name) => bakeChain(named, name)));
  const failures = chains.flatMap((chain) => (chain.ok ? [] : chain.failures));
  if (failures.length > 0) return fail(...new Set(failures));
  const all = chains.flatMap((chain) => (chain.ok ? chain.value : []));
  return ok([...new Map(all.map((baked) => [baked.image, baked])).values()]);
}
