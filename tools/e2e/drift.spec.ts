import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, realDocker, type Ended, type TestWorkspace } from '@goldenthread/testing';

const docker = await realDocker('stacks of Ansible', ['ansible-playbook', 'docker']);
afterAll(() => docker.stop());

const said = ({ stdout, stderr }: Ended): string => `${stdout}\n${stderr}`;

describe.skipIf(docker.missing !== null)(
  'drift of what really runs: Ansible and a Docker daemon',
  { timeout: 300_000 },
  () => {
    let workspace: TestWorkspace;
    const real = (...args: readonly string[]): string =>
      execFileSync('docker', args, { encoding: 'utf8' }).trim();
    const networks = (): string =>
      real('network', 'ls', '--filter', 'label=stack=edge-local', '--format', '{{.Name}}');

    /** Takes away what a run that was killed has left in the daemon of this machine. */
    const clear = (): void => {
      const own = ['--filter', 'label=stack=edge-local', '--filter', 'label=environment=local', '-q'];
      const each = (list: readonly string[], remove: readonly string[]): void => {
        for (const id of real(...list, ...own)
          .split('\n')
          .filter(Boolean))
          real(...remove, id);
      };
      each(['ps', '-a'], ['rm', '-f']);
      each(['network', 'ls'], ['network', 'rm']);
      each(['volume', 'ls'], ['volume', 'rm']);
    };

    beforeAll(async () => {
      clear();
      workspace = await createWorkspace(
        {
          'infra/environments/local/environment.yaml': 'stage: 0\nstacks: [edge-local]\ndrift: repair\n',
          'infra/environments/strict/environment.yaml': 'stage: 1\n',
        },
        { copy: ['infra/edge-local'] },
      );
      workspace.git('config', 'user.name', 'spec');
      workspace.git('config', 'user.email', 'spec@localhost');
    });
    afterAll(async () => {
      await workspace?.goldenthread(
        'destroy',
        'edge-local',
        '--environment',
        'local',
        '--confirm',
        'edge-local',
      );
      await workspace?.dispose();
    });

    it('plans, applies what was planned, and is at rest', async () => {
      const planned = await workspace.goldenthread('plan', 'edge-local');
      expect(planned.code, said(planned)).toBe(0);
      expect(networks()).toBe('');
      const ended = await workspace.goldenthread('apply', 'edge-local', '--plan', '.goldenthread');
      expect(ended.code, said(ended)).toBe(0);
      expect(networks()).not.toBe('');
      const clean = await workspace.goldenthread('drift');
      expect([clean.code, clean.stdout], said(clean)).toEqual([
        0,
        'edge-local in local is as it was applied\n',
      ]);
    });

    it('sees within one run that a network was deleted by hand, and only says so where that is the policy', async () => {
      const [name = ''] = networks().split('\n');
      for (const container of real('ps', '-aq', '--filter', `network=${name}`).split('\n').filter(Boolean))
        real('network', 'disconnect', '-f', name, container);
      real('network', 'rm', name);
      const ended = await workspace.goldenthread('drift', '--policy', 'report');
      expect(ended.code, said(ended)).toBe(1);
      expect(said(ended)).toMatch(/create .*Network/);
      expect(networks()).toBe('');
      expect(workspace.git('show', 'deployments:stacks/local/edge-local.yaml')).toMatch(/drift:\n\s+since:/);
    });

    it('repairs it by policy', async () => {
      const ended = await workspace.goldenthread('drift');
      expect(ended.code, said(ended)).toBe(0);
      expect(ended.stdout).toContain('edge-local in local had drifted, and was repaired');
      expect(networks()).not.toBe('');
      expect(workspace.git('show', 'deployments:stacks/local/edge-local.yaml')).toContain('drift: null');
      const clean = await workspace.goldenthread('drift');
      expect(clean.stdout, said(clean)).toContain('is as it was applied');
    });
  },
);
