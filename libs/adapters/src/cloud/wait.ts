import { setTimeout as pause } from 'node:timers/promises';
import { fail, ok, type Call, type Result } from '@goldenthread/core';

/** How long is waited for what a cloud does by itself. */
export interface Pace {
  /** Milliseconds between two looks. */
  readonly interval: number;
  /** Seconds until waiting is given up. */
  readonly patience: number;
}

/** Copies of large images take the better part of an hour. */
export const PACE: Pace = { interval: 10_000, patience: 3 * 60 * 60 };

const SAY_MS = 60_000;

/** What is waited for, in words, and the image that waits. */
export interface Awaited {
  readonly image: string;
  readonly what: string;
}

/** Looks until there is something (null: not yet); fails with `timeout` or `cancelled`, and says now and then that it waits. */
export async function until<T>(
  look: () => Promise<Result<T | null>>,
  { image, what }: Awaited,
  pace: Pace,
  call: Call,
): Promise<Result<T>> {
  const end = Date.now() + pace.patience * 1000;
  for (let said = 0; ;) {
    const seen = await look();
    if (!seen.ok) return seen;
    if (seen.value !== null) return ok(seen.value);
    if (Date.now() > end) return fail({ code: 'timeout', what, seconds: pace.patience });
    if (Date.now() - said >= SAY_MS) {
      call.emit({ type: 'waiting', project: image, what });
      said = Date.now();
    }
    try {
      await pause(pace.interval, undefined, { signal: call.signal });
    } catch {
      return fail({ code: 'cancelled' });
    }
  }
}
