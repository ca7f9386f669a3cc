import { describe, expect, it } from 'vitest';
import {
  positionOfValue,
  at,
  isTemplated,
  items,
  member,
  members,
  parseYaml,
  plain,
  scalar,
  scalars,
  writtenScalar,
  type YamlValue,
} from './yaml.ts';

function read(text: string): YamlValue {
  const parsed = parseYaml('f.yml', text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.failures));
  return parsed.value;
}

describe('data', () => {
  it.each<[string, string, unknown]>([
    ['nothing', '', null],
    ['only a comment', '# words\n', null],
    ['plain', 'a: [1, true, x, ~, 1.5]\n', { a: [1, true, 'x', null, 1.5] }],
    ['YAML 1.2: `on` is a key, `yes` a text', 'on: yes\n', { on: 'yes' }],
    ['an alias', 'a: &a {x: 1}\nb: *a\n', { a: { x: 1 }, b: { x: 1 } }],
    ['an alias in a list', 'a: &a x\nb: [*a, *a]\n', { a: 'x', b: ['x', 'x'] }],
    ['a merge', 'a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n', { a: { x: 1, y: 2 }, b: { y: 3, x: 1 } }],
    ['a merge written last', 'a: &a {x: 1}\nb: {x: 3, <<: *a}\n', { a: { x: 1 }, b: { x: 3 } }],
    [
      'several merges: the first counts',
      'a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n',
      { a: { x: 1 }, b: { x: 2, y: 2 }, c: { x: 1, y: 2 } },
    ],
    [
      'a merge of a merge',
      'a: &a {x: 1}\nb: &b {<<: *a}\nc: {<<: *b}\n',
      { a: { x: 1 }, b: { x: 1 }, c: { x: 1 } },
    ],
    ["Ansible's tags", 'a: !vault |\n  $ANSIBLE\nb: !unsafe "{{ x }}"\n', { a: '$ANSIBLE\n', b: '{{ x }}' }],
    ['an unknown tag', 'a: !mine x\n', { a: 'x' }],
  ])('%s', (_, text, expected) => expect(plain(read(text))).toEqual(expected));
});

describe('errors', () => {
  it.each<[string, string, readonly string[]]>([
    ['a quote without its end', 'a: "x\nb: 1\n', ['2:4']],
    ['a bracket without its end', 'a: [1\n', ['1:5']],
    ['a tab', '\ta: 1\n', ['1:1']],
    ['a key twice', 'a: 1\nb: 2\na: 3\n', ['3:1']],
    ['a list that goes on as a map', '- a\nb: 1\n', ['2:1']],
    ['a second document', 'a: 1\n---\nb: 2\n', ['2:1']],
    ['several, one for each line', 'a: b: c\nx: 1\ny: d: e\n', ['1:4', '3:4']],
  ])('%s', (_, text, places) => {
    const parsed = parseYaml('f.yml', text);
    const failures = parsed.ok ? [] : parsed.failures;
    expect(
      failures.map((failure) => ('at' in failure ? `${failure.at.line}:${failure.at.column}` : '')),
    ).toEqual(places);
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: 'source-unparsable', language: 'YAML', at: { file: 'f.yml' } });
      expect(failure).not.toMatchObject({ detail: expect.stringMatching(/line \d+/) as string });
    }
  });
});

describe('places', () => {
  const text =
    'base: &b\n  image: base\nroles:\n  - nginx\n  - role: app\n    vars: {}\nempty:\nagain:\n  <<: *b\n';
  it.each<[readonly PropertyKey[], string]>([
    [['base', 'image'], '2:10'],
    [['roles', 0], '4:5'],
    [['roles', 1, 'role'], '5:11'],
    [['roles', 7], '4:3'],
    [['base', 'oci', 'deeper'], '2:3'],
    [['again', 'image'], '2:10'],
    [[], '1:1'],
  ])('%j', (path, expected) => {
    const { line, column } = positionOfValue(at(read(text), path));
    expect(`${line}:${column}`).toBe(expected);
  });
  it('of keys', () => {
    expect(members(read(text)).map(({ key, keyAt }) => `${key} ${keyAt.line}:${keyAt.column}`)).toEqual([
      'base 1:1',
      'roles 3:1',
      'empty 7:1',
      'again 8:1',
    ]);
  });
});

describe('parts', () => {
  it('of a map, a list and a scalar; nothing of anything else', () => {
    const value = read('a: [1, b]\n');
    const list = member(value, 'a');
    expect(list && items(list).map(scalar)).toEqual(['1', 'b']);
    expect(member(value, 'b')).toBeNull();
    expect(list && member(list, 'a')).toBeNull();
    expect(items(value)).toEqual([]);
    expect(scalar(value)).toBeNull();
    expect(scalar(null)).toBeNull();
  });
  it('a text where a list may stand', () => {
    const value = read('a: x\nb: [x, 1, {}, ~]\n');
    expect(scalars(member(value, 'a')).map(({ text }) => text)).toEqual(['x']);
    expect(scalars(member(value, 'b')).map(({ text, at: { column } }) => `${text} ${column}`)).toEqual([
      'x 5',
      '1 8',
    ]);
    expect(scalars(null)).toEqual([]);
  });
  it.each([
    ['a: 0644', { text: '0644', bare: true, tag: null, value: 644 }],
    ["a: '0644'", { text: '0644', bare: false, tag: null, value: '0644' }],
    ['a: !vault x', { text: 'x', bare: false, tag: '!vault', value: 'x' }],
    ['a: |\n  x\n', { text: 'x\n', bare: false, tag: null, value: 'x\n' }],
    ['a: {}', null],
  ])('a scalar as it is written: %j', (text, expected) => {
    expect(writtenScalar(at(read(text), ['a']))).toEqual(expected);
  });
  it.each([
    ['{{ x }}', true],
    ['{% if x %}', true],
    ['{ x }', false],
  ])('%j is a template: %s', (text, expected) => expect(isTemplated(text)).toBe(expected));
});
