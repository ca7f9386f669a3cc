import { Command } from 'commander';
import { countActions, exitCode, ok, violationText } from '@goldenthread/core';
import type { AppliedStack, Applies } from '@goldenthread/engine/stack';
import { approvalsFrom, checkPlan } from '../approvals.ts';
import { withGraph, type Context } from '../context.ts';
import { selectionOf, withSelection, type SelectionOptions } from '../stacks.ts';
import type { Program } from './program.ts';

interface Options extends SelectionOptions {
  readonly plan?: string;
  readonly autoApprove?: boolean;
  readonly allowDirty?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const STATES: Readonly<Record<AppliedStack['state'], string>> = {
  applied: 'applied',
  destroyed: 'destroyed',
  unchanged: 'unchanged',
  'would-apply': 'would be applied',
  current: 'unchanged',
  waiting: 'waits',
  failed: 'failed',
};

/** A plan that destroys is not applied, and one that only writes a record changes nothing. */
function stateOf({ state, plan, reasons }: AppliedStack): string {
  if (state === 'would-apply' && plan?.aim === 'destroy') return 'would be destroyed';
  if (state === 'unchanged' && reasons.length > 0) return 'recorded, nothing had to be changed';
  return STATES[state];
}

function counted({ plan }: AppliedStack): string {
  const counts = Object.entries(countActions(plan?.changes ?? [])).filter(
    ([action, count]) => count > 0 && action !== 'read',
  );
  return counts.length === 0 ? '' : ` (${counts.map(([action, count]) => `${count} ${action}`).join(', ')})`;
}

/** A line for what became of each place, and one for each rule that only warns. */
const appliedLines = ({ done }: Applies): readonly string[] =>
  done.flatMap((one) => {
    const why = one.reasons.length > 0 ? `: ${one.reasons.join('; ')}` : '';
    return [
      `${one.stack} in ${one.environment} ${stateOf(one)}${counted(one)}${why}`,
      ...one.violations.map((violation) => `  ! ${violationText(violation)}`),
    ];
  });

/** Prints what became of all places; answers the exit code. */
export async function applied({ output, ports }: Context, result: Applies): Promise<number> {
  const { done, failures } = result;
  for (const one of done) await ports.reports.write(one.stack, `apply.${one.environment}.json`, one);
  const none = done.length === 0 ? ['no stack is meant'] : [];
  output.result([...none, ...appliedLines(result)], { ok: failures.length === 0, stacks: done, failures });
  output.words(failures);
  return exitCode(failures);
}

/** `goldenthread apply`: approved plans, carried out exactly. */
export function applyCommand({ signal, finish }: Program): Command {
  return withSelection(
    new Command('apply')
      .description(
        'carry out approved plans, exactly as they were planned, each stack after those it stands on',
      )
      .argument(
        '[stack...]',
        'names of stacks; without any, all in which something has changed since they were applied',
      ),
  )
    .option(
      '--plan <approved>',
      'the approved plans: a folder that plans lie in (such as .goldenthread), one file, or a digest',
      process.env['GOLDENTHREAD_PLAN'],
    )
    .option('--auto-approve', 'apply whatever the plan says; the rules of the environment hold all the same')
    .option('--allow-dirty', 'apply files that are not committed')
    .option('--dry-run', 'say what would be applied, change nothing')
    .action(async (stacks: string[], _: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async (context) => {
          const options: Options = command.optsWithGlobals();
          const selection = selectionOf(stacks, options);
          if (!selection.ok) return selection;
          const { ports, graph, call } = context;
          const named = await checkPlan(ports, options.plan, selection.value);
          if (!named.ok) return named;
          const { apply } = await import('@goldenthread/engine/stack');
          const done = await apply({ ports, graph, call }, selection.value, {
            approvals: approvalsFrom(ports, options, signal),
            allowDirty: options.allowDirty ?? false,
            dryRun: options.dryRun ?? false,
          });
          return done.ok ? ok(await applied(context, done.value)) : done;
        }),
      ),
    );
}
