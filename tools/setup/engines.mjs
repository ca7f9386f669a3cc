// The engines Goldenthread drives: how to see that one is there, what it is for, and how each platform gets it.
import fs from 'node:fs';

import { which } from '../children.mjs';

const PIP = 'python3 -m pip install pytest-testinfra';

/**
 * `programs`: one of each inner list must be on PATH (`onDebian`: instead, there). `for`: which of our commands need it. Platforms name packages of their
 * own package manager; a sentence in `else` says how to get it where there is none. `onDebianFiles`: what has to be there besides.
 */
export const ENGINES = [
  {
    name: 'git',
    programs: [['git']],
    purpose: 'knowing what has changed',
    for: ['layered', 'packer', 'test'],
    debian: ['git'],
    fedora: ['git'],
    alpine: ['git'],
    brew: ['git'],
  },
  {
    name: 'ansible',
    programs: [['ansible-playbook']],
    purpose: 'running roles',
    for: ['layered', 'packer', 'test'],
    debian: ['ansible'],
    fedora: ['ansible'],
    alpine: ['ansible'],
    brew: ['ansible'],
  },
  {
    name: 'testinfra',
    programs: [['pytest-3', 'pytest']],
    // A plain `pytest` there belongs to another Python, which does not have Testinfra.
    onDebian: [['pytest-3']],
    purpose: 'running the tests of images',
    for: ['layered', 'packer', 'test'],
    debian: ['python3-testinfra'],
    else: PIP,
  },
  {
    name: 'mmdebstrap',
    programs: [['mmdebstrap']],
    purpose: 'making Debian root file systems',
    for: ['layered', 'packer', 'test'],
    debian: ['mmdebstrap'],
    else: 'only Debian and Ubuntu have it: elsewhere use an image with an `oci` base',
  },
  {
    name: 'uidmap',
    programs: [['newuidmap'], ['newgidmap']],
    purpose: 'baking as an ordinary user',
    for: ['rootless', 'test'],
    linux: true,
    debian: ['uidmap'],
    fedora: ['shadow-utils'],
    alpine: ['cmd:newuidmap', 'cmd:newgidmap'],
  },
  {
    name: 'util-linux',
    programs: [['unshare'], ['nsenter'], ['setpriv']],
    purpose: 'baking in namespaces',
    for: ['layered', 'test'],
    linux: true,
    debian: ['util-linux'],
    fedora: ['util-linux'],
    alpine: ['util-linux', 'setpriv'],
  },
  {
    name: 'iproute2',
    programs: [['ip']],
    purpose: 'networks of test machines',
    for: ['layered', 'packer', 'test'],
    linux: true,
    debian: ['iproute2'],
    fedora: ['iproute'],
    alpine: ['iproute2'],
  },
  {
    name: 'linters',
    programs: [['yamllint'], ['ansible-lint']],
    purpose: 'linting playbooks and roles',
    for: ['lint', 'test'],
    debian: ['yamllint', 'ansible-lint'],
    fedora: ['yamllint', '/usr/bin/ansible-lint'],
    alpine: ['yamllint', 'ansible-lint'],
    brew: ['yamllint', 'ansible-lint'],
  },
  {
    name: 'packer',
    programs: [['packer']],
    purpose: 'baking from Packer templates',
    for: ['packer', 'test'],
    debian: ['packer'],
    brew: ['hashicorp/tap/packer'],
    else: "the vendor's package of packer, put on PATH",
  },
  {
    name: 'terraform',
    programs: [['terraform']],
    purpose: 'planning and applying stacks of Terraform',
    for: ['stacks', 'test'],
    brew: ['hashicorp/tap/terraform'],
    else: "the vendor's package of terraform (or OpenTofu), put on PATH",
  },
  {
    name: 'docker',
    programs: [['docker'], ['dockerd']],
    sockets: ['/var/run/docker.sock'],
    purpose: 'baking with Packer, and without overlayfs',
    for: ['packer', 'docker', 'test'],
    debian: ['docker.io', 'docker-cli'],
    fedora: ['moby-engine'],
    alpine: ['docker'],
    brew: ['docker', 'colima'],
  },
  {
    name: 'ansible-docker',
    programs: [],
    // A library of the Python that Ansible runs on, which no program shows.
    onDebianFiles: ['/usr/lib/python3/dist-packages/requests'],
    purpose: 'managing Docker by Ansible',
    for: ['docker', 'test'],
    linux: true,
    debian: ['python3-requests'],
    else: 'the library requests for the Python that Ansible runs on',
  },
  {
    name: 'registry',
    programs: [['docker-registry'], ['htpasswd'], ['openssl'], ['skopeo']],
    purpose: 'testing against real registries',
    for: ['test'],
    linux: true,
    debian: ['docker-registry', 'apache2-utils', 'openssl', 'skopeo'],
    else: 'the programs docker-registry, htpasswd, openssl and skopeo, put on PATH',
  },
];

