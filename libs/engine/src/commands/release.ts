import {
  affected,
  latest,
  ok,
  revocationOf,
  SETTINGS_FILE,
  UNMOVED,
  withReleases,
  type Failure,
  type Graph,
  type LedgerState,
  type Moved,
  type Project,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import { decideRelease, ofVersion, stepWords, type ReleaseStep } from '@goldenthread/core/release';
import { projectNamed } from '../load.ts';
import { carryOut, rehearse, spread, type Progress } from '../release/carry-out.ts';
import type { ReleaseWorld } from '../release/observe.ts';
import { isSuperseded, prepareRelease, reserve, type Prepared, type Reserved } from '../release/prepare.ts';
import { announce, withdraw } from '../release/shares.ts';
import { caseOf } from '../release/site.ts';
import { readState } from '../release/state.ts';

/** What is asked for: where, how, and until when. */
export interface ReleaseJob extends ReleaseWorld {
  readonly options: {
    /** Say what would be done; change nothing. */
    readonly dryRun?: boolean;
  };
}

/** What became of one image. */
export interface Released {
  readonly image: string;
  /** Null: it was never released, and a newer commit will. */
  readonly version: string | null;
  readonly digest: string | null;
  /** `superseded`: a newer commit decides about it, and nothing was done. */
  readonly state: 'released' | 'unchanged' | 'would-release' | 'superseded';
  /** Why this version is there. */
  readonly reason: string;
  /** What was done, or would be, each with its reason. */
  readonly steps: readonly { readonly step: string; readonly why: string }[];
  /** Declared accounts that have it, as they were seen. */
  readonly shared: readonly string[];
  readonly moved: Moved;
  readonly seconds: number;
}

/** One run: with what a rehearsal would have written so far. */
interface Job extends ReleaseJob {
  readonly rehearsed: ReleaseRecord[];
}

interface Outcome {
  readonly state: Released['state'];
  readonly record: ReleaseRecord | null;
  readonly shared: readonly string[];
  readonly progress: Pick<Progress, 'steps' | 'moved'>;
}

const NOTHING: Outcome['progress'] = { steps: [], moved: UNMOVED };

const answer = (image: string, { record, state, shared, progress }: Outcome, seconds: number): Released => ({
  image,
  version: record?.version ?? null,
  digest: record?.digest ?? null,
  state,
  reason: record?.reason ?? 'a newer commit decides about it',
  steps: progress.steps.map((step) => ({ step: stepWords(step), why: step.why })),
  shared,
  moved: progress.moved,
  seconds,
});

/** The versions that channels point to besides the one that is released: they are to be everywhere as well. */
async function spreadChannels(
  job: ReleaseJob,
  state: LedgerState,
  record: ReleaseRecord,
): Promise<Result<readonly ReleaseStep[]>> {
  const versions = new Set(Object.values(state.channels.get(record.image)?.channels ?? {}));
  const steps: ReleaseStep[] = [];
  for (const other of state.releases.get(record.image) ?? []) {
    if (other.version === record.version || !versions.has(other.version) || revocationOf(state, other))
      continue;
    const one = await caseOf(job, other);
    if (!one.ok) return one;
    const announced = await announce(other, one.value);
    if (!announced.ok) return announced;
    const done = await spread(one.value);
    if (!done.ok) return done;
    steps.push(...done.value.steps.map((step) => ofVersion(step, other.version)));
  }
  return ok(steps);
}

/** Carries out what is prepared and reserved: the release itself, then what else the declaration asks for. */
async function finish(
  job: ReleaseJob,
  { site }: Prepared,
  { record, isNew }: Reserved,
): Promise<Result<Outcome>> {
  const progress = await carryOut({ ...site, record, isNew });
  if (!progress.ok) return progress;
  const { state } = progress.value;
  const others = await spreadChannels(job, state, record);
  if (!others.ok) return others;
  const wanted = site.wanted.map(({ name }) => name);
  const withdrawn = await withdraw(job, state, record.image, { wanted, dryRun: false });
  if (!withdrawn.ok) return withdrawn;
  const steps = [...progress.value.steps, ...others.value, ...withdrawn.value];
  const changed = isNew || steps.length > 0;
  return ok({
    record,
    state: changed ? 'released' : 'unchanged',
    shared: wanted,
    progress: { ...progress.value, steps },
  });
}

/** What would be done, from what is seen now. */
async function rehearsal(job: Job, { draft, site }: Prepared, state: LedgerState): Promise<Result<Outcome>> {
  const decided = decideRelease(state, draft);
  if (!decided.ok) return decided;
  const { record, isNew } = decided.value;
  if (isNew) job.rehearsed.push(record);
  const progress = await rehearse({ ...site, record, isNew });
  if (!progress.ok) return progress;
  const wanted = site.wanted.map(({ name }) => name);
  const withdrawn = await withdraw(job, state, record.image, { wanted, dryRun: true });
  if (!withdrawn.ok) return withdrawn;
  const steps = [...progress.value.steps, ...withdrawn.value];
  const isReady = (name: string): boolean =>
    progress.value.access.some(({ account, state: seen }) => account.name === name && seen === 'ready');
  return ok({
    record,
    state: isNew || steps.length > 0 ? 'would-release' : 'unchanged',
    shared: wanted.filter(isReady),
    progress: { steps, moved: UNMOVED },
  });
}

/** Looks at everything that a new release needs before the first word of it is written: who is refused, is refused now. */
async function isAble({ draft, site }: Prepared, state: LedgerState): Promise<Result<void>> {
  const decided = decideRelease(state, draft);
  if (!decided.ok) return decided;
  const { record, isNew } = decided.value;
  const seen = isNew ? await rehearse({ ...site, record, isNew }) : ok(null);
  return seen.ok ? ok(undefined) : seen;
}

/** Releases one image, whose bases have been. Null: somebody else released it meanwhile, so everything is to be decided again. */
async function attempt(job: Job, project: Project): Promise<Result<Outcome | null>> {
  const read = await readState(job.ports, job.call);
  if (!read.ok) return read;
  const state = withReleases(read.value, job.rehearsed);
  const before = latest(state, project.name);
  const superseded = await isSuperseded(job, project.name, before);
  if (!superseded.ok) return superseded;
  if (superseded.value) return ok({ record: before, state: 'superseded', shared: [], progress: NOTHING });
  const prepared = await prepareRelease(job, project, state);
  if (!prepared.ok) return prepared;
  if (job.options.dryRun) return rehearsal(job, prepared.value, state);
  const able = await isAble(prepared.value, state);
  if (!able.ok) return able;
  const reserved = await reserve(job, prepared.value);
  if (!reserved.ok || reserved.value === null) return reserved.ok ? ok(null) : reserved;
  return finish(job, prepared.value, reserved.value);
}

/** One release of an image at a time on this machine; machines are kept apart by the ledger. */
async function releaseOne(job: Job, project: Project): Promise<Result<Released>> {
  const { ports, call } = job;
  const lock = await ports.locks.hold(`release ${project.name}`, project.name, call);
  if (!lock.ok) return lock;
  const started = ports.now().getTime();
  try {
    for (;;) {
      const outcome = await attempt(job, project);
      if (!outcome.ok) return outcome;
      if (outcome.value)
        return ok(answer(project.name, outcome.value, (ports.now().getTime() - started) / 1000));
    }
  } finally {
    await lock.value();
  }
}

/** The images below an image and itself, the lowest first. */
export function imageLine(graph: Graph, name: string): Result<readonly Project[]> {
  const project = projectNamed(graph, name, 'image');
  if (!project.ok) return project;
  const base = project.value.image?.base;
  if (!base || !('image' in base)) return ok([project.value]);
  const below = imageLine(graph, base.image);
  return below.ok ? ok([...below.value, project.value]) : below;
}

/** What became of the images that were asked for, and what went wrong. */
export interface ReleaseRun {
  readonly done: readonly Released[];
  readonly failures: readonly Failure[];
}

/** Releases images by name, each after the images it is made on. Goes on with others where one fails, never with what stands on it. */
export async function release(asked: ReleaseJob, names: readonly string[]): Promise<ReleaseRun> {
  const job: Job = { ...asked, rehearsed: [] };
  const started = new Map<string, Result<Released>>();
  const failures: Failure[] = [];
  for (const name of names) {
    const line = imageLine(job.graph, name);
    if (!line.ok) failures.push(...line.failures);
    for (const project of line.ok ? line.value : []) {
      const released = started.get(project.name) ?? (await releaseOne(job, project));
      started.set(project.name, released);
      // What stands on a base that a newer commit decides about waits for that commit as well.
      if (!released.ok || released.value.state === 'superseded') break;
    }
  }
  const all = [...started.values()];
  return {
    done: all.flatMap((one) => (one.ok ? [one.value] : [])),
    failures: [...failures, ...all.flatMap((one) => (one.ok ? [] : one.failures))],
  };
}

/** The images that changes between two revisions affect; a change of the settings affects all that are shared. */
export async function affectedImages(
  { ports, graph, call }: ReleaseWorld,
  range: { readonly base: string; readonly head: string | null },
): Promise<Result<readonly string[]>> {
  const changed = await ports.workspace.changed(range.base, range.head, call);
  if (!changed.ok) return changed;
  const causes = affected(graph, changed.value);
  const everyone = changed.value.includes(SETTINGS_FILE);
  const images = Array.from(graph.projects.values()).filter(({ kind }) => kind === 'image');
  return ok(
    images
      .filter(({ name, image }) => causes.has(name) || (everyone && image && image.share.length > 0))
      .map(({ name }) => name)
      .toSorted(),
  );
}
