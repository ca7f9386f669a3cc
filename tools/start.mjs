// `npm start`: the main job, shown in a scratch copy of this repository.
import './setup/node.mjs';
import fs from 'node:fs';
import path from 'node:path';

import { isScript, main, run, which } from './children.mjs';
import { outcomes, summary } from './demo/report.mjs';
import { environment, makeScratch } from './demo/scratch.mjs';
import { startDocker } from './dockerd.mjs';
import { good, heading, note, paint, say, seconds, stopwatch } from './say.mjs';
import { thisMachine } from './setup/engines.mjs';
import { engines, home, ROOT, setUp } from './setup.mjs';

const ENGINES = ['embedded', 'packer'];
const IMAGES = ['base', 'edge'];
// The change of the demonstration: one line of the role nginx, which the image edge uses.
const CHANGE = {
  file: 'libs/roles/nginx/defaults/main.yml',
  from: 'nginx_max_body: 1m',
  to: 'nginx_max_body: 2m',
};
const CLI = path.join(ROOT, 'apps/cli/bin/goldenthread.js');
// The environments of the demonstration: the third one needs a Docker daemon.
const PLACES = ['-e', 'preproduction', '-e', 'production'];
const HELP = `npm start [-- OPTIONS]

Shows the main job in a scratch copy of this repository: bakes, tests and releases two images, applies the infrastructure that
they feed (where terraform is here), changes one line of a role, shows what that affects and why, bakes, tests and releases
only that, plans what the new default means for the infrastructure, runs once more with nothing changed, and takes it back.

  --engine packer  bake edge by Packer and Docker (a daemon is started where none runs) instead of the embedded builder
  --yes            install missing engines without asking
  --keep           keep the scratch copy, and say where it is
  --help           this text`;

/** Reads the arguments; throws, in words, what is wrong with them. */
export function readOptions(args) {
  const options = { engine: 'embedded', yes: false, keep: false, help: false };
  const rest = args.flatMap((arg) => (arg.startsWith('--engine=') ? arg.split('=', 2) : [arg]));
  for (let at = 0; at < rest.length; at += 1) {
    const name = rest[at].replace(/^--/, '');
    if (name === 'engine') options.engine = rest[(at += 1)];
    else if (rest[at].startsWith('--') && typeof options[name] === 'boolean') options[name] = true;
    else throw new Error(`"${rest[at]}" is no option of npm start; \`npm start -- --help\` shows all`);
  }
  if (!ENGINES.includes(options.engine))
    throw new Error(`--engine takes one of ${ENGINES.join(', ')}, not "${options.engine ?? ''}"`);
  return options;
}

const INTRODUCTION = (packer) => [
  paint.bold('Goldenthread: machine images, infrastructure and services as projects of one graph.'),
  '',
  'This sets the machine up (dependencies, build, engines), and then, in a scratch copy of the repository,',
  `  1. bakes the images ${IMAGES.join(' and ')}, tests and releases them${packer ? ' (edge by Packer)' : ''}`,
  '  2. applies the infrastructure that they feed, by Terraform (left out where it is not here)',
  '  3. changes one line of the role nginx',
  '  4. shows what that affects, and why',
  '  5. bakes, tests and releases only that, and plans what it means for the infrastructure',
  '  6. runs again with nothing changed',
  '  7. takes the release back, by one command',
  `Artifacts are kept in ${home()}; your clone stays as it is.`,
];

/** The programs of an act, in the scratch copy; each must exit with 0. */
function toolsIn(folder, env) {
  const must = async (argv, options = {}) => {
    const shown = argv.map((word) => (path.isAbsolute(word) ? path.basename(word, '.js') : word)).join(' ');
    if (!options.quiet) say(paint.dim(`$ ${shown.replace(/^node /, '')}`));
    const ended = await run(argv, { cwd: folder, env, ...options });
    if (ended.code === 0) return ended.stdout;
    if (options.quiet) say(ended.output);
    throw new Error(`\`${shown}\` ended with code ${ended.code}; what it said stands above`);
  };
  const nx = (...args) => must([path.join(folder, 'node_modules/.bin/nx'), ...args]);
  return {
    // Whatever an image says comes as it is said, and every line names its image already.
    verify: (...args) => nx(...args, '-t', 'verify', '--output-style=stream-without-prefixes'),
    release: (...args) => nx(...args, '-t', 'release', '--output-style=stream-without-prefixes'),
    affected: async () => {
      const argv = [path.join(folder, 'node_modules/.bin/nx'), 'show', 'projects', '--affected'];
      say(paint.dim('$ nx show projects --affected --base=HEAD~1'));
      return JSON.parse(await must([...argv, '--base=HEAD~1', '--json'], { quiet: true }));
    },
    goldenthread: (...args) => must([process.execPath, CLI, ...args]),
    plans: async () => {
      const { plans } = JSON.parse(
        await must([process.execPath, CLI, 'plan', '--json', ...PLACES], { quiet: true }),
      );
      return plans.filter(({ state }) => state !== 'current');
    },
    defaultOf: async (image) => {
      const listed = await must([process.execPath, CLI, 'channel', 'list', '--json'], { quiet: true });
      return JSON.parse(listed).channels.find((one) => one.image === image && one.channel === 'default')
        ?.version;
    },
  };
}

