import { Command } from 'commander';
import { exitCode, ok, type Failure, type TestCase } from '@goldenthread/core';
import type { Verified } from '@goldenthread/engine';
import type { StackTested } from '@goldenthread/engine/stack';
import { withGraph, type Context } from '../context.ts';
import { collect } from '../stacks.ts';
import type { Program } from './program.ts';
import { verifiedLine, verifyAll } from './verify.ts';

interface Options {
  readonly environment?: readonly string[];
}

const SIGNS = { passed: '✔', failed: '✘', skipped: '-' } as const;

const caseLine = ({ name, outcome, message }: TestCase): string =>
  `  ${SIGNS[outcome]} ${name}${outcome === 'skipped' && message ? ` (${message})` : ''}`;

/** What became of a stack's tests, case by case; why one failed is said with the failure. */
function linesOf({ stack, environment, suites, seconds }: StackTested): readonly string[] {
  if (suites.length === 0) return [`${stack} no tests`];
  const cases = suites.flatMap((suite) => suite.cases);
  const counts = (['passed', 'failed', 'skipped'] as const).flatMap((outcome) => {
    const count = cases.filter((one) => one.outcome === outcome).length;
    return count > 0 ? [`${count} ${outcome}`] : [];
  });
  const by = suites.map(({ verifier }) => verifier).join(', ');
  return [
    `${stack} ${counts.join(', ') || 'no tests ran'} (by ${by}, with the values of ${environment}, ${seconds.toFixed(1)} s)`,
    ...cases.map(caseLine),
  ];
}

/** What is tested by name: images on their artifacts, stacks by the tests beside them. */
async function testAll(
  { ports, graph, call }: Context,
  names: readonly string[],
  environments: readonly string[],
): Promise<{ images: readonly Verified[]; stacks: readonly StackTested[]; failures: readonly Failure[] }> {
  const isImage = (name: string): boolean => graph.projects.get(name)?.kind === 'image';
  const images = await verifyAll({ ports, graph, options: {}, call }, names.filter(isImage));
  for (const { image, evidence } of images.done) await ports.reports.write(image, 'evidence.json', evidence);
  const { testStacks } = await import('@goldenthread/engine/stack');
  const stacks = await testStacks(
    { ports, graph, call },
    names.filter((name) => !isImage(name)),
    environments,
  );
  return {
    images: images.done,
    stacks: stacks.ok ? stacks.value.tested : [],
    failures: [...images.failures, ...(stacks.ok ? stacks.value.failures : stacks.failures)],
  };
}

/** `goldenthread test`: the tests that stand beside stacks; of images, what `verify` does. */
export function testCommand({ signal, finish }: Program): Command {
  return new Command('test')
    .description('run the tests of stacks (terraform test, go test); those of images as `verify` does')
    .argument('<project...>', 'names of stacks or images')
    .option('-e, --environment <name>', 'with the values of this environment; the first by default', collect)
    .action(async (names: string[], { environment }: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async (context) => {
          const { images, stacks, failures } = await testAll(context, names, environment ?? []);
          const lines = [...images.map(verifiedLine), ...stacks.flatMap(linesOf)];
          context.output.result(lines, { ok: failures.length === 0, images, stacks, failures });
          context.output.words(failures);
          return ok(exitCode(failures));
        }),
      ),
    );
}
