import { Command, CommanderError } from 'commander';
import type { Program } from './commands/program.ts';
import { bakeCommand } from './commands/bake.ts';
import { doctorCommand } from './commands/doctor.ts';
import { graphCommand } from './commands/graph.ts';
import { lintCommand } from './commands/lint.ts';
import { verifyCommand } from './commands/verify.ts';
import { whyCommand } from './commands/why.ts';

const VERSION = '0.1.0';

/** Parses the arguments and runs one command; answers the exit code. */
export async function runProgram(argv: readonly string[], signal: AbortSignal): Promise<number> {
  let code = 0;
  const program: Program = { signal, finish: (value) => (code = value) };
  const root = new Command('goldenthread')
    .description('Machine images, infrastructure and microservices as Nx projects in one graph')
    .version(VERSION)
    .option('--workspace <folder>', 'work in this workspace instead of the one around the current folder')
    .option('--json', 'print the result as JSON on standard output')
    .option('--verbose', 'show what the tools say')
    .option('--no-color', 'no colour, even on a terminal')
    .showHelpAfterError('(goldenthread --help shows all commands)')
    .exitOverride();
  const commands = [bakeCommand, verifyCommand, lintCommand, graphCommand, whyCommand, doctorCommand].map(
    (make) => make(program),
  );
  // Sub-commands made elsewhere inherit neither the exit override nor the help text after an error by themselves.
  commands.forEach((command) => root.addCommand(command.copyInheritedSettings(root)));
  try {
    await root.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end with 0; whatever else commander refuses is a wrong call.
    return error.exitCode === 0 ? 0 : 2;
  }
  return code;
}
