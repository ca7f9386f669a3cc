import {
  fail,
  ok,
  pendingReasons,
  upstreamsOf,
  words,
  type Failure,
  type Now,
  type Outputs,
  type Place,
  type PlanReport,
  type Preview,
  type Result,
} from '@goldenthread/core';
import {
  giveInputs,
  imageChoice,
  lackingOutputs,
  type Given,
  type ImageChoice,
} from '@goldenthread/core/stack';
import { judgePlan } from './judge.ts';
import { orderOf, previewSite, type Draft } from './preview.ts';
import {
  alone,
  announced,
  engineOf,
  environmentNamed,
  inSlot,
  onceAt,
  recordOf,
  recordsBut,
  siteOf,
  type Site,
  type StackLedger,
  type StackWorld,
} from './world.ts';
import { commitOf, sourcesOf, trackedIn, type Tracked } from './sources.ts';

/** What planning of places is given besides the world. */
export interface PlanOptions {
  /** Plan only where something has changed since it was applied, or comes from a stack whose outputs would be others. */
  readonly onlyPending: boolean;
  /** Take these versions of images, whatever channels and pins say: to see what they would do. */
  readonly images?: ReadonlyMap<string, ImageChoice>;
}

/** What became of planning one place; failures are those of this place alone. */
export interface Planned {
  readonly report: PlanReport;
  /** Outputs as they would be, as far as they are known; asked for only by those that need them. */
  readonly outputs: () => Promise<Result<Outputs>>;
  readonly failures: readonly Failure[];
}

/** One run of planning: each place once, those that others stand on before these. */
export interface Planning {
  readonly world: StackWorld;
  readonly ledger: StackLedger;
  readonly options: PlanOptions;
  /** What git says, asked for once. */
  readonly tracked: () => Promise<Result<Tracked>>;
  readonly started: Map<string, Promise<Planned>>;
}

/** Starts a run of planning. */
export function startPlanning(world: StackWorld, ledger: StackLedger, options: PlanOptions): Planning {
  let asked: Promise<Result<Tracked>> | undefined;
  const tracked = (): Promise<Result<Tracked>> => (asked ??= trackedIn(world.ports.workspace, world.call));
  return { world, ledger, options, tracked, started: new Map() };
}

const NOTHING: Planned['outputs'] = async () => ok(new Map());

const report = (place: Place, more: Partial<PlanReport> & Pick<PlanReport, 'state'>): PlanReport => ({
  ...place,
  reasons: [],
  plan: null,
  violations: [],
  removed: null,
  ...more,
});

/** Without outputs nothing can be said about what stands on it. */
const failed = (place: Place, failures: readonly Failure[]): Planned => ({
  report: report(place, { state: 'failed', reasons: failures.map((one) => words(one).what) }),
  outputs: NOTHING,
  failures,
});

const deferred = (place: Place, why: readonly string[]): Planned => ({
  report: report(place, { state: 'deferred', reasons: why }),
  outputs: NOTHING,
  failures: [],
});

interface Below {
  readonly stack: string;
  readonly readsState: boolean;
  readonly planned: Planned;
}

/** Whether what stands on it would see something else after this was applied. */
const changesOutputs = ({ report: { state, plan } }: Planned): boolean =>
  state === 'deferred' || state === 'failed' || (plan?.changedOutputs.length ?? 0) > 0;

/** Why a place cannot be planned before those below it were applied. */
function waitsFor({ stack, readsState, planned }: Below): readonly string[] {
  const { state, plan } = planned.report;
  if (state === 'failed') return [`${stack} could not be planned`];
  if (!readsState) return [];
  if (state === 'deferred') return [`it reads the state of ${stack}, which waits itself`];
  const changed = plan?.changedOutputs ?? [];
  return changed.length > 0
    ? [`it reads the state of ${stack}, whose ${changed.join(', ')} would change`]
    : [];
}

/** Versions of the images that a site is given, or the failure that forbids one. */
export function imagesFor(
  {
    world,
    ledger,
    options,
  }: Pick<Planning, 'world' | 'ledger'> & { readonly options: Pick<PlanOptions, 'images'> },
  { stack, place }: Site,
): Result<ReadonlyMap<string, ImageChoice>> {
  const environment = environmentNamed(world.graph, place.environment);
  if (!environment.ok) return environment;
  const choices = new Map<string, ImageChoice>();
  for (const { image } of stack.images) {
    const other = options.images?.get(image);
    const choice = other ? ok(other) : imageChoice(environment.value, image, ledger.images);
    if (!choice.ok) return choice;
    if (choice.value) choices.set(image, choice.value);
  }
  return ok(choices);
}

/** What a site is made of. */
export interface Made {
  readonly sources: string;
  readonly images: Preview['images'];
}

/** What a place is made of now, for `pendingReasons`. */
export function nowOf({ graph }: StackWorld, ledger: StackLedger, site: Site, made: Made): Now {
  const upstreams = upstreamsOf(graph, site.project).map(({ stack }) => [
    stack,
    recordOf(ledger, { ...site.place, stack })?.outputs ?? null,
  ]);
  return { ...made, upstreams: Object.fromEntries(upstreams) as Now['upstreams'] };
}

