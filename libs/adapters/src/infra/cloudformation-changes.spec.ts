import type { ResourceChange as Change } from '@aws-sdk/client-cloudformation';
import type { Action } from '@goldenthread/core';
import { describe, expect, it } from 'vitest';
import type { Wording } from './cloudformation-attributes.ts';
import { actionOf, openEnd, resourceChange } from './cloudformation-changes.ts';
import { hiding } from './cloudformation-parameters.ts';
import { readTemplate } from './cloudformation-template.ts';

const WORDING: Wording = {
  prefix: '',
  region: 'eu-west-1',
  tags: {},
  hidden: hiding(new Set(['Token']), new Map([['Token', 'planted']])),
  template: null,
};

describe('a change of CloudFormation', () => {
  it.each<[Change, Action, RegExp | null]>([
    [{ Action: 'Add' }, 'create', null],
    [{ Action: 'Remove', PolicyAction: 'Delete' }, 'delete', null],
    [{ Action: 'Remove', PolicyAction: 'Retain' }, 'delete', /managed by nobody/],
    [{ Action: 'Modify', Replacement: 'False' }, 'update', null],
    [{ Action: 'Modify', Replacement: 'True' }, 'replace', null],
    [
      { Action: 'Modify', Replacement: 'True', PolicyAction: 'ReplaceAndRetain' },
      'replace',
      /managed by nobody/,
    ],
    [{ Action: 'Modify', Replacement: 'Conditional' }, 'replace', /only decided while it is applied/],
    [{ Action: 'Modify', ResourceDriftStatus: 'DELETED' }, 'create', null],
    [{ Action: 'Dynamic' }, 'replace', /cannot say yet/],
    [{ Action: 'SyncWithActual' }, 'update', null],
    [{ Action: 'Import' }, 'update', null],
  ])('%o', (change, action, says) => {
    expect(actionOf(change)).toBe(action);
    if (says) expect(openEnd(change)).toMatch(says);
    else expect(openEnd(change)).toBeNull();
  });

  it('is told once for each attribute, whatever the reasons, and hidden by any of them', () => {
    const target = { Attribute: 'Properties', Name: 'Key', RequiresRecreation: 'Never' } as const;
    const change: Change = {
      Action: 'Modify',
      LogicalResourceId: 'One',
      ResourceType: 'A::B::C',
      Details: [
        { Target: { ...target, Path: '/Properties/Key', BeforeValue: 'a', AfterValue: 'b' } },
        {
          Target: { ...target, Path: '/Properties/Key', RequiresRecreation: 'Conditionally' },
          CausingEntity: 'Token',
        },
        { Target: { ...target, Name: 'Other' }, Evaluation: 'Dynamic' },
        { Target: { Attribute: 'Metadata', AfterValue: '{"a":[1]}', AttributeChangeType: 'Add' } },
        {
          Target: {
            Attribute: 'Properties',
            Path: '/Properties/a~1b/0',
            BeforeValue: '[broken',
            AttributeChangeType: 'Remove',
          },
        },
        { Target: { Attribute: 'DeletionPolicy', BeforeValue: 'x planted y', AfterValue: '****' } },
      ],
    };
    expect(resourceChange(change, WORDING).attributes).toEqual([
      { path: 'DeletionPolicy', before: { is: 'sensitive' }, after: { is: 'sensitive' }, forces: false },
      { path: 'Key', before: { is: 'sensitive' }, after: { is: 'sensitive' }, forces: true },
      {
        path: 'Metadata',
        before: { is: 'absent' },
        after: { is: 'value', value: { a: [1] } },
        forces: false,
      },
      { path: 'Other', before: { is: 'unknown' }, after: { is: 'unknown' }, forces: false },
      { path: 'a/b.0', before: { is: 'value', value: '[broken' }, after: { is: 'absent' }, forces: false },
    ]);
  });

  it('hides what is made of something hidden, however it is made', () => {
    const body = [
      'Resources:',
      '  One:',
      '    Type: A::B::C',
      '    Properties:',
      '      Open: x',
      '      Data: !Base64 { "Fn::Sub": "p=${Token}" }',
      '      List: [a, !FindInMap [M, !Ref Token, k]]',
      '      Whole: !Split [",", !Ref Token]',
    ].join('\n');
    const read = readTemplate('t.yaml', body);
    const wording: Wording = { ...WORDING, template: read.ok ? read.value : null };
    const Properties = { Open: 'x', Data: 'cD1wbGFudGVk', List: ['a', 'b'], Whole: ['pla', 'nted'] };
    const AfterContext = JSON.stringify({ Properties });
    const added = resourceChange({ Action: 'Add', LogicalResourceId: 'One', AfterContext }, wording);
    const hidden = (is: string): readonly string[] =>
      added.attributes.flatMap(({ path, after }) => (after.is === is ? [path] : []));
    expect([hidden('value'), hidden('sensitive')]).toEqual([
      ['List.0', 'Open'],
      ['Data', 'List.1', 'Whole.0', 'Whole.1'],
    ]);
    const Target = {
      Attribute: 'Properties',
      Path: '/Properties/Data',
      BeforeValue: 'x',
      AfterValue: 'cD1wbGFudGVk',
    } as const;
    const modified = resourceChange(
      { Action: 'Modify', LogicalResourceId: 'One', Details: [{ Target }] },
      wording,
    );
    expect(modified.attributes).toMatchObject([
      { path: 'Data', before: { is: 'sensitive' }, after: { is: 'sensitive' } },
    ]);
  });

  it('shows nothing of a context that was cut off, and tags in either form', () => {
    const of = (AfterContext: string) =>
      resourceChange({ Action: 'Add', LogicalResourceId: 'One', AfterContext }, WORDING);
    expect(of('{"Properties":{"a":"b')).toMatchObject({ attributes: [], tags: null });
    expect(
      of('{"Properties":{"Tags":{"team":"edge","secret":"planted","id":"{{changeSet:KNOWN_AFTER_APPLY}}"}}}')
        .tags,
    ).toEqual({ team: 'edge', secret: '***', id: '(known after it was applied)' });
  });
});
