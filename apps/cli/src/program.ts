import { Command, CommanderError } from 'commander';
import type { Program } from './commands/program.ts';
import { bakeCommand } from './commands/bake.ts';
import { applyCommand } from './commands/apply.ts';
import { destroyCommand } from './commands/destroy.ts';
import { doctorCommand } from './commands/doctor.ts';
import { driftCommand } from './commands/drift.ts';
import { graphCommand } from './commands/graph.ts';
import { channelCommand } from './commands/channel.ts';
import { gcCommand } from './commands/gc.ts';
import { impactCommand } from './commands/impact.ts';
import { lineageCommand } from './commands/lineage.ts';
import { lintCommand } from './commands/lint.ts';
import { logCommand } from './commands/log.ts';
import { planCommand } from './commands/plan.ts';
import { publishCommand } from './commands/publish.ts';
import { releaseCommand } from './commands/release.ts';
import { revokeCommand } from './commands/revoke.ts';
import { testCommand } from './commands/test.ts';
import { validateCommand } from './commands/validate.ts';
import { verifyCommand } from './commands/verify.ts';
import { whyCommand } from './commands/why.ts';

const VERSION = '0.1.0';

const COMMANDS = [
  bakeCommand,
  verifyCommand,
  publishCommand,
  releaseCommand,
  channelCommand,
  revokeCommand,
  lineageCommand,
  planCommand,
  applyCommand,
  driftCommand,
  destroyCommand,
  impactCommand,
  validateCommand,
  testCommand,
  logCommand,
  lintCommand,
  graphCommand,
  whyCommand,
  doctorCommand,
  gcCommand,
];

/** Sub-commands made elsewhere inherit neither the exit override nor the help text after an error by themselves. */
function inheriting(command: Command, root: Command): Command {
  command.commands.forEach((sub) => inheriting(sub, root));
  return command.copyInheritedSettings(root);
}

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
  for (const make of COMMANDS) root.addCommand(inheriting(make(program), root));
  try {
    await root.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end with 0; whatever else commander refuses is a wrong call.
    return error.exitCode === 0 ? 0 : 2;
  }
  return code;
}
