import type { Command } from 'commander';
import { fail, ok, type Result } from '@goldenthread/core';
import type { Selection } from '@goldenthread/engine/stack';
import { withSince, type SinceOptions } from './since.ts';

/** The options by which every command over stacks says which places it means. */
export interface SelectionOptions extends SinceOptions {
  readonly environment?: readonly string[];
  readonly affected?: boolean;
  readonly all?: boolean;
}

/** Gathers an option that may be said several times. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

/** Adds those options to a command. */
export const withSelection = (command: Command): Command =>
  withSince(
    command
      .option('-e, --environment <name>', 'only in this environment; may be said several times', collect)
      .option('--affected', 'only the stacks that changes since --base affect')
      .option('--all', 'also where nothing has changed since it was applied'),
  );

/** What the options select. Stacks that are named, and --affected, are planned whether or not something has changed since the last apply. */
export function selectionOf(stacks: readonly string[], options: SelectionOptions): Result<Selection> {
  const { environment = [], affected = false, all = false, base, head } = options;
  if (affected && stacks.length > 0)
    return fail({
      code: 'usage',
      detail: 'stacks are named, and --affected asks for others',
      hint: 'Use one of them.',
    });
  return ok({
    stacks,
    environments: environment,
    pending: !all && !affected && stacks.length === 0,
    since: affected ? { base, head: head ?? null } : null,
  });
}
