// Sets the machine up: dependencies by npm, the build, and the engines by the system's package manager where that is possible.
import './setup/node.mjs';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

import { isScript, main, run, stopped, which } from './children.mjs';
import { bad, good, heading, note, say, seconds, stopwatch } from './say.mjs';
import { aptInstall, asRoot } from './setup/apt.mjs';
import { commandsFor, look, thisMachine } from './setup/engines.mjs';

/** The folder of this clone. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Goldenthread's own folder: store, caches and logs. */
export function home({ GOLDENTHREAD_HOME, XDG_CACHE_HOME } = process.env) {
  const cache =
    XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.join(os.homedir(), '.cache');
  return path.resolve(GOLDENTHREAD_HOME ?? path.join(cache, 'goldenthread'));
}

const readJson = (file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : null);

/**
 * Why `npm ci` is needed, or null. npm keeps in node_modules what it has installed: the same versions as in the lock file
 * need no second installation, and packages for other platforms are not missed.
 */
export function installReason(root = ROOT) {
  const lock = readJson(path.join(root, 'package-lock.json'));
  const installed = readJson(path.join(root, 'node_modules/.package-lock.json'));
  if (installed === null) return 'node_modules is not there, or was not finished';
  const wanted = Object.entries(lock?.packages ?? {}).filter(
    ([at]) => at !== '' && at.startsWith('node_modules/'),
  );
  const differs = wanted.find(([at, { version, optional }]) => {
    const found = installed.packages[at];
    if (found === undefined) return !optional;
    return found.version !== version || !fs.existsSync(path.join(root, at));
  });
  return differs === undefined
    ? null
    : `${differs[0].split('node_modules/').at(-1)} is not as in the lock file`;
}

async function dependencies() {
  const reason = installReason();
  if (reason === null) return good('dependencies: as in the lock file');
  if (which('npm') === null) throw new Error('npm is not on PATH; it comes with Node.js');
  say(`npm ci (${reason})`);
  const clock = stopwatch();
  const { code } = await run(['npm', 'ci'], { cwd: ROOT });
  if (code !== 0) throw new Error('npm ci failed; what it said stands above');
  return good(`dependencies: installed (${seconds(clock())})`);
}

async function build() {
  const clock = stopwatch();
  const { code } = await run([process.execPath, path.join(ROOT, 'tools/build.mjs')], { cwd: ROOT });
  if (code !== 0) throw new Error('the build failed; what the compiler said stands above');
  good(`build: ${seconds(clock())}`);
}

const onTerminal = () => process.stdin.isTTY && process.stdout.isTTY;

/** Asks on the terminal; nothing typed means yes. */
function agreed(question) {
  const lines = readline.createInterface({ input: process.stdin, output: process.stdout });
  return new Promise((resolve, reject) => {
    const give = (answer) => {
      lines.close();
      resolve(/^(y(es)?)?$/i.test(answer.trim()));
    };
    lines.question(`${question} [Y/n] `, give);
    // On a terminal in raw mode Ctrl-C comes here, not as a signal.
    lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    stopped.addEventListener('abort', () => (lines.close(), reject(stopped.reason)), { once: true });
  });
}

function adviseOn(missing, machine, why) {
  note(`${why}. To install by hand:`);
  say(...commandsFor(missing, machine).map((line) => `    ${line}`));
}

/** Installs what is missing where we can; says how to get the rest. Answers the engines that are missing in the end. */
export async function engines(
  purposes,
  { yes = false, ask = onTerminal(), machine = thisMachine(), policy } = {},
) {
  const { wanted, missing } = look(purposes, machine);
  if (missing.length === 0) {
    good(`engines: ${wanted.map(({ name }) => name).join(', ')}`);
    return [];
  }
  say('missing engines:', ...missing.map(({ name, purpose }) => `    ${name.padEnd(12)} for ${purpose}`));
  const become = machine.family === 'debian' && which('apt-get') !== null ? await asRoot(machine) : null;
  if (become === null) {
    adviseOn(missing, machine, 'this machine does not let the set-up install them');
    return missing;
  }
  const names = missing.flatMap(({ debian }) => debian ?? []).join(' ');
  say(`to do: apt-get update, then apt-get install ${names}${become.length > 0 ? ' (by sudo)' : ''}`);
  const asks = ask && !yes && process.env.CI !== 'true';
  if (asks && !(await agreed('Install them now?'))) {
    adviseOn(missing, machine, 'not installed');
    return missing;
  }
  const logs = path.join(home(), 'logs');
  fs.mkdirSync(logs, { recursive: true });
  const log = path.join(logs, 'setup-apt.log');
  fs.rmSync(log, { force: true });
  await aptInstall(missing, { become, log, policy });
  const left = look(purposes, machine).missing;
  if (left.length > 0) adviseOn(left, machine, `still missing: ${left.map(({ name }) => name).join(', ')}`);
  else good(`engines: ${wanted.map(({ name }) => name).join(', ')}`);
  return left;
}

/** Everything that a command needs before it can start; answers the engines that are missing in the end. */
export async function setUp(purposes, options) {
  heading('set-up');
  await dependencies();
  await build();
  return engines(purposes, options);
}

if (isScript(import.meta.url)) {
  await main(async () => {
    const missing = await setUp(['test', 'packer'], { yes: process.argv.includes('--yes') });
    if (missing.length > 0)
      bad('not everything is there', '`npx goldenthread doctor` says what works without');
    return missing.length > 0 ? 1 : 0;
  });
}
