import {
  fail,
  near,
  ok,
  place,
  releaseNamed,
  revocationOf,
  revokedFailure,
  versionName,
  type Call,
  type ChannelFile,
  type Graph,
  type LedgerState,
  type Ports,
  type ReleaseRecord,
  type Result,
} from '@goldenthread/core';
import { Name } from '@goldenthread/core/schemas';
import { channelVersion, moveChannel, undoTarget, type Move } from '@goldenthread/core/release';
import { projectNamed } from '../load.ts';
import { spread } from '../release/carry-out.ts';
import type { ReleaseWorld } from '../release/observe.ts';
import { announce } from '../release/shares.ts';
import { caseOf } from '../release/site.ts';
import { changeState, readState } from '../release/state.ts';

/** A channel of an image, and what it points to. */
export interface ChannelLine {
  readonly image: string;
  readonly channel: string;
  readonly version: string;
  readonly digest: string;
  /** When it was moved there, and why. */
  readonly since: string;
  readonly reason: string;
  /** `edge@1.4.1` where what it points to is revoked. */
  readonly revoked: string | null;
}

function lineOf(state: LedgerState, file: ChannelFile, channel: string): readonly ChannelLine[] {
  const version = channelVersion(state, file.image, channel);
  const release = state.releases.get(file.image)?.find((one) => one.version === version);
  const move = file.history.findLast((one) => one.channel === channel);
  if (!release || !move) return [];
  const revoked = revocationOf(state, release);
  return [
    {
      image: file.image,
      channel,
      version: release.version,
      digest: release.digest,
      since: move.time,
      reason: move.reason,
      revoked: revoked && versionName(revoked),
    },
  ];
}

const linesOf = (state: LedgerState, file: ChannelFile): readonly ChannelLine[] =>
  Object.keys(file.channels).flatMap((channel) => lineOf(state, file, channel));

/** Every channel of every image. */
export async function channels(ports: Ports, call: Call): Promise<Result<readonly ChannelLine[]>> {
  const state = await readState(ports, call);
  if (!state.ok) return state;
  return ok([...state.value.channels.values()].flatMap((file) => linesOf(state.value, file)));
}

/** The channels of one image with every move so far; `version-unknown` where it was never released. */
export async function channelHistory(
  ports: Ports,
  image: string,
  call: Call,
): Promise<Result<{ readonly lines: readonly ChannelLine[]; readonly file: ChannelFile }>> {
  const state = await readState(ports, call);
  if (!state.ok) return state;
  const file = state.value.channels.get(image);
  if (file) return ok({ lines: linesOf(state.value, file), file });
  return fail({
    code: 'version-unknown',
    version: image,
    near: near(image, [...state.value.channels.keys()]),
  });
}

/** Who uses an image, each in words with the place that says so. */
export const usersOf = (graph: Graph, image: string): readonly string[] =>
  graph.edges
    .filter(({ to }) => to === image)
    .map(({ from, reason, at }) => `${from} ${reason} (${place(at)})`);

/** What a channel was moved to. */
export interface ChannelMoved {
  readonly image: string;
  readonly channel: string;
  readonly from: string | null;
  readonly version: string;
  readonly digest: string;
  /** Versions that an undo passed over, as they are revoked. */
  readonly skipped: readonly string[];
  /** Who uses the image, in words. */
  readonly users: readonly string[];
  readonly state: 'moved' | 'unchanged' | 'would-move';
}

/** A reason is for those who read the trail years later: an empty one is refused. */
export const reasonSaid = (reason: string): Result<void> =>
  reason.trim() === ''
    ? fail({
        code: 'usage',
        detail: 'the reason is empty',
        hint: 'Say why, for everybody who will read it: --reason "…".',
      })
    : ok(undefined);

/** A channel's name is a key of the ledger, where names follow one rule. */
const channelNamed = (channel: string): Result<void> =>
  Name.safeParse(channel).success
    ? ok(undefined)
    : fail({
        code: 'usage',
        detail: `"${channel}" is no name for a channel`,
        hint: 'Use lower-case letters, digits, ".", "_" and "-".',
      });

