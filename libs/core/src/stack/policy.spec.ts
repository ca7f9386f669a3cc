import { describe, expect, it } from 'vitest';
import { WrittenEnvironment } from '../declaration/environment.ts';
import { parseDeclaration } from '../declaration/parse.ts';
import { usedEnvironment, type Environment } from '../declaration/used-stack.ts';
import type { Preview, ResourceChange } from './plan.ts';
import { judge, rulesFor, ruleWords, violations, violationText } from './policy.ts';

const FILE = 'infra/production/environment.yaml';

function environment(text: string): Environment {
  const parsed = parseDeclaration(WrittenEnvironment, FILE, text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.failures));
  return usedEnvironment(parsed.value.written, 'infra/production', FILE);
}

const change = (address: string, more: Partial<ResourceChange> = {}): ResourceChange => ({
  address,
  type: 'aws_instance',
  action: 'create',
  attributes: [],
  region: null,
  tags: null,
  ...more,
});

const planOf = (changes: readonly ResourceChange[]): Preview => ({
  schema: 1,
  stack: 'network',
  environment: 'production',
  engine: 'terraform',
  aim: 'apply',
  sources: '',
  commit: null,
  inputs: [],
  images: {},
  changes,
  outputs: {},
  changedOutputs: [],
  state: null,
  secrets: null,
  values: null,
  base: null,
  time: '',
  digest: '',
});

/** What the one rule of this text says, each as `resource: message`. */
const said = (rule: string, changes: readonly ResourceChange[]): readonly string[] | null => {
  const [first] = environment(`stage: 1\npolicy:\n  - ${rule}\n`).policy;
  if (!first) throw new Error('no rule');
  const found = judge(first, planOf(changes));
  return found && found.map(({ resource, message }) => `${resource ?? '*'}: ${message}`);
};

const db = (action: ResourceChange['action'], type = 'aws_db_instance'): ResourceChange =>
  change(`${type}.x`, { type, action });
const ALL = ['create', 'update', 'replace', 'delete', 'read'] as const;

describe('protect', () => {
  it.each<[string, string, readonly ResourceChange[], readonly string[]]>([
    [
      'refuses that its types are deleted or replaced, and nothing else',
      'protect: [aws_db_*]',
      ALL.map((action) => db(action)),
      [
        'aws_db_instance.x: it would be replaced, and aws_db_instance is protected',
        'aws_db_instance.x: it would be deleted, and aws_db_instance is protected',
      ],
    ],
    [
      'leaves other types alone',
      'protect: [aws_db_*]',
      [db('delete', 'aws_dbx'), db('delete', 'my_aws_db_x')],
      [],
    ],
    ['takes a dot for a dot', 'protect: [a.b]', [db('delete', 'axb')], []],
    [
      'takes a star anywhere',
      'protect: ["*db*e"]',
      [db('delete')],
      [expect.stringContaining('deleted') as string],
    ],
    [
      'is the same in capitals',
      'protect: ["aws::rds::*"]',
      [db('delete', 'AWS::RDS::DB')],
      [expect.any(String) as string],
    ],
    [
      'knows any of its types',
      'protect: [x, aws_db_instance]',
      [db('delete')],
      [expect.any(String) as string],
    ],
    ['matches over a line break', 'protect: ["a*b"]', [db('delete', 'a\nb')], [expect.any(String) as string]],
  ])('%s', (_, rule, changes, expected) => expect(said(rule, changes)).toEqual(expected));
});

describe('limits', () => {
  const many = (action: ResourceChange['action'], count: number): readonly ResourceChange[] =>
    Array.from({ length: count }, (_, index) => change(`r${index}`, { action }));

  it.each<[string, readonly ResourceChange[], readonly string[]]>([
    ['max_replaced: 2', many('replace', 2), []],
    ['max_replaced: 2', many('replace', 3), ['*: 3 resources would be replaced (r0, r1, r2), 2 may be']],
    ['max_replaced: 0', many('replace', 1), ['*: 1 resource would be replaced (r0), 0 may be']],
    ['max_replaced: 0', [...many('delete', 2), ...many('create', 1)], []],
    ['max_deleted: 1', many('delete', 1), []],
    ['max_deleted: 1', many('delete', 2), ['*: 2 resources would be deleted (r0, r1), 1 may be']],
    ['max_deleted: 0', many('replace', 2), []],
  ])('%s', (rule, changes, expected) => expect(said(rule, changes)).toEqual(expected));
});

