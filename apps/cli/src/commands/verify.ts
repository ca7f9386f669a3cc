import { Command } from 'commander';
import { fail, ok, type Failure, type Result } from '@goldenthread/core';
import { verify, type Verified, type VerifyJob } from '@goldenthread/engine';
import type { Checked } from '@goldenthread/engine/release';
import { withGraph, type CommonOptions, type Context } from '../context.ts';
import type { Program } from './program.ts';

interface Options {
  readonly keep?: boolean;
  readonly force?: boolean;
  readonly builder?: string;
}

/** Tests and chains are different questions, with different answers. */
const MIXED: Failure = {
  code: 'usage',
  detail: 'images and released versions are named together',
  hint: 'Tests run on images, the chain is checked for versions such as edge@1.4.1: call it once for each.',
};

/** What became of an image's tests, in a line. */
export function verifiedLine({ image, evidence, state, seconds }: Verified): string {
  const cases = evidence.suites.flatMap((suite) => suite.cases);
  const skipped = cases.filter((one) => one.outcome === 'skipped').length;
  const count = `${cases.length - skipped} tests passed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  return `${image} ${state} ${evidence.artifact.slice(0, 19)}: ${count} (${state === 'reused' ? 'the same tests passed on the same artifact' : `${seconds.toFixed(1)} s`})`;
}

/** Verifies one after another, so that each has the machine to itself; goes on after a failure. */
export async function verifyAll(
  job: VerifyJob,
  images: readonly string[],
): Promise<{ done: Verified[]; failures: Failure[] }> {
  const done: Verified[] = [];
  const failures: Failure[] = [];
  for (const image of images) {
    const verified: Result<Verified> = await verify(job, image);
    if (verified.ok) done.push(verified.value);
    else failures.push(...verified.failures);
  }
  return { done, failures };
}

/** What was found of each release, a line for each link of its chain; 1 where one does not hold. */
async function checkAll(
  { ports, graph, call, output }: Context,
  versions: readonly string[],
): Promise<Result<number>> {
  const { checkRelease } = await import('@goldenthread/engine/release');
  const all: Checked[] = [];
  for (const version of versions) {
    const checked = await checkRelease({ ports, graph, call }, version);
    if (!checked.ok) return checked;
    all.push(checked.value);
  }
  const lines = all.flatMap(({ version, digest, commit, holds, links }) => [
    `${holds ? '✔' : '✘'} ${version} ${digest} from commit ${commit.slice(0, 12)}`,
    ...links.map((link) => `  ${link.holds ? '✔' : '✘'} ${link.link}: ${link.found}`),
  ]);
  const holds = all.every((one) => one.holds);
  output.result(lines, { ok: holds, releases: all });
  return ok(holds ? 0 : 1);
}

/** `goldenthread verify`: tests of images on their artifacts, and the chain behind released versions. */
export function verifyCommand({ signal, finish }: Program): Command {
  return new Command('verify')
    .description(
      'run the tests of images on their baked artifacts; of a released version, check the whole chain behind it',
    )
    .argument('<image...>', 'names of images, or released versions such as edge@1.4.1')
    .option('--keep', 'keep the machine afterwards and say how to enter it')
    .option('--force', 'run the tests although they have passed on this artifact')
    .option('--builder <name>', 'the artifact made by this builder', process.env['GOLDENTHREAD_BUILDER'])
    .action(async (images: string[], options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async (context) => {
          const { ports, graph, call, output } = context;
          const versions = images.filter((name) => name.includes('@'));
          if (versions.length === images.length) return checkAll(context, versions);
          if (versions.length > 0) return fail(MIXED);
          const { done, failures } = await verifyAll({ ports, graph, options, call }, images);
          for (const { image, evidence } of done) await ports.reports.write(image, 'evidence.json', evidence);
          // With --json there is one document: the failures, where there are any.
          const { json }: CommonOptions = command.optsWithGlobals();
          if (done.length > 0 && (failures.length === 0 || !json))
            output.result(done.map(verifiedLine), { ok: true, images: done });
          return failures.length > 0 ? { ok: false, failures } : ok(undefined);
        }),
      ),
    );
}