/** What to move, why, and whether only to say what would be. */
export interface ChannelOrder {
  readonly image: string;
  readonly channel: string;
  readonly reason: string;
  readonly dryRun?: boolean;
  /** Only where the channel points to this version: a command that is repeated moves nothing twice. */
  readonly from?: string;
}

type Target = (
  state: LedgerState,
) => Result<{ readonly to: ReleaseRecord; readonly skipped: readonly string[] }>;

/** Where a channel stays. */
function standingAt(state: LedgerState, image: string, version: string): ReturnType<Target> {
  const to = releaseNamed(state, image, version);
  return to.ok ? ok({ to: to.value, skipped: [] }) : to;
}

/** Moves a channel to what `target` finds, once that is seen to be everywhere where it should be. */
async function move(
  world: ReleaseWorld,
  order: ChannelOrder,
  action: 'set' | 'undo',
  target: Target,
): Promise<Result<ChannelMoved>> {
  const { ports, graph, call } = world;
  const { image, channel, reason } = order;
  const project = projectNamed(graph, image, 'image');
  if (!project.ok) return project;
  const [named, said] = [channelNamed(channel), reasonSaid(reason)];
  if (!named.ok) return named;
  if (!said.ok) return said;
  const before = await readState(ports, call);
  if (!before.ok) return before;
  const from = channelVersion(before.value, image, channel);
  const stays = order.from !== undefined && order.from !== from ? from : null;
  const wanted = stays === null ? target(before.value) : standingAt(before.value, image, stays);
  if (!wanted.ok) return wanted;
  const { to, skipped } = wanted.value;
  const answer = (state: ChannelMoved['state']): Result<ChannelMoved> =>
    ok({
      image,
      channel,
      from,
      version: to.version,
      digest: to.digest,
      skipped,
      users: usersOf(graph, image),
      state,
    });
  if (stays !== null) return answer('unchanged');
  if (order.dryRun) return answer('would-move');
  const one = await caseOf(world, to);
  if (!one.ok) return one;
  const announced = await announce(to, one.value);
  if (!announced.ok) return announced;
  const everywhere = await spread(one.value);
  if (!everywhere.ok) return everywhere;
  const run = await ports.run(call);
  if (!run.ok) return run;
  const shared = one.value.wanted.map(({ name }) => name);
  const how: Move = {
    channel,
    to,
    action,
    reason,
    shared,
    by: run.value.by,
    run: run.value.id,
    time: ports.now().toISOString(),
  };
  const changed = await changeState(ports, call, (state) => {
    const still = target(state);
    if (!still.ok) return still;
    // Somebody moved it meanwhile: what was decided does not hold any more.
    if (still.value.to.version !== to.version)
      return fail({ code: 'ledger-contended', branch: `channel ${channel} of ${image}`, tries: 1 });
    const edit = moveChannel(state, to, how, ports.hash);
    return ok({ edit, value: edit !== null });
  });
  return changed.ok ? answer(changed.value ? 'moved' : 'unchanged') : changed;
}

/** Moves a channel to a released version; `revoked` where that must not be used. */
export const setChannel = (
  world: ReleaseWorld,
  order: ChannelOrder & { readonly version: string },
): Promise<Result<ChannelMoved>> =>
  move(world, order, 'set', (state) => {
    const to = releaseNamed(state, order.image, order.version);
    if (!to.ok) return to;
    const revoked = revocationOf(state, to.value);
    return revoked ? fail(revokedFailure(versionName(to.value), revoked)) : ok({ to: to.value, skipped: [] });
  });

/** Moves a channel back to the version before, past those that are revoked by now. */
export const undoChannel = (world: ReleaseWorld, order: ChannelOrder): Promise<Result<ChannelMoved>> =>
  move(world, order, 'undo', (state) => undoTarget(state, order.image, order.channel));
