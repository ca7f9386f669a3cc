import { describe, expect, it } from 'vitest';
import { WrittenEnvironment } from './environment.ts';
import { parseDeclaration } from './parse.ts';

const FILE = 'infra/production/environment.yaml';

/** Each problem as "line:column underlined text: found; expected", of a declaration whose first line is `stage: 1`. */
function told(text: string): readonly string[] {
  const parsed = parseDeclaration(WrittenEnvironment, FILE, `stage: 1\n${text}`);
  if (parsed.ok) throw new Error(`accepted: ${text}`);
  return parsed.failures.map((failure) => {
    if (failure.code !== 'declaration-invalid') throw new Error(failure.code);
    const { file, line, column, length, text: whole } = failure.at;
    expect(file).toBe(FILE);
    return `${line}:${column} ${whole.slice(column - 1, column - 1 + length)}: ${failure.found}; ${failure.expected}`;
  });
}

const RULES = 'protect, max_replaced, max_deleted, required_tags, allowed_regions, rule, rego';

describe('an environment is refused for', () => {
  it.each<[string, string, readonly string[]]>([
    ['a misspelt key', 'stakcs: [a]\n', ['2:1 stakcs: the unknown key "stakcs"; "stacks"']],
    ['stacks that are a name', 'stacks: network\n', ['2:9 network: "network"; a list']],
    [
      'a pin without all its numbers',
      'pins: { edge: "1.4" }\n',
      ['2:15 "1.4": "1.4"; a version such as 1.4.1'],
    ],
    ['a pin that is a number', 'pins: { edge: 1.4 }\n', ['2:15 1.4: 1.4; a text']],
    ['pins in a list', 'pins: [edge]\n', ['2:7 [edge]: ["edge"]; a map']],
    [
      'an image with a wrong name',
      'pins: { Edge: 1.4.1 }\n',
      ['2:9 Edge: the key "Edge"; a name of lower-case letters, digits, ".", "_" and "-" (at most 63)'],
    ],
    [
      'a way with drift that there is not',
      'drift: fix\n',
      ['2:8 fix: "fix"; one of report, request, repair'],
    ],
    [
      'a rule that is a name',
      'policy: [protect]\n',
      [`2:10 protect: "protect"; a map with one of the keys ${RULES}`],
    ],
    ['a rule that says nothing', 'policy: [{}]\n', [`2:10 {}: {}; a map with one of the keys ${RULES}`]],
    [
      'a rule with a level alone',
      'policy:\n  - level: warn\n',
      [
        expect.stringMatching(
          new RegExp(`^3:5 level: warn.*; a map with one of the keys ${RULES}$`),
        ) as string,
      ],
    ],
    [
      'a misspelt rule',
      'policy:\n  - protcet: [aws_db_*]\n',
      ['3:5 protcet: the unknown key "protcet"; "protect"'],
    ],
    [
      'two rules in one item',
      'policy:\n  - max_replaced: 0\n    max_deleted: 0\n',
      [`4:5 max_deleted: "max_deleted" beside "max_replaced"; only one of ${RULES}`],
    ],
    [
      'a rule with a misspelt level',
      'policy: [{ protect: [a], levle: warn }]\n',
      ['2:26 levle: the unknown key "levle"; "level"'],
    ],
    [
      'a level that there is not',
      'policy: [{ protect: [a], level: error }]\n',
      ['2:33 error: "error"; one of deny, warn'],
    ],
    ['patterns that are a text', 'policy: [{ protect: aws_db_* }]\n', ['2:21 aws_db_*: "aws_db_*"; a list']],
    ['no patterns', 'policy: [{ protect: [] }]\n', ['2:21 []: []; at least 1 items']],
    ['a limit below nothing', 'policy: [{ max_deleted: -1 }]\n', ['2:25 -1: -1; at least 0']],
    ['a limit in words', 'policy: [{ max_deleted: none }]\n', ['2:25 none: "none"; a whole number']],
    ['no stacks of a rule', 'policy: [{ max_deleted: 0, stacks: [] }]\n', ['2:36 []: []; at least 1 items']],
    [
      'a module somewhere on the machine',
      'policy: [{ rule: /etc/rule.mjs }]\n',
      ['2:18 /etc/rule.mjs: "/etc/rule.mjs"; a relative path with forward slashes'],
    ],
    ['policy as a map', 'policy: { protect: [a] }\n', ['2:9 { protect: [a] }: {"protect":["a"]}; a list']],
  ])('%s', (_, text, expected) => expect(told(text)).toEqual(expected));

  it('all of it at once, in the order of the file', () => {
    const text =
      'drift: x\npolicy:\n  - { protect: [a], rego: b }\n  - { max_deleted: x }\npins: { a: 1 }\nretire: a\n';
    expect(told(text).map((line) => line.split(' ')[0])).toEqual(['2:8', '4:21', '5:20', '6:12', '7:9']);
  });
});

describe('an environment takes', () => {
  it.each([
    'protect: [aws_db_*]',
    'max_replaced: 0',
    'max_deleted: 3',
    'required_tags: [team]',
    'allowed_regions: [eu-*]',
    'rule: ../rules/own.mjs',
    'rego: ../rules/rego',
  ])('the rule %s, for all stacks and denied by default', (rule) => {
    const parsed = parseDeclaration(WrittenEnvironment, FILE, `stage: 1\npolicy: [{ ${rule} }]\n`);
    expect(parsed).toMatchObject({ ok: true, value: { written: { policy: [{ level: 'deny' }] } } });
  });
});
