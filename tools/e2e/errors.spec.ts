import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, type TestWorkspace } from '@goldenthread/testing';

const debian = 'base: { mmdebstrap: { suite: bookworm } }\n';
const hcl = (body: string): string =>
  `source "null" "it" {\n  communicator = "none"\n}\nbuild {\n  sources = ["source.null.it"]\n${body}}\n`;

/** Each file is wrong in its own way; the line and column at which that must be said, and some of the words. */
const WRONG: readonly {
  readonly path: string;
  readonly text: string;
  readonly place: string;
  readonly says: string;
}[] = [
  {
    path: 'images/a/image.yaml',
    text: `${debian}colour: red\n`,
    place: '2:1',
    says: 'the unknown key "colour"',
  },
  {
    path: 'images/b/image.yaml',
    text: 'base: { image: base\nroles: []\n',
    place: '2:1',
    says: 'not valid YAML',
  },
  {
    path: 'images/c/image.yaml',
    text: 'base:\n  image: nowhere\nroles: []\n',
    place: '2:10',
    says: 'there is no image "nowhere"',
  },
  {
    path: 'images/d/playbook.yml',
    text: '- hosts: all\n  roles:\n    - ngnix\n',
    place: '3:7',
    says: 'there is no role "ngnix"',
  },
  {
    path: 'images/e/playbook.yml',
    text: '- hosts: all\n  tasks:\n  - name: "open\n',
    place: '3:15',
    says: 'not valid YAML',
  },
  {
    path: 'images/f/it.pkr.hcl',
    text: hcl('  provisioner "shell" {\n    script = \n  }\n'),
    place: '7:',
    says: 'not valid HCL',
  },
  { path: 'images/g/it.json', text: '{ "builders": [ }\n', place: '1:', says: 'not valid JSON' },
  { path: 'infra/h/main.tf', text: 'resource "terraform_data" {\n', place: '1:', says: 'not valid HCL' },
  { path: 'infra/hh/stack.yaml', text: 'images: [edge]\n', place: '1:9', says: 'expected a map' },
  {
    path: 'apps/i/service.yaml',
    text: 'base: { image: bsae }\n',
    place: '1:16',
    says: 'Did you mean "base"?',
  },
  {
    path: 'infra/environments/j/environment.yaml',
    text: 'stage: first\n',
    place: '1:8',
    says: 'expected a whole number',
  },
  {
    path: 'libs/roles/k/tasks/main.yml',
    text: '- name: x\n  debug: {msg: "a}\n',
    place: '',
    says: 'not valid YAML',
  },
  {
    path: 'libs/roles/l/meta/main.yml',
    text: 'dependencies:\n  - role: lost\n',
    place: '2:11',
    says: 'there is no role "lost"',
  },
];

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml': debian,
  'images/d/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\n',
  'images/e/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\n',
  'images/f/image.yaml': 'packer: { template: it.pkr.hcl }\n',
  'images/g/image.yaml': 'packer: { template: it.json }\n',
  'infra/h/stack.yaml': '{}\n',
  'images/twin/image.yaml': `name: base\n${debian}`,
  'libs/roles/nginx/tasks/main.yml': '- name: x\n  ansible.builtin.debug: { msg: x }\n',
  'libs/roles/m/meta/main.yml': 'dependencies: [n]\n',
  'libs/roles/n/meta/main.yml': 'dependencies: [m]\n',
  ...Object.fromEntries(WRONG.map(({ path, text }) => [path, text])),
};

let workspace: TestWorkspace;
beforeAll(async () => {
  workspace = await createWorkspace(FILES);
});
afterAll(() => workspace.dispose());

describe('everything that is wrong is said at once, at its place', () => {
  it('by the command line, with exit code 2 and no stack trace', async () => {
    const { code, stderr } = await workspace.goldenthread('graph');
    expect(code).toBe(2);
    for (const { path, place, says } of WRONG) {
      const line = stderr.split('\n').find((one) => one.includes(`${path}:${place}`));
      expect(line, `${path}:${place} in\n${stderr}`).toBeDefined();
      expect(stderr).toContain(says);
    }
    expect(stderr).toContain('two projects are called "base"');
    expect(stderr).toContain('these need each other: role-m -> role-n -> role-m');
    expect(stderr).toContain('Did you mean "nginx"?');
    expect(stderr).toMatch(/3 \| {5}- ngnix\n {2}\| {7}\^{5}/);
    expect(stderr).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
  });

  it('by Nx, which refuses to go on', async () => {
    const { code, stderr, stdout } = await workspace.nx('show', 'projects');
    expect(code).not.toBe(0);
    const said = stderr + stdout;
    for (const { path, says } of WRONG) {
      expect(said).toContain(path);
      expect(said).toContain(says);
    }
  }, 60_000);

  it('as data with --json', async () => {
    const { stdout } = await workspace.goldenthread('graph', '--json');
    const { ok, failures } = JSON.parse(stdout) as { ok: boolean; failures: readonly { code: string }[] };
    expect(ok).toBe(false);
    expect(new Set(failures.map((failure) => failure.code))).toEqual(
      new Set([
        'declaration-invalid',
        'source-unparsable',
        'reference-missing',
        'project-duplicate',
        'cycle',
      ]),
    );
  });
});

describe('calls that are wrong', () => {
  it.each([
    [['bake'], "missing required argument 'image'"],
    [['bkae', 'edge'], 'Did you mean bake?'],
    [['bake', 'edge', '--fast'], "unknown option '--fast'"],
  ])('%j', async (args, says) => {
    const { code, stderr } = await workspace.goldenthread(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
    expect(stderr).toContain('--help');
  });

  it('outside a workspace', async () => {
    const { code, stderr } = await workspace.goldenthread('graph', '--workspace', '/');
    expect(code).toBe(2);
    expect(stderr).toContain('is not inside a Goldenthread workspace');
  });
});
