import { Command } from 'commander';
import { findingText, ok } from '@goldenthread/core';
import { lint, type Linted } from '@goldenthread/engine';
import { withGraph } from '../context.ts';
import type { Program } from './program.ts';

function linesOf({ project, findings, ran, skipped, seconds }: Linted): readonly string[] {
  const missing = skipped.length > 0 ? `, without ${skipped.join(', ')} (not installed)` : '';
  const by = ran.length > 0 ? `by ${ran.join(', ')}` : 'nothing to check';
  const warned = findings.length > 0 ? `${findings.length} warnings` : 'clean';
  return [
    `${project} ${warned} (${by}${missing}, ${seconds.toFixed(1)} s)`,
    ...findings.map((finding) => `  ${findingText(finding)}`),
  ];
}

/** `goldenthread lint`: sources of projects, checked without running them. */
export function lintCommand({ signal, finish }: Program): Command {
  return new Command('lint')
    .description('check templates, playbooks, roles and YAML of projects without baking')
    .argument('<project...>', 'names of images, roles or other projects')
    .action(async (names: string[], _: object, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ ports, graph, call, output }) => {
          const linted = await lint({ ports, graph, call }, names);
          if (!linted.ok) return linted;
          output.result(linted.value.flatMap(linesOf), { ok: true, projects: linted.value });
          return ok(undefined);
        }),
      ),
    );
}
