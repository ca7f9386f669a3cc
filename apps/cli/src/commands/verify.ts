import { Command } from 'commander';
import { ok, type Failure, type Result } from '@goldenthread/core';
import { verify, type Verified, type VerifyJob } from '@goldenthread/engine';
import { withGraph, type CommonOptions } from '../context.ts';
import type { Program } from './program.ts';

interface Options {
  readonly keep?: boolean;
  readonly force?: boolean;
  readonly builder?: string;
}

function verifiedLine({ image, evidence, state, seconds }: Verified): string {
  const cases = evidence.suites.flatMap((suite) => suite.cases);
  const skipped = cases.filter((one) => one.outcome === 'skipped').length;
  const count = `${cases.length - skipped} tests passed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  return `${image} ${state} ${evidence.artifact.slice(0, 19)}: ${count} (${state === 'reused' ? 'the same tests passed on the same artifact' : `${seconds.toFixed(1)} s`})`;
}

/** Verifies one after another, so that each has the machine to itself; goes on after a failure. */
async function verifyAll(
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

/** `goldenthread verify`: tests of images on their artifacts. */
export function verifyCommand({ signal, finish }: Program): Command {
  return new Command('verify')
    .alias('test')
    .description('run the tests of images on their baked artifacts')
    .argument('<image...>', 'names of images')
    .option('--keep', 'keep the machine afterwards and say how to enter it')
    .option('--force', 'run the tests although they have passed on this artifact')
    .option('--builder <name>', 'the artifact made by this builder', process.env['GOLDENTHREAD_BUILDER'])
    .action(async (images: string[], options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
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