/** The plan of a draft with what the rules say against it; nothing of it is kept on this machine. */
async function previewed({ world }: Planning, draft: Draft, reasons: readonly string[]): Promise<Planned> {
  const { place } = draft.site;
  const environment = environmentNamed(world.graph, place.environment);
  if (!environment.ok) return failed(place, environment.failures);
  const { value: held } = await announced(world, place, 'plan', async () => {
    const made = await alone(world, place, () =>
      inSlot(world, place, () => previewSite(world, draft, 'apply')),
    );
    return { value: made, failed: !made.ok };
  });
  if (!held.ok) return failed(place, held.failures);
  await held.value.previewed.discard();
  const { plan } = held.value;
  const judged = await judgePlan(world, environment.value, plan);
  if (!judged.ok) return failed(place, judged.failures);
  return {
    report: report(place, { state: 'planned', plan, reasons, violations: judged.value }),
    outputs: async () => ok(held.value.previewed.outputs),
    failures: [],
  };
}

/** Names of all outputs that a stack will have, where its plan or its state says so. */
function outputNames({ report: { plan, state } }: Planned, known: Outputs): readonly string[] | null {
  if (plan) return Object.keys(plan.outputs);
  return state === 'current' ? [...known.keys()] : null;
}

/** What a site is given, with the plans of those below it. */
async function givenBy(
  { ports }: StackWorld,
  site: Site,
  images: ReadonlyMap<string, ImageChoice>,
  below: readonly Below[],
): Promise<Result<Given>> {
  const outputs = new Map<string, Outputs>();
  for (const { stack, planned } of below) {
    if (!site.stack.inputs.some((input) => input.stack === stack)) continue;
    const of = await planned.outputs();
    if (!of.ok) return of;
    outputs.set(stack, of.value);
    const names = outputNames(planned, of.value);
    const lacking = names
      ? lackingOutputs(site.stack, { stack, names }, ports.workspace.read(site.stack.file) ?? '')
      : [];
    if (lacking.length > 0) return fail(...lacking);
  }
  return ok(
    giveInputs(site.stack, {
      image: (image) => images.get(image) ?? null,
      outputs: (stack) => outputs.get(stack) ?? null,
    }),
  );
}

/** A place in which nothing has changed; its outputs are those that it has. */
function current({ world }: Planning, site: Site, give: () => Promise<Result<Given>>): Planned {
  const outputs = async (): Promise<Result<Outputs>> => {
    const [engine, input] = [await engineOf(world, site.stack), await give()];
    if (!engine.ok) return engine;
    if (!input.ok) return input;
    const order = orderOf(world, site, input.value.inputs);
    const found = await alone(world, site.place, () => engine.value.outputs(order, world.call));
    return found.ok ? ok(found.value ?? new Map()) : found;
  };
  return { report: report(site.place, { state: 'current' }), outputs, failures: [] };
}

/** Versions and digests of chosen images, by name. */
export const chosenImages = (images: ReadonlyMap<string, ImageChoice>): Preview['images'] =>
  Object.fromEntries(Array.from(images, ([name, { version, digest }]) => [name, { version, digest }]));

/** Why a site has to be planned: what changed since it was applied, and what those below it would change. */
function reasonsOf(
  { world, ledger }: Planning,
  site: Site,
  made: Made,
  below: readonly Below[],
): readonly string[] {
  const own = pendingReasons(recordOf(ledger, site.place), nowOf(world, ledger, site, made));
  const fed = below
    .filter(({ planned }) => changesOutputs(planned))
    .map(({ stack }) => `the outputs of ${stack} would change`);
  return [...new Set([...own, ...fed])];
}

async function planOnce(planning: Planning, place: Place): Promise<Planned> {
  const { world, options } = planning;
  const site = siteOf({ graph: world.graph, workspace: world.ports.workspace }, place);
  if (!site.ok) return failed(place, site.failures);
  const below = await Promise.all(
    upstreamsOf(world.graph, site.value.project).map(async ({ stack, readsState }): Promise<Below> => ({
      stack,
      readsState,
      planned: await planPlace(planning, { ...place, stack }),
    })),
  );
  const [sources, images] = [await sourcesOf(site.value, world), imagesFor(planning, site.value)];
  if (!sources.ok) return failed(place, sources.failures);
  if (!images.ok) return failed(place, images.failures);
  const give = (): Promise<Result<Given>> => givenBy(world, site.value, images.value, below);
  const reasons = reasonsOf(
    planning,
    site.value,
    { sources: sources.value, images: chosenImages(images.value) },
    below,
  );
  if (options.onlyPending && reasons.length === 0) return current(planning, site.value, give);
  const input = await give();
  if (!input.ok) return failed(place, input.failures);
  const waits = [...new Set([...below.flatMap(waitsFor), ...input.value.missing])];
  if (waits.length > 0) return deferred(place, waits);
  const tracked = await planning.tracked();
  if (!tracked.ok) return failed(place, tracked.failures);
  const { inputs, images: taken } = input.value;
  const made = { site: site.value, sources: sources.value, commit: commitOf(site.value, tracked.value) };
  return previewed(
    planning,
    {
      ...made,
      inputs,
      images: taken,
      record: recordOf(planning.ledger, place),
      others: recordsBut(planning.ledger, place),
    },
    reasons,
  );
}

/** Plans a place, after those that it stands on; each once in a run. */
export const planPlace = (planning: Planning, place: Place): Promise<Planned> =>
  onceAt(planning.started, place, () => planOnce(planning, place));
