import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, missingTools, type Ended, type TestWorkspace } from '@goldenthread/testing';

const missing = missingTools('ansible-playbook', 'mmdebstrap', 'pytest-3');

const FILES: Readonly<Record<string, string>> = {
  'images/base/image.yaml':
    'base: { mmdebstrap: { suite: bookworm, packages: [python3, python3-apt] } }\ntests:\n  - script: check.sh\n',
  'images/base/check.sh': '#!/bin/sh\ntest -x /usr/bin/python3 && echo "ok 1 - has python3"\n',
  'images/web/image.yaml': 'base: { image: base }\nplaybook: playbook.yml\ntests:\n  - script: check.sh\n',
  'images/web/playbook.yml': '- hosts: all\n  roles:\n    - common\n    - site\n',
  'images/web/check.sh': '#!/bin/sh\ngrep -q golden /etc/site.conf && echo "ok 1 - site is configured"\n',
  'images/other/image.yaml': 'base: { image: base }\nroles: [common]\ntests:\n  - script: ../base/check.sh\n',
  'libs/roles/common/tasks/main.yml':
    '- name: say who made it\n  ansible.builtin.copy:\n    dest: /etc/made\n    content: "here\\n"\n    mode: "0644"\n',
  'libs/roles/site/tasks/main.yml':
    '- name: configure the site\n  ansible.builtin.template:\n    src: site.conf.j2\n    dest: /etc/site.conf\n    mode: "0644"\n',
  'libs/roles/site/templates/site.conf.j2': 'golden one\n',
  'libs/roles/site/tests/test_site.py':
    'def test_site(host):\n    assert host.file("/etc/site.conf").contains("golden"), "the site lost its gold"\n',
};

// Beside the user's own store, so that a base is made once for all specifications and all later runs.
const home = join(homedir(), '.cache/goldenthread/specs');

const said = ({ stdout, stderr }: Ended): string => `${stdout}\n${stderr}`;

