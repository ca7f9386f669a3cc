import { Command } from 'commander';
import {
  exitCode,
  fail,
  ok,
  planDetails,
  planMarkdown,
  planRows,
  type Failure,
  type PlanReport,
} from '@goldenthread/core';
import { withGraph } from '../context.ts';
import { selectionOf, withSelection, type SelectionOptions } from '../stacks.ts';
import { table } from '../text.ts';
import type { Program } from './program.ts';

interface Options extends SelectionOptions {
  readonly markdown?: boolean;
}

/** What people read: one table, and below it what changes where. Stacks in which nothing has changed are only counted. */
export function planLines(reports: readonly PlanReport[]): readonly string[] {
  const shown = reports.filter(({ state }) => state !== 'current');
  const rest = reports.length - shown.length;
  const same = rest === 0 ? [] : [`${rest} of ${reports.length} are as they were applied, with nothing new`];
  if (reports.length === 0) return ['no stack is meant'];
  return [...(shown.length > 0 ? table(planRows(shown)) : []), ...same, ...planDetails(shown)];
}

/** Rules that the plans break, as failures: a plan that may not be applied is no success. */
const brokenRules = (reports: readonly PlanReport[]): readonly Failure[] =>
  reports.flatMap(({ stack, environment, violations }) => {
    const denied = violations.filter(({ level }) => level === 'deny');
    return denied.length === 0
      ? []
      : [{ code: 'policy-violated' as const, stack, environment, violations: denied }];
  });

/** `goldenthread plan`: what would change in which environment, and why; changes nothing. */
export function planCommand({ signal, finish }: Program): Command {
  return withSelection(
    new Command('plan')
      .description('say what applying stacks would change, in each environment, and why; changes nothing')
      .argument(
        '[stack...]',
        'names of stacks; without any, all in which something has changed since they were applied',
      ),
  )
    .option('--markdown', 'print the table as Markdown, for a pull request')
    .action(async (stacks: string[], options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const selection = selectionOf(stacks, options);
          if (!selection.ok) return selection;
          if (options.markdown && command.optsWithGlobals<{ json?: boolean }>().json)
            return fail({
              code: 'usage',
              detail: '--markdown and --json ask for two forms',
              hint: 'Use one of them.',
            });
          const { plan } = await import('@goldenthread/engine/stack');
          const done = await plan({ ports, graph, call }, selection.value);
          if (!done.ok) return done;
          const { reports } = done.value;
          const failures = [...done.value.failures, ...brokenRules(reports)];
          const lines = options.markdown ? [planMarkdown(reports)] : planLines(reports);
          output.result(lines, { ok: failures.length === 0, plans: reports, failures });
          output.words(failures);
          return ok(exitCode(failures));
        }),
      ),
    );
}
