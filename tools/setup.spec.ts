import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installReason } from './setup.mjs';
import { commandsFor, ENGINES, familyOf, look } from './setup/engines.mjs';
import { nodeProblem, satisfies } from './setup/node.mjs';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'goldenthread-setup-spec-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a program that does what this line of shell says; arguments and the environment that counts go to `calls`. */
function stub(name: string, script = 'exit 0'): void {
  const file = join(folder, 'bin', name);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho "${name} $* [$DEBIAN_FRONTEND]" >>"${folder}/calls"\n${script}\n`);
  chmodSync(file, 0o755);
}

const calls = (): readonly string[] =>
  existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n') : [];

describe('Node.js', () => {
  const range = '>=20.19.0 <21 || >=22.12.0';

  it.each([
    ['v20.19.0', true],
    ['20.20.2', true],
    ['v22.12.0', true],
    ['v24.1.0-nightly', true],
    ['v20.18.9', false],
    ['v21.7.0', false],
    ['v18.20.0', false],
  ])('%s: %s', (version, fits) => {
    expect(satisfies(version, range)).toBe(fits);
  });

  it('says what is needed and how to get it', () => {
    expect(nodeProblem('v20.20.0', range)).toBeNull();
    expect(nodeProblem('v18.3.0', range)).toMatch(
      /This is Node\.js v18\.3\.0; needed is >=20\.19\.0 <21 or >=22\.12\.0/,
    );
    expect(() => satisfies('v20.0.0', '^20')).toThrow('"^20" is not understood');
  });
});

describe('dependencies', () => {
  const lock = (packages: Record<string, object>): string =>
    JSON.stringify({ packages: { '': {}, ...packages } });
  const write = (wanted: Record<string, object>, installed: Record<string, object> | null): void => {
    writeFileSync(join(folder, 'package-lock.json'), lock(wanted));
    mkdirSync(join(folder, 'node_modules/zod'), { recursive: true });
    if (installed) writeFileSync(join(folder, 'node_modules/.package-lock.json'), lock(installed));
  };
  const zod = { 'node_modules/zod': { version: '4.0.0' } };

  it('are installed where they are as in the lock file, whatever is left out for other platforms', () => {
    write({ ...zod, 'node_modules/x-darwin': { version: '1.0.0', optional: true }, 'libs/core': {} }, zod);
    expect(installReason(folder)).toBeNull();
  });

  it('are not where node_modules was never finished', () => {
    write(zod, null);
    expect(installReason(folder)).toContain('not there, or was not finished');
  });

  it('are not where a version differs or a package is new', () => {
    write({ ...zod, 'node_modules/a/node_modules/yaml': { version: '2.0.0' } }, zod);
    expect(installReason(folder)).toBe('yaml is not as in the lock file');
    writeFileSync(join(folder, 'package-lock.json'), lock({ 'node_modules/zod': { version: '4.0.1' } }));
    expect(installReason(folder)).toBe('zod is not as in the lock file');
  });

  it('are not where a folder has gone', () => {
    write(zod, zod);
    rmSync(join(folder, 'node_modules/zod'), { recursive: true });
    expect(installReason(folder)).toBe('zod is not as in the lock file');
  });
});

describe('platforms', () => {
  it.each<[NodeJS.Platform, string, string]>([
    ['linux', 'PRETTY_NAME="Debian"\nID=debian\n', 'debian'],
    ['linux', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'debian'],
    ['linux', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'fedora'],
    ['linux', 'ID=alpine\n', 'alpine'],
    ['linux', 'ID=nixos\n', 'other'],
    ['darwin', '', 'brew'],
    ['win32', '', 'other'],
  ])('%s %j is %s', (platform, release, family) => {
    expect(familyOf(platform, release)).toBe(family);
  });

  const machine = {
    platform: 'linux' as NodeJS.Platform,
    family: 'debian',
    root: true,
    path: '/nowhere',
    remoteDocker: false,
  };
  const missing = (family: string, root: boolean, names: readonly string[]): string =>
    commandsFor(
      ENGINES.filter(({ name }) => names.includes(name)),
      { family, root },
    ).join('\n');

  it('are told the exact commands', () => {
    const names = ['ansible', 'mmdebstrap', 'docker'];
    expect(missing('debian', false, names)).toBe(
      'sudo apt-get update\nsudo apt-get install -y --no-install-recommends ansible mmdebstrap docker.io docker-cli',
    );
    expect(missing('debian', true, ['ansible'])).toMatch(/^apt-get update\napt-get install .* ansible$/);
    expect(missing('fedora', false, names)).toMatch(
      /^sudo dnf install -y ansible moby-engine\nmmdebstrap: only Debian and Ubuntu/,
    );
    expect(missing('alpine', true, names)).toMatch(/^apk add ansible docker\nmmdebstrap: /);
    expect(missing('brew', false, ['packer', 'docker'])).toBe(
      'brew install hashicorp/tap/packer docker colima',
    );
    expect(missing('other', false, ['ansible', 'testinfra'])).toBe(
      'ansible: install ansible\ntestinfra: python3 -m pip install pytest-testinfra',
    );
  });

  it('are asked only for what the command needs', () => {
    const names = (purposes: readonly string[], platform: NodeJS.Platform = 'linux'): readonly string[] =>
      look(purposes, { ...machine, platform }).missing.map(({ name }) => name);
    expect(names(['layered'])).not.toContain('docker');
    expect(names(['layered'])).not.toContain('uidmap');
    expect(names(['layered', 'packer'])).toEqual(expect.arrayContaining(['ansible', 'docker', 'packer']));
    // A library of another program's is there or not, whatever PATH is.
    const isAbsent = ({ programs, onDebianFiles = [] }: (typeof ENGINES)[number]): boolean =>
      programs.length > 0 || !onDebianFiles.every((file) => existsSync(file));
    expect(names(['test'])).toEqual(ENGINES.filter(isAbsent).map(({ name }) => name));
    expect(names(['test'], 'darwin')).not.toContain('util-linux');
  });

  it('need no daemon of their own where another one serves', () => {
    stub('docker');
    const path = join(folder, 'bin');
    const needed = (remoteDocker: boolean): boolean =>
      look(['docker'], { ...machine, path, remoteDocker }).missing.length > 0 &&
      !existsSync('/var/run/docker.sock');
    expect(needed(true)).toBe(false);
    expect(needed(false)).toBe(!existsSync('/var/run/docker.sock'));
  });
});

describe('installing engines', () => {
  const DRIVER = `
    import { main } from '${join(import.meta.dirname, 'children.mjs')}';
    import { engines } from '${join(import.meta.dirname, 'setup.mjs')}';
    const [purposes, options] = JSON.parse(process.argv[1]);
    await main(async () => {
      const left = await engines(purposes, options);
      console.log('left: ' + left.map(({ name }) => name).join(' '));
      return 0;
    });`;

  /** Looks for engines on a machine that has none, in a process of its own, where apt and sudo are stubs. */
  function install(
    purposes: readonly string[],
    machine: object = {},
    ask = false,
  ): { readonly said: string; readonly code: number | null } {
    const path = join(folder, 'engines');
    mkdirSync(path, { recursive: true });
    const here = { platform: 'linux', family: 'debian', root: true, path, remoteDocker: false, ...machine };
    const input = JSON.stringify([purposes, { ask, machine: here, policy: join(folder, 'policy-rc.d') }]);
    const env = {
      ...process.env,
      PATH: `${folder}/bin:${process.env['PATH'] ?? ''}`,
      GOLDENTHREAD_HOME: join(folder, 'home'),
      NO_COLOR: '1',
    };
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', DRIVER, input],
      { env, encoding: 'utf8' },
    );
    return { said: stdout + stderr, code: status };
  }

  // What a package brings; an installation of several fails where one of them does.
  const APT_GET = (broken = 'nothing'): string => `
for word in "$@"; do last="$word"; done
case " $* " in *" update "*) exit 0 ;; *" ${broken} "*) echo "E: Unable to correct problems"; exit 100 ;; esac
cp "${folder}/policy-rc.d" "${folder}/policy-seen"
for word in "$@"; do
  case "$word" in
    ansible) echo "Setting up ansible (7.7)"; touch "${folder}/engines/ansible-playbook" ;;
    python3-testinfra) touch "${folder}/engines/pytest-3" ;;
    mmdebstrap) touch "${folder}/engines/mmdebstrap" ;;
    iproute2) touch "${folder}/engines/ip" ;;
    git) touch "${folder}/engines/git" ;;
    util-linux) touch "${folder}/engines/unshare" "${folder}/engines/nsenter" "${folder}/engines/setpriv" ;;
    docker.io) touch "${folder}/engines/docker" "${folder}/engines/dockerd" ;;
  esac
