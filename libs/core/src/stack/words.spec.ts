import { describe, expect, it } from 'vitest';
import { positionAt } from '../position.ts';
import type { Preview, ResourceChange } from './plan.ts';
import { planDetails, planMarkdown, planRows, shownText, type PlanReport } from './words.ts';

const change: ResourceChange = {
  address: 'machine["a|b"]',
  type: 'machine',
  action: 'replace',
  attributes: [
    {
      path: 'image',
      before: { is: 'value', value: 'old' },
      after: { is: 'value', value: 'new```' },
      forces: true,
    },
    { path: 'token', before: { is: 'sensitive' }, after: { is: 'sensitive' }, forces: false },
    { path: 'id', before: { is: 'absent' }, after: { is: 'unknown' }, forces: false },
  ],
  region: null,
  tags: null,
};

const plan: Preview = {
  schema: 1,
  stack: 'fleet',
  environment: 'production',
  engine: 'terraform',
  aim: 'apply',
  sources: `sha256:${'1'.repeat(64)}`,
  commit: null,
  inputs: [],
  images: {},
  changes: [change],
  outputs: { zones: { is: 'value', value: ['a'] } },
  changedOutputs: ['zones'],
  state: null,
  secrets: null,
  values: null,
  base: null,
  time: '2026-01-01T00:00:00.000Z',
  digest: `sha256:${'2'.repeat(64)}`,
};

const report: PlanReport = {
  stack: 'fleet',
  environment: 'production',
  state: 'planned',
  reasons: ['edge moved from 1.0.0 to 1.1.0'],
  plan,
  violations: [
    {
      rule: 'max_replaced 0',
      level: 'deny',
      resource: null,
      message: '1 resources would be replaced',
      at: positionAt('env/environment.yaml', 'policy:\n  - max_replaced: 0\n', 12),
    },
  ],
  removed: null,
};

const deferred: PlanReport = {
  ...report,
  state: 'deferred',
  plan: null,
  violations: [],
  reasons: ['zones is not known'],
};
const empty: PlanReport = { ...report, plan: { ...plan, changes: [], changedOutputs: [] }, violations: [] };
const gone: PlanReport = {
  ...report,
  violations: [],
  removed: { allowed: false, hint: 'say retire: [fleet]' },
};

describe('the table of plans', () => {
  it('has a row for each place, with what happens there in the last column', () => {
    const [head, ...rows] = planRows([
      report,
      deferred,
      empty,
      gone,
      { ...deferred, state: 'failed', reasons: ['terraform failed'] },
    ]);
    expect(head).toEqual(['STACK', 'ENVIRONMENT', 'CREATE', 'UPDATE', 'REPLACE', 'DELETE', 'PLAN']);
    expect(rows.map((row) => row.slice(2))).toEqual([
      ['-', '-', '1', '-', 'sha256:222222222222, breaks a rule'],
      ['-', '-', '-', '-', 'deferred: zones is not known'],
      ['-', '-', '-', '-', 'no changes'],
      ['-', '-', '1', '-', 'sha256:222222222222, to be destroyed (not allowed yet)'],
      ['-', '-', '-', '-', 'failed: terraform failed'],
    ]);
  });

  it('says below it what changes about each resource, why, and which rule that breaks', () => {
    expect(planDetails([report, deferred, empty])).toEqual([
      '',
      'fleet in production: edge moved from 1.0.0 to 1.1.0',
      '  ± replace machine["a|b"] (because of image)',
      '      image: "old" -> "new```" (forces replacement)',
      '      token: (sensitive) -> (sensitive)',
      '      id: (known after apply)',
      '  ~ output zones: ["a"]',
      '  ✘ 1 resources would be replaced (max_replaced 0, env/environment.yaml:2:5)',
    ]);
    expect(planDetails([gone]).at(-1)).toBe('  ✘ say retire: [fleet]');
  });

  it('cuts long values', () => {
    expect(shownText({ is: 'value', value: 'x'.repeat(500) })).toHaveLength(121);
  });

  it('is Markdown that no value can break out of', () => {
    const nasty = { ...report, reasons: ['</summary><img src=x> | `x`'] };
    const lines = planMarkdown([nasty, { ...deferred, reasons: ['a | b\n<b>'] }]).split('\n');
    expect(lines[0]).toBe('| stack | environment | create | update | replace | delete | plan |');
    expect(lines[3]).toBe('| fleet | production | - | - | - | - | deferred: a &#124; b &#60;b&#62; |');
    expect(lines.filter((line) => line.startsWith('````'))).toEqual(['````diff', '````']);
    expect(lines.join('\n')).not.toContain('<img');
    expect(lines).toContain('± replace machine["a|b"] (because of image)');
    expect(lines).toContain(`plan \`${plan.digest}\``);
  });
});
