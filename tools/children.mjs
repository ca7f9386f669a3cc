// Programs that the scripts in tools/ start: each in a process group of its own, so that it can be stopped whole.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

import { bad, say } from './say.mjs';

const GRACE_MS = 20_000;
const live = new Set();
const stopping = new AbortController();

/** Fires when the person at the terminal, or whoever started us, wants an end. */
export const stopped = stopping.signal;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The absolute path of a program, also where a plain user's PATH leaves out the system's folders; or null. */
export function which(name, folders = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`) {
  const runs = (file) => {
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return fs.statSync(file).isFile();
    } catch {
      return false;
    }
  };
  const files = folders.split(':').map((folder) => path.join(folder || '.', name));
  return files.find(runs) ?? null;
}

function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether anybody of the group still runs; the dead that nobody has buried do not count. */
function groupAlive(pid) {
  if (!signalGroup(pid, 0)) return false;
  if (process.platform !== 'linux') return true;
  return fs.readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = fs.readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(group) === pid && state !== 'Z';
    } catch {
      return false;
    }
  });
}

async function until(condition, ms) {
  const end = Date.now() + ms;
  while (!condition() && Date.now() < end) await pause(50);
}

/** Ends what a program has left in its group, giving it `grace` ms to clean up. */
async function endGroup(pid, signal, grace) {
  if (groupAlive(pid)) signalGroup(pid, signal);
  await until(() => !groupAlive(pid), grace);
  signalGroup(pid, 'SIGKILL');
}

function streams(child, { log, onLine, show }, keep) {
  const file = log === undefined ? null : fs.createWriteStream(log, { flags: 'a' });
  for (const [stream, out] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    stream.on('data', (chunk) => {
      keep(chunk, stream === child.stdout);
      file?.write(chunk);
      if (show) out.write(chunk);
    });
    if (onLine) readline.createInterface({ input: stream }).on('line', onLine);
  }
  return () => file?.end();
}

/**
 * Runs a program; answers `{ code, stdout, output }`. By default its output goes where ours goes; with `quiet`, `log` or
 * `onLine` it is caught instead, and with `show` both. Throws once somebody has asked for an end.
 */
export async function run(argv, options = {}) {
  stopped.throwIfAborted();
  const { cwd, env = process.env, quiet, log, onLine, show } = options;
  const caught = Boolean(quiet || log || onLine || show);
  const [name, ...args] = argv;
  const child = spawn(name, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', caught ? 'pipe' : 'inherit', caught ? 'pipe' : 'inherit'],
  });
  let [stdout, output] = ['', ''];
  const keep = (chunk, standard) => {
    const text = chunk.toString('utf8');
    output = (output + text).slice(-(1 << 20));
    if (standard) stdout += text;
  };
  const done = caught ? streams(child, options, keep) : () => undefined;
  const closed = new Promise((resolve) => child.on('close', resolve));
  const ended = new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(error.code === 'ENOENT' ? 127 : 126);
    });
    child.on('exit', (status, signal) => resolve(status ?? 128 + (os.constants.signals[signal] ?? 1)));
  });
  if (child.pid !== undefined) live.add(child.pid);
  try {
    const code = await ended;
    // Whoever is left in the group would keep our ends of its pipes open.
    if (child.pid !== undefined) await endGroup(child.pid, 'SIGTERM', stopped.aborted ? GRACE_MS : 3_000);
    if (child.pid !== undefined) await closed;
    stopped.throwIfAborted();
    return { code, stdout, output };
  } finally {
    live.delete(child.pid);
    done();
  }
}

let asked = 0;

/** First time: everybody may clean up and end. Second time: nobody is asked. */
function askToStop(signal) {
  asked += 1;
  if (asked === 1) say('', 'stopping; once more to end without cleaning up');
  for (const pid of live) signalGroup(pid, asked > 1 ? 'SIGKILL' : signal === 'SIGHUP' ? 'SIGTERM' : signal);
  setTimeout(() => [...live].forEach((pid) => signalGroup(pid, 'SIGKILL')), GRACE_MS).unref();
  stopping.abort(new Error('stopped'));
}

/** Whether this module is the script that Node was told to run. */
export const isScript = (url) =>
  fs.existsSync(process.argv[1] ?? '') && fs.realpathSync(process.argv[1]) === fileURLToPath(url);

/** Runs a script: its answer is the exit code; Ctrl-C stops all it started, lets it clean up, and exits with 130. */
export async function main(work) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => askToStop(signal));
  try {
    process.exitCode = await work();
  } catch (error) {
    if (!stopped.aborted) bad(process.env.GOLDENTHREAD_DEBUG ? error.stack : error.message);
    process.exitCode = 1;
  }
  if (!stopped.aborted) return;
  say('stopped');
  process.exitCode = 130;
}
