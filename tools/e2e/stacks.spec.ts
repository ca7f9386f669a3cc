import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlanReport } from '@goldenthread/core';
import {
  albumStack,
  BUCKET_STACK,
  clone,
  createRemote,
  createWorkspace,
  FLEET_STACK,
  killIn,
  miniImage,
  missingTools,
  terraformStates,
  until,
  zonesStack,
  type Ended,
  type TerraformStates,
  type TestRemote,
  type TestWorkspace,
} from '@goldenthread/testing';

const missing = missingTools('terraform', 'ansible-playbook', 'unshare', 'nsenter', 'tar', 'ldd');

// Otherwise Nx shows nothing of what goes well.
const STREAM = '--output-style=stream';

// Everything that any command has said.
const heard: string[] = [];

function said({ stdout, stderr }: Ended): string {
  heard.push(stdout, stderr);
  return `${stdout}\n${stderr}`;
}

const PLANTED = 'planted-5fd0c1e7-3c41';

const playbook = (text: string): string =>
  `- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Write\n      ansible.builtin.raw: echo ${text} > /etc/site\n`;

const settings = (backend: Readonly<Record<string, string>>): string =>
  `terraform:\n  workspace: default\n  lock_timeout: 1\n  backend:\n${Object.entries(backend)
    .map(([key, value]) => `    ${key}: "${value}"\n`)
    .join('')}`;

interface Planned {
  readonly plans: readonly PlanReport[];
}

