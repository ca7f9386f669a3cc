// Installs packages on Debian and Ubuntu: quietly, without recommendations, without letting any daemon start.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { run, which } from '../children.mjs';
import { note, progress, say, seconds, stopwatch } from '../say.mjs';

const LOCK_SECONDS = 120;
const SAID = '# Written by the set-up of Goldenthread for the time of an installation.';
// Packages ask this file whether they may start their daemons; 101 forbids it.
const POLICY = `#!/bin/sh\n${SAID}\nexit 101\n`;

/** What is put before an argv to run it as root here, or null where that would need a password. */
export async function asRoot({ root }) {
  if (root) return [];
  if (which('sudo') === null) return null;
  const { code } = await run(['sudo', '-n', 'true'], { quiet: true });
  return code === 0 ? ['sudo', '-n'] : null;
}

const apt = (become, ...args) => [
  ...become,
  'env',
  'DEBIAN_FRONTEND=noninteractive',
  'NEEDRESTART_MODE=l',
  'LC_ALL=C.UTF-8',
  'apt-get',
  ...args,
];

/** Calls `work` while no package may start a daemon. A policy of the machine's own is left as it is. */
export async function withoutDaemons(become, work, policy = '/usr/sbin/policy-rc.d') {
  const own = fs.existsSync(policy) && !fs.readFileSync(policy, 'utf8').includes(SAID);
  if (own) return work();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'goldenthread-setup-'));
  const draft = path.join(folder, 'policy-rc.d');
  fs.writeFileSync(draft, POLICY);
  try {
    await run([...become, 'install', '-m', '0755', draft, policy], { quiet: true });
    return await work();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
    // Not by `run`: it starts nothing any more once somebody has asked for an end, and this must go all the same.
    await removeAs(become, policy);
  }
}

async function removeAs(become, file) {
  if (become.length === 0) fs.rmSync(file, { force: true });
  else (await import('node:child_process')).spawnSync(become[0], [...become.slice(1), 'rm', '-f', file]);
}

/** Refreshes the package lists. A third party's broken source is no reason to stop: what is needed may be there all the same. */
async function update(become, log) {
  const waited = stopwatch();
  for (;;) {
    const { code, output } = await run(apt(become, 'update', '-q'), { quiet: true, log });
    if (code === 0) return;
    // The option for waiting does not hold for the lists' own lock.
    if (!/Could not get lock/.test(output) || waited() > LOCK_SECONDS) {
      const first = output.split('\n').find((line) => /^[EW]: /.test(line)) ?? `code ${code}`;
      return note(`the package lists were not refreshed completely: ${first}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  }
}

/** Those of the packages that this machine's sources offer. */
async function offered(packages) {
  const { stdout } = await run(['env', 'LC_ALL=C', 'apt-cache', 'policy', ...packages], { quiet: true });
  const blocks = stdout.split(/^(?=\S)/m);
  const has = (name) =>
    blocks.some((block) => block.startsWith(`${name}:`) && !/Candidate: \(none\)/.test(block));
  return packages.filter(has);
}

/** Shows how far apt has come: packages that are set up, of all that it said it would. */
function follower() {
  const line = progress();
  let [all, done] = [0, 0];
  return {
    onLine: (text) => {
      all = Number(/(\d+) newly installed/.exec(text)?.[1] ?? all);
      const name = /^(?:Get:\d+ \S+ \S+ \S+|Unpacking|Setting up) (\S+)/.exec(text);
      if (text.startsWith('Setting up')) done += 1;
      if (name) line.show(`${text.split(' ')[0]} ${name[1]} (${done} of ${all || '?'} packages ready)`);
    },
    end: () => line.end(),
  };
}

async function installTogether(become, packages, log) {
  const follow = follower();
  const args = [
    'install',
    '-y',
    '-q',
    '--no-install-recommends',
    '-o',
    `DPkg::Lock::Timeout=${LOCK_SECONDS}`,
    ...packages,
  ];
  const { code } = await run(apt(become, ...args), { log, onLine: follow.onLine });
  follow.end();
  return code === 0;
}

/** Installs the Debian packages of these engines; where all together fail, one engine after another. */
export async function aptInstall(missing, { become, log, policy }) {
  const clock = stopwatch();
  await update(become, log);
  const there = await offered(missing.flatMap((engine) => engine.debian ?? []));
  if (there.length === 0) return;
  say(`installing ${there.join(' ')}`);
  await withoutDaemons(
    become,
    async () => {
      if (await installTogether(become, there, log)) return;
      for (const engine of missing) {
        const packages = there.filter((name) => engine.debian?.includes(name));
        if (packages.length > 0 && !(await installTogether(become, packages, log)))
          note(`apt-get could not install ${packages.join(' ')}`);
      }
    },
    policy,
  );
  say(`apt took ${seconds(clock())}; what it said is in ${log}`);
}
