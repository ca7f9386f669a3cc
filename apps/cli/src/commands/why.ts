import { Command } from 'commander';
import { ok } from '@goldenthread/core';
import { why } from '@goldenthread/engine';
import { withGraph } from '../context.ts';
import type { Program } from './program.ts';

interface Options {
  readonly base: string;
  readonly head?: string;
  readonly files?: string[];
}

/** `goldenthread why`: which changed file affects a project, and through which edges. */
export function whyCommand({ signal, finish }: Program): Command {
  return new Command('why')
    .description('say in words why a project is affected; without a name, for all affected projects')
    .argument('[project]', 'name of a project')
    .option(
      '--base <revision>',
      'changes since this revision and the head parted',
      process.env['NX_BASE'] ?? 'main',
    )
    .option(
      '--head <revision>',
      'changes up to this revision; the work tree by default',
      process.env['NX_HEAD'],
    )
    .option('--files <path...>', 'take these files as changed instead')
    .action(async (name: string | undefined, options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const range = {
            base: options.base,
            head: options.head ?? null,
            ...(options.files ? { files: options.files } : {}),
          };
          const found = await why({ workspace: ports.workspace, graph, call }, name ?? null, range);
          if (!found.ok) return found;
          const none = found.value.length === 0 ? ['no project is affected'] : [];
          output.result([...none, ...found.value.flatMap((one) => one.words)], found.value);
          return ok(undefined);
        }),
      ),
    );
}
