import {
  exitCode,
  fail,
  ok,
  pendingReasons,
  placeName,
  upstreamsOf,
  type Failure,
  type Place,
  type Preview,
  type Result,
  type StackRecord,
  type Violation,
} from '@goldenthread/core';
import { giveInputs } from '@goldenthread/core/stack';
import { allowance, appliedStack, heirOf, outputsBelow } from '../stack/applied.ts';
import { settle, type ApplyOptions, type Settled } from '../stack/carry-out.ts';
import { chosenImages, imagesFor, nowOf } from '../stack/planning.ts';
import type { Draft } from '../stack/preview.ts';
import {
  alone,
  announced,
  environmentOrNull,
  inSlot,
  onceAt,
  readLedger,
  recordOf,
  recordsBut,
  siteOf,
  type StackLedger,
  type StackWorld,
} from '../stack/world.ts';
import { commitOf, sourcesOf, trackedIn } from '../stack/sources.ts';
import { select, type Selection } from '../stack/selection.ts';

/** What became of one place. */
export interface AppliedStack extends Place {
  /** `waiting`: for an approval, or for what it stands on. */
  readonly state: Settled['state'] | 'current' | 'waiting' | 'failed';
  /** Why it was applied, in words. */
  readonly reasons: readonly string[];
  readonly plan: Preview | null;
  /** Rules that only warn. */
  readonly violations: readonly Violation[];
  readonly seconds: number;
}

/** What became of all places; what was applied stands even where something else failed. */
export interface Applies {
  readonly done: readonly AppliedStack[];
  readonly failures: readonly Failure[];
}

/** One run of apply. */
interface Job {
  readonly world: StackWorld;
  readonly order: Selection;
  readonly options: ApplyOptions;
  /** The places that are meant; others are looked at only for their outputs. */
  readonly meant: ReadonlySet<string>;
  readonly started: Map<string, Promise<One>>;
}

interface One {
  readonly applied: AppliedStack;
  readonly failures: readonly Failure[];
}

const ended = (
  place: Place,
  state: AppliedStack['state'],
  more: Partial<AppliedStack> = {},
): AppliedStack => ({
  stack: place.stack,
  environment: place.environment,
  state,
  reasons: [],
  plan: null,
  violations: [],
  seconds: 0,
  ...more,
});

const failedOne = (place: Place, failures: readonly Failure[], reasons: readonly string[] = []): One => ({
  applied: ended(place, exitCode(failures) === 3 ? 'waiting' : 'failed', { reasons }),
  failures,
});

/** A place with what it is given for real, or nothing where it is as it was applied. */
async function draftOf(
  { world, order }: Job,
  ledger: StackLedger,
  place: Place,
): Promise<Result<{ draft: Draft; reasons: readonly string[] } | null>> {
  const site = siteOf({ graph: world.graph, workspace: world.ports.workspace }, place);
  if (!site.ok) return site;
  const sources = await sourcesOf(site.value, world);
  if (!sources.ok) return sources;
  const images = imagesFor({ world, ledger, options: {} }, site.value);
  if (!images.ok) return images;
  const made = { sources: sources.value, images: chosenImages(images.value) };
  const reasons = pendingReasons(recordOf(ledger, place), nowOf(world, ledger, site.value, made));
  if (order.pending && reasons.length === 0) return ok(null);
  const outputs = await outputsBelow(world, ledger, site.value);
  if (!outputs.ok) return outputs;
  const given = giveInputs(site.value.stack, {
    image: (image) => images.value.get(image) ?? null,
    outputs: outputs.value,
  });
  if (given.missing.length > 0)
    return fail({ code: 'plan-deferred', ...place, why: given.missing.join('; ') });
  const tracked = await trackedIn(world.ports.workspace, world.call);
  if (!tracked.ok) return tracked;
  const commit = commitOf(site.value, tracked.value);
  const { inputs, images: taken } = given;
  return ok({
    draft: {
      site: site.value,
      sources: sources.value,
      commit,
      inputs,
      images: taken,
      record: recordOf(ledger, place),
      others: recordsBut(ledger, place),
    },
    reasons,
  });
}

/** Carries out what an already decided draft needs, alone on this machine with this place. */
async function settlePlace(
  { world, options }: Pick<Job, 'world' | 'options'>,
  ledger: StackLedger,
  decided: { readonly draft: Draft; readonly reasons: readonly string[]; readonly aim: 'apply' | 'destroy' },
): Promise<One> {
  const { place } = decided.draft.site;
  const environment = environmentOrNull(world.graph, place.environment);
  const { value: done, seconds } = await announced(world, place, decided.aim, async () => {
    const settled = await inSlot(world, place, () =>
      settle({ world, ledger, environment, options, ...decided }),
    );
    return { value: settled, failed: !settled.ok };
  });
  if (!done.ok) return failedOne(place, done.failures, decided.reasons);
  return {
    applied: ended(place, done.value.state, { ...done.value, reasons: decided.reasons, seconds }),
    failures: [],
  };
}

/** Holds a place while it is worked on. A core is taken only for the work of its engine: who waits for a place holds none. */
async function holding(world: StackWorld, place: Place, work: () => Promise<One>): Promise<One> {
  const done = await alone(world, place, async () => ok(await work()));
  return done.ok ? done.value : failedOne(place, done.failures);
}

