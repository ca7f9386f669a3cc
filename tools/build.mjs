// Compiles every library and the command line, and bundles the latter: run by npm after each install, and by hand.
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
if (status !== 0) process.exit(status ?? 1);

// Finding and reading a hundred small modules takes longer than an unchanged bake: one file and a few parts that are loaded
// when they are needed. What is large and rarely needed, or brings files of its own, stays in node_modules.
const { rolldown } = await import('rolldown');
const OUTSIDE =
  /^(node:|@(aws-sdk|azure|google-cloud|cyclonedx|kubernetes|sigstore)\/|(zod|dockerode|typescript|@cdktf\/hcl2json)(\/|$))/;
const bundle = await rolldown({
  input: `${root}apps/cli/dist/main.js`,
  platform: 'node',
  external: (id) => OUTSIDE.test(id),
  resolve: { conditionNames: ['import', 'node', 'default'] },
});
await bundle.write({
  dir: `${root}apps/cli/dist/bundle`,
  format: 'esm',
  entryFileNames: 'main.js',
  cleanDir: true,
  sourcemap: true,
});
await bundle.close();
