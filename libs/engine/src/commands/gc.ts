import { allReleases, type Call, type Ports, type Result, type Swept } from '@goldenthread/core';
import { readState } from '../release/state.ts';

/** How to sweep. */
export interface GcOptions {
  /** Records older than this many days go, where no release names their artifact. */
  readonly days: number;
  readonly dryRun: boolean;
}

/** Removes from this machine what no channel, no release and no record names any more. Fails where the ledger cannot be read: in doubt nothing goes. */
export async function gc(ports: Ports, options: GcOptions, call: Call): Promise<Result<Swept>> {
  const state = await readState(ports, call);
  if (!state.ok) return state;
  const keep = new Set(allReleases(state.value).map(({ digest }) => digest));
  return ports.sweep({ ...options, keep }, call);
}
