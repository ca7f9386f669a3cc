import type { Hash } from '../bake/fingerprint.ts';
import { channelFile, revocationFile } from '../ledger/files.ts';
import type { LedgerEdit } from '../ledger/ledger.ts';
import type { ChannelFile, ReleaseRecord, RevocationRecord } from '../ledger/schema.ts';
import { versionName, type LedgerState } from '../ledger/state.ts';
import { moved, undoTarget } from './channel.ts';
import { descendants, revocationOf } from './lineage.ts';

/** A channel that points to what is revoked now, and where it goes instead. */
export interface Fallback {
  readonly image: string;
  readonly channel: string;
  readonly from: string;
  /** Null: there is no earlier version that could be used, so it points to nothing. */
  readonly to: ReleaseRecord | null;
}

/** What a revocation means. */
export interface Revoking {
  /** Null where it was revoked before. */
  readonly edit: LedgerEdit | null;
  /** Releases that stand on it and are revoked with it. */
  readonly reached: readonly ReleaseRecord[];
  readonly fallbacks: readonly Fallback[];
}

/** Where the channels of an image fall back to, as its versions are revoked now. */
function fallbacksOf(state: LedgerState, file: ChannelFile): readonly Fallback[] {
  return Object.entries(file.channels).flatMap(([channel, version]): Fallback[] => {
    const release = state.releases.get(file.image)?.find((one) => one.version === version);
    if (release && revocationOf(state, release) === null) return [];
    const target = undoTarget(state, file.image, channel);
    return [{ image: file.image, channel, from: version, to: target.ok ? target.value.to : null }];
  });
}

/** The channels of an image after they have fallen back. */
function fallen(file: ChannelFile, fallbacks: readonly Fallback[], record: RevocationRecord): ChannelFile {
  const { by, run, time } = record;
  const reason = `${versionName(record)} is revoked: ${record.reason}`;
  return fallbacks.reduce((at, { channel, to }) => {
    const seen = at.history.findLast((move) => move.channel === channel && move.version === to?.version);
    return moved(at, at, {
      channel,
      to,
      action: 'revoke',
      reason,
      shared: seen?.shared ?? [],
      by,
      run,
      time,
    });
  }, file);
}

/** Decides a revocation: its record, and in the same change every channel that points to what it reaches moves back. */
export function revoking(
  state: LedgerState,
  release: ReleaseRecord,
  done: Pick<RevocationRecord, 'reason' | 'by' | 'run' | 'time'>,
  hash: Hash,
): Revoking {
  const name = versionName(release);
  const reached = descendants(state, release);
  if (state.revocations.has(name)) return { edit: null, reached, fallbacks: [] };
  const { image, version, digest } = release;
  const record: RevocationRecord = { schema: 1, image, version, digest, ...done };
  const after = { ...state, revocations: new Map([...state.revocations, [name, record]]) };
  const files = [...state.channels.values()].map((file) => ({ file, fallbacks: fallbacksOf(after, file) }));
  const changed = files
    .filter(({ fallbacks }) => fallbacks.length > 0)
    .map(({ file, fallbacks }) => channelFile(fallen(file, fallbacks, record), hash));
  const nodes = [...new Set([image, ...reached.map((one) => one.image)])];
  return {
    edit: {
      write: new Map([revocationFile(record, hash), ...changed]),
      message: { what: `revoke ${name}`, why: done.reason, nodes, environments: [] },
    },
    reached,
    fallbacks: files.flatMap(({ fallbacks }) => fallbacks),
  };
}
