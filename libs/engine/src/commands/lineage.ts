import {
  ancestors,
  fail,
  latest,
  lineage,
  near,
  ok,
  parseVersionName,
  releaseNamed,
  type Call,
  type LineageNode,
  type LedgerState,
  type Ports,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import { readState } from '../release/state.ts';

/** What a release was made on, and what was made on it. */
export interface Lineage {
  /** From the nearest base downwards. */
  readonly bases: readonly ReleaseRecord[];
  readonly tree: LineageNode;
}

/** The release that is meant: of this version, or the newest. */
function meant(state: LedgerState, name: string): Result<ReleaseRecord> {
  const newest = latest(state, name);
  if (newest) return ok(newest);
  if (!name.includes('@'))
    return fail({ code: 'version-unknown', version: name, near: near(name, [...state.releases.keys()]) });
  const parsed = parseVersionName(name);
  return parsed.ok ? releaseNamed(state, parsed.value.image, parsed.value.version) : parsed;
}

/** The lineage of an image (its newest release) or of one release. */
export async function lineageOf(ports: Ports, name: string, call: Call): Promise<Result<Lineage>> {
  const state = await readState(ports, call);
  if (!state.ok) return state;
  const release = meant(state.value, name);
  if (!release.ok) return release;
  return ok({ bases: ancestors(state.value, release.value), tree: lineage(state.value, release.value) });
}