async function applyOnce(job: Job, place: Place): Promise<One> {
  const { world, meant } = job;
  const project = world.graph.projects.get(place.stack);
  const below = project ? upstreamsOf(world.graph, project).map(({ stack }) => ({ ...place, stack })) : [];
  const first = await Promise.all(
    below.filter((one) => meant.has(placeName(one))).map((one) => applyPlace(job, one)),
  );
  const broken = first.filter(({ failures }) => failures.length > 0).map(({ applied }) => applied.stack);
  if (broken.length > 0)
    return failedOne(place, [
      { code: 'plan-deferred', ...place, why: `${broken.join(' and ')} below it could not be applied` },
    ]);
  return holding(world, place, async () => {
    // Read when its turn comes: what it stands on may have been applied a moment ago.
    const ledger = await readLedger(world);
    if (!ledger.ok) return failedOne(place, ledger.failures);
    const decided = await draftOf(job, ledger.value, place);
    if (!decided.ok) return failedOne(place, decided.failures);
    if (decided.value === null) return { applied: ended(place, 'current'), failures: [] };
    return settlePlace(job, ledger.value, { ...decided.value, aim: 'apply' });
  });
}

const applyPlace = (job: Job, place: Place): Promise<One> =>
  onceAt(job.started, place, () => applyOnce(job, place));

/** Why a stack must not be destroyed: others stand on it, or its state is managed under another name by now. */
function whyNot({ graph }: StackWorld, ledger: StackLedger, record: StackRecord): Failure | null {
  const { stack, environment } = record;
  const heir = heirOf(ledger, record);
  if (heir)
    return {
      code: 'destroy-refused',
      stack,
      environment,
      why: `its state is managed by ${placeName(heir)} now`,
      next: `\`goldenthread destroy ${stack} --environment ${environment} --forget\` drops this record and touches nothing.`,
    };
  const standsOnIt = (other: StackRecord): boolean => {
    const project = graph.projects.get(other.stack);
    return (
      Object.hasOwn(other.upstreams, stack) ||
      (project !== undefined && upstreamsOf(graph, project).some((one) => one.stack === stack))
    );
  };
  const users = ledger.records.filter(
    (other) => other.environment === environment && other.stack !== stack && standsOnIt(other),
  );
  if (users.length === 0) return null;
  const names = users.map((one) => one.stack).join(' and ');
  return {
    code: 'destroy-refused',
    stack,
    environment,
    why: `${names} stands on it`,
    next: `Destroy ${names} first.`,
  };
}

/** Destroys what was applied to a place; to be asked only where that is allowed. */
export async function destroyApplied(
  { world, options }: Pick<Job, 'world' | 'options'>,
  { stack, environment }: Place,
  why: string,
): Promise<One> {
  const place: Place = { stack, environment };
  return holding(world, place, async () => {
    const ledger = await readLedger(world);
    if (!ledger.ok) return failedOne(place, ledger.failures);
    const record = recordOf(ledger.value, place);
    if (record === null) return { applied: ended(place, 'destroyed'), failures: [] };
    const refused = whyNot(world, ledger.value, record);
    if (refused) return failedOne(place, [refused]);
    const applied = await appliedStack(world, ledger.value, record);
    if (!applied.ok) return failedOne(place, applied.failures);
    try {
      const { draft } = applied.value;
      return await settlePlace({ world, options }, ledger.value, { draft, aim: 'destroy', reasons: [why] });
    } finally {
      await applied.value.dispose();
    }
  });
}

/** Those that stand on others before these. */
const consumersFirst = (records: readonly StackRecord[]): readonly StackRecord[] => {
  const ordered: StackRecord[] = [];
  const visit = (record: StackRecord): void => {
    if (ordered.includes(record)) return;
    records
      .filter(
        ({ environment, upstreams }) =>
          environment === record.environment && Object.hasOwn(upstreams, record.stack),
      )
      .forEach(visit);
    ordered.push(record);
  };
  records.forEach(visit);
  return ordered;
};

async function destroyRemoved(job: Job, records: readonly StackRecord[]): Promise<readonly One[]> {
  const done: One[] = [];
  for (const record of consumersFirst(records)) {
    const { allowed, hint } = allowance(environmentOrNull(job.world.graph, record.environment), record);
    const place: Place = { stack: record.stack, environment: record.environment };
    const why = 'it is declared no more, and its environment allows to destroy it';
    if (allowed) done.push(await destroyApplied(job, record, why));
    else
      done.push(
        failedOne(place, [
          {
            code: 'destroy-refused',
            ...place,
            why: 'it is declared no more, and nothing says that it may go',
            next: `${hint}.`,
          },
        ]),
      );
  }
  return done;
}

/** Applies what is meant, each place after those it stands on, and destroys what is declared no more where that is allowed. */
export async function apply(
  world: StackWorld,
  order: Selection,
  options: ApplyOptions,
): Promise<Result<Applies>> {
  const ledger = await readLedger(world);
  if (!ledger.ok) return ledger;
  const meant = await select(world, ledger.value, order);
  if (!meant.ok) return meant;
  const { places, gone } = meant.value;
  const job: Job = {
    world,
    order,
    options,
    meant: new Set(places.map(placeName)),
    started: new Map(),
  };
  const done = [
    ...(await Promise.all(places.map((place) => applyPlace(job, place)))),
    ...(await destroyRemoved(job, gone)),
  ];
  return ok({ done: done.map(({ applied }) => applied), failures: done.flatMap(({ failures }) => failures) });
}
