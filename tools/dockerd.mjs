// A Docker daemon for the time of a command: one that answers is used; where none does, a private one is started and stopped
// again. Users of one folder share its daemon, and the last of them stops it, however the others ended.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const READY_MS = 60_000;
const END_MS = 20_000;
const ATTEMPTS = 4;
const DEFAULT_SOCKET = '/var/run/docker.sock';
// A unix socket's path has at most 107 bytes, and containerd appends some thirty of its own below the exec-root.
const LONGEST_FOLDER = 60;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks `condition` until it says yes; answers whether it did in time. */
async function until(condition, ms) {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) return false;
    await pause(50);
  }
  return true;
}

/** Whether a process has ended and its parent has not yet taken note: it can still be signalled, and does nothing more. */
const unburied = (pid) => {
  try {
    return /\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return !unburied(pid);
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** Whether a daemon answers at `host` (`unix://…` or `tcp://…`); of other schemes only the docker program knows. */
export function answers(host) {
  const url = new URL(host);
  if (url.protocol === 'ssh:')
    return spawnSync('docker', ['-H', host, 'version'], { stdio: 'ignore' }).status === 0;
  if (url.protocol === 'tcp:' && process.env.DOCKER_TLS_VERIFY)
    return spawnSync('docker', ['-H', host, 'version'], { stdio: 'ignore' }).status === 0;
  const where =
    url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port || 2375 };
  return new Promise((resolve) => {
    const request = http.get({ ...where, path: '/_ping', timeout: 3_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

/** The folder for the private daemon when a caller names none. */
export function defaultFolder() {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache');
  return path.join(process.env.GOLDENTHREAD_HOME ?? path.join(cache, 'goldenthread'), 'docker');
}

/** Where everything of the private daemon of `folder` lies. */
function layout(folder) {
  const data = path.resolve(folder);
  // The same path may be another folder to somebody with other mounts but the same network, so the name alone will not do.
  const { dev, ino } = fs.statSync(data, { throwIfNoEntry: false }) ?? { dev: 0, ino: 0 };
  const key = createHash('sha256').update(`${data}\n${dev}\n${ino}`).digest('hex').slice(0, 8);
  const run =
    data.length <= LONGEST_FOLDER
      ? path.join(data, 'run')
      : path.join(os.tmpdir(), `goldenthread-docker-${key}`);
  return {
    data: path.join(data, 'data'),
    log: path.join(data, 'dockerd.log'),
    users: path.join(data, 'users'),
    run,
    lock: path.join(data, 'lock'),
    pidfile: path.join(run, 'dockerd.pid'),
    host: `unix://${path.join(run, 'docker.sock')}`,
    bridge: `gt${key}`,
    // Subnets of private daemons differ, so that two of them on one machine do not give out the same addresses.
    bip: `172.${20 + (parseInt(key.slice(0, 2), 16) % 10)}.${parseInt(key.slice(2, 4), 16)}.1/24`,
  };
}

/** Runs `fn` while holding the lock `file`; a lock whose holder is gone is taken over. */
async function locked(file, fn) {
  const take = () => {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const holder = Number(fs.readFileSync(file, { encoding: 'utf8', flag: 'a+' }));
      if (holder > 0 && !alive(holder)) fs.rmSync(file, { force: true });
      return false;
    }
  };
  if (!(await until(take, READY_MS + END_MS)))
    throw new Error(`${file} is held by another process for too long`);
  try {
    return await fn();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

const pidOf = (at) => {
  const pid = fs.existsSync(at.pidfile) ? Number(fs.readFileSync(at.pidfile, 'utf8')) : 0;
  // After a restart of the machine the number in an old file may be anybody's.
  const name =
    pid > 0 && fs.existsSync(`/proc/${pid}/comm`) ? fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : '';
  return name === 'dockerd' ? pid : 0;
};

const ip = (...args) => spawnSync('ip', args, { stdio: 'ignore' }).status === 0;

/** A bridge of its own keeps the private daemon apart from others, and can be removed without a trace. */
function makeBridge(at) {
  if (fs.existsSync(`/sys/class/net/${at.bridge}`)) return ['--bridge', at.bridge];
  if (!ip('link', 'add', 'name', at.bridge, 'type', 'bridge')) return ['--bip', at.bip];
  ip('addr', 'add', at.bip, 'dev', at.bridge);
  ip('link', 'set', at.bridge, 'up');
  return ['--bridge', at.bridge];
}

/** Mount points at or below any of these folders, innermost first. */
function mountsBelow(folders) {
  const points = fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8))),
    );
  return points.filter((point) => folders.some((folder) => `${point}/`.startsWith(`${folder}/`))).reverse();
}

function clean(at) {
  for (const point of mountsBelow([at.data, at.run])) spawnSync('umount', ['-l', point], { stdio: 'ignore' });
  fs.rmSync(at.run, { recursive: true, force: true });
  if (fs.existsSync(`/sys/class/net/${at.bridge}`)) ip('link', 'del', at.bridge);
}

/** The end of the daemon's log, for messages. */
const lastWords = (at) =>
  fs.existsSync(at.log) ? fs.readFileSync(at.log, 'utf8').trim().split('\n').slice(-8).join('\n') : '';

function launch(at) {
  fs.mkdirSync(at.run, { recursive: true, mode: 0o700 });
  const log = fs.openSync(at.log, 'w');
  const argv = [
    '--host',
    at.host,
    '--data-root',
    at.data,
    '--exec-root',
    path.join(at.run, 'exec'),
    '--shutdown-timeout',
    '3',
  ];
  // Its own session: Ctrl-C on our terminal must not end it before the containers that it serves.
  const daemon = spawn('dockerd', [...argv, '--pidfile', at.pidfile, ...makeBridge(at)], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  fs.closeSync(log);
  daemon.unref();
  return daemon;
}

async function begin(at) {
  if (pidOf(at) && (await until(() => answers(at.host), 5_000))) {
    // Somebody who tidied the machine's network may have taken it for a leftover.
    makeBridge(at);
    return;
  }
  await end(at);
  if (process.getuid?.() !== 0) throw new Error('no Docker daemon answers, and only root can start one');
  // Daemons that begin at the same moment upset each other's chains in the packet filter.
  const begun = path.join(os.tmpdir(), 'goldenthread-dockerd.lock');
  for (let attempt = 1; ; attempt++) {
    const failure = await locked(begun, () => launched(at));
    if (failure === null) return;
    await end(at);
    if (attempt === ATTEMPTS || !failure.includes('iptables')) throw new Error(failure);
    await pause(Math.random() * 1_000);
  }
}

/** Starts a daemon and waits until it answers; answers what was wrong, or null. */
async function launched(at) {
  const daemon = launch(at);
  let failure = null;
  daemon.on('error', (error) => {
    failure =
      error.code === 'ENOENT'
        ? 'dockerd is not installed (Debian: apt-get install docker.io)'
        : error.message;
  });
  daemon.on('exit', (code) => {
    failure ??= `dockerd ended with code ${code}:\n${lastWords(at)}`;
  });
  const ready = await until(async () => failure !== null || (await answers(at.host)), READY_MS);
  return ready ? failure : `dockerd did not answer within ${READY_MS / 1000} s:\n${lastWords(at)}`;
}

/** Stops the daemon of this folder, if it runs, and clears what it leaves. */
async function end(at) {
  const pid = pidOf(at);
  if (pid) process.kill(pid, 'SIGTERM');
  if (pid && !(await until(() => !alive(pid), END_MS))) process.kill(pid, 'SIGKILL');
  if (pid) await until(() => !alive(pid), 5_000);
  clean(at);
}

/** Users of the daemon that are still alive; marks of dead ones are removed. */
function usersOf(at) {
  const marks = fs.existsSync(at.users) ? fs.readdirSync(at.users) : [];
  const live = marks.filter((mark) => alive(Number(mark.split('-')[0])));
  for (const mark of marks.filter((name) => !live.includes(name)))
    fs.rmSync(path.join(at.users, mark), { force: true });
  return live;
}

const presentHost = () =>
  process.env.DOCKER_HOST ?? (fs.existsSync(DEFAULT_SOCKET) ? `unix://${DEFAULT_SOCKET}` : null);

let marks = 0;
/** What DOCKER_HOST was before this process had a daemon of its own, and how many of its users are left. */
const ours = { users: 0, before: undefined };

function enter(host) {
  if (ours.users++ === 0) ours.before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = host;
}

function leave() {
  if (--ours.users > 0) return;
  if (ours.before === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = ours.before;
}

/**
 * A daemon to work with: the one that answers already, or a private one in `folder`. DOCKER_HOST is set for children.
 * Answers `{ host, own, stop }`; `stop` is quick where the daemon is not ours or somebody else still uses it.
 */
export async function startDocker(folder = defaultFolder()) {
  const present = presentHost();
  if (present !== null && present !== layout(folder).host && (await answers(present)))
    return { host: present, own: false, stop: async () => undefined };
  fs.mkdirSync(folder, { recursive: true });
  const at = layout(folder);
  fs.mkdirSync(at.users, { recursive: true });
  const mark = path.join(at.users, `${process.pid}-${marks++}`);
  await locked(at.lock, async () => {
    fs.writeFileSync(mark, '');
    try {
      await begin(at);
    } catch (error) {
      fs.rmSync(mark, { force: true });
      throw error;
    }
  });
  enter(at.host);
  const stop = async () => {
    if (!fs.existsSync(mark)) return;
    leave();
    await locked(at.lock, async () => {
      fs.rmSync(mark, { force: true });
      if (usersOf(at).length === 0) await end(at);
    });
  };
  return { host: at.host, own: true, stop };
}

/** Calls `fn` with a daemon at hand, and gives the daemon back however `fn` ends. */
export async function withDocker(fn, folder = defaultFolder()) {
  const docker = await startDocker(folder);
  try {
    return await fn(docker);
  } finally {
    await docker.stop();
  }
}

/** Runs a command; it gets the signals that come to us, and decides itself what to do with them. */
function runCommand([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    const forward = (signal) => child.kill(signal);
    process.on('SIGTERM', forward);
    // The terminal sends Ctrl-C to the child as well: we only stay until it is done.
    process.on('SIGINT', () => undefined);
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(127);
    });
    child.on('close', (code, signal) => resolve(code ?? 128 + (os.constants.signals[signal] ?? 1)));
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const command = process.argv.slice(process.argv.indexOf('--') + 1);
  if (!process.argv.includes('--') || command.length === 0) {
    console.error('usage: node tools/dockerd.mjs -- command argument…');
    process.exit(2);
  }
  try {
    process.exitCode = await withDocker(() => runCommand(command));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
