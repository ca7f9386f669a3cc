import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok, toolMissing, type Call, type FoundTool, type Tool, type Tools } from '@goldenthread/core';
import { writeWhole } from '../files.ts';
import { run, which } from '../host.ts';

type Known = Record<string, string>;

/** Identifies a program's file: a new version of it has another time or size. */
function stamp(path: string, args: readonly string[]): string {
  const real = realpathSync(path);
  const { size, mtimeMs, ctimeMs } = statSync(real);
  return [real, size, mtimeMs, ctimeMs, ...args].join('|');
}

function remembered(file: string): Known {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Known;
  } catch {
    // Only a memory: where it is gone or spoilt, the programs are asked again.
    return {};
  }
}

/** The first thing in a program's output that looks like a version. */
export const versionIn = (text: string): string | null => /\d+\.\d+[\w.~+-]*/.exec(text)?.[0] ?? null;

/** Finds programs on PATH. Versions are remembered in `home`, as asking Ansible for its own takes half a second. */
export function createTools(home: string): Tools {
  const file = join(home, 'tools.json');
  const known = remembered(file);
  const ask = async (tool: Tool, path: string, call: Call): Promise<string | null> => {
    const key = stamp(path, tool.version);
    if (known[key] !== undefined) return known[key];
    const said = await run({ argv: [path, ...tool.version], timeout: 30 }, call);
    const version =
      said.ok && said.value.code === 0 ? versionIn(`${said.value.stdout}\n${said.value.stderr}`) : null;
    if (version !== null) {
      known[key] = version;
      await writeWhole(file, `${JSON.stringify(known, null, 2)}\n`);
    }
    return version;
  };
  const find = async (tool: Tool, call: Call): Promise<FoundTool> => {
    const path = which(tool.name);
    return { tool, path, version: path === null ? null : await ask(tool, path, call) };
  };
  return {
    find,
    async versions(tools, call) {
      const distinct = [...new Map(tools.map((tool) => [tool.name, tool])).values()];
      const found = await Promise.all(distinct.map((tool) => find(tool, call)));
      if (call.signal.aborted) return fail({ code: 'cancelled' });
      const failures = found.filter(({ path }) => path === null).map(({ tool }) => toolMissing(tool));
      if (failures.length > 0) return fail(...failures);
      return ok(Object.fromEntries(found.map(({ tool, version }) => [tool.name, version ?? 'unknown'])));
    },
  };
}
