import { Command } from 'commander';
import { fail, ok, planDetails, type Preview, type Result } from '@goldenthread/core';
import type { Approvals, forget } from '@goldenthread/engine/stack';
import { typed } from '../approvals.ts';
import { withGraph, type Context } from '../context.ts';
import { applied } from './apply.ts';
import type { Program } from './program.ts';

interface Options {
  readonly environment: string;
  readonly confirm?: string;
  readonly dryRun?: boolean;
  readonly forget?: boolean;
  readonly json?: boolean;
}

/** A name that was said before must be the right one; without one it is asked for, with the plan at hand. */
function confirmation(stack: string, { confirm, json }: Options, signal: AbortSignal): Result<Approvals> {
  const nobody = !process.stdin.isTTY || !process.stderr.isTTY || json === true;
  if (confirm !== undefined && confirm !== stack)
    return fail({
      code: 'usage',
      detail: `--confirm says "${confirm}", the stack is "${stack}"`,
      hint: 'Say the name of the stack that is to go.',
    });
  if (confirm === undefined && nobody)
    return fail({
      code: 'usage',
      detail: `nobody is here to type the name of ${stack}`,
      hint: `Say --confirm ${stack} to destroy it without being asked.`,
    });
  const ask = async (plan: Preview): Promise<Result<boolean>> => {
    const report = {
      stack,
      environment: plan.environment,
      state: 'planned',
      reasons: [],
      plan,
      violations: [],
      removed: null,
    } as const;
    const shown = planDetails([report]).join('\n');
    const said = await typed(
      `${shown}\n\nType "${stack}" to destroy it in ${plan.environment}: `,
      stack,
      signal,
    );
    if (!said.ok || said.value) return said;
    const why = 'its name was not typed';
    return fail({
      code: 'destroy-refused',
      stack,
      environment: plan.environment,
      why,
      next: 'Nothing was touched.',
    });
  };
  return ok({
    find: async () => ok(null),
    ask: confirm === undefined ? ask : null,
    auto: confirm !== undefined,
  });
}

type Forget = typeof forget;

/** Drops the record of a stack, after its name was typed. */
async function forgotten(
  { ports, graph, call, output }: Context,
  place: { readonly stack: string; readonly environment: string },
  {
    options,
    drop,
    signal,
  }: { readonly options: Options; readonly drop: Forget; readonly signal: AbortSignal },
): Promise<Result<undefined>> {
  const { stack, environment } = place;
  const question = `Type "${stack}" to drop its record in ${environment}; what it manages stays: `;
  const said = options.confirm === stack ? ok(true) : await typed(question, stack, signal);
  if (!said.ok) return said;
  if (!said.value && !options.dryRun)
    return fail({
      code: 'destroy-refused',
      ...place,
      why: 'its name was not typed',
      next: 'Nothing was touched.',
    });
  const done = options.dryRun
    ? ok(undefined)
    : await drop({ ports, graph, call }, place, 'somebody asked for it');
  if (!done.ok) return done;
  output.result(
    [`${stack} in ${environment} ${options.dryRun ? 'would be' : 'is'} forgotten; nothing of it was touched`],
    { ok: true, ...place },
  );
  return ok(undefined);
}

/** `goldenthread destroy`: takes a stack away from an environment, after its name was typed. */
export function destroyCommand({ signal, finish }: Program): Command {
  return new Command('destroy')
    .description('take away everything a stack manages in an environment; asks for its name')
    .argument('<stack>', 'the name of a stack that was applied there, declared or not')
    .requiredOption('-e, --environment <name>', 'the environment')
    .option('--confirm <stack>', 'its name, said beforehand: nobody is asked')
    .option('--forget', 'only drop its record: for what was moved or renamed; nothing of it is touched')
    .option('--dry-run', 'say what would be destroyed, change nothing')
    .action(async (stack: string, _: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async (context) => {
          const options: Options = command.optsWithGlobals();
          const approvals = options.dryRun
            ? ok({ find: async () => ok(null), ask: null, auto: false })
            : confirmation(stack, options, signal);
          if (!approvals.ok) return approvals;
          const { ports, graph, call } = context;
          const { destroy, forget: drop } = await import('@goldenthread/engine/stack');
          const place = { stack, environment: options.environment };
          if (options.forget) return forgotten(context, place, { options, drop, signal });
          const done = await destroy({ ports, graph, call }, place, {
            approvals: approvals.value,
            dryRun: options.dryRun ?? false,
          });
          return done.ok ? ok(await applied(context, done.value)) : done;
        }),
      ),
    );
}
