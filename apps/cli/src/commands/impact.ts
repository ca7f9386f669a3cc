import { Command } from 'commander';
import { changeText, exitCode, ok, place, TIERS, type PlanReport, type Reached } from '@goldenthread/core';
import type { Candidate, Impact } from '@goldenthread/engine/stack';
import { withGraph } from '../context.ts';
import type { Program } from './program.ts';

const TITLES: Readonly<Record<Reached['kind'], string>> = {
  role: 'roles',
  image: 'images',
  stack: 'stacks',
  service: 'services',
  environment: 'environments',
};

const how = ({ by }: Reached): string => (by === null ? '' : `: ${by.reason} (${place(by.at)})`);

function imageLines({ digest, now }: Candidate): readonly string[] {
  const used = Object.entries(now).map(([environment, version]) => `${environment} has ${version ?? 'none'}`);
  return [`    ${digest === null ? 'not baked yet' : `baked as ${digest.slice(0, 19)}`}; ${used.join(', ')}`];
}

function planLines({ environment, state, plan, reasons }: PlanReport): readonly string[] {
  if (state === 'failed') return [`    ${environment}: cannot be planned`];
  if (plan === null) return [`    ${environment}: ${reasons.join('; ')}`];
  const changes = plan.changes.filter(({ action }) => action !== 'read');
  if (changes.length === 0) return [`    ${environment}: no resource would change`];
  return [`    ${environment}:`, ...changes.map((change) => `      ${changeText(change)}`)];
}

function projectLines(one: Reached, { candidates, plans }: Impact): readonly string[] {
  return [
    `  ${one.name}${how(one)}`,
    ...candidates.filter(({ image }) => image === one.name).flatMap(imageLines),
    ...plans.filter(({ stack }) => stack === one.name).flatMap(planLines),
  ];
}

function linesOf(impact: Impact): readonly string[] {
  const tiers = TIERS.flatMap((kind) => {
    const reached = impact.reached.filter((one) => one.kind === kind);
    return reached.length === 0
      ? []
      : [`${TITLES[kind]}:`, ...reached.flatMap((one) => projectLines(one, impact))];
  });
  return [`a change of ${impact.of} touches`, ...(tiers.length > 0 ? tiers : ['  nothing'])];
}

/** `goldenthread impact`: what a change touches, from a role or a file up to the environments. */
export function impactCommand({ signal, finish }: Program): Command {
  return new Command('impact')
    .description(
      'show what a change of an image, a role or a file touches: images, stacks with the resources that would be replaced, services, environments',
    )
    .argument('<what>', 'the name of an image, a role or any other project, or the path of a file')
    .option('--no-plan', 'without planning the stacks, which needs their engines')
    .action(async (what: string, options: { readonly plan: boolean }, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const { impact } = await import('@goldenthread/engine/stack');
          const done = await impact({ ports, graph, call }, what, options);
          if (!done.ok) return done;
          const { failures } = done.value;
          output.result(linesOf(done.value), { ok: failures.length === 0, ...done.value });
          output.words(failures);
          return ok(exitCode(failures));
        }),
      ),
    );
}
