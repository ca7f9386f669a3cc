import {
  canonical,
  changeText,
  fail,
  ok,
  revocationOf,
  type Environment,
  type Failure,
  type Json,
  type Preview,
  type ResourceChange,
  type Result,
  type StackRecord,
  versionName,
} from '@goldenthread/core';
import type { Approvals } from './approval.ts';
import type { Applied } from './applied.ts';
import { settle } from './carry-out.ts';
import { previewSite } from './preview.ts';
import { title, writeRecord } from './records.ts';
import { inSlot, type StackLedger, type StackWorld } from './world.ts';

/** What is done about drift. */
export type DriftPolicy = Environment['drift'];

/** A place whose drift was seen. */
export interface Drifted {
  readonly world: StackWorld;
  readonly ledger: StackLedger;
  /** As it is after the drift was written down. */
  readonly record: StackRecord;
  readonly applied: Applied;
  readonly changes: readonly ResourceChange[];
  /** Null where the environment is no longer declared. */
  readonly environment: Environment | null;
}

/** What became of it. */
export interface Answer {
  readonly state: 'drifted' | 'requested' | 'repaired';
  readonly failures: readonly Failure[];
}

/** The file below `.goldenthread/<stack>` in which a plan against drift waits for approval. */
export const repairFile = (environment: string): string => `repair.${environment}.json`;

/** The record after a look: the drift that was seen, since when; null where the record says that already. */
function noted(
  { ports }: StackWorld,
  record: StackRecord,
  changes: readonly ResourceChange[],
): StackRecord | null {
  if (changes.length === 0) return record.drift === null ? null : { ...record, drift: null };
  const digest = ports.hash(canonical(changes as unknown as Json));
  if (record.drift?.digest === digest) return null;
  const since = record.drift?.since ?? ports.now().toISOString();
  const resources = changes.map(({ action, address }) => `${action} ${address}`);
  return { ...record, drift: { since, digest, resources } };
}

/** Writes down what was seen, where it is not what was seen before; answers the record as it is then. */
export async function noteDrift(
  world: StackWorld,
  record: StackRecord,
  changes: readonly ResourceChange[],
): Promise<Result<StackRecord>> {
  const next = noted(world, record, changes);
  if (next === null) return ok(record);
  const done = await writeRecord(world, {
    place: record,
    before: record,
    record: next,
    what: title('drift', record, next.drift === null ? 'none any more' : 'seen'),
    why: next.drift === null ? 'it is again as it was applied' : next.drift.resources.join(', '),
  });
  if (!done.ok) return done;
  if (done.value) return ok(next);
  const moved = ['another run has written its record while it was looked at'];
  return fail({ code: 'plan-outdated', stack: record.stack, environment: record.environment, moved });
}

const drifted = ({ record, changes }: Drifted, next: string): Answer => ({
  state: 'drifted',
  failures: [
    {
      code: 'drifted',
      stack: record.stack,
      environment: record.environment,
      changes: changes.map(changeText),
      next,
    },
  ],
});

/** Says it, and what a person can do, or why nothing is done as long as those below it are not at rest. */
export function report(seen: Drifted, restless: readonly string[]): Answer {
  const { stack, environment } = seen.record;
  if (restless.length > 0)
    return drifted(
      seen,
      `It is left alone as long as ${restless.join(' and ')}, on which it stands, is not as it was applied.`,
    );
  const way = `\`goldenthread apply ${stack} --environment ${environment}\` puts it right after approval; \`drift: repair\` in the environment does so by itself.`;
  return drifted(seen, way);
}

/** Makes the plan that would put it right, for somebody to approve. */
export async function request(seen: Drifted): Promise<Answer> {
  const { world, record, applied } = seen;
  const { stack, environment } = record;
  const held = await inSlot(world, record, () => previewSite(world, { ...applied.draft, record }, 'apply'));
  if (!held.ok) return { state: 'drifted', failures: held.failures };
  await held.value.previewed.discard();
  const plan: Preview = held.value.plan;
  const file = repairFile(environment);
  const written = await world.ports.reports.write(stack, file, plan);
  if (!written.ok) return { state: 'drifted', failures: written.failures };
  const next = `\`goldenthread apply ${stack} --environment ${environment} --plan .goldenthread/${stack}/${file}\` approves the plan that puts it right.`;
  return {
    state: 'requested',
    failures: [{ code: 'repair-waits', stack, environment, changes: seen.changes.map(changeText), next }],
  };
}

/** Images of what was applied that must not be used any more: nothing is built of them again. */
function revoked({ ledger, record }: Drifted): readonly string[] {
  return Object.entries(record.images).flatMap(([image, { version }]) => {
    const release = ledger.images.releases.get(image)?.find((one) => one.version === version);
    return release && revocationOf(ledger.images, release) ? [versionName(release)] : [];
  });
}

/** Whether a plan does what was seen to be needed, and nothing else. */
const isThat = (plan: Preview, seen: readonly ResourceChange[]): boolean =>
  plan.changes.every(
    ({ address, action }) =>
      action === 'read' || seen.some((change) => change.address === address && change.action === action),
  );

/** Puts it right: by a plan that does what was seen to be needed, and by no other. */
export async function repair(seen: Drifted): Promise<Answer> {
  const { world, ledger, environment, record, applied, changes } = seen;
  const bad = revoked(seen);
  if (bad.length > 0)
    return drifted(
      seen,
      `It was made of ${bad.join(' and ')}, which is revoked: plan it with another version.`,
    );
  const approvals: Approvals = {
    find: async () => ok(null),
    ask: async (plan) => ok(isThat(plan, changes)),
    auto: false,
  };
  const reasons = [
    `drift repaired: ${changes.map(({ action, address }) => `${action} ${address}`).join(', ')}`,
  ];
  const settled = await inSlot(world, record, () =>
    settle({
      world,
      ledger,
      environment,
      draft: { ...applied.draft, record },
      aim: 'apply',
      reasons,
      // What is repaired is what was approved and applied; the work tree may hold anything else.
      options: { approvals, allowDirty: true },
    }),
  );
  if (!settled.ok) return { state: 'drifted', failures: settled.failures };
  if (settled.value.state === 'applied') return { state: 'repaired', failures: [] };
  return drifted(seen, 'Its engine sees it, and would not change it: put it right by hand.');
}
