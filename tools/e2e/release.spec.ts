import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createRemote,
  createWorkspace,
  realDocker,
  REGISTRY_PROGRAMS,
  startRegistry,
  type Ended,
  type RealRegistry,
  type TestRemote,
  type TestWorkspace,
} from '@goldenthread/testing';

const docker = await realDocker('a release over registries', [
  'ansible-playbook',
  'docker',
  'mmdebstrap',
  'packer',
  'skopeo',
  ...REGISTRY_PROGRAMS,
]);
afterAll(() => docker.stop());

const TEMPLATE = `variable "base_image" { type = string }
variable "manifest" { type = string }
variable "container_name" { type = string }
variable "role_paths" { type = string }
source "docker" "edge" {
  image       = var.base_image
  pull        = false
  commit      = true
  run_command = ["-d", "-i", "-t", "--name", var.container_name, "--entrypoint=/bin/sh", "--", "{{.Image}}"]
}
build {
  sources = ["source.docker.edge"]
  provisioner "ansible" {
    playbook_file    = "\${path.root}/playbook.yml"
    ansible_env_vars = ["ANSIBLE_ROLES_PATH=\${var.role_paths}", "ANSIBLE_PIPELINING=1"]
    extra_arguments  = ["--extra-vars", "ansible_host=\${var.container_name} ansible_connection=docker"]
  }
  post-processor "manifest" { output = var.manifest }
}
`;

const role = (text: string): Record<string, string> => ({
  'libs/roles/site/tasks/main.yml': `- name: configure the site
  ansible.builtin.copy:
    dest: /etc/site.conf
    content: "golden ${text}\\n"
    mode: "0644"
`,
});

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml':
    'base: { mmdebstrap: { suite: bookworm, packages: [python3, python3-apt] } }\ntests:\n  - script: check.sh\n',
  'images/base/check.sh': '#!/bin/sh\ntest -x /usr/bin/python3 && echo "ok 1 - has python3"\n',
  'images/edge/image.yaml':
    'base: { image: base }\nbuilder: packer\npacker: { template: edge.pkr.hcl }\nshare: [one, two]\ntests:\n  - script: check.sh\n',
  'images/edge/edge.pkr.hcl': TEMPLATE,
  'images/edge/playbook.yml': '- hosts: all\n  roles: [site]\n',
  'images/edge/check.sh': '#!/bin/sh\ngrep -q golden /etc/site.conf && echo "ok 1 - site is configured"\n',
  'infra/fleet/stack.yaml': 'uses:\n  - image: edge\n',
  ...role('one'),
};

// Beside the user's own store, so that the base is made once for all specifications.
const developerHome = join(homedir(), '.cache/goldenthread/specs');

// As Nx sets it for its tasks, so that a command by hand finds the same tools in the same versions.
const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;

// Otherwise Nx shows nothing of what goes well.
const STREAM = '--output-style=stream';

const said = ({ stdout, stderr }: Ended): string => `${stdout}\n${stderr}`;

interface Released {
  readonly images: readonly {
    readonly image: string;
    readonly version: string;
    readonly digest: string;
    readonly state: string;
    readonly seconds: number;
    readonly moved: { readonly bytes: number; readonly sent: number; readonly mounted: number };
  }[];
}