/** Runs an act that verifies images; answers what became of each. */
async function act(folder, name, work) {
  const since = Date.now();
  const clock = stopwatch();
  await work();
  const took = clock();
  good(`${name}: ${seconds(took)}`);
  return { name, took, images: outcomes(folder, since) };
}

async function change({ folder, git, commit }) {
  const file = path.join(folder, CHANGE.file);
  const text = fs.readFileSync(file, 'utf8');
  if (!text.includes(CHANGE.from)) throw new Error(`${CHANGE.file} has no line "${CHANGE.from}" to change`);
  fs.writeFileSync(file, text.replace(CHANGE.from, CHANGE.to));
  await commit('feat(nginx): take bodies of up to 2 MiB');
  const difference = await git('show', '--format=%s', '--unified=0', '--no-color', 'HEAD');
  const telling = difference.split('\n').filter((line) => line !== '' && !/^(diff|index|@@)/.test(line));
  say(...telling);
}

/** What the demonstration promises; a broken promise is an error, in words. */
export function broken(affected, changed, again) {
  const missed = affected.includes('edge') ? [] : ['edge uses the role nginx, and was not found affected'];
  const extra = affected.filter((name) => ['base', 'node'].includes(name));
  const surplus = extra.map((name) => `${name} does not use the role nginx, and was found affected`);
  const bakedBase = changed.images.some(({ image, baked }) => image === 'base' && baked);
  const twice = again.images.filter(({ baked, tested }) => baked || tested).map(({ image }) => image);
  return [
    ...missed,
    ...surplus,
    ...(bakedBase ? ['base was baked again, though nothing in it had changed'] : []),
    ...twice.map((image) => `${image} was baked or tested again, though nothing had changed`),
  ];
}

// What the default of edge is after the first release, after the second, and after the undo.
const VERSIONS = ['1.0.0', '1.1.0', '1.0.0'];

/** The same of releases. */
export const wrongVersions = (versions) =>
  VERSIONS.flatMap((wanted, at) =>
    versions[at] === wanted ? [] : [`the default of edge should be ${wanted}, and is ${versions[at]}`],
  );

/** What the new default must mean: the fleet is planned anew in each environment, nothing else is. */
export function wrongPlans(plans) {
  const found = plans.map(({ stack, environment, plan }) => {
    const replaced = (plan?.changes ?? []).filter(({ action }) => action === 'replace').length;
    return `${stack} in ${environment} (${replaced} replaced)`;
  });
  const wanted = ['edge-fleet in preproduction (2 replaced)', 'edge-fleet in production (3 replaced)'];
  return found.join() === wanted.join()
    ? []
    : [`planned should be ${wanted.join(' and ')}, and is ${found.join(' and ') || 'nothing'}`];
}

