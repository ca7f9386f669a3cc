import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { assemblePorts, homeFolder } from '@goldenthread/adapters';
import {
  exitCode,
  fail,
  type Call,
  type Failure,
  type Graph,
  type Ports,
  type Result,
} from '@goldenthread/core';
import { loadGraph } from '@goldenthread/engine';
import { createOutput, type Output } from './output.ts';

/** Options that every command takes. */
export interface CommonOptions {
  readonly workspace?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
}

/** What a command works with. */
export interface Context {
  readonly ports: Ports;
  readonly graph: Graph;
  readonly call: Call;
  readonly output: Output;
}

/** The nearest folder, here or above, that holds an nx.json. */
export function findWorkspace(from: string): string | null {
  for (let at = resolve(from); ; at = dirname(at)) {
    if (existsSync(join(at, 'nx.json'))) return at;
    if (at === dirname(at)) return null;
  }
}

const colour = (options: CommonOptions): boolean =>
  options.color !== false &&
  process.env['NO_COLOR'] === undefined &&
  (process.stderr.isTTY || process.env['FORCE_COLOR'] !== undefined);

/** The output that the common options ask for. */
export function outputFor(command: Command): Output {
  const options: CommonOptions = command.optsWithGlobals();
  return createOutput({
    json: options.json ?? false,
    verbose: options.verbose ?? false,
    colour: colour(options),
  });
}

/** Runs a command over ports, without a graph. */
export async function withPorts(
  command: Command,
  signal: AbortSignal,
  work: (context: Omit<Context, 'graph'>) => Promise<Result<number | undefined>>,
): Promise<number> {
  const options: CommonOptions = command.optsWithGlobals();
  const output = outputFor(command);
  const from = options.workspace ?? process.cwd();
  const root = findWorkspace(from);
  const refuse = (failures: readonly Failure[]): number => {
    output.failures(failures);
    return exitCode(failures);
  };
  if (root === null) return refuse([{ code: 'workspace-missing', folder: resolve(from) }]);
  const ports = assemblePorts({ root, home: homeFolder() });
  const done = await work({ ports, call: { signal, emit: output.emit }, output });
  return done.ok ? (done.value ?? 0) : refuse(done.failures);
}

/** Runs a command over ports and the workspace's graph. */
export const withGraph = (
  command: Command,
  signal: AbortSignal,
  work: (context: Context) => Promise<Result<number | undefined>>,
): Promise<number> =>
  withPorts(command, signal, async (context) => {
    const graph = await loadGraph(context.ports, context.call);
    return graph.ok ? work({ ...context, graph: graph.value }) : fail(...graph.failures);
  });
