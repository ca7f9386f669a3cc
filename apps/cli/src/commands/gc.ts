import { Command } from 'commander';
import { fail, ok } from '@goldenthread/core';
import { withPorts } from '../context.ts';
import { megabytes } from '../text.ts';
import type { Program } from './program.ts';

interface Options {
  readonly days: string;
  readonly dryRun?: boolean;
}

/** `goldenthread gc`: room on this machine. */
export function gcCommand({ signal, finish }: Program): Command {
  return new Command('gc')
    .description('remove from this machine what no channel, no release and no record names any more')
    .option('--days <count>', 'records of bakes that were never released go after so many days', '30')
    .option('--dry-run', 'say what would go, remove nothing')
    .action(async (options: Options, command: Command) =>
      finish(
        await withPorts(command, signal, async ({ ports, call, output }) => {
          const days = Number(options.days);
          if (options.days.trim() === '' || !Number.isFinite(days) || days < 0)
            return fail({
              code: 'usage',
              detail: `--days "${options.days}" is no number of days`,
              hint: 'Write a number from 0.',
            });
          const { gc } = await import('@goldenthread/engine/release');
          const swept = await gc(ports, { days, dryRun: options.dryRun ?? false }, call);
          if (!swept.ok) return swept;
          const { records, blobs, others, bytes } = swept.value;
          const verb = options.dryRun ? 'would remove' : 'removed';
          output.result(
            [`${verb} ${records} records, ${blobs} blobs and ${others} cached things: ${megabytes(bytes)}`],
            { ok: true, ...swept.value },
          );
          return ok(undefined);
        }),
      ),
    );
}
