import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, type TestWorkspace } from '@goldenthread/testing';

/** An engine of somebody's own, in TypeScript with a sibling: it would make one thing for each variable. */
const ENGINE = `
import type { InfraEngine, StackOrder } from '@goldenthread/core';
import { Kind, kindOf } from './kind.js';

interface Parts { readonly root: string }

const changes = ({ inputs }: StackOrder) =>
  [...inputs].map(([address, { value }]) => ({
    address, type: kindOf(Kind.Thing), action: 'create', region: null, tags: null,
    attributes: [{ path: 'value', before: { is: 'absent' }, after: { is: 'value', value }, forces: false }],
  }));

export const create = (_parts: Parts): InfraEngine => ({
  name: 'own',
  tools: () => [],
  validate: async () => ({ ok: true, value: [] }),
  preview: async (order) => ({
    ok: true,
    value: {
      content: { changes: changes(order), outputs: {}, changedOutputs: [], state: null, secrets: null },
      outputs: new Map(),
      apply: async () => ({ ok: true, value: new Map() }),
      discard: async () => undefined,
    },
  }),
  drift: async () => ({ ok: true, value: { changes: [], outputs: {}, changedOutputs: [], state: null, secrets: null } }),
  outputs: async () => ({ ok: true, value: null }),
} as InfraEngine);
`;

const RULE = `
import type { Rule } from '@goldenthread/core';
export const rule: Rule = ({ changes }) =>
  changes.filter(({ address }) => address === 'big').map(({ address }) => ({ resource: address, message: 'too big for us' }));
`;

const FILES: Readonly<Record<string, string>> = {
  'infra/net/stack.yaml': 'engine: ../engines/own.ts\nvariables: { small: 1, big: 2 }\n',
  'infra/engines/own.ts': ENGINE,
  'infra/engines/kind.ts':
    'export enum Kind { Thing }\nexport const kindOf = (kind: Kind): string => `own_${Kind[kind]}`.toLowerCase();\n',
  'infra/rules/own.ts': RULE,
  'infra/environments/test/environment.yaml':
    'stage: 0\nstacks: [net]\npolicy:\n  - rule: ../../rules/own.ts\n',
};

let workspace: TestWorkspace;
beforeAll(async () => {
  workspace = await createWorkspace(FILES);
});
afterAll(() => workspace.dispose());

describe('an engine and a rule of a user’s own, in TypeScript', () => {
  it('are loaded as they are: the plan is theirs, and so is what it breaks', async () => {
    const { code, stdout, stderr } = await workspace.goldenthread('plan', 'net', '--json');
    const { plans } = JSON.parse(stdout) as {
      plans: readonly { plan: { engine: string; changes: readonly { address: string; type: string }[] } }[];
    };
    expect(
      plans.map(({ plan }) => [
        plan.engine,
        ...plan.changes.map(({ address, type }) => `${type} ${address}`),
      ]),
    ).toEqual([['own', 'own_thing big', 'own_thing small']]);
    expect(stderr).toContain(
      'big: too big for us (rule ../../rules/own.ts, infra/environments/test/environment.yaml:4:5)',
    );
    expect(code).toBe(1);
    expect(workspace.git('status', '--short')).toBe('');
  }, 60_000);

  it('say where they are wrong', async () => {
    await workspace.write({ 'infra/rules/own.ts': 'export const rule = (: string) => [];\n' });
    const { code, stderr } = await workspace.goldenthread('plan', 'net');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/infra\/rules\/own\.ts cannot be loaded: .*own\.ts:1:\d+/);
    await workspace.write({
      'infra/rules/own.ts': RULE,
      'infra/engines/own.ts': 'export const engine = 1;\n',
    });
    const other = await workspace.goldenthread('plan', 'net');
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('engines/own.ts does not export a function `create`');
  }, 60_000);
});
