import {
  fail,
  changeText,
  ok,
  pendingReasons,
  placeName,
  stranger,
  type Environment,
  type Failure,
  type Place,
  type PlanContent,
  type ResourceChange,
  type Result,
  type StackRecord,
} from '@goldenthread/core';
import { appliedStack, type Applied } from '../stack/applied.ts';
import { nowOf } from '../stack/planning.ts';
import { orderOf } from '../stack/preview.ts';
import {
  noteDrift,
  repair,
  report,
  request,
  type Answer,
  type Drifted,
  type DriftPolicy,
} from '../stack/repair.ts';
import { select, type Selection } from '../stack/selection.ts';
import {
  alone,
  announced,
  engineOf,
  environmentOrNull,
  inSlot,
  onceAt,
  readLedger,
  recordOf,
  type StackLedger,
  type StackWorld,
} from '../stack/world.ts';

/** How drift is looked for. */
export interface DriftOptions {
  /** Instead of what each environment declares, where this does less. */
  readonly policy?: DriftPolicy;
  /** Only look: repair nothing, write nothing down. */
  readonly dryRun?: boolean;
}

/** What was seen of one place. `pending`: its declaration or what it takes has moved on, or its last apply did not end. */
export interface Observed extends Place {
  readonly state: 'clean' | 'drifted' | 'requested' | 'repaired' | 'pending' | 'absent' | 'unknown';
  /** In words, why it is in that state. */
  readonly reasons: readonly string[];
  readonly changes: readonly ResourceChange[];
  /** Since when, where it drifted. */
  readonly since: string | null;
}

/** What was seen everywhere. */
export interface Drifts {
  readonly observed: readonly Observed[];
  readonly failures: readonly Failure[];
}

interface Job {
  readonly world: StackWorld;
  /** As it was when the run began: which places there are, and what stands on what. */
  readonly ledger: StackLedger;
  readonly options: DriftOptions;
  /** Places that were asked for; those below them are only looked at. */
  readonly meant: ReadonlySet<string>;
  /** Stacks below the place that is looked at which are not at rest. */
  readonly restless: readonly string[];
  readonly started: Map<string, Promise<Seen>>;
}

interface Seen {
  readonly observed: Observed;
  readonly failures: readonly Failure[];
}

const seen = (
  place: Place,
  state: Observed['state'],
  more: Partial<Observed> = {},
  failures: readonly Failure[] = [],
): Seen => ({
  observed: {
    stack: place.stack,
    environment: place.environment,
    state,
    reasons: [],
    changes: [],
    since: null,
    ...more,
  },
  failures,
});

const pending = (place: Place, reasons: readonly string[]): Seen =>
  seen(place, 'pending', { reasons }, [
    { code: 'plan-deferred', stack: place.stack, environment: place.environment, why: reasons.join('; ') },
  ]);

const differs = ({ changes }: PlanContent): readonly ResourceChange[] =>
  changes.filter(({ action }) => action !== 'read');

const POLICIES: readonly DriftPolicy[] = ['report', 'request', 'repair'];

/** The weaker of what is asked for and what is declared: no flag repairs what an environment wants to be reported. */
function policyOf({ policy }: DriftOptions, environment: Environment | null): DriftPolicy {
  const declared = environment?.drift ?? 'report';
  if (policy === undefined) return declared;
  return POLICIES.indexOf(policy) < POLICIES.indexOf(declared) ? policy : declared;
}

function act({ options, restless }: Job, drifted: Drifted): Promise<Answer> | Answer {
  const policy = options.dryRun ? 'report' : policyOf(options, drifted.environment);
  if (policy === 'report' || restless.length > 0) return report(drifted, restless);
  return policy === 'request' ? request(drifted) : repair(drifted);
}

/** What is there, as its engine sees it, with what cannot be compared with what was applied. */
async function observed(
  { world, ledger }: { readonly world: StackWorld; readonly ledger: StackLedger },
  record: StackRecord,
  { site, draft }: Applied,
): Promise<Result<{ readonly content: PlanContent; readonly pending: readonly string[] }>> {
  const now = nowOf(world, ledger, site, { sources: record.sources, images: draft.images });
  const waits = pendingReasons({ ...record, drift: null }, now);
  const engine = await engineOf(world, site.stack);
  if (!engine.ok) return engine;
  const tools = await world.ports.tools.versions(engine.value.tools(site.stack), world.call);
  if (!tools.ok) return tools;
  const order = orderOf(world, site, draft.inputs);
  const content = await inSlot(world, site.place, () => engine.value.drift(order, world.call));
  if (!content.ok) return content;
  const other = stranger(record, { engine: engine.value.name, state: content.value.state });
  if (other !== null) return fail({ code: 'state-other', ...site.place, why: other });
  const moved =
    record.values === content.value.values
      ? []
      : [
          'its variables have other values than when it was applied: from the environment, or from files that git does not keep',
        ];
  return ok({ content: content.value, pending: [...waits, ...moved] });
}

