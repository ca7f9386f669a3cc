import { Command } from 'commander';
import { exitCode, fail, ok, type Result } from '@goldenthread/core';
import type { Released, ReleaseWorld } from '@goldenthread/engine/release';
import { withGraph } from '../context.ts';
import { withSince, type SinceOptions } from '../since.ts';
import { megabytes } from '../text.ts';
import type { Program } from './program.ts';

interface Options extends SinceOptions {
  readonly affected?: boolean;
  readonly dryRun?: boolean;
  readonly builder?: string;
  readonly anyBranch?: boolean;
}

/** The options that every step of a release has to know. */
const howReleased = ({ builder, anyBranch }: Options): Pick<ReleaseWorld, 'builder' | 'anyBranch'> => ({
  ...(builder === undefined ? {} : { builder }),
  ...(anyBranch === undefined ? {} : { anyBranch }),
});

/** How each outcome is worded. */
const STATES: Readonly<Record<Released['state'], string>> = {
  released: 'released',
  unchanged: 'unchanged',
  'would-release': 'would be released',
  superseded: 'left to a newer commit',
};

/** One line for what became of an image; of a rehearsal every step with its reason. */
function linesOf(one: Released): readonly string[] {
  const { image, version, digest, state, reason, steps, shared, moved, seconds } = one;
  const where = shared.length > 0 ? `, shared with ${shared.join(', ')}` : '';
  if (version === null || digest === null) return [`${image} ${STATES[state]}`];
  const head = `${image} ${version} ${STATES[state]}: ${reason} (${digest.slice(0, 19)}`;
  // Of what would be done nothing has been moved yet; each step with its reason says more.
  if (state === 'would-release') return [`${head})`, ...steps.map(({ step, why }) => `  ${step}: ${why}`)];
  return [`${head}${where}, ${megabytes(moved.bytes)} moved, ${seconds.toFixed(1)} s)`];
}

/** The images that are meant: named, or affected since a revision. */
async function meant(
  world: ReleaseWorld,
  images: readonly string[],
  options: Options,
): Promise<Result<readonly string[]>> {
  if (images.length > 0 && options.affected)
    return fail({
      code: 'usage',
      detail: 'images are named, and --affected asks for others',
      hint: 'Use one of them.',
    });
  if (images.length > 0) return ok(images);
  if (!options.affected)
    return fail({
      code: 'usage',
      detail: 'no image is named',
      hint: 'Name images, or let --affected find those that changed since --base.',
    });
  const { affectedImages } = await import('@goldenthread/engine/release');
  return affectedImages(world, { base: options.base, head: options.head ?? null });
}

/** `goldenthread release`: tested images get their version, are shared, and become the default of their role. */
export function releaseCommand({ signal, finish }: Program): Command {
  return withSince(
    new Command('release')
      .description(
        'give tested images their next version, share them, and make them the default of their role; bakes nothing',
      )
      .argument('[image...]', 'names of images; their bases are released before them')
      .option('--affected', 'the images that changes since --base affect'),
  )
    .option('--dry-run', 'say what would be done and why, change nothing')
    .option('--any-branch', "release what is not on the remote's default branch")
    .option('--builder <name>', 'the artifact made by this builder', process.env['GOLDENTHREAD_BUILDER'])
    .action(async (images: string[], options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const world = { ports, graph, call, ...howReleased(options) };
          const names = await meant(world, images, options);
          if (!names.ok) return names;
          const { release } = await import('@goldenthread/engine/release');
          const { done, failures } = await release({ ...world, options }, names.value);
          for (const one of done)
            if (!options.dryRun) await ports.reports.write(one.image, 'release.json', one);
          const none = names.value.length === 0 ? ['no image is affected'] : [];
          // What was released is said even where something else failed.
          output.result([...none, ...done.flatMap(linesOf)], {
            ok: failures.length === 0,
            images: done,
            failures,
          });
          output.words(failures);
          return ok(exitCode(failures));
        }),
      ),
    );
}
