import { Command } from 'commander';
import { DEFAULT_CHANNEL, ok, parseVersionName } from '@goldenthread/core';
import type { ChannelMoved } from '@goldenthread/engine/release';
import { withGraph, withPorts } from '../context.ts';
import { minute, table } from '../text.ts';
import type { Program } from './program.ts';

const STATES: Readonly<Record<ChannelMoved['state'], string>> = {
  moved: 'moved to',
  unchanged: 'points to',
  'would-move': 'would move to',
};

/** What a move came to, and whom it concerns. */
function movedLines(done: ChannelMoved): readonly string[] {
  const { image, channel, from, version, digest, skipped, users, state } = done;
  const came = from === null || from === version ? '' : ` from ${from}`;
  return [
    `${image} ${channel} ${STATES[state]} ${version}${came} (${digest.slice(0, 19)})`,
    ...skipped.map((one) => `  passed over ${image}@${one}: revoked`),
    ...(users.length > 0
      ? ['used by:', ...users.map((user) => `  ${user}`)]
      : ['nothing in this workspace uses it']),
  ];
}

/** `channel list` */
function listCommand({ signal, finish }: Program): Command {
  return new Command('list')
    .description('every channel and what it points to')
    .action(async (_: object, command: Command) =>
      finish(
        await withPorts(command, signal, async ({ ports, call, output }) => {
          const { channels } = await import('@goldenthread/engine/release');
          const all = await channels(ports, call);
          if (!all.ok) return all;
          const rows = all.value.map(({ image, channel, version, digest, since, revoked, reason }) => [
            image,
            channel,
            version,
            digest.slice(0, 19),
            `since ${minute(since)}`,
            revoked ? `REVOKED with ${revoked}` : reason,
          ]);
          output.result(rows.length > 0 ? table(rows) : ['no image has been released yet'], {
            ok: true,
            channels: all.value,
          });
          return ok(undefined);
        }),
      ),
    );
}

/** `channel show` */
function showCommand({ signal, finish }: Program): Command {
  return new Command('show')
    .description('the channels of an image, and every move so far')
    .argument('<image>', 'name of an image')
    .action(async (image: string, _: object, command: Command) =>
      finish(
        await withPorts(command, signal, async ({ ports, call, output }) => {
          const { channelHistory } = await import('@goldenthread/engine/release');
          const found = await channelHistory(ports, image, call);
          if (!found.ok) return found;
          const { lines, file } = found.value;
          const moves = file.history
            .toReversed()
            .map((move) => [
              `  ${minute(move.time)}`,
              move.channel,
              `${move.action} ${move.from ?? 'nothing'} -> ${move.version ?? 'nothing'}`,
              `${move.reason} (${move.by})`,
            ]);
          const now = lines.map(
            (line) =>
              `${image} ${line.channel} -> ${line.version} ${line.digest}${line.revoked ? ` REVOKED with ${line.revoked}` : ''}`,
          );
          output.result([...now, ...table(moves)], { ok: true, ...file });
          return ok(undefined);
        }),
      ),
    );
}

interface MoveOptions {
  readonly channel: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly from?: string;
}

/** What set and undo have in common. */
const withMoveOptions = (command: Command): Command =>
  command
    .option('--channel <name>', 'another channel than the default', DEFAULT_CHANNEL)
    .option('--reason <text>', 'why, for the audit trail')
    .option(
      '--from <version>',
      'only where the channel points to this version: repeated, nothing moves twice',
    )
    .option('--dry-run', 'say what would be done, change nothing');

/** `channel set` */
function setCommand({ signal, finish }: Program): Command {
  return withMoveOptions(new Command('set').description('point a channel to a released version'))
    .argument('<image@version>', 'such as edge@1.4.1')
    .action(async (name: string, options: MoveOptions, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const parsed = parseVersionName(name);
          if (!parsed.ok) return parsed;
          const { setChannel } = await import('@goldenthread/engine/release');
          const reason = options.reason ?? 'set by hand';
          const order = { ...options, ...parsed.value, reason };
          const done = await setChannel({ ports, graph, call }, order);
          if (done.ok) output.result(movedLines(done.value), { ok: true, ...done.value });
          return done.ok ? ok(undefined) : done;
        }),
      ),
    );
}

/** `channel undo` */
function undoCommand({ signal, finish }: Program): Command {
  return withMoveOptions(new Command('undo').description('move a channel back to the version before'))
    .argument('<image>', 'name of an image')
    .action(async (image: string, options: MoveOptions, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const { undoChannel } = await import('@goldenthread/engine/release');
          const done = await undoChannel(
            { ports, graph, call },
            { ...options, image, reason: options.reason ?? 'undone by hand' },
          );
          if (done.ok) output.result(movedLines(done.value), { ok: true, ...done.value });
          return done.ok ? ok(undefined) : done;
        }),
      ),
    );
}

/** `goldenthread channel`: what the channels of images point to, and moving them by hand. */
export function channelCommand(program: Program): Command {
  const command = new Command('channel').description(
    'list, show and move channels: names that point to one version of an image',
  );
  [listCommand, showCommand, setCommand, undoCommand].forEach((make) => command.addCommand(make(program)));
  return command;
}
