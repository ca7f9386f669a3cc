import type { Finding } from '@goldenthread/core';
import { describe, expect, it } from 'vitest';
import { checkTemplate } from './cloudformation-check.ts';
import { expression, readTemplate, references, section, type Template } from './cloudformation-template.ts';

const FILE = 'infra/net/template.yaml';

const read = (text: string): Template => {
  const template = readTemplate(FILE, text);
  if (!template.ok) throw new Error(JSON.stringify(template.failures));
  return template.value;
};
const findings = (text: string): readonly string[] =>
  checkTemplate(read(text)).map(({ line, column, message }: Finding) => `${line}:${column} ${message}`);
const output = (text: string) => {
  const [found] = section(read(`Outputs:\n  A: ${text.replaceAll('\n', '\n    ')}\n`), 'Outputs');
  if (!found) throw new Error('it has no output');
  return found.value;
};

describe('an expression', () => {
  it.each([
    ['!Ref One', '{ "Ref": "One" }', ['One']],
    ['!GetAtt One.Two.Three', '{ "Fn::GetAtt": ["One", "Two.Three"] }', ['One.']],
    [
      '!Sub "${One}-${Two.Arn}-${!No}-${AWS::Region}"',
      '{ "Fn::Sub": "${One}-${Two.Arn}-${!No}-${AWS::Region}" }',
      ['One', 'AWS::Region', 'Two.'],
    ],
    [
      '!Sub ["${Own}${One}", { Own: !Ref Two }]',
      '{ "Fn::Sub": ["${Own}${One}", { "Own": { "Ref": "Two" } }] }',
      ['One', 'Two'],
    ],
    ['!Join ["-", [!Ref One, a]]', '{ "Fn::Join": ["-", [{ "Ref": "One" }, "a"]] }', ['One']],
    [
      '!If [Is, !GetAtt [One, Arn], !Ref "AWS::NoValue"]',
      '{ "Fn::If": ["Is", { "Fn::GetAtt": ["One", "Arn"] }, { "Ref": "AWS::NoValue" }] }',
      ['AWS::NoValue', 'One.'],
    ],
    ['!Base64\n  Fn::Sub: "${One}"', '{ "Fn::Base64": { "Fn::Sub": "${One}" } }', ['One']],
    ['{ Condition: Is }', '{ "Condition": "Is" }', []],
  ])('means the same in both forms: %s', (short, long, names) => {
    const named = (text: string) =>
      references(output(text))
        .map(({ name, attribute }) => `${name}${attribute ? '.' : ''}`)
        .toSorted();
    expect(expression(output(short))).toEqual(expression(output(long)));
    expect([named(short), named(long)]).toEqual([names.toSorted(), names.toSorted()]);
  });
});

describe('a template', () => {
  it('may be JSON, indented by tabs, with the short names of YAML beside it', () => {
    expect(findings('{\n\t"Resources": {\n\t\t"One": { "Type": "A::B::C" }\n\t}\n}\n')).toEqual([]);
    expect(
      findings(
        'Resources:\n  One:\n    Type: A::B::C\n    Properties: { X: !Ref AWS::StackName, Y: !GetAZs "" }\n',
      ),
    ).toEqual([]);
  });

  it.each([
    ['nothing at all', 'Description: x\n', ['1:1 it has no Resources']],
    ['no resources', 'Resources: {}\n', ['1:12 it has no Resources']],
    [
      'a section that is written wrongly',
      'Resource: {}\nResources:\n  One: { Type: A }\n',
      ['1:1 a template has no section Resource; did you mean Resources?'],
    ],
    ['a resource without a type', 'Resources:\n  One:\n    Typ: A\n', ['2:3 the resource One has no Type']],
    [
      'a parameter and an output without what they need',
      'Parameters:\n  P: {}\nResources:\n  One: { Type: A }\nOutputs:\n  O: { Description: x }\n',
      ['2:3 the parameter P has no Type', '6:3 the output O has no Value'],
    ],
    [
      'names that nothing has',
      'Parameters:\n  Zone: { Type: String }\nResources:\n  One:\n    Type: A\n    Properties:\n      X: !Ref Zoen\n      Y: !Sub "${Nowhere}"\n      Z: !GetAtt Zone.Arn\n',
      [
        '7:15 there is no resource or parameter Zoen; did you mean Zone?',
        '8:15 there is no resource or parameter Nowhere',
        '9:18 there is no resource Zone',
      ],
    ],
    [
      'a condition and an order that nothing has',
      'Conditions:\n  Is: !Equals [a, b]\nResources:\n  One: { Type: A, Condition: If, DependsOn: [Two] }\n',
      ['4:30 there is no condition If; did you mean Is?', '4:46 DependsOn names no resource: Two'],
    ],
  ])('%s', (_, text, expected) => {
    expect(findings(text)).toEqual(expected);
  });

  it('is not judged by names that a macro may bring', () => {
    expect(
      findings(
        'Transform: AWS::Serverless-2016-10-31\nGlobals: {}\nResources:\n  One: { Type: A, Properties: { X: !Ref MadeRole } }\n',
      ),
    ).toEqual([]);
  });

  it('is too large from its first byte above what CloudFormation takes, in bytes and not in letters', () => {
    const text = (letters: number) => `Resources:\n  One: { Type: A }\n#${'é'.repeat(letters)}\n`;
    const room = Math.floor((51_200 - text(0).length) / 2);
    expect(findings(text(room))).toEqual([]);
    expect(findings(text(room + 1))).toEqual([expect.stringContaining('expected at most 51200 bytes')]);
  });

  it('that holds itself, or more than can be, is refused', () => {
    const laughs = Array.from(
      { length: 12 },
      (_, index) => `  a${index + 1}: &a${index + 1} [${`*a${index},`.repeat(9)}]`,
    );
    const bomb = `Metadata:\n  a0: &a0 x\n${laughs.join('\n')}\nResources: {}\n`;
    for (const text of [bomb, 'Resources: &r\n  One: { Type: A, Properties: *r }\n'])
      expect(readTemplate(FILE, text)).toMatchObject({
        ok: false,
        failures: [{ code: 'source-unparsable', at: { file: FILE } }],
      });
  });
});
