// Compiles every library and the command line: run by npm after each install, and by hand.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = `${root}node_modules/typescript/bin/tsc`;
// A production install has no compiler and ships what was compiled.
if (!existsSync(tsc)) process.exit(0);
const { status } = spawnSync(process.execPath, [tsc, '-b', 'tools/tsconfig.json'], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);
