import { Command, Option } from 'commander';
import { exitCode, ok } from '@goldenthread/core';
import type { DriftPolicy, Observed } from '@goldenthread/engine/stack';
import { withGraph } from '../context.ts';
import { minute } from '../text.ts';
import type { Program } from './program.ts';

interface Options {
  readonly environment?: readonly string[];
  readonly policy?: DriftPolicy;
  readonly dryRun?: boolean;
}

const STATES: Readonly<Record<Observed['state'], string>> = {
  clean: 'is as it was applied',
  drifted: 'has drifted',
  requested: 'has drifted; the plan that puts it right waits for approval',
  repaired: 'had drifted, and was repaired',
  pending: 'waits to be applied, so it was not looked at',
  absent: 'was never applied',
  unknown: 'cannot be seen',
};

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

function linesOf({ stack, environment, state, reasons, since }: Observed): readonly string[] {
  const when = since === null || state === 'repaired' ? '' : ` since ${minute(since)}`;
  const said = state === 'absent' ? [] : reasons;
  return [`${stack} in ${environment} ${STATES[state]}${when}`, ...said.map((reason) => `  ${reason}`)];
}

/** `goldenthread drift`: what is there compared with what was applied, and put right where the environment says so. */
export function driftCommand({ signal, finish }: Program): Command {
  return new Command('drift')
    .description(
      'compare what is there with what was applied, in all environments; report, request or repair as each declares',
    )
    .argument('[stack...]', 'names of stacks; all by default')
    .option('-e, --environment <name>', 'only in this environment; may be said several times', collect)
    .addOption(
      new Option('--policy <policy>', 'instead of what the environments declare').choices([
        'report',
        'request',
        'repair',
      ]),
    )
    .option('--dry-run', 'only look: repair nothing, write nothing down')
    .action(async (stacks: string[], options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const { drift } = await import('@goldenthread/engine/stack');
          const selection = { stacks, environments: options.environment ?? [], pending: false, since: null };
          const done = await drift({ ports, graph, call }, selection, options);
          if (!done.ok) return done;
          const { observed, failures } = done.value;
          const none = observed.length === 0 ? ['no stack is in any environment'] : [];
          output.result([...none, ...observed.flatMap(linesOf)], {
            ok: failures.length === 0,
            stacks: observed,
            failures,
          });
          output.words(failures);
          return ok(exitCode(failures));
        }),
      ),
    );
}
