import { Command } from 'commander';
import { howToGet, ok, words } from '@goldenthread/core';
import { doctor, type Diagnosis } from '@goldenthread/engine';
import { withPorts } from '../context.ts';
import type { Program } from './program.ts';

function line({ tool, path, version, purposes }: Diagnosis): string {
  const state = path === null ? 'missing' : (version ?? 'present, version unknown');
  const head = `${path === null ? '✘' : '✔'} ${tool.name.padEnd(18)} ${state.padEnd(24)} ${purposes.join('; ')}`;
  return path === null ? `${head}\n    → ${howToGet(tool)}` : head;
}

/** `goldenthread doctor`: which tools are here, what each is for, and how to get the missing ones. */
export function doctorCommand({ signal, finish }: Program): Command {
  return new Command('doctor')
    .description(
      'say which tools are here, in which versions, what each is needed for, and how to get the missing ones',
    )
    .action(async (_: object, command: Command) =>
      finish(
        await withPorts(command, signal, async ({ ports, call, output }) => {
          const [found, engines] = await Promise.all([
            doctor(ports.tools, await ports.catalogue(), call),
            ports.engines(call),
          ]);
          const able = engines.map(({ name, works }) =>
            works.ok
              ? `✔ ${name}`
              : `✘ ${name}: ${works.failures.map((failure) => words(failure).what).join('; ')}`,
          );
          output.result([...found.map(line), '', ...able], { tools: found, engines });
          return ok(undefined);
        }),
      ),
    );
}
