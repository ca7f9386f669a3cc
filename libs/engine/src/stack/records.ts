import {
  ok,
  placeName,
  type Call,
  type Place,
  type Preview,
  type Result,
  type Run,
  type StackRecord,
} from '@goldenthread/core';
import { stackFile, stackPath } from '@goldenthread/core/stack';
import type { StackWorld } from './world.ts';

// What happened is written down even when the run itself was cancelled: for that it has a minute.
const LAST_WORDS_MS = 60_000;

/** A call that outlives the cancellation of another, for a while. */
const lastWords = ({ emit }: Call): Call => ({ emit, signal: AbortSignal.timeout(LAST_WORDS_MS) });

/** What becomes of the record of a place: a new one, or none where the stack is gone. */
export interface RecordChange {
  readonly place: Place;
  /** What this run has read, or written last: whatever else stands there by now is somebody else's. */
  readonly before: StackRecord | null;
  readonly record: StackRecord | null;
  /** In one line, for the audit trail. */
  readonly what: string;
  readonly why: string;
}

/** Writes what happened to a place into the ledger; false where somebody else has written there meanwhile, which stays. */
export async function writeRecord(
  { ports, call }: StackWorld,
  { place, before, record, what, why }: RecordChange,
): Promise<Result<boolean>> {
  const ledger = await ports.ledger();
  if (!ledger.ok) return ledger;
  const path = stackPath(place);
  const textOf = (one: StackRecord | null): string | null =>
    one === null ? null : stackFile(one, ports.hash)[1];
  const [expected, text] = [textOf(before), textOf(record)];
  const message = { what, why, nodes: [place.stack], environments: [place.environment] };
  let ours = true;
  const written = await ledger.value.commit(
    [path],
    ({ files }) => {
      const there = files.get(path) ?? null;
      ours = there === expected || there === text;
      return ok(ours && there !== text ? { write: new Map([[path, text]]), message } : null);
    },
    lastWords(call),
  );
  return written.ok ? ok(ours) : written;
}

/** What a record says of a plan that is carried out. */
export interface Outcome {
  readonly plan: Preview;
  readonly root: string;
  readonly condition: StackRecord['condition'];
  readonly upstreams: StackRecord['upstreams'];
  readonly outputs: string | null;
  readonly state: string | null;
  /** The digest of the plan that was approved, where this is what was left of it. */
  readonly approved?: string;
  readonly reason: string;
}

/** The record of a plan that is carried out. */
export const recordFrom = ({ plan, approved, ...outcome }: Outcome, run: Run, time: string): StackRecord => ({
  schema: 1,
  stack: plan.stack,
  environment: plan.environment,
  engine: plan.engine,
  commit: plan.commit,
  sources: plan.sources,
  plan: approved ?? plan.digest,
  values: plan.values,
  images: { ...plan.images },
  drift: null,
  ...outcome,
  by: run.by,
  run: run.id,
  time,
});

/** The title of an entry: "apply network in production: ready". */
export const title = (verb: string, place: Place, end: string): string =>
  `${verb} ${placeName(place)}: ${end}`;
