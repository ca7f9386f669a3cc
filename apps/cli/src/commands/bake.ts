import { Command } from 'commander';
import { ok, type Artifact } from '@goldenthread/core';
import { bake, type Baked } from '@goldenthread/engine';
import { withGraph } from '../context.ts';
import { megabytes } from '../text.ts';
import type { Program } from './program.ts';

interface Options {
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly builder?: string;
}

const made = (artifact: Artifact | null): string =>
  artifact ? ` ${artifact.digest.slice(0, 19)} ${megabytes(artifact.size)}` : '';

/** One line for what became of an image. */
export const bakedLine = ({ image, state, reason, artifact, seconds }: Baked): string =>
  `${image} ${state.replace('-', ' ')}${made(artifact)} (${reason}, ${seconds.toFixed(1)} s)`;

/** `goldenthread bake`: images by name, their bases first. */
export function bakeCommand({ signal, finish }: Program): Command {
  return new Command('bake')
    .description('bake images, their bases first, unless nothing that goes into them has changed')
    .argument('<image...>', 'names of images')
    .option('--force', 'bake again although the artifact is there')
    .option('--dry-run', 'say what would be baked, bake nothing')
    .option(
      '--builder <name>',
      'layered or packer: for images that declare what it needs',
      process.env['GOLDENTHREAD_BUILDER'],
    )
    .action(async (images: string[], options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const baked = await bake({ ports, graph, options, call }, images);
          if (!baked.ok) return baked;
          for (const { image, artifact } of baked.value) {
            if (artifact && images.includes(image))
              await ports.reports.write(image, 'artifact.json', artifact);
          }
          output.result(baked.value.map(bakedLine), { ok: true, images: baked.value });
          return ok(undefined);
        }),
      ),
    );
}
