import { Command } from 'commander';
import { findingText, ok } from '@goldenthread/core';
import type { Validated } from '@goldenthread/engine/stack';
import { withGraph } from '../context.ts';
import { collect } from '../stacks.ts';
import type { Program } from './program.ts';

interface Options {
  readonly environment?: readonly string[];
}

function linesOf({ stack, engine, environments, findings, seconds }: Validated): readonly string[] {
  const found = findings.length > 0 ? `${findings.length} warnings` : 'valid';
  return [
    `${stack} ${found} (by ${engine}, in ${environments.join(', ')}, ${seconds.toFixed(1)} s)`,
    ...findings.map((finding) => `  ${findingText(finding)}`),
  ];
}

/** `goldenthread validate`: sources of stacks, checked by their engines without touching any infrastructure. */
export function validateCommand({ signal, finish }: Program): Command {
  return new Command('validate')
    .description(
      'check the sources of stacks by their engines, in each environment; touches no infrastructure',
    )
    .argument('<stack...>', 'names of stacks')
    .option('-e, --environment <name>', 'only in this environment; may be said several times', collect)
    .action(async (stacks: string[], { environment }: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const { validate } = await import('@goldenthread/engine/stack');
          const validated = await validate({ ports, graph, call }, stacks, environment);
          if (!validated.ok) return validated;
          output.result(validated.value.flatMap(linesOf), { ok: true, stacks: validated.value });
          return ok(undefined);
        }),
      ),
    );
}
