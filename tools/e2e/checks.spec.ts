import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, missingTools, type Ended, type TestWorkspace } from '@goldenthread/testing';

const missing = missingTools('terraform');
const said = ({ stdout, stderr }: Ended): string => `${stdout}\n${stderr}`;

describe.skipIf(missing.length > 0)(
  'checks of stacks that touch no infrastructure',
  { timeout: 120_000 },
  () => {
    let workspace: TestWorkspace;
    beforeAll(async () => {
      workspace = await createWorkspace(
        {
          'infra/environments/test/environment.yaml': 'stage: 0\nstacks: [network]\n',
          'infra/untested/stack.yaml': '',
          'infra/untested/main.tf': 'output "nothing" { value = 1 }\n',
        },
        { copy: ['infra/network'] },
      );
    });
    afterAll(() => workspace?.dispose());

    it('validate finds nothing wrong in good sources, by the command line and by Nx', async () => {
      const ended = await workspace.goldenthread('validate', 'network');
      expect(ended.code, said(ended)).toBe(0);
      const nx = await workspace.nx('run', 'network:validate', '--output-style=stream');
      expect(nx.code, said(nx)).toBe(0);
      expect(workspace.git('status', '--porcelain')).toBe('');
    });

    it('test runs the tests beside a stack, case by case', async () => {
      const ended = await workspace.goldenthread('test', 'network');
      expect(ended.code, said(ended)).toBe(0);
      expect(ended.stdout).toMatch(/network 2 passed \(by terraform/);
      expect(ended.stdout).toContain('zones_get_their_ranges_in_order');
      const none = await workspace.goldenthread('test', 'untested');
      expect([none.code, none.stdout], said(none)).toEqual([0, 'untested no tests\n']);
    });

    it('says where sources are wrong, and which tests fail', async () => {
      await workspace.write({ 'infra/network/outputs.tf': 'output "zones" {\n  value = local.zoness\n}\n' });
      const invalid = await workspace.goldenthread('validate', 'network');
      expect(invalid.code, said(invalid)).toBe(1);
      expect(said(invalid)).toMatch(/infra\/network\/outputs\.tf:2:\d+/);
      await workspace.write({
        'infra/network/outputs.tf': 'output "zones" {\n  value = { a = "10.60.0.0/24" }\n}\n',
      });
      const failed = await workspace.goldenthread('test', 'network');
      expect(failed.code, said(failed)).toBe(1);
      expect(said(failed)).toContain('Each zone gets the next 256 addresses.');
    });

    it('lint says which file Terraform would format otherwise', async () => {
      await workspace.write({ 'infra/network/outputs.tf': 'output "zones" {\n value = local.zones\n}\n' });
      const ended = await workspace.goldenthread('lint', 'network');
      expect(ended.code, said(ended)).toBe(1);
      expect(said(ended)).toMatch(/infra\/network\/outputs\.tf:\d+/);
      expect(said(ended)).toContain('terraform fmt');
    });
  },
);
