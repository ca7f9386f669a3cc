import {
  ok,
  parseVersionName,
  releaseNamed,
  versionName,
  words,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import { revoking, type Fallback } from '@goldenthread/core/release';
import type { ReleaseWorld } from '../release/observe.ts';
import { recorded } from '../release/site.ts';
import { changeState, readState } from '../release/state.ts';
import { reasonSaid, usersOf } from './channel.ts';

/** What to revoke, and why. */
export interface RevokeOrder {
  /** `edge@1.4.1` */
  readonly version: string;
  readonly reason: string;
  readonly dryRun?: boolean;
}

/** What a revocation did. */
export interface Revoked {
  readonly version: string;
  readonly digest: string;
  readonly state: 'revoked' | 'unchanged' | 'would-revoke';
  /** Releases that stand on it, `web@1.0.0`. */
  readonly reached: readonly string[];
  /** Channels that pointed to one of them, and where they point now. */
  readonly fallbacks: readonly Fallback[];
  /** Who uses the image, in words. */
  readonly users: readonly string[];
  /** Marks that could not be set beside releases, in words; the ledger counts all the same, and another run sets them. */
  readonly unmarked: readonly string[];
}

/** Marks a release in every store that holds it. */
async function markOne(
  { ports, call }: ReleaseWorld,
  record: ReleaseRecord,
  reason: string,
): Promise<Result<void>> {
  const found = await recorded({ ports, call }, record);
  if (!found.ok) return found;
  const { artifact } = found.value;
  const homes = await ports.homes(artifact);
  if (!homes.ok) return homes;
  for (const store of homes.value) {
    const marked = await store.revoke({ artifact, version: record.version }, reason, call);
    if (!marked.ok) return marked;
  }
  return ok(undefined);
}

/** Marks releases where they lie, for those who do not read the ledger. Answers what could not be marked, in words. */
async function mark(
  world: ReleaseWorld,
  releases: readonly ReleaseRecord[],
  reason: string,
): Promise<readonly string[]> {
  const unmarked: string[] = [];
  for (const record of releases) {
    const marked = await markOne(world, record, reason);
    if (!marked.ok)
      unmarked.push(...marked.failures.map((one) => `${versionName(record)}: ${words(one).what}`));
  }
  return unmarked;
}

/** Revokes a release, and with it all that stands on it. The ledger decides; marks in the stores follow, and are set again by another run. */
export async function revoke(world: ReleaseWorld, order: RevokeOrder): Promise<Result<Revoked>> {
  const { ports, graph, call } = world;
  const name = parseVersionName(order.version);
  if (!name.ok) return name;
  const said = reasonSaid(order.reason);
  if (!said.ok) return said;
  const { image, version } = name.value;
  const run = await ports.run(call);
  if (!run.ok) return run;
  const done = { reason: order.reason, by: run.value.by, run: run.value.id, time: ports.now().toISOString() };
  const decide = (
    state: Parameters<typeof revoking>[0],
  ): Result<{ release: ReleaseRecord } & ReturnType<typeof revoking>> => {
    const release = releaseNamed(state, image, version);
    return release.ok
      ? ok({ release: release.value, ...revoking(state, release.value, done, ports.hash) })
      : release;
  };
  const before = order.dryRun ? await readState(ports, call) : null;
  if (before && !before.ok) return before;
  const decided = before
    ? decide(before.value)
    : await changeState(ports, call, (state) => {
        const made = decide(state);
        return made.ok ? ok({ edit: made.value.edit, value: made.value }) : made;
      });
  if (!decided.ok) return decided;
  const { release, reached, edit, fallbacks } = decided.value;
  const marks = order.dryRun
    ? []
    : await mark(world, [release, ...reached], `${versionName(release)} is revoked: ${order.reason}`);
  return ok({
    version: order.version,
    digest: release.digest,
    state: order.dryRun ? 'would-revoke' : edit ? 'revoked' : 'unchanged',
    reached: reached.map(versionName),
    fallbacks,
    users: usersOf(graph, image),
    unmarked: marks,
  });
}