describe.skipIf(missing.length > 0)(
  'from a pull request to what runs: real Terraform, a server of states, a bare remote, two machines',
  { timeout: 300_000 },
  () => {
    let remote: TestRemote;
    let states: TerraformStates;
    let developer: TestWorkspace;
    let main: TestWorkspace;

    const stack = (name: string, terraform: string, more = ''): Record<string, string> => ({
      [`infra/${name}/stack.yaml`]: `${more}${settings(states.backend(`{environment}-${name}`))}`,
      [`infra/${name}/main.tf`]: terraform,
    });

    beforeAll(async () => {
      [remote, states] = await Promise.all([createRemote(), terraformStates()]);
      developer = await createWorkspace(
        {
          '.gitignore': 'node_modules\n.nx\n.goldenthread\n.terraform*\nmini\n',
          ...stack('network', zonesStack(['a'])),
          ...stack(
            'fleet',
            FLEET_STACK,
            'images: { image: edge }\ninputs:\n  zones: { stack: network, output: zones }\n',
          ),
          ...stack('other', BUCKET_STACK),
          'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [network, fleet, other]\n',
          'infra/environments/production/environment.yaml':
            'stage: 1\nstacks: [network, fleet]\npolicy:\n  - max_deleted: 0\n',
        },
        { env: { TF_VAR_token: PLANTED } },
      );
      const digest = miniImage(join(developer.root, 'mini'));
      await developer.write({
        'images/edge/image.yaml': `base: { oci: mini@${digest} }\nbackend: overlay\nplaybook: playbook.yml\ntests:\n  - script: check.sh\n`,
        'images/edge/playbook.yml': playbook('one'),
        'images/edge/check.sh': '#!/bin/sh\ntest -f /etc/site && echo "ok 1 - has a site"\n',
      });
      developer.commit('feat: everything');
      developer.git('remote', 'add', 'origin', remote.url);
      developer.git('push', '-q', 'origin', 'main');
      main = await createWorkspace({}, { from: remote.url, env: { TF_VAR_token: PLANTED } });
      cpSync(join(developer.root, 'mini'), join(main.root, 'mini'), { recursive: true });
      for (const { git } of [developer, main])
        for (const [key, text] of [
          ['user.name', 'spec'],
          ['user.email', 'spec@localhost'],
        ] as const)
          git('config', key, text);
    }, 120_000);

    afterAll(async () => {
      await Promise.all([developer?.dispose(), main?.dispose(), remote?.dispose(), states?.stop()]);
    });

    const plan = async (at: TestWorkspace, ...args: readonly string[]): Promise<readonly PlanReport[]> => {
      const ended = await at.goldenthread('plan', '--json', ...args);
      expect([0, 3], said(ended)).toContain(ended.code);
      return (JSON.parse(ended.stdout) as Planned).plans;
    };
    const brief = (plans: readonly PlanReport[]): readonly string[] =>
      plans
        .filter(({ state }) => state !== 'current')
        .map(({ stack: name, environment, plan: made, reasons }) => {
          const changes = (made?.changes ?? []).map(({ action, address }) => `${action} ${address}`);
          return `${name} ${environment}: ${[...changes, ...reasons].join('; ')}`;
        });

    /** Brings main to where the remote is. */
    const pull = (): void => {
      main.git('fetch', '-q', 'origin');
      main.git('reset', '-q', '--hard', 'origin/main');
    };

    const releaseEdge = async (): Promise<void> => {
      for (const verb of ['bake', 'verify', 'release']) {
        const ended = await main.goldenthread(verb, 'edge');
        expect(ended.code, said(ended)).toBe(0);
      }
    };

    it('applies all of it in order, the outputs of one being the inputs of the next', async () => {
      await releaseEdge();
      const ended = await main.goldenthread('apply', '--auto-approve');
      expect(ended.code, said(ended)).toBe(0);
      expect(
        states.state('production-fleet')?.resources[0]?.instances.map(({ index_key: key }) => key),
      ).toEqual(['a']);
      expect(brief(await plan(main))).toEqual([]);
      const nothing = await main.goldenthread('apply');
      expect([nothing.code, nothing.stdout.match(/unchanged/g)?.length]).toEqual([0, 5]);
      expect(remote.git('ls-tree', '-r', '--name-only', 'deployments', 'stacks/').split('\n')).toHaveLength(
        5,
      );
    });

    let approved: string;

    it('shows on a pull request what would change, by Nx for what is affected, without writing anything', async () => {
      const before = [
        remote.git('rev-parse', 'deployments'),
        states.requests.filter((one) => !one.startsWith('GET')).length,
      ];
      developer.git('checkout', '-q', '-b', 'feature');
      await developer.write({ 'infra/network/main.tf': zonesStack(['a', 'b']) });
      developer.commit('feat(network): a second zone');
      const listed = await developer.nx('show', 'projects', '--affected', '--base=main', '--json');
      expect((JSON.parse(listed.stdout) as string[]).toSorted()).toEqual([
        'fleet',
        'network',
        'production',
        'test',
      ]);
      const ended = await developer.nx('run', 'fleet:plan', '--configuration=production', STREAM);
      expect(ended.code, said(ended)).toBe(0);
      expect(said(ended)).toContain('+ create terraform_data.zone["b"]');
      // Planned with the output that the network is only planned to have.
      expect(said(ended)).toContain('+ create terraform_data.machine["b"]');
      const all = await developer.nx('affected', '-t', 'plan', '--base=main', STREAM);
      expect(all.code, said(all)).toBe(0);
      expect(said(all)).not.toMatch(/^. ?other /m);
      const file = join(developer.root, '.goldenthread/network/plan.production.json');
      approved = (JSON.parse(readFileSync(file, 'utf8')) as { digest: string }).digest;
      expect([
        remote.git('rev-parse', 'deployments'),
        states.requests.filter((one) => !one.startsWith('GET')).length,
      ]).toEqual(before);
    });

    it('applies on main, after the merge, exactly the plan of the pull request', async () => {
      developer.git('checkout', '-q', 'main');
      developer.git('merge', '-q', '--no-ff', '-m', 'merge the feature', 'feature');
      developer.git('push', '-q', 'origin', 'main');
      pull();
      const refused = await main.nx('run', 'network:apply', '--configuration=production', STREAM);
      expect(refused.code).not.toBe(0);
      expect(said(refused)).toContain('no plan of it was approved');
      // What CI hands from one job to the next.
      cpSync(join(developer.root, '.goldenthread'), join(main.root, 'artifacts'), { recursive: true });
      const ended = await main.goldenthread('apply', '--affected', '--base', 'HEAD~1', '--plan', 'artifacts');
      expect(ended.code, said(ended)).toBe(0);
      expect(said(ended)).toMatch(
        /network in production applied \(1 create\): its files changed since [0-9a-f]{10}/,
      );
      const record = remote.git('show', 'deployments:stacks/production/network.yaml');
      expect(record).toContain(`plan: ${approved}`);
      expect(record).toContain('condition: ready');
      expect(states.state('production-fleet')?.resources[0]?.instances).toHaveLength(2);
      await main.remove('artifacts');
    });

    it('refuses the plan once the world has moved', async () => {
      const [first] = await plan(main, 'other');
      await main.write({ 'infra/other/main.tf': BUCKET_STACK.replace('photos', 'films') });
      main.commit('feat: films');
      await plan(main, 'other');
      const elsewhere = await createWorkspace({}, { from: main.root });
      try {
        const { state } = (await plan(elsewhere, 'other'))[0]?.plan ?? {};
        expect(state).toBe(first?.plan?.state);
        const applied = await elsewhere.goldenthread('apply', 'other', '--auto-approve');
        expect(applied.code, said(applied)).toBe(0);
      } finally {
        await elsewhere.dispose();
      }
      // The other machine has written its ledger into the repository that it was cloned from; this one has to see the state alone.
      await main.write({ 'infra/other/main.tf': BUCKET_STACK.replace('photos', 'songs') });
      main.commit('feat: songs');
      const ended = await main.goldenthread('apply', 'other', '--plan', '.goldenthread');
      expect(ended.code, said(ended)).toBe(1);
      expect(said(ended)).toContain('the approved plan does not hold any more, the world moved');
      expect(said(ended)).toMatch(/its state has moved from \S+ serial \d+ to \S+ serial \d+/);
      expect(said(ended)).toContain('its files are others than at');
      main.git('reset', '-q', '--hard', 'origin/main');
    });

    it('names the lock of a run that died and the way out, and finishes what was approved', async () => {
      const gate = join(main.home, 'gate');
      await main.write({ 'infra/other/main.tf': albumStack(gate) });
      main.commit('feat: albums');
      main.git('push', '-q', 'origin', 'main');
      const planned = await plan(main, 'other');
      expect(brief(planned)[0]).toMatch(
        /^other test: create terraform_data.album; update terraform_data.bucket/,
      );
      const dying = main.spawn([
        process.execPath,
        join(clone, 'apps/cli/bin/goldenthread.js'),
        'apply',
        'other',
        '--plan',
        '.goldenthread',
      ]);
      await until(() => existsSync(`${gate}.begun`));
      // A machine that is gone takes all its processes along.
      const closed = once(dying, 'close');
      killIn(main.root);
      await closed;
      await writeFile(gate, '');
      expect(states.lock('test-other')).not.toBeNull();
      const id = states.lock('test-other')?.['ID'] ?? '';

      const locked = await main.goldenthread('apply', 'other', '--plan', '.goldenthread');
      expect(locked.code, said(locked)).toBe(3);
      expect(said(locked)).toContain(`lock ${id}`);
      expect(said(locked)).toMatch(/spec <spec@localhost> began an apply at \S+ that did not end/);
      const [, wayOut = ''] = /dead \(.*?\): \((.*)\)/.exec(said(locked)) ?? [];
      expect(wayOut).toContain(`force-unlock ${id}`);
      // The server of states lives in this process, which must not stand still meanwhile.
      const unlocked = await main.run(['sh', '-c', wayOut.replace('force-unlock', 'force-unlock -force')]);
      expect(unlocked.code, said(unlocked)).toBe(0);

      const ended = await main.goldenthread('apply', 'other', '--plan', '.goldenthread');
      expect(ended.code, said(ended)).toBe(0);
      expect(said(ended)).toContain('its last apply was broken off');
      expect(states.state('test-other')?.resources.map(({ name }) => name)).toEqual(['album', 'bucket']);
      expect(brief(await plan(main))).toEqual([]);
    });

    it('plans exactly the stacks that an image feeds when its default moves, and says why', async () => {
      expect(brief(await plan(main))).toEqual([]);
      await main.write({ 'images/edge/playbook.yml': playbook('two') });
      main.commit('feat(edge): two');
      main.git('push', '-q', 'origin', 'main');
      const before = await main.goldenthread('impact', 'edge');
      expect(before.code, said(before)).toBe(0);
      expect(before.stdout).toContain('test: its resources are known once edge is baked');
      const baked = await main.goldenthread('bake', 'edge');
      expect(baked.code, said(baked)).toBe(0);
      const impact = await main.goldenthread('impact', 'edge');
      expect(impact.stdout).toContain('± replace terraform_data.machine["a"] (because of triggers_replace');
      await releaseEdge();
      const replaced = ['a', 'b'].map((zone) => `replace terraform_data.machine["${zone}"]`);
      expect(brief(await plan(main))).toEqual(
        ['test', 'production'].map(
          (environment) => `fleet ${environment}: ${replaced.join('; ')}; edge moved from 1.0.0 to 1.1.0`,
        ),
      );
      const ended = await main.goldenthread('apply', '--environment', 'test', '--plan', '.goldenthread');
      expect(ended.code, said(ended)).toBe(0);
      expect(brief(await plan(main)).map((line) => line.split(':')[0])).toEqual(['fleet production']);
    });

    it('lets no plan pass that breaks a rule of its environment, and names the line', async () => {
      await main.write({ 'infra/network/main.tf': zonesStack(['a']) });
      main.commit('feat!: one zone');
      const ended = await main.goldenthread('plan', 'network', '--environment', 'production');
      expect(ended.code).toBe(1);
      expect(said(ended)).toMatch(
        /1 resource would be deleted .*max_deleted 0, infra\/environments\/production\/environment\.yaml:4:5/,
      );
      const refused = await main.goldenthread(
        'apply',
        'network',
        '--environment',
        'production',
        '--auto-approve',
      );
      expect([refused.code, states.state('production-network')?.resources[0]?.instances.length]).toEqual([
        1, 2,
      ]);
      main.git('reset', '-q', '--hard', 'origin/main');
    });

    it('neither forgets nor silently destroys a stack whose folder is gone', async () => {
      await main.remove('infra/other');
      await main.write({
        'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [network, fleet]\n',
      });
      main.commit('feat!: no bucket');
      const shown = await main.goldenthread('plan');
      expect(said(shown)).toContain('- delete terraform_data.bucket');
      expect(said(shown)).toContain('retire: [other]');
      const waits = await main.goldenthread('apply', 'other', '--auto-approve');
      expect([waits.code, states.state('test-other')?.resources.length]).toEqual([3, 2]);
      await main.write({
        'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [network, fleet]\nretire: [other]\n',
      });
      main.commit('feat!: and it may go');
      const ended = await main.goldenthread('apply', 'other', '--plan', '.goldenthread');
      expect(ended.code, said(ended)).toBe(0);
      expect(said(ended)).toContain('other in test destroyed (2 delete)');
      expect(states.state('test-other')?.resources).toEqual([]);
      expect(existsSync(join(main.root, 'infra/other'))).toBe(false);
    });

    it('shows a secret nowhere: not in what it says, not in records, plans, logs or the ledger', () => {
      expect(JSON.stringify(states.state('production-fleet'))).toContain(PLANTED);
      expect(heard.join('\n')).toContain('terraform_data.token');
      expect(heard.filter((text) => text.includes(PLANTED))).toEqual([]);
      expect(remote.git('log', '-p', 'deployments')).not.toContain(PLANTED);
      for (const folder of [developer, main].flatMap(({ root, home }) => [
        join(root, '.goldenthread'),
        join(root, '.nx'),
        home,
      ])) {
        if (!existsSync(folder)) continue;
        const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
          entry.isFile(),
        );
        const holds = files.filter(({ parentPath, name }) =>
          readFileSync(join(parentPath, name)).includes(PLANTED),
        );
        expect(holds.map(({ name }) => name)).toEqual([]);
      }
    });
  },
);