/** Mounts and processes that name the home folder, and work folders in it: what a bake may not leave behind. */
function leftovers(): readonly string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(home));
  const processes = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${home}/work`);
    } catch {
      return false;
    }
  });
  const work = existsSync(join(home, 'work'))
    ? readdirSync(join(home, 'work')).map((name) => `work/${name}`)
    : [];
  return [...mounts, ...processes.map((pid) => `process ${pid}`), ...work];
}

describe.skipIf(missing.length > 0)(
  'the thread, with real Nx, mmdebstrap, Ansible and Testinfra',
  { timeout: 300_000 },
  () => {
    let workspace: TestWorkspace;
    beforeAll(async () => {
      workspace = await createWorkspace(FILES, { home });
    });
    afterAll(() => workspace.dispose());

    const digestOf = async (image: string): Promise<string> =>
      (
        JSON.parse(await readFile(join(workspace.root, `.goldenthread/${image}/artifact.json`), 'utf8')) as {
          digest: string;
        }
      ).digest;

    it('bakes an image and its base through Nx and tests it, and leaves records', async () => {
      const ended = await workspace.nx('run', 'web:verify');
      expect(ended.code, said(ended)).toBe(0);
      expect(said(ended)).toMatch(/web (tested|reused) sha256:\w+: 2 tests passed/);
      const evidence = JSON.parse(
        await readFile(join(workspace.root, '.goldenthread/web/evidence.json'), 'utf8'),
      ) as Record<string, unknown>;
      expect(evidence).toMatchObject({
        schema: 1,
        image: 'web',
        artifact: await digestOf('web'),
        passed: true,
      });
    });

    it('does nothing when nothing changed, neither here nor in another clone', async () => {
      const again = await workspace.nx('run', 'web:verify');
      expect(said(again)).toMatch(/web reused .*nothing that goes into it has changed/);
      expect(said(again)).toMatch(/web reused .*the same tests passed on the same artifact/);
      const clone = await createWorkspace(FILES, { home });
      try {
        const there = await clone.goldenthread('bake', 'web', '--json');
        const { images } = JSON.parse(there.stdout) as { images: readonly { state: string }[] };
        expect(images.map(({ state }) => state)).toEqual(['reused', 'reused']);
      } finally {
        await clone.dispose();
      }
    });

    it('bakes exactly the affected image when a role changes, from that role on', async () => {
      const [base, other] = [await digestOf('base'), await workspace.goldenthread('bake', 'other')];
      expect(other.code, said(other)).toBe(0);
      await workspace.write({ 'libs/roles/site/templates/site.conf.j2': `golden ${Date.now()}\n` });
      workspace.commit('the site changes');
      const ended = await workspace.nx('affected', '-t', 'verify', '--base=HEAD~1', '--output-style=stream');
      expect(ended.code, said(ended)).toBe(0);
      expect(said(ended)).toMatch(/web = role common reused/);
      expect(said(ended)).toMatch(/web ✔ role site /);
      expect(said(ended)).toMatch(/base reused/);
      expect(said(ended)).not.toMatch(/other (baked|reused|tested)/);
      expect(await digestOf('base')).toBe(base);
    });

    it('tests again, without a bake, when only the tests change', async () => {
      const before = await digestOf('web');
      await workspace.write({ 'images/web/check.sh': `#!/bin/sh\necho "ok 1 - changed ${Date.now()}"\n` });
      const ended = await workspace.nx('run', 'web:verify');
      expect(said(ended)).toMatch(/web reused .*nothing that goes into it has changed/);
      expect(said(ended)).toMatch(/web tested /);
      expect(await digestOf('web')).toBe(before);
    });

    it('shows the message of a failing test, exits with 1, and tests again next time', async () => {
      await workspace.write({
        'libs/roles/site/tests/test_site.py':
          'def test_site(host):\n    assert host.file("/etc/nowhere").exists, "the site lost its way"\n',
      });
      for (const _ of ['first', 'second']) {
        const ended = await workspace.goldenthread('verify', 'web');
        expect(ended.code).toBe(1);
        expect(ended.stderr).toContain('web: 1 of 2 tests failed');
        expect(ended.stderr).toContain('the site lost its way');
        expect(ended.stderr).not.toContain('Traceback');
      }
      expect(leftovers()).toEqual([]);
      await workspace.write({
        'libs/roles/site/tests/test_site.py': FILES['libs/roles/site/tests/test_site.py'] ?? '',
      });
    });

    it('shows the task and the message of a failing role, and leaves nothing', async () => {
      await workspace.write({
        'libs/roles/site/tasks/main.yml':
          '- name: break on purpose\n  ansible.builtin.fail:\n    msg: the gold is gone\n',
      });
      const ended = await workspace.nx('run', 'web:bake');
      expect(ended.code).not.toBe(0);
      expect(said(ended)).toContain('web: role site failed at the task');
      expect(said(ended)).toContain('break on purpose');
      expect(said(ended)).toContain('the gold is gone');
      expect(leftovers()).toEqual([]);
      await workspace.write({
        'libs/roles/site/tasks/main.yml': FILES['libs/roles/site/tasks/main.yml'] ?? '',
      });
    });

    it('bakes once when two ask at the same time', async () => {
      await workspace.write({ 'libs/roles/site/templates/site.conf.j2': `golden twins ${Date.now()}\n` });
      const ended = await Promise.all([
        workspace.goldenthread('bake', 'web', '--json'),
        workspace.goldenthread('bake', 'web', '--json'),
      ]);
      const states = ended.map(
        ({ stdout }) =>
          (JSON.parse(stdout) as { images: readonly { image: string; state: string }[] }).images.find(
            ({ image }) => image === 'web',
          )?.state,
      );
      expect(states.toSorted()).toEqual(['baked', 'reused']);
    });

    it('says what would be baked and bakes nothing with --dry-run', async () => {
      await workspace.write({ 'libs/roles/site/templates/site.conf.j2': `golden dry ${Date.now()}\n` });
      const ended = await workspace.goldenthread('bake', 'web', '--dry-run');
      expect(ended.stdout).toMatch(/base reused .*\nweb would bake \(no artifact has its fingerprint/);
      expect((await workspace.goldenthread('verify', 'web')).code).toBe(3);
    });

    it.each([
      ['SIGINT', 130],
      ['SIGKILL', null],
    ] as const)('leaves nothing behind when %s ends it in the middle of a role', async (signal, code) => {
      await workspace.write({
        'libs/roles/site/tasks/main.yml':
          '- name: take a while\n  ansible.builtin.command: sleep 60\n  changed_when: true\n',
      });
      const child = workspace.spawn([
        process.execPath,
        join(workspace.root, 'node_modules/.bin/goldenthread'),
        'bake',
        'web',
        '--verbose',
      ]);
      let seen = '';
      child.stderr?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
      await expect.poll(() => seen, { timeout: 60_000 }).toContain('take a while');
      const ended = new Promise((resolve) => child.on('exit', resolve));
      child.kill(signal);
      expect(await ended).toBe(code);
      // What a killed bake leaves in its work folder, the next one clears; mounts and processes go by themselves.
      await expect
        .poll(() => leftovers().filter((left) => signal === 'SIGINT' || !left.startsWith('work/')), {
          timeout: 10_000,
        })
        .toEqual([]);
      await workspace.write({
        'libs/roles/site/tasks/main.yml': FILES['libs/roles/site/tasks/main.yml'] ?? '',
        'libs/roles/site/templates/site.conf.j2': `golden after ${signal} ${Date.now()}\n`,
      });
      const next = await workspace.goldenthread('bake', 'web');
      expect(next.code, said(next)).toBe(0);
      expect(leftovers()).toEqual([]);
    });

    it.skipIf(process.getuid?.() !== 0)(
      'says that the disk is full, exits with 1, and keeps nothing half-made',
      async () => {
        const small = join(workspace.root, '.goldenthread/small');
        const script = `mkdir -p "$1" && mount -t tmpfs -o size=40m tmpfs "$1" || exit 99
      GOLDENTHREAD_HOME="$1" "$2" "$3" bake base; code=$?
      find "$1/work" "$1/records" "$1/layers" "$1/oci/blobs" -type f 2>/dev/null
      exit "$code"`;
        const cli = join(workspace.root, 'node_modules/.bin/goldenthread');
        const ended = await workspace.run([
          'unshare',
          '--mount',
          'sh',
          '-c',
          script,
          'sh',
          small,
          process.execPath,
          cli,
        ]);
        expect(ended.code, said(ended)).toBe(1);
        expect(ended.stderr).toContain('no space is left on the disk of');
        expect(ended.stderr).toContain('GOLDENTHREAD_HOME');
        expect(ended.stdout).toBe('');
      },
    );

    it('names a missing tool, its purpose and how to get it', async () => {
      await workspace.write({ 'libs/roles/site/templates/site.conf.j2': `golden tool ${Date.now()}\n` });
      const bin = await createWorkspace({});
      try {
        // Everything that Debian has, but Ansible.
        await bin.run(['sh', '-c', 'ln -s /usr/bin/* . && rm -f ansible*']);
        const ended = await workspace.run(
          [process.execPath, join(workspace.root, 'node_modules/.bin/goldenthread'), 'bake', 'web'],
          { PATH: bin.root },
        );
        expect(ended.code).toBe(1);
        expect(ended.stderr).toContain('ansible-playbook is not installed; it is needed for');
        expect(ended.stderr).toContain('apt-get install');
      } finally {
        await bin.dispose();
      }
    });
  },
);