async function perform(scratch, env) {
  const { folder } = scratch;
  const { verify, release, affected, goldenthread, defaultOf, plans } = toolsIn(folder, env);
  const stacks = which('terraform', thisMachine().path) !== null;
  const versions = [];
  const released = async () => versions.push(await defaultOf('edge'));
  heading(`1. Bake, test and release ${IMAGES.join(' and ')}`);
  const first = await act(folder, 'first run', () => verify('run-many', '-p', ...IMAGES));
  await release('run-many', '-p', 'edge');
  await released();
  heading('2. Apply the infrastructure that it feeds');
  if (stacks) await goldenthread('apply', '--auto-approve', ...PLACES);
  else note('there is no terraform here, so this and what follows from it is left out');
  heading('3. Change one line of a role');
  await change(scratch);
  heading('4. What does that affect, and why?');
  const names = await affected();
  say(...names.map((name) => `  ${name}`), '');
  await goldenthread('why', 'edge', '--base', 'HEAD~1', '--head', 'HEAD');
  heading('5. Bake, test and release only that');
  const changed = await act(folder, 'after the change', () => verify('affected', '--base=HEAD~1'));
  if (changed.images.every(({ baked }) => !baked))
    note(
      'an earlier run has baked exactly this; to begin from nothing: GOLDENTHREAD_HOME=$(mktemp -d) npm start',
    );
  await release('affected', '--base=HEAD~1');
  await released();
  await goldenthread('verify', 'edge@1.1.0');
  if (stacks) await goldenthread('plan', ...PLACES);
  const planned = stacks ? wrongPlans(await plans()) : [];
  heading('6. Again, with nothing changed');
  const again = await act(folder, 'nothing changed', () => verify('affected', '--base=HEAD~1'));
  heading('7. Take the release back');
  await goldenthread('channel', 'undo', 'edge', '--reason', 'to show that it can be done');
  await released();
  const problems = [...broken(names, changed, again), ...wrongVersions(versions), ...planned];
  return { acts: [first, changed, again], problems };
}

function closing({ acts, problems }, clock) {
  heading('What was done');
  say(...summary(acts), '');
  if (problems.length > 0) throw new Error(`not as promised:\n  ${problems.join('\n  ')}`);
  good(`all as promised, in ${seconds(clock())}`);
  say('', 'What to try next:');
  say('  npx nx graph                                    every project, and what needs what');
  say('  npx goldenthread graph edge --explain           where each edge is said, with file and line');
  say('  npx nx run node:verify                          bake and test one more image, in your clone');
  say('  npx goldenthread verify edge --keep             keep the tested machine, to look around in it');
  say('  npx goldenthread release --help                 versions, accounts, signatures; README: Releases');
  say(
    '  npx goldenthread plan                           what applying the stacks would change; README: Stacks',
  );
  say('  npx goldenthread doctor                         which engines are here, and what for');
  say('  npm start -- --engine packer                    the same through Packer and Docker');
  say('  npm test                                        every test, real engines included');
}

/** Why the embedded builder has to go through Docker here, or null: doctor has tried whether namespaces and overlayfs work. */
export function whyDocker(machines) {
  const embedded = machines.filter(({ name }) => name.startsWith('namespace'));
  if (embedded.length === 0 || embedded.some(({ works }) => works.ok)) return null;
  const [failure] = embedded[0].works.failures;
  return failure.what ?? failure.code;
}

async function needsDocker() {
  const { code, stdout } = await run([process.execPath, CLI, 'doctor', '--json'], { cwd: ROOT, quiet: true });
  const why = code === 0 ? whyDocker(JSON.parse(stdout).engines) : null;
  if (why !== null) note(`the embedded builder goes through Docker here: ${why}`);
  return why !== null;
}

async function demonstrate(options) {
  const clock = stopwatch();
  const packer = options.engine === 'packer';
  say(...INTRODUCTION(packer));
  const purposes = [
    'layered',
    ...(process.getuid?.() === 0 ? [] : ['rootless']),
    ...(packer ? ['packer'] : []),
  ];
  await setUp(purposes, { yes: options.yes });
  const instead = !packer && (await needsDocker());
  if (instead) await engines(['docker'], { yes: options.yes });
  const docker = packer || instead ? await startDocker() : null;
  if (docker?.own) say(paint.dim('a Docker daemon was started; it ends with this run'));
  try {
    const scratch = await makeScratch();
    const env = environment({
      // No daemon of Nx stays behind, and no task gets a terminal of its own that our Ctrl-C would not reach.
      NX_DAEMON: 'false',
      NX_NATIVE_COMMAND_RUNNER: 'false',
      // Nx tells its tasks to use colour even where nobody could see it.
      ...(process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: '0' }),
      ...(packer ? { GOLDENTHREAD_BUILDER: 'packer' } : {}),
    });
    try {
      closing(await perform(scratch, env), clock);
    } finally {
      if (options.keep) say(`the scratch copy is kept: ${scratch.folder}`);
      else scratch.remove();
    }
  } finally {
    await docker?.stop();
  }
  return 0;
}

if (isScript(import.meta.url))
  await main(() => {
    const options = readOptions(process.argv.slice(2));
    if (!options.help) return demonstrate(options);
    say(HELP);
    return 0;
  });
