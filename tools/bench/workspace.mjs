// Generated workspaces for the benchmarks: a git repository in a temporary folder, with this clone's node_modules.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';

/** This clone. */
export const clone = fileURLToPath(new URL('../..', import.meta.url));

/** The command line of this clone. */
export const cli = join(clone, 'apps/cli/bin/goldenthread.js');

/** Writes a map of paths to texts below a folder. */
export function write(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** nx.json of a generated workspace. */
export const nxJson = (...plugins) =>
  JSON.stringify({
    plugins,
    analytics: false,
    neverConnectToCloud: true,
    tui: { enabled: false },
    cacheDirectory: '.nx/cache',
  });

/** Makes the workspace and answers its folder; `dispose` removes it. */
export async function workspace(files) {
  const folder = mkdtempSync(join(tmpdir(), 'goldenthread-bench-'));
  write(folder, {
    '.gitignore': 'node_modules\n.nx\n.goldenthread\n',
    'package.json': '{"name":"bench","private":true}',
    ...files,
  });
  symlinkSync(join(clone, 'node_modules'), join(folder, 'node_modules'));
  const git = $({ cwd: folder, quiet: true });
  await git`git init -q -b main && git add -A && git -c user.name=bench -c user.email=bench@localhost commit -qm start`;
  return { folder, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The middle one of some numbers. */
export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Milliseconds that some work takes. */
export async function time(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** A Markdown table. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