done
chmod -f 755 "${folder}"/engines/* || :`;
  const APT_CACHE = `shift
for name in "$@"; do
  case "$name" in
    docker-cli) printf '%s:\\n  Installed: (none)\\n  Candidate: (none)\\n' "$name" ;;
    packer) ;;
    *) printf '%s:\\n  Installed: (none)\\n  Candidate: 1.0\\n' "$name" ;;
  esac
done`;

  it('installs what is missing, starts no daemon, keeps the log, and has nothing to do the second time', () => {
    stub('apt-get', APT_GET());
    stub('apt-cache', APT_CACHE);
    const { said, code } = install(['layered']);
    expect(said).toContain('ansible      for running roles');
    expect(said).toContain('to do: apt-get update, then apt-get install git ansible');
    expect(said).toContain('left: \n');
    expect(code).toBe(0);
    expect(calls()[0]).toBe('apt-get update -q [noninteractive]');
    expect(calls().at(-1)).toMatch(
      /^apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 .*ansible .*\[noninteractive\]$/,
    );
    expect(readFileSync(join(folder, 'policy-seen'), 'utf8')).toContain('exit 101');
    expect(existsSync(join(folder, 'policy-rc.d'))).toBe(false);
    expect(readFileSync(join(folder, 'home/logs/setup-apt.log'), 'utf8')).toContain('Setting up ansible');
    const before = calls().length;
    expect(install(['layered']).said).toMatch(/engines: git, ansible, .*\nleft: \n/);
    expect(calls()).toHaveLength(before);
  });

  it('goes on without what the machine does not offer, and says how to get it', () => {
    stub('apt-get', APT_GET());
    stub('apt-cache', APT_CACHE);
    const { said } = install(['layered', 'packer']);
    expect(said).toContain('still missing: packer');
    expect(said).toContain('left: packer');
    expect(calls().at(-1)).not.toMatch(/docker-cli|packer/);
  });

  it('installs the others where one package fails', () => {
    stub('apt-get', APT_GET('mmdebstrap'));
    stub('apt-cache', APT_CACHE);
    const { said } = install(['layered']);
    expect(said).toContain('apt-get could not install mmdebstrap');
    expect(said).toContain('left: mmdebstrap');
  });

  it("is not kept from it by a third party's broken source, and keeps the machine's own policy", () => {
    stub(
      'apt-get',
      `case "$*" in *update*) echo "E: The repository is not signed." >&2; exit 100 ;; esac\n${APT_GET()}`,
    );
    stub('apt-cache', APT_CACHE);
    writeFileSync(join(folder, 'policy-rc.d'), '#!/bin/sh\nexit 0\n');
    const { said } = install(['layered']);
    expect(said).toContain(
      'the package lists were not refreshed completely: E: The repository is not signed.',
    );
    expect(said).toContain('left: \n');
    expect(readFileSync(join(folder, 'policy-rc.d'), 'utf8')).toBe('#!/bin/sh\nexit 0\n');
  });

  it('becomes root by sudo where that needs no password', () => {
    stub('apt-get', APT_GET());
    stub('apt-cache', APT_CACHE);
    stub('sudo', 'shift; exec "$@"');
    const { said } = install(['layered'], { root: false });
    expect(said).toContain('(by sudo)');
    expect(said).toContain('left: \n');
    expect(calls().find((call) => call.startsWith('sudo -n env'))).toContain('apt-get update');
  });

  it.each([
    { why: 'sudo wants a password', machine: { root: false }, tells: 'sudo apt-get install' },
    { why: 'the system is another', machine: { family: 'fedora' }, tells: 'dnf install -y' },
  ])('installs nothing and tells the commands where $why', ({ machine, tells }) => {
    stub('apt-get', APT_GET());
    stub('sudo', 'exit 1');
    const { said, code } = install(['layered'], machine);
    expect(said).toContain('does not let the set-up install them');
    expect(said).toContain(tells);
    expect(said).toMatch(/left: .*ansible/);
    expect(code).toBe(0);
    expect(calls().filter((call) => call.startsWith('apt-get'))).toEqual([]);
  });
});