async function look(job: Job, place: Place): Promise<Seen> {
  const { world, options } = job;
  // Read when its turn comes: somebody may have applied it a moment ago.
  const ledger = await readLedger(world);
  if (!ledger.ok) return seen(place, 'unknown', {}, ledger.failures);
  const record = recordOf(ledger.value, place);
  if (record === null) return seen(place, 'absent', { reasons: ['it was never applied here'] });
  if (record.condition !== 'ready')
    return pending(
      place,
      pendingReasons(
        { ...record, drift: null },
        { sources: record.sources, images: record.images, upstreams: {} },
      ),
    );
  const applied = await appliedStack(world, ledger.value, record);
  if (!applied.ok) return seen(place, 'unknown', {}, applied.failures);
  try {
    const found = await observed({ world, ledger: ledger.value }, record, applied.value);
    if (!found.ok) return seen(place, 'unknown', {}, found.failures);
    if (found.value.pending.length > 0) return pending(place, found.value.pending);
    const changes = differs(found.value.content);
    const written = options.dryRun ? ok(record) : await noteDrift(world, record, changes);
    if (!written.ok) return seen(place, 'unknown', { changes }, written.failures);
    if (changes.length === 0) return seen(place, 'clean');
    const environment = environmentOrNull(world.graph, place.environment);
    const answer = await act(job, {
      world,
      ledger: ledger.value,
      record: written.value,
      applied: applied.value,
      changes,
      environment,
    });
    const since = written.value.drift?.since ?? null;
    return seen(place, answer.state, { changes, since, reasons: changes.map(changeText) }, answer.failures);
  } finally {
    await applied.value.dispose();
  }
}

const AT_REST: ReadonlySet<Observed['state']> = new Set(['clean', 'repaired']);

/** The stacks below a place that are not at rest: what is unknown or wrong there causes no action here. */
async function unrest(job: Job, record: StackRecord, above: readonly string[]): Promise<readonly string[]> {
  const below = Object.keys(record.upstreams).map((stack) => ({ stack, environment: record.environment }));
  // Records of different times may name each other.
  const fresh = below.filter((place) => !above.includes(placeName(place)));
  const states = await Promise.all(fresh.map((place) => observing(job, place, above)));
  return states.flatMap(({ observed: { state, stack } }) => (AT_REST.has(state) ? [] : [stack]));
}

async function observe(given: Job, place: Place, above: readonly string[]): Promise<Seen> {
  const { world, ledger, options, meant } = given;
  const record = recordOf(ledger, place);
  if (record === null) return seen(place, 'absent', { reasons: ['it was never applied here'] });
  const restless = await unrest(given, record, [...above, placeName(place)]);
  const quiet: DriftOptions = { policy: 'report', dryRun: true };
  const job: Job = { ...given, restless, options: meant.has(placeName(place)) ? options : quiet };
  const { value } = await announced(world, place, 'drift', async () => {
    const done = await alone(world, place, () =>
      inSlot(world, place, async () => ok(await look(job, place))),
    );
    const one = done.ok ? done.value : seen(place, 'unknown', {}, done.failures);
    return { value: one, failed: one.failures.length > 0 };
  });
  return value;
}

/** Looks at a place after those below it, once in a run. */
const observing = (job: Job, place: Place, above: readonly string[] = []): Promise<Seen> =>
  onceAt(job.started, place, () => observe(job, place, above));

/**
 * Looks at every place that was applied, compares it with what was applied there, writes down where that has changed, and does
 * what the environment's policy says. What cannot be seen is unknown, and nothing is done about it.
 */
export async function drift(
  world: StackWorld,
  selection: Selection,
  options: DriftOptions,
): Promise<Result<Drifts>> {
  const ledger = await readLedger(world);
  if (!ledger.ok) return ledger;
  const selected = await select(world, ledger.value, selection);
  if (!selected.ok) return selected;
  const all: readonly Place[] = [...selected.value.places, ...selected.value.gone];
  const meant = new Set(all.map(placeName));
  const job: Job = { world, ledger: ledger.value, options, meant, restless: [], started: new Map() };
  const done = await Promise.all(all.map((place) => observing(job, place)));
  return ok({
    observed: done.map((one) => one.observed),
    failures: done.flatMap(({ failures }) => failures),
  });
}
