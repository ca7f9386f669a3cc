import type { Hash } from '../bake/fingerprint.ts';
import { channelFile } from '../ledger/files.ts';
import type { LedgerEdit } from '../ledger/ledger.ts';
import type { ChannelFile, ChannelMove, ReleaseRecord } from '../ledger/schema.ts';
import { DEFAULT_CHANNEL, releaseNamed, versionName, type LedgerState } from '../ledger/state.ts';
import { fail, ok, type Result } from '../result.ts';
import { revocationOf, revokedFailure } from './lineage.ts';
import { compareVersions } from './version.ts';

/** What a channel is moved to, by whom and why. */
export interface Move extends Pick<
  ChannelMove,
  'channel' | 'action' | 'reason' | 'by' | 'run' | 'time' | 'shared'
> {
  /** Null: it points to nothing from then on. */
  readonly to: ReleaseRecord | null;
}

/** What a channel points to. A channel may be called like something that every object has. */
const pointsTo = (file: ChannelFile | null | undefined, channel: string): string | null =>
  file && Object.hasOwn(file.channels, channel) ? (file.channels[channel] ?? null) : null;

/** The version that a channel of an image points to. */
export const channelVersion = (state: LedgerState, image: string, channel: string): string | null =>
  pointsTo(state.channels.get(image), channel);

/** The file after a move: the channel points elsewhere, and the history says so. */
export function moved(
  file: ChannelFile | null,
  of: { readonly image: string; readonly role: string },
  move: Move,
): ChannelFile {
  const { channel, to, shared, ...rest } = move;
  const from = pointsTo(file, channel);
  const others = Object.entries(file?.channels ?? {}).filter(([name]) => name !== channel);
  const own = to === null ? [] : [[channel, to.version] as const];
  return {
    schema: 1,
    image: of.image,
    role: of.role,
    channels: Object.fromEntries([...others, ...own].toSorted(([a], [b]) => a.localeCompare(b))),
    history: [
      ...(file?.history ?? []),
      {
        ...rest,
        channel,
        from,
        version: to?.version ?? null,
        digest: to?.digest ?? null,
        shared: [...shared],
      },
    ],
  };
}

/** Versions that a channel pointed to and that were not taken back, the current one last: an undo takes the last one away. */
export function standing(file: ChannelFile, channel: string): readonly string[] {
  const stack: string[] = [];
  for (const move of file.history) {
    if (move.channel !== channel) continue;
    if (move.action !== 'undo') {
      if (move.version !== null) stack.push(move.version);
      continue;
    }
    while (stack.length > 0 && stack.at(-1) !== move.version) stack.pop();
  }
  return stack;
}

/** What an undo of a channel leads to: the version before, past those that are revoked by now. */
export function undoTarget(
  state: LedgerState,
  image: string,
  channel: string,
): Result<{ readonly to: ReleaseRecord; readonly skipped: readonly string[] }> {
  const file = state.channels.get(image);
  const current = pointsTo(file, channel);
  if (!file || current === null)
    return fail({ code: 'channel-empty', image, channel, detail: 'points to no version' });
  const skipped: string[] = [];
  for (const version of standing(file, channel).toReversed()) {
    if (version === current || skipped.includes(version)) continue;
    const release = releaseNamed(state, image, version);
    if (!release.ok) return release;
    if (revocationOf(state, release.value) === null) return ok({ to: release.value, skipped });
    skipped.push(version);
  }
  const detail = `has no version before ${current} that could be used`;
  return fail({ code: 'channel-empty', image, channel, detail });
}

/** The title that a move has in the audit trail. */
export const moveTitle = (
  image: string,
  channel: string,
  action: Move['action'],
  version: string | null,
): string => `channel ${image} ${channel}: ${action} to ${version ?? 'nothing'}`;

/** Who moves a channel, when, and which accounts were seen to have the version. */
export type MoveBy = Pick<ChannelMove, 'by' | 'run' | 'time' | 'shared'>;

interface Decided {
  readonly edit: LedgerEdit | null;
  readonly value: void;
}

/** Moves a channel to a release, or to nothing. Nothing is changed where it points there. */
export function moveChannel(
  state: LedgerState,
  of: { readonly image: string; readonly role: string },
  move: Move,
  hash: Hash,
): LedgerEdit | null {
  const file = state.channels.get(of.image) ?? null;
  if (file && pointsTo(file, move.channel) === (move.to?.version ?? null)) return null;
  return {
    write: new Map([channelFile(moved(file, of, move), hash)]),
    message: {
      what: moveTitle(of.image, move.channel, move.action, move.to?.version ?? null),
      why: move.reason,
      nodes: [of.image],
      environments: [],
    },
  };
}

/** Whether a release is to become its role's default: once in its life, and never back. */
export function becomesDefault(state: LedgerState, record: ReleaseRecord): boolean {
  const file = state.channels.get(record.image);
  // Whoever has moved the default away from it by hand meant that.
  const had = file?.history.some(
    (move) => move.channel === DEFAULT_CHANNEL && move.version === record.version,
  );
  const current = channelVersion(state, record.image, DEFAULT_CHANNEL);
  return had !== true && (current === null || compareVersions(record.version, current) > 0);
}

/** Makes a release its role's default, unless it has been or a newer one is; `revoked` where it must not be used. */
export function moveDefault(
  state: LedgerState,
  record: ReleaseRecord,
  by: MoveBy,
  hash: Hash,
): Result<Decided> {
  const revoked = revocationOf(state, record);
  if (revoked) return fail(revokedFailure(versionName(record), revoked));
  if (!becomesDefault(state, record)) return ok({ edit: null, value: undefined });
  const move: Move = {
    ...by,
    channel: DEFAULT_CHANNEL,
    to: record,
    action: 'release',
    reason: record.reason,
  };
  return ok({ edit: moveChannel(state, record, move, hash), value: undefined });
}
