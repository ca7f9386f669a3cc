// Graph inference at several sizes: ours against a plugin that finds nothing and one that finds bare projects, in turn.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { $ } from 'zx';
import { median, nxJson, table, time, workspace, write } from './workspace.mjs';

const GLOB =
  '**/{image.yaml,stack.yaml,service.yaml,environment.yaml,roles/*/{tasks,meta,defaults,handlers,vars}/main.{yml,yaml}}';

// Plain files of the generated workspace: Nx loads them by path.
const PLUGINS = {
  'empty.mjs': `export const name = 'empty';\nexport const createNodes = ['${GLOB}', () => []];\n`,
  'bare.mjs': `import { dirname } from 'node:path';
export const name = 'bare';
const root = (file) => (file.includes('/roles/') ? dirname(dirname(file)) : dirname(file));
export const createNodes = ['${GLOB}', (files) => files.map((file) => [file, { projects: { [root(file)]: { name: root(file).replaceAll('/', '-') } } }])];
`,
};

/** Half images, a quarter each of roles and services: two references a project. */
function projects(count) {
  const files = {};
  const roles = Math.floor(count / 4);
  for (let index = 0; index < roles; index++) {
    files[`libs/roles/r${index}/tasks/main.yml`] =
      `- name: install\n  ansible.builtin.apt:\n    name: [package-${index}]\n- name: configure\n  ansible.builtin.template:\n    src: a.conf.j2\n    dest: /etc/a.conf\n`;
    files[`libs/roles/r${index}/templates/a.conf.j2`] = `# ${index}\n`;
  }
  for (let index = 0; index < Math.floor(count / 2); index++) {
    files[`images/i${index}/image.yaml`] =
      `name: i${index}\nbase:\n  ${index === 0 ? 'mmdebstrap: { suite: bookworm }' : 'image: i0'}\nplaybook: playbook.yml\n`;
    files[`images/i${index}/playbook.yml`] =
      `- hosts: all\n  roles:\n    - r${index % roles}\n    - role: r${(index + 1) % roles}\n`;
  }
  for (let index = 0; index < count - roles - Math.floor(count / 2); index++)
    files[`apps/s${index}/service.yaml`] = `name: s${index}\nbase:\n  image: i${index}\n`;
  return files;
}

async function measure(count, runs) {
  const made = await workspace({ ...projects(count), ...PLUGINS, 'nx.json': nxJson() });
  const env = {
    ...process.env,
    NX_DAEMON: 'false',
    NX_ISOLATE_PLUGINS: 'false',
    NX_USE_LOCAL: 'true',
    NX_NO_CLOUD: 'true',
  };
  const nx = $({ cwd: made.folder, quiet: true, env });
  const facts = join(made.folder, '.nx/workspace-data/goldenthread-facts.json');
  const show = async (plugin) => {
    write(made.folder, { 'nx.json': nxJson(plugin) });
    return time(() => nx`node_modules/.bin/nx show projects --json`);
  };
  // Nx's own clock around our two functions; other plugins' work falls into the same time where it is done in turns.
  const inside = async () => {
    const timed = $({ cwd: made.folder, quiet: true, env: { ...env, NX_PERF_LOGGING: 'true' } });
    const { stdout, stderr } = await timed`node_modules/.bin/nx show projects --json`;
    const marks = [...`${stdout}${stderr}`.matchAll(/'@goldenthread\/plugin:create\w+' ([\d.]+)ms/g)];
    if (marks.length !== 2) throw new Error(`Nx told ${marks.length} times of our plugin, not 2`);
    return marks.reduce((sum, [, ms]) => sum + Number(ms), 0);
  };
  try {
    const times = { empty: [], bare: [], cold: [], warm: [], inside: [] };
    await show('./empty.mjs');
    for (let run = 0; run < runs; run++) {
      times.empty.push(await show('./empty.mjs'));
      times.bare.push(await show('./bare.mjs'));
      rmSync(facts, { force: true });
      times.cold.push(await show('@goldenthread/plugin'));
      if (!existsSync(facts)) throw new Error('the facts were not kept');
      times.warm.push(await show('@goldenthread/plugin'));
      times.inside.push(await inside());
    }
    return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
  } finally {
    made.dispose();
  }
}

/** Measures and answers the table and the figures. */
export async function graphBench({ sizes = [100, 1000, 3000], runs = 5, report } = {}) {
  const rows = [];
  const figures = [];
  for (const size of sizes) {
    const { empty, bare, cold, warm, inside } = await measure(size, runs);
    figures.push({ size, empty, bare, cold, warm, inside, share: inside / size });
    const whole = [empty, bare, cold, warm, inside].map((value) => value.toFixed(0));
    rows.push([size, ...whole, (inside / size).toFixed(3), (warm / empty).toFixed(1)]);
    process.stderr.write(`graph: ${size} projects measured\n`);
  }
  const head = [
    'projects',
    'empty plugin, ms',
    'bare projects, ms',
    'ours, first time, ms',
    'ours, unchanged, ms',
    'of it in our code, ms',
    'our code, ms a project',
    'unchanged : empty',
  ];
  if (report) writeFileSync(report, JSON.stringify(figures, null, 2));
  return { text: table(head, rows), figures };
}
