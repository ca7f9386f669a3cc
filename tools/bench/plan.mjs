// Planning many small stacks: ours beside a shell loop, beside the same loop over all cores, and beside Terraform called one by one where all is set up.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import { median, table } from './workspace.mjs';

const clone = fileURLToPath(new URL('../..', import.meta.url));
const goldenthread = join(clone, 'apps/cli/bin/goldenthread.js');

/** A workspace of small stacks in one environment, committed. */
async function workspace(root, count) {
  const names = Array.from({ length: count }, (_, index) => `stack-${index + 1}`);
  const write = (path, text) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('nx.json', '{ "plugins": ["@goldenthread/plugin"] }\n');
  write('.gitignore', '.nx\n.goldenthread\n.terraform*\n*.tfstate*\nnode_modules\n');
  for (const name of names) {
    write(`infra/${name}/stack.yaml`, 'description: one of many\n');
    write(
      `infra/${name}/main.tf`,
      `variable "size" {\n  type    = number\n  default = 3\n}\n\nresource "terraform_data" "part" {\n  count = var.size\n  input = "${name}-\${count.index}"\n}\n\noutput "parts" {\n  value = terraform_data.part[*].output\n}\n`,
    );
  }
  write('infra/environments/test/environment.yaml', `stage: 0\nstacks: [${names.join(', ')}]\n`);
  symlinkSync(join(clone, 'node_modules'), join(root, 'node_modules'));
  const git = $({ cwd: root, quiet: true });
  await git`git init -q -b main && git add -A && git -c user.name=bench -c user.email=bench@localhost commit -qm start`;
}

const LOOP = 'set -e; for stack in infra/stack-*; do';
const PLAN = 'terraform -chdir="$stack" plan -input=false -no-color -lock=false -out=plan.bin';
const INIT = 'terraform -chdir="$stack" init -input=false -no-color';

/** Measures and answers the table and the figures. */
export async function planBench({ runs = 3, stacks = 50 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'goldenthread-bench-plan-'));
  const figures = { ours: [], again: [], loop: [], parallel: [], plain: [], unchanged: [] };
  const timed = async (list, work) => {
    const started = performance.now();
    await work();
    list.push((performance.now() - started) / 1000);
  };
  try {
    for (let turn = 0; turn < runs; turn++) {
      const [ours, theirs] = ['ours', 'theirs'].map((name) => join(folder, `${name}-${turn}`));
      for (const root of [ours, theirs]) await workspace(root, stacks);
      const env = { ...process.env, GOLDENTHREAD_HOME: join(folder, `home-${turn}`), TF_IN_AUTOMATION: '1' };
      const mine = $({ cwd: ours, env, quiet: true });
      const shell = $({ cwd: theirs, env, quiet: true });
      await timed(figures.ours, () => mine`${process.execPath} ${goldenthread} plan --all`);
      await timed(figures.again, () => mine`${process.execPath} ${goldenthread} plan --all`);
      await timed(figures.loop, () => shell`sh -c ${`${LOOP} ${INIT} && ${PLAN}; done`}`);
      await timed(figures.plain, () => shell`sh -c ${`${LOOP} ${PLAN}; done`}`);
      await shell`git clean -qfdx -e node_modules`;
      const one = `stack="$1"; ${INIT} && ${PLAN}`;
      await timed(
        figures.parallel,
        () =>
          shell`sh -c ${`printf '%s\\0' infra/stack-* | xargs -0 -P ${availableParallelism()} -I{} sh -c '${one}' - {}`}`,
      );
      await mine`${process.execPath} ${goldenthread} apply --auto-approve`;
      await timed(figures.unchanged, () => mine`${process.execPath} ${goldenthread} plan`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const of = Object.fromEntries(Object.entries(figures).map(([name, list]) => [name, median(list)]));
  const row = (what, theirs, seconds) => [
    what,
    theirs.toFixed(1),
    seconds.toFixed(1),
    `${(theirs / seconds).toFixed(1)}x`,
  ];
  const text = table(
    [`${stacks} small stacks`, 'Terraform, s', 'ours, s', 'ratio'],
    [
      row('a shell loop of init and plan', of.loop, of.ours),
      row(`the same on all cores (xargs -P ${availableParallelism()})`, of.parallel, of.ours),
      row('everything initialised: plan, one by one', of.plain, of.again),
      row('nothing changed since the apply', of.plain, of.unchanged),
    ],
  );
  return { text, figures: of };
}
