import { Command } from 'commander';
import { ok } from '@goldenthread/core';
import { withGraph } from '../context.ts';
import { megabytes } from '../text.ts';
import type { Program } from './program.ts';

/** `goldenthread publish`: what was baked and tested here, for others to find. */
export function publishCommand({ signal, finish }: Program): Command {
  return new Command('publish')
    .description(
      'publish baked and tested images by fingerprint, with their evidence, so that nobody bakes them again',
    )
    .argument('<image...>', 'names of images')
    .option('--builder <name>', 'the artifact made by this builder', process.env['GOLDENTHREAD_BUILDER'])
    .action(async (images: string[], { builder }: { readonly builder?: string }, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const { publish } = await import('@goldenthread/engine/release');
          const published = await publish(
            { ports, graph, call, ...(builder === undefined ? {} : { builder }) },
            images,
          );
          if (!published.ok) return published;
          // What was there already is said too: nothing moved is an answer.
          const lines = published.value.map(({ image, digest, state, store, moved, seconds }) =>
            state === 'there'
              ? `${image} ${digest.slice(0, 19)} is in ${store} already (${seconds.toFixed(1)} s)`
              : `${image} published ${digest.slice(0, 19)} to ${store} (${megabytes(moved.bytes)} moved, ${seconds.toFixed(1)} s)`,
          );
          output.result(lines, { ok: true, images: published.value });
          return ok(undefined);
        }),
      ),
    );
}
