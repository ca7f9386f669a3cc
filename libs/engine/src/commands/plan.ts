import {
  ok,
  placeName,
  placesOf,
  type Failure,
  type PlanReport,
  type Result,
  type StackRecord,
} from '@goldenthread/core';
import { allowance, appliedStack, heirOf } from '../stack/applied.ts';
import { judgePlan } from '../stack/judge.ts';
import { planPlace, startPlanning, type Planned } from '../stack/planning.ts';
import { previewSite } from '../stack/preview.ts';
import { select, type Selection } from '../stack/selection.ts';
import {
  alone,
  environmentOrNull,
  inSlot,
  readLedger,
  type StackLedger,
  type StackWorld,
} from '../stack/world.ts';

/** What became of planning. */
export interface Plans {
  readonly reports: readonly PlanReport[];
  readonly failures: readonly Failure[];
}

const renamed = ({ stack, environment }: StackRecord, heir: StackRecord): string =>
  `its state is managed by ${placeName(heir)} now: \`goldenthread destroy ${stack} --environment ${environment} --forget\` drops the old record`;

/** The plan that destroys what is declared no more. */
async function planRemoved(world: StackWorld, ledger: StackLedger, record: StackRecord): Promise<Planned> {
  const { stack, environment: name } = record;
  const environment = environmentOrNull(world.graph, name);
  const place = { stack, environment: name };
  const removed = allowance(environment, place);
  const report: PlanReport = {
    ...place,
    state: 'failed',
    reasons: ['it was applied here and is declared no more'],
    plan: null,
    violations: [],
    removed,
  };
  const outputs: Planned['outputs'] = async () => ok(new Map());
  const heir = heirOf(ledger, record);
  if (heir)
    return {
      report: { ...report, state: 'current', removed: null, reasons: [renamed(record, heir)] },
      outputs,
      failures: [],
    };
  const applied = await appliedStack(world, ledger, record);
  if (!applied.ok) return { report, outputs, failures: applied.failures };
  try {
    const { draft } = applied.value;
    const held = await alone(world, place, () =>
      inSlot(world, place, () => previewSite(world, draft, 'destroy')),
    );
    if (!held.ok) return { report, outputs, failures: held.failures };
    await held.value.previewed.discard();
    const { plan } = held.value;
    const judged = environment ? await judgePlan(world, environment, plan) : ok([]);
    if (!judged.ok) return { report, outputs, failures: judged.failures };
    return { report: { ...report, state: 'planned', plan, violations: judged.value }, outputs, failures: [] };
  } finally {
    await applied.value.dispose();
  }
}

/**
 * Plans what is meant: declared stacks after those they stand on, and then, as plans that destroy, what was applied and is
 * declared no more. Writes every plan below `.goldenthread/<stack>`, for CI to hand on and for people to name as approved.
 */
export async function plan(world: StackWorld, order: Selection): Promise<Result<Plans>> {
  const ledger = await readLedger(world);
  if (!ledger.ok) return ledger;
  const meant = await select(world, ledger.value, order);
  if (!meant.ok) return meant;
  const { places, gone } = meant.value;
  const planning = startPlanning(world, ledger.value, { onlyPending: order.pending });
  const own = await Promise.all(places.map((place) => planPlace(planning, place)));
  const removed = await Promise.all(gone.map((record) => planRemoved(world, ledger.value, record)));
  const below = await upstreamsToo(planning.started, own, world);
  const all = [...below, ...own, ...removed];
  for (const { report } of all) {
    const written =
      report.plan && (await world.ports.reports.write(report.stack, planFile(report), report.plan));
    if (written && !written.ok) return written;
  }
  return ok({ reports: all.map(({ report }) => report), failures: all.flatMap(({ failures }) => failures) });
}

/** Plans of stacks that nobody named, where they have changes that a named one was planned with. */
async function upstreamsToo(
  started: ReadonlyMap<string, Promise<Planned>>,
  own: readonly Planned[],
  { graph }: StackWorld,
): Promise<readonly Planned[]> {
  const all = await Promise.all(started.values());
  const order = placesOf(graph);
  const rank = ({ report }: Planned): number =>
    order.findIndex(({ stack, environment }) => stack === report.stack && environment === report.environment);
  const hasChanges = ({ report: { plan: made }, failures }: Planned): boolean =>
    failures.length > 0 || (made !== null && (made.changes.length > 0 || made.changedOutputs.length > 0));
  return all.filter((one) => !own.includes(one) && hasChanges(one)).toSorted((a, b) => rank(a) - rank(b));
}

/** The file below `.goldenthread/<stack>` in which the plan for an environment lies. */
export const planFile = ({ environment }: { readonly environment: string }): string =>
  `plan.${environment}.json`;