describe('required_tags', () => {
  it.each<[string, Partial<ResourceChange>, readonly string[]]>([
    ['all there', { tags: { team: 'a', env: 'b' } }, []],
    ['one missing', { tags: { team: 'a' } }, ['x: it has no env among its tags']],
    ['one empty', { tags: { team: '', env: 'b' } }, ['x: it has no team among its tags']],
    ['none at all', { tags: {} }, ['x: it has no team and no env among its tags']],
    ['a type without tags', { tags: null }, []],
    ['a change', { tags: {}, action: 'update' }, [expect.any(String) as string]],
    ['a replacement', { tags: {}, action: 'replace' }, [expect.any(String) as string]],
    ['what goes away', { tags: {}, action: 'delete' }, []],
    ['what is only read', { tags: {}, action: 'read' }, []],
  ])('%s', (_, more, expected) =>
    expect(said('required_tags: [team, env]', [change('x', more)])).toEqual(expected),
  );

  it('is not content with what every object has', () =>
    expect(said('required_tags: [constructor]', [change('x', { tags: {} })])).toHaveLength(1));
});

describe('allowed_regions', () => {
  it.each<[string, Partial<ResourceChange>, readonly string[]]>([
    ['allowed', { region: 'eu-central-1' }, []],
    ['another', { region: 'us-east-1' }, ['x: it would lie in us-east-1']],
    ['none in particular', { region: null }, []],
    ['what goes away from there', { region: 'us-east-1', action: 'delete' }, []],
    ['a change there', { region: 'us-east-1', action: 'update' }, [expect.any(String) as string]],
  ])('%s', (_, more, expected) =>
    expect(said('allowed_regions: [eu-*]', [change('x', more)])).toEqual(expected),
  );
});

it.each(['rule: ../rules/own.mjs', 'rego: ../rules/rego'])('leaves %s to what reads files', (rule) =>
  expect(said(rule, [change('x')])).toBeNull(),
);

describe('the rules of an environment', () => {
  const TEXT = [
    'stage: 3',
    'policy:',
    '  - protect: [aws_db_*, aws_s3_*]',
    '  - max_replaced: 0',
    '    level: warn',
    '    stacks: [fleet]',
    '  - { level: warn, rule: ../rules/own.mjs }',
    '',
  ].join('\n');

  it('are those that are for the stack, with their place in the list', () => {
    const of = (stack: string): readonly number[] =>
      rulesFor(environment(TEXT), stack).map(({ index }) => index);
    expect([of('network'), of('fleet')]).toEqual([
      [0, 2],
      [0, 1, 2],
    ]);
  });

  it('are said as they are declared', () => {
    expect(environment(TEXT).policy.map(ruleWords)).toEqual([
      'protect aws_db_*, aws_s3_*',
      'max_replaced 0',
      'rule ../rules/own.mjs',
    ]);
  });

  it('are violated by name, resource, level and the line of their declaration', () => {
    const given = environment(TEXT);
    const judged = given.policy.map((rule, index) => ({
      rule,
      index,
      findings: judge(rule, planOf([db('replace')])) ?? [{ resource: null, message: 'not on a Friday' }],
    }));
    const found = violations(given, TEXT, judged);
    expect(found.map(({ level, at }) => [level, at.line, at.column])).toEqual([
      ['deny', 3, 5],
      ['warn', 4, 5],
      ['warn', 7, 5],
    ]);
    expect(found.map(violationText)).toEqual([
      `aws_db_instance.x: it would be replaced, and aws_db_instance is protected (protect aws_db_*, aws_s3_*, ${FILE}:3:5)`,
      `1 resource would be replaced (aws_db_instance.x), 0 may be (max_replaced 0, ${FILE}:4:5)`,
      `not on a Friday (rule ../rules/own.mjs, ${FILE}:7:5)`,
    ]);
  });

  it('point at the file where the text is not what was declared any more', () => {
    const given = environment(TEXT);
    const [rule] = given.policy;
    if (!rule) throw new Error('no rule');
    const [found] = violations(given, 'policy: [\n', [
      { rule, index: 0, findings: [{ resource: null, message: 'x' }] },
    ]);
    expect(found?.at).toMatchObject({ file: FILE, line: 1, column: 1 });
  });
});
