import { Command } from 'commander';
import { ok } from '@goldenthread/core';
import type { Revoked } from '@goldenthread/engine/release';
import { withGraph } from '../context.ts';
import type { Program } from './program.ts';

interface Options {
  readonly reason: string;
  readonly dryRun?: boolean;
}

/** How each outcome is worded. */
const STATES: Readonly<Record<Revoked['state'], string>> = {
  revoked: 'is revoked',
  unchanged: 'was revoked before',
  'would-revoke': 'would be revoked',
};

/** Whom a revocation reaches: releases, channels, and projects that use the image. */
function linesOf({ version, state, reached, fallbacks, users, unmarked }: Revoked): readonly string[] {
  return [
    `${version} ${STATES[state]}`,
    ...reached.map((one) => `  and with it ${one}, which stands on it`),
    ...fallbacks.map(
      ({ image, channel, from, to }) =>
        `  channel ${channel} of ${image}: ${from} -> ${to?.version ?? 'nothing: no earlier version can be used'}`,
    ),
    ...unmarked.map((one) => `  not marked beside its content yet, run this again: ${one}`),
    ...(users.length > 0 ? ['used by:', ...users.map((user) => `  ${user}`)] : []),
  ];
}

/** `goldenthread revoke`: a version, and all that stands on it, must not be used any more. */
export function revokeCommand({ signal, finish }: Program): Command {
  return new Command('revoke')
    .description('refuse a version from now on, as a base and as a default, with all that stands on it')
    .argument('<image@version>', 'such as edge@1.4.1')
    .requiredOption('--reason <text>', 'why, for everybody who will be refused')
    .option('--dry-run', 'say whom it would reach, change nothing')
    .action(async (version: string, options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const { revoke } = await import('@goldenthread/engine/release');
          const done = await revoke({ ports, graph, call }, { ...options, version });
          if (done.ok) output.result(linesOf(done.value), { ok: true, ...done.value });
          return done.ok ? ok(undefined) : done;
        }),
      ),
    );
}
