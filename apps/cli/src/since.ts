import type { Command } from 'commander';

/** Between which revisions changes are looked for. */
export interface SinceOptions {
  readonly base: string;
  readonly head?: string;
}

/** Adds the options that narrow --affected, as Nx calls them and by the variables that Nx reads. */
export const withSince = (command: Command): Command =>
  command
    .option(
      '--base <revision>',
      'with --affected: changes since this revision',
      process.env['NX_BASE'] ?? 'HEAD~1',
    )
    .option(
      '--head <revision>',
      'with --affected: up to this revision; the work tree by default',
      process.env['NX_HEAD'],
    );