const INSTALLERS = {
  debian: 'apt-get install -y --no-install-recommends',
  fedora: 'dnf install -y',
  alpine: 'apk add',
  brew: 'brew install',
};

/** The family of systems this machine belongs to: debian, fedora, alpine, brew or other. */
export function familyOf(platform, osRelease) {
  if (platform === 'darwin') return 'brew';
  if (platform !== 'linux') return 'other';
  const field = (name) => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  const ids = `${field('ID')} ${field('ID_LIKE')}`.split(' ');
  if (ids.includes('debian') || ids.includes('ubuntu')) return 'debian';
  if (ids.includes('fedora') || ids.includes('rhel')) return 'fedora';
  return ids.includes('alpine') ? 'alpine' : 'other';
}

/** What set-up needs to know of a machine. */
export function thisMachine() {
  const osRelease = fs.existsSync('/etc/os-release') ? fs.readFileSync('/etc/os-release', 'utf8') : '';
  return {
    platform: process.platform,
    family: familyOf(process.platform, osRelease),
    root: process.getuid?.() === 0,
    path: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
    remoteDocker: process.env.DOCKER_HOST !== undefined,
  };
}

function isThere(engine, machine) {
  const found = (names) => names.some((name) => which(name, machine.path) !== null);
  const programs = (machine.family === 'debian' && engine.onDebian) || engine.programs;
  const files = (machine.family === 'debian' && engine.onDebianFiles) || [];
  if (engine.name !== 'docker') return programs.every(found) && files.every((file) => fs.existsSync(file));
  // A daemon that is there already, on this machine or another, does as well as one that we can start.
  const daemon = machine.remoteDocker || engine.sockets.some((socket) => fs.existsSync(socket));
  return found(['docker']) && (daemon || found(['dockerd']));
}

/** Engines that these purposes need on this machine, and those of them that are missing. */
export function look(purposes, machine = thisMachine()) {
  const wanted = ENGINES.filter(
    (engine) =>
      engine.for.some((purpose) => purposes.includes(purpose)) &&
      (!engine.linux || machine.platform === 'linux'),
  );
  return { wanted, missing: wanted.filter((engine) => !isThere(engine, machine)) };
}

/** The exact commands that bring the missing engines here, for people. */
export function commandsFor(missing, { family, root }) {
  const packages = missing.flatMap((engine) => engine[family] ?? []);
  const become = root || family === 'brew' ? '' : 'sudo ';
  const first = family === 'debian' ? [`${become}apt-get update`] : [];
  const install =
    packages.length > 0 ? [...first, `${become}${INSTALLERS[family]} ${packages.join(' ')}`] : [];
  const others = missing.filter((engine) => engine[family] === undefined);
  return [
    ...install,
    ...others.map((engine) => `${engine.name}: ${engine.else ?? `install ${engine.name}`}`),
  ];
}
