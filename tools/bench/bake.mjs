// One role of four changes: Packer bakes everything again, the layered builder one layer. And a bake with nothing to do.
import { rmSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { startDocker } from '../dockerd.mjs';
import { cli, median, nxJson, table, time, workspace, write } from './workspace.mjs';

const ROLES = ['one', 'two', 'three', 'four'];
const PACKAGES = { one: 'less', two: 'file', three: 'tree', four: 'bc' };

const role = (name, change = 0) => ({
  [`libs/roles/${name}/tasks/main.yml`]: `- name: package
  ansible.builtin.apt:
    name: ${PACKAGES[name]}
    update_cache: true
    cache_valid_time: 3600
- name: user
  ansible.builtin.user:
    name: svc-${name}
    system: true
- name: configuration
  ansible.builtin.template:
    src: app.conf.j2
    dest: /etc/${name}.conf
    mode: "0644"
- name: unit
  ansible.builtin.copy:
    dest: /etc/systemd/system/${name}.service
    content: "[Service]\\nExecStart=/bin/true\\n"
    mode: "0644"
`,
  [`libs/roles/${name}/templates/app.conf.j2`]: `# change ${change}\nname = ${name}\n`,
});

const files = {
  'nx.json': nxJson('@goldenthread/plugin'),
  'images/base/image.yaml': 'base:\n  mmdebstrap: { suite: bookworm, packages: [python3, python3-apt] }\n',
  'images/layered/image.yaml': 'base: { image: base }\nplaybook: ../../playbook.yml\n',
  'images/packer/image.yaml':
    'base: { image: base }\nbuilder: packer\npacker: { template: packer.pkr.hcl }\n',
  'images/packer/packer.pkr.hcl': `variable "base_image" { type = string }
variable "manifest" { type = string }
variable "container_name" { type = string }
variable "role_paths" { type = string }
source "docker" "it" {
  image       = var.base_image
  pull        = false
  commit      = true
  run_command = ["-d", "-i", "-t", "--name", var.container_name, "--entrypoint=/bin/sh", "--", "{{.Image}}"]
}
build {
  sources = ["source.docker.it"]
  provisioner "ansible" {
    playbook_file    = "\${path.root}/../../playbook.yml"
    ansible_env_vars = ["ANSIBLE_ROLES_PATH=\${var.role_paths}", "ANSIBLE_PIPELINING=1"]
    extra_arguments  = ["--extra-vars", "ansible_host=\${var.container_name} ansible_connection=docker"]
  }
  post-processor "manifest" {
    output = var.manifest
  }
}
`,
  'playbook.yml': `- hosts: all\n  roles: [${ROLES.join(', ')}]\n`,
  ...Object.assign({}, ...ROLES.map((name) => role(name))),
};

/** Measures and answers the table and the figures. */
export async function bakeBench({ runs = 3 } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'goldenthread-bench-home-'));
  const docker = await startDocker(join(home, 'dockerd'));
  const made = await workspace(files);
  try {
    const env = { ...process.env, GOLDENTHREAD_HOME: home };
    const run = $({ cwd: made.folder, quiet: true, env });
    const bake = (image) => time(() => run`node ${cli} bake ${image}`);
    const cold = { base: await bake('base'), layered: await bake('layered'), packer: await bake('packer') };
    const again = { layered: [], packer: [], unchanged: [], node: [] };
    for (let turn = 1; turn <= runs; turn++) {
      write(made.folder, role('four', turn));
      again.packer.push(await bake('packer'));
      again.layered.push(await bake('layered'));
      process.stderr.write(`bake: turn ${turn} of ${runs} measured\n`);
    }
    for (let turn = 0; turn < 10; turn++) {
      again.node.push(await time(() => run`node -e 0`));
      again.unchanged.push(await bake('layered'));
    }
    const [layered, packer, unchanged, node] = ['layered', 'packer', 'unchanged', 'node'].map((name) =>
      median(again[name]),
    );
    const s = (ms) => (ms / 1000).toFixed(1);
    const rows = [
      [
        'four roles, nothing there yet',
        s(cold.packer),
        s(cold.layered),
        `${(cold.packer / cold.layered).toFixed(1)}x`,
      ],
      ['the last of four roles changed', s(packer), s(layered), `${(packer / layered).toFixed(1)}x`],
      [
        'nothing changed',
        s(packer),
        `${(unchanged / 1000).toFixed(2)} (${(unchanged - node).toFixed(0)} ms beside starting Node)`,
        `${(packer / unchanged).toFixed(0)}x`,
      ],
    ];
    const figures = {
      cold,
      packer,
      layered,
      unchanged,
      node,
      ratio: packer / layered,
      ownMs: unchanged - node,
    };
    return { text: table(['bake', 'Packer, s', 'layered, s', 'ratio'], rows), figures };
  } finally {
    made.dispose();
    await docker.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