describe.skipIf(docker.missing !== null)(
  'from a pull request to the default: a bare remote, three real registries, two of them with TLS and passwords',
  { timeout: 600_000 },
  () => {
    let folder: string;
    let remote: TestRemote;
    let registries: { store: RealRegistry; one: RealRegistry; two: RealRegistry };
    let developer: TestWorkspace;
    let main: TestWorkspace;
    let environment: Record<string, string>;

    const login = async (name: string, passwords: Readonly<Record<string, string>>): Promise<string> => {
      const auths = Object.fromEntries(
        Object.entries(passwords).map(([host, pair]) => [
          host,
          { auth: Buffer.from(pair).toString('base64') },
        ]),
      );
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, name, 'config.json'), JSON.stringify({ auths }));
      return join(folder, name);
    };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'goldenthread-release-'));
      const [store, one, two] = await Promise.all([
        startRegistry(),
        startRegistry({ tls: true, user: 'one', password: 'first secret' }),
        startRegistry({ tls: true, user: 'two', password: 'second secret' }),
      ]);
      registries = { store, one, two };
      const passwords = { [one.host]: 'one:first secret', [two.host]: 'two:second secret' };
      environment = {
        DOCKER_CONFIG: await login('right', passwords),
        GOLDENTHREAD_SIGNING_KEY: join(folder, 'signing.pem'),
        PATH,
        // There is no Docker: Packer could not bake there if it were asked to.
        DOCKER_HOST: `unix://${folder}/nothing.sock`,
      };
      const key = [
        'genpkey',
        '-algorithm',
        'EC',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-out',
        join(folder, 'signing.pem'),
      ];
      execFileSync('openssl', key, { stdio: 'ignore' });
      execFileSync('chmod', ['600', join(folder, 'signing.pem')]);
      const pub = execFileSync('openssl', ['pkey', '-in', join(folder, 'signing.pem'), '-pubout'], {
        encoding: 'utf8',
      });
      remote = await createRemote();
      developer = await createWorkspace(
        {
          ...FILES,
          '.goldenthread.yaml': [
            `store: { oci: ${store.host}/golden }`,
            'signing: { trusted: [infra/release.pub] }',
            'accounts:',
            `  one: { oci: ${one.host}/images, ca: infra/one.pem }`,
            `  two: { oci: ${two.host}/images, ca: infra/two.pem }`,
            '',
          ].join('\n'),
          'infra/release.pub': pub,
          'infra/one.pem': readFileSync(one.ca ?? '', 'utf8'),
          'infra/two.pem': readFileSync(two.ca ?? '', 'utf8'),
        },
        // A developer's machine, or the runner of a pull request: it holds no key and no password.
        {
          home: developerHome,
          env: { PATH, DOCKER_CONFIG: await login('none', {}) },
        },
      );
      developer.git('remote', 'add', 'origin', remote.url);
      developer.git('push', '-q', 'origin', 'main');
      main = await createWorkspace({}, { from: remote.url, env: environment });
    });

    afterAll(async () => {
      await Promise.all([developer?.dispose(), main?.dispose(), remote?.dispose()]);
      await Promise.all(Object.values(registries ?? {}).map((registry) => registry.stop()));
      await rm(folder, { recursive: true, force: true });
    });

    const release = async (...args: readonly string[]): Promise<Released> => {
      const ended = await main.goldenthread('release', '--json', ...args);
      expect(ended.code, said(ended)).toBe(0);
      return JSON.parse(ended.stdout) as Released;
    };

    /** What an account has under a version, asked by another tool than ours. */
    const digestAt = (name: 'one' | 'two', version: string): string => {
      const { host, folder: at } = registries[name];
      const user = name === 'one' ? 'one:first secret' : 'two:second secret';
      const reference = `docker://${host}/images/edge:${version}`;
      const argv = ['inspect', '--creds', user, '--cert-dir', at, '--format', '{{.Digest}}', reference];
      execFileSync('cp', [join(at, 'cert.pem'), join(at, 'ca.crt')]);
      execFileSync('rm', ['-f', join(at, 'client.key')]);
      return execFileSync('skopeo', argv, { encoding: 'utf8' }).trim();
    };

    const pull = (): void => {
      main.git('fetch', '-q', 'origin');
      main.git('reset', '-q', '--hard', 'origin/main');
    };

    let digest: string;

    it('bakes, tests and publishes on a pull request, without any password', async () => {
      const first = await developer.nx('run-many', '-t', 'publish', STREAM);
      expect(first.code, said(first)).toBe(0);
      developer.git('checkout', '-q', '-b', 'feature');
      await developer.write(role(`two ${Date.now()}`));
      developer.commit('feat(site): golden two');
      const ended = await developer.nx('affected', '-t', 'publish', '--base=main', STREAM);
      expect(ended.code, said(ended)).toBe(0);
      expect(said(ended)).toMatch(/edge published sha256:/);
      expect(said(ended)).not.toMatch(/base published/);
      digest = (
        JSON.parse(readFileSync(join(developer.root, '.goldenthread/edge/artifact.json'), 'utf8')) as {
          digest: string;
        }
      ).digest;
      expect(said(ended)).toMatch(/edge baked sha256:/);
      expect(said(ended)).not.toMatch(/base baked/);
    });

    it('releases what was tested on main, on a machine that has baked nothing and does not', async () => {
      const ended = await main.nx('run-many', '-t', 'release', STREAM);
      expect(ended.code, said(ended)).toBe(0);
      expect(said(ended)).toMatch(/edge 1\.0\.0 released: first release/);
      developer.git('checkout', '-q', 'main');
      developer.git('merge', '-q', '--no-ff', '-m', 'merge the feature', 'feature');
      developer.git('push', '-q', 'origin', 'main');
      pull();
      const merged = await main.nx('affected', '-t', 'release', '--base=HEAD~1', STREAM);
      expect(merged.code, said(merged)).toBe(0);
      expect(said(merged)).toMatch(/edge 1\.1\.0 released: role site changed/);
      expect(`${said(ended)}${said(merged)}`).not.toMatch(/ baked sha256:/);
      // Nothing of the image was brought here: it went from registry to registry.
      const blobs = join(main.home, 'oci/blobs/sha256');
      expect(existsSync(blobs) ? readdirSync(blobs) : []).toEqual([]);
    });

    it('gives every account the digest that was tested, and moves the default', async () => {
      expect([digestAt('one', '1.1.0'), digestAt('two', '1.1.0')]).toEqual([digest, digest]);
      const channels = await main.goldenthread('channel', 'list', '--json');
      expect((JSON.parse(channels.stdout) as { channels: unknown }).channels).toContainEqual(
        expect.objectContaining({ image: 'edge', channel: 'default', version: '1.1.0', digest }),
      );
      expect(remote.git('tag', '--list', 'edge@*').split('\n')).toEqual(['edge@1.0.0', 'edge@1.1.0']);
      expect(remote.git('cat-file', 'tag', 'edge@1.1.0')).toContain(`Digest: ${digest}`);
      const checked = await main.goldenthread('verify', 'edge@1.1.0');
      expect(checked.code, said(checked)).toBe(0);
      expect(checked.stdout).toMatch(/signed by .*, \d\d+ packages listed/);
    });

    it('moves nothing when nothing changed', async () => {
      const { images } = await release('edge');
      expect(images.map(({ state, moved }) => [state, moved.bytes])).toEqual([
        ['unchanged', 0],
        ['unchanged', 0],
      ]);
    });

    it('moves to the accounts only the layers that they do not have', async () => {
      developer.git('checkout', '-q', '-b', 'third');
      await developer.write(role(`three ${Date.now()}`));
      developer.commit('fix(site): golden three');
      const published = await developer.nx('affected', '-t', 'publish', '--base=main', STREAM);
      expect(published.code, said(published)).toBe(0);
      developer.git('push', '-q', 'origin', 'third:main');
      pull();
      const { images } = await release('--affected');
      const edge = images.find(({ image }) => image === 'edge');
      expect(edge).toMatchObject({ version: '1.1.1', state: 'released' });
      const size = (
        JSON.parse(readFileSync(join(developer.root, '.goldenthread/edge/artifact.json'), 'utf8')) as {
          size: number;
        }
      ).size;
      expect(edge?.moved.bytes).toBeLessThan(size / 10);
      process.stderr.write(
        `released ${size} bytes to two accounts in ${edge?.seconds} s, ${edge?.moved.bytes} bytes moved\n`,
      );
    });

    it('says who may not do that, loses nothing, and goes on when it is put right', async () => {
      developer.git('checkout', '-q', 'third');
      await developer.write(role(`four ${Date.now()}`));
      developer.commit('fix(site): golden four');
      const published = await developer.nx('run', 'edge:publish');
      expect(published.code, said(published)).toBe(0);
      developer.git('push', '-q', 'origin', 'third:main');
      pull();
      const wrong = await login('wrong', {
        [registries.one.host]: 'one:first secret',
        [registries.two.host]: 'two:wrong secret',
      });
      const cli = join(process.cwd(), 'apps/cli/bin/goldenthread.js');
      const ended = await main.run([process.execPath, cli, 'release', 'edge'], { DOCKER_CONFIG: wrong });
      expect(ended.code).toBe(1);
      expect(ended.stderr).toMatch(/not permitted here: .*two|401/);
      expect(said(ended)).not.toContain('wrong secret');
      expect(said(ended)).not.toMatch(/ at .*\.js:\d+/);
      const before = await main.goldenthread('channel', 'list', '--json');
      expect(before.stdout).toContain('"version": "1.1.1"');
      const { images } = await release('edge');
      expect(images.find(({ image }) => image === 'edge')).toMatchObject({
        version: '1.1.2',
        state: 'released',
      });
    });

    it('moves the default back by one command and says who uses it', async () => {
      const undone = await main.goldenthread('channel', 'undo', 'edge', '--reason', 'it is slow');
      expect(undone.code, said(undone)).toBe(0);
      expect(undone.stdout).toMatch(/edge default moved to 1\.1\.1 from 1\.1\.2/);
      expect(undone.stdout).toMatch(/fleet .*\(infra\/fleet\/stack\.yaml:2/);
    });

    it('revokes a base with all that stands on it, for releases, channels and bakes', async () => {
      const revoked = await main.goldenthread('revoke', 'base@1.0.0', '--reason', 'a hole');
      expect(revoked.code, said(revoked)).toBe(0);
      expect(revoked.stdout).toMatch(/and with it edge@1\.1\.2, which stands on it/);
      const set = await main.goldenthread('channel', 'set', 'edge@1.1.0');
      expect(set.code).toBe(1);
      expect(set.stderr).toMatch(/edge@1\.1\.0 stands on base@1\.0\.0, which is revoked: a hole/);
      const trail = await main.goldenthread('log', 'edge', '--json');
      const { entries } = JSON.parse(trail.stdout) as {
        readonly entries: readonly { readonly what: string; readonly by: string }[];
      };
      expect(entries[0]).toMatchObject({ what: 'revoke base@1.0.0', by: 'spec <spec@localhost>' });
      expect(entries.map(({ what }) => what)).toContain('release edge@1.1.0');
      developer.git('fetch', '-q', 'origin');
      await developer.write(role(`five ${Date.now()}`));
      const baked = await developer.goldenthread('bake', 'edge');
      expect(baked.code).toBe(1);
      expect(baked.stderr).toMatch(/base@1\.0\.0 is revoked/);
    });
  },
);
