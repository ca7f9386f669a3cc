import { describe, expect, it } from 'vitest';
import { Secret, type Json } from '@goldenthread/core';
import { inputValues, secretOf, veilOf } from '../terraform/veil.ts';
import { deferred, reduce, sensitiveTexts, type PlanJson } from './terraform-plan.ts';

type Resource = NonNullable<PlanJson['resource_changes']>[number];

const resource = (change: Partial<Resource['change']>, more: Partial<Resource> = {}): Resource => ({
  address: 'aws_instance.edge',
  type: 'aws_instance',
  change: { actions: ['no-op'], before: null, after: null, ...change },
  ...more,
});

const reduced = (plan: PlanJson, veil = veilOf(sensitiveTexts(plan))) => {
  const result = reduce(plan, 'x serial 1', veil);
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};

const only = (one: Resource) => reduced({ resource_changes: [one] }).content.changes[0];

describe('reduce', () => {
  it.each([
    [['create'], 'create'],
    [['read'], 'read'],
    [['update'], 'update'],
    [['delete'], 'delete'],
    [['delete', 'create'], 'replace'],
    [['create', 'delete'], 'replace'],
    [['forget'], 'forget'],
    [['create', 'forget'], 'replace'],
  ] as const)('takes %j as %s', (actions, action) => {
    expect(only(resource({ actions, after: { a: 1 } }))?.action).toBe(action);
  });

  it('leaves out what stays as it is, and refuses what it does not know', () => {
    expect(only(resource({}))).toBeUndefined();
    const refused = reduce({ resource_changes: [resource({ actions: ['dream'] })] }, null, veilOf([]));
    expect(refused).toMatchObject({
      ok: false,
      failures: [
        { code: 'tool-failed', detail: expect.stringContaining('"dream" aws_instance.edge') as string },
      ],
    });
  });

  it('says which attributes force a replacement, and otherwise why it is one', () => {
    const change = {
      actions: ['delete', 'create'],
      before: { ami: 'a', tags: { x: '1' } },
      after: { ami: 'b', tags: { x: '2' } },
    };
    expect(only(resource({ ...change, replace_paths: [['ami']] }))?.attributes).toMatchObject([
      { path: 'ami', forces: true },
      { path: 'tags.x', forces: false },
    ]);
    expect(
      only(resource({ ...change, after: change.before }, { action_reason: 'replace_because_tainted' }))
        ?.attributes,
    ).toEqual([
      {
        path: '(reason)',
        before: { is: 'absent' },
        after: { is: 'value', value: expect.stringContaining('tainted') as string },
        forces: true,
      },
    ]);
  });

  it('is silent about nothing that only Terraform sees: moves, imports, what it forgets, deposed objects', () => {
    const moved = only(
      resource({ after: { a: 1 }, before: { a: 1 } }, { previous_address: 'aws_instance.old' }),
    );
    expect(moved).toMatchObject({
      action: 'update',
      attributes: [
        { path: '(address)', before: { value: 'aws_instance.old' }, after: { value: 'aws_instance.edge' } },
      ],
    });
    const imported = only(resource({ before: { a: 1 }, after: { a: 1 }, importing: { id: 'i-1' } }));
    expect(imported).toMatchObject({
      action: 'update',
      attributes: [{ path: '(import)', after: { value: 'i-1' } }],
    });
    const forgotten = only(resource({ actions: ['forget'], before: { a: 1 } }));
    expect(forgotten).toMatchObject({ action: 'forget', attributes: [{ path: '(management)' }] });
    expect(only(resource({ actions: ['delete'], before: { a: 1 } }, { deposed: 'ab12' }))?.address).toBe(
      'aws_instance.edge (deposed ab12)',
    );
  });

  it.each<[Record<string, Json>, string | null, Record<string, string> | null]>([
    [{ region: 'eu-west-1', tags: { team: 'edge', n: 1 } }, 'eu-west-1', { team: 'edge', n: '1' }],
    [{ location: 'westeurope', tags: null }, 'westeurope', {}],
    [{ zone: 'a', tags: ['http'], labels: { team: 'x' } }, 'a', { team: 'x' }],
    [{ tags: { own: '1' }, tags_all: { own: '1', team: 'y' } }, null, { own: '1', team: 'y' }],
    [{ name: 'x' }, null, null],
  ])('reads region and tags of %j', (after, region, tags) => {
    expect(only(resource({ actions: ['create'], after }))).toMatchObject({ region, tags });
  });

  it('takes tags that are not known yet as none, and hides sensitive ones', () => {
    expect(only(resource({ actions: ['create'], after: {}, after_unknown: { tags: true } }))?.tags).toEqual(
      {},
    );
    expect(
      only(
        resource({
          actions: ['create'],
          after: { tags: { k: 'v' } },
          after_sensitive: { tags: { k: true } },
        }),
      )?.tags,
    ).toEqual({ k: '***' });
  });

  it('hides everywhere what is sensitive anywhere, and says by a hash that it is another', () => {
    const plan = (password: string): PlanJson => ({
      resource_changes: [
        resource({
          actions: ['update'],
          before: { password: 'plant-old-1', url: 'x://u:plant-old-1@db', size: 1 },
          after: { password, url: `x://u:${password}@db`, size: 2 },
          before_sensitive: { password: true },
          after_sensitive: { password: true },
        }),
      ],
      output_changes: { url: { actions: ['update'], before: 'x', after: `x://${password}` } },
      variables: { db: { value: password }, open: { value: 'open' } },
      configuration: { root_module: { variables: { db: { sensitive: true }, open: {} } } },
    });
    const [one, two] = [reduced(plan('plant-new-1')).content, reduced(plan('plant-new-2')).content];
    expect(JSON.stringify(one)).not.toMatch(/plant/);
    expect(one.changes[0]?.attributes.map(({ path, after }) => [path, after.is])).toEqual([
      ['password', 'sensitive'],
      ['size', 'value'],
      ['url', 'sensitive'],
    ]);
    expect(one.outputs).toEqual({ url: { is: 'sensitive' } });
    expect(one.secrets).toMatch(/^scrypt:/);
    expect(one.secrets).not.toBe(two.secrets);
    expect(reduced(plan('plant-new-1')).content).toEqual(one);
  });

  it('hides a secret input even where the stack does not call it sensitive', () => {
    const plan = {
      resource_changes: [
        resource(
          { actions: ['create'], after: { list: ['a', 'has plant-77 in it'] } },
          { address: 'x["plant-77"]' },
        ),
      ],
    };
    const { content } = reduced(plan, veilOf(['plant-77']));
    expect(JSON.stringify(content)).not.toContain('plant-77');
    expect(content.secrets).not.toBeNull();
  });

  it('gives the outputs that are known, sensitive ones as secrets of their shape', () => {
    const { content, outputs } = reduced({
      output_changes: {
        same: { actions: ['no-op'], before: 1, after: 1 },
        later: { actions: ['create'], after: { a: 1 }, after_unknown: { b: true } },
        hidden: { actions: ['create'], after: { key: 'plant-1' }, after_sensitive: true },
        gone: { actions: ['delete'], before: 1, after: null },
        nothing: { actions: ['create'], after: null, after_unknown: false },
      },
    });
    expect(content.changedOutputs).toEqual(['gone', 'hidden', 'later', 'nothing']);
    expect(content.outputs).toEqual({
      same: { is: 'value', value: 1 },
      later: { is: 'unknown' },
      hidden: { is: 'sensitive' },
      nothing: { is: 'absent' },
    });
    expect([...outputs.keys()]).toEqual(['same', 'hidden', 'nothing']);
    const secret = outputs.get('hidden') as Secret;
    expect(inputValues(new Map([['keys', { value: secret, from: '' }]]))).toEqual({
      keys: { key: 'plant-1' },
    });
  });

  it('says by a hash what all variables are, and nothing of them', () => {
    const values = (variables: PlanJson['variables']): string | null =>
      reduced({ ...(variables ? { variables } : {}) }).content.values;
    const given = { size: { value: 'plant-5' }, unset: {} };
    expect(values(given)).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(values({ unset: { value: null }, size: { value: 'plant-5' } })).toBe(values(given));
    for (const other of [{ size: { value: 'plant-6' }, unset: {} }, { size: { value: 'plant-5' } }])
      expect(values(other)).not.toBe(values(given));
    expect([values({}), values(undefined)]).toEqual([null, null]);
  });

  it('leaves names as they are, whatever stands in them: who prints them sees to that', () => {
    const address = 'x["\u001b[2J\n"]';
    const after = { '\u001b[31mred': '\u0007' };
    const one = only(resource({ actions: ['create'], after }, { address, type: 'x\u0008' }));
    expect(one).toMatchObject({
      address,
      type: 'x\u0008',
      attributes: [{ path: '\u001b[31mred', after: { value: '\u0007' } }],
    });
  });

  it('says what is put off', () => {
    expect(deferred({})).toBeNull();
    expect(
      deferred({ deferred_changes: [{ reason: 'instance_count_unknown', resource_change: resource({}) }] }),
    ).toBe('Terraform puts off aws_instance.edge (instance_count_unknown)');
  });
});

describe('a veil', () => {
  it('covers every form of a text, and no short one by chance', () => {
    const key = 'first line of it\nsecond "line" of it';
    const veil = veilOf([key, 'ab', 'four']);
    expect(veil.over(`x ${key} y ${JSON.stringify(key)} z second "line" of it`)).toBe('x *** y "***" z ***');
    expect([veil.over('fourteen ab'), veil.hides('ab'), veil.hides('four'), veil.hides('fourteen')]).toEqual([
      'fourteen ab',
      false,
      true,
      false,
    ]);
  });

  it('reveals secrets as they were given', () => {
    const values = [secretOf('text'), secretOf(['a']), secretOf(5), new Secret('[1]')];
    expect(
      Object.values(inputValues(new Map(values.map((value, index) => [String(index), { value, from: '' }])))),
    ).toEqual(['text', ['a'], '5', '[1]']);
  });
});
