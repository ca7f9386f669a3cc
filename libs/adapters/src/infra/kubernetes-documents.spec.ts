import { Secret, type Inputs, type Json, type Result } from '@goldenthread/core';
import { describe, expect, it } from 'vitest';
import { duplicates, readManifests, type Manifest } from './kubernetes-documents.ts';

const inputs = (values: Readonly<Record<string, Json | Secret>>): Inputs =>
  new Map(Object.entries(values).map(([name, value]) => [name, { value, from: 'here' }]));

const read = (
  text: string,
  values: Readonly<Record<string, Json | Secret>> = {},
): Result<readonly Manifest[]> =>
  readManifests({ file: 'infra/shop/all.yaml', text, inputs: inputs(values) });

function good(text: string, values: Readonly<Record<string, Json | Secret>> = {}): readonly Manifest[] {
  const result = read(text, values);
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
}

const wrong = (text: string, values = {}): readonly unknown[] => {
  const result = read(text, values);
  return result.ok ? [] : result.failures;
};

const map = (name: string, body = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${body}`;

const dataOf = (text: string, values = {}): unknown =>
  good(map('one', `data:\n  value: ${text}\n`), values)[0]?.object['data'];

describe('manifests', () => {
  it('are the documents of a text, with lists taken apart, and where each stands', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: three}}\n`;
    const found = good(`# words\n---\n${map('one')}--- # more\n${map('two')}...\n---\n\n---\n${list}`);
    expect(found.map(({ object, at }) => [object.metadata.name, at.line])).toEqual([
      ['one', 3],
      ['two', 8],
      ['three', 19],
    ]);
  });

  it('may be JSON, and have the line ends of Windows', () => {
    expect(
      good(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' } })),
    ).toHaveLength(1);
    expect(good(`${map('one')}---\n${map('two')}`.replaceAll('\n', '\r\n'))).toHaveLength(2);
  });

  it.each([
    ['kind: ConfigMap\nmetadata: {name: one}\n', 'apiVersion', 1],
    [`${map('one')}---\napiVersion: v1\nmetadata: {name: one}\n`, 'kind', 6],
    ['apiVersion: v1\nkind: ConfigMap\n', 'metadata.name', 1],
    ['apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: one-}\n', 'metadata.name', 1],
    ['apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ..\n', 'metadata.name', 4],
    ['apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\n  namespace: a/b\n', 'metadata.namespace', 5],
    ['apiVersion: ../v1\nkind: ConfigMap\nmetadata: {name: one}\n', 'apiVersion', 1],
  ])('say what is missing or misnamed: %j', (text, key, line) => {
    expect(wrong(text)).toEqual([
      expect.objectContaining({
        code: 'declaration-invalid',
        found: expect.stringContaining(key) as string,
        at: expect.objectContaining({ file: 'infra/shop/all.yaml', line }) as object,
      }),
    ]);
  });

  it('say all that is wrong at once, with its place', () => {
    const failures = wrong(
      `${map('one')}---\na: [\n---\njust words\n---\n${map('two', 'data: {a: 1, a: 2}\n')}`,
    );
    expect(failures).toEqual([
      expect.objectContaining({
        code: 'source-unparsable',
        at: expect.objectContaining({ line: 6 }) as object,
      }),
      expect.objectContaining({
        code: 'declaration-invalid',
        at: expect.objectContaining({ line: 8 }) as object,
      }),
      expect.objectContaining({
        code: 'source-unparsable',
        at: expect.objectContaining({ line: 14 }) as object,
      }),
    ]);
  });

  it('are read as kubectl reads them', () => {
    expect(dataOf('0644')).toEqual({ value: 420 });
    expect(dataOf('yes')).toEqual({ value: true });
    expect(dataOf('"yes"')).toEqual({ value: 'yes' });
    expect(dataOf('"0644"')).toEqual({ value: '0644' });
    expect(dataOf('1.10')).toEqual({ value: 1.1 });
    expect(dataOf('~')).toEqual({ value: null });
    expect(dataOf('{}')).toEqual({ value: {} });
    expect(dataOf('[]')).toEqual({ value: [] });
    expect(dataOf('|\n    one\n    two')).toEqual({ value: 'one\ntwo\n' });
    expect(wrong(map('one', 'data: {value: 12345678901234567890}\n'))).toHaveLength(1);
    expect(wrong(map('one', 'data: {value: .inf}\n'))).toHaveLength(1);
  });

  it('do not grow without end by their aliases', () => {
    const lines = Array.from({ length: 12 }, (_, level) => {
      const of = level === 0 ? '"x"' : `*a${level - 1}`;
      return `  a${level}: &a${level} [${Array.from({ length: 9 }, () => of).join(', ')}]`;
    });
    expect(wrong(map('one', `data:\n${lines.join('\n')}\n`))).toEqual([
      expect.objectContaining({ found: 'aliases that multiply' }),
    ]);
    expect(wrong(map('one', 'data: &a\n  again: *a\n'))).toHaveLength(1);
  });

  it('find what is declared twice, also in another version of its group', () => {
    const at = (version: string, namespace: string): string =>
      `apiVersion: apps/${version}\nkind: Deployment\nmetadata: {name: web${namespace}}\n`;
    const all = good(
      [at('v1', ''), at('v1beta1', ', namespace: shop'), at('v1', ', namespace: other')].join('---\n'),
    );
    expect(duplicates(all, 'shop')).toEqual([
      expect.objectContaining({
        code: 'declaration-invalid',
        at: expect.objectContaining({ line: 5 }) as object,
        expected: expect.stringContaining('infra/shop/all.yaml:1:1') as string,
      }),
    ]);
  });
});

describe('placeholders', () => {
  it('give texts their values, and a bare one its type', () => {
    expect(dataOf('${count}', { count: 3 })).toEqual({ value: 3 });
    expect(dataOf('"${count}"', { count: 3 })).toEqual({ value: '3' });
    expect(dataOf('a-${name}.b:${count}', { name: 'x', count: 3 })).toEqual({ value: 'a-x.b:3' });
    expect(dataOf('${zones}', { zones: ['a', 'b'] })).toEqual({ value: ['a', 'b'] });
    expect(dataOf('${name}', { name: 'yes' })).toEqual({ value: 'yes' });
    expect(dataOf('"x: ${zones}"', { zones: ['a'] })).toEqual({ value: 'x: ["a"]' });
  });

  it('are not read again in what they gave', () => {
    expect(dataOf('${a}', { a: '${b}', b: 'no' })).toEqual({ value: '${b}' });
  });

  it('are left alone when they are escaped, or no placeholders', () => {
    expect(dataOf('$${HOME}/$HOME/${HOME:-x}')).toEqual({ value: '${HOME}/$HOME/${HOME:-x}' });
  });

  it('that are unknown fail with their place and what is near', () => {
    const [failure] = wrong(map('one', 'data:\n  a: 1\n  value: x${reginn}\n'), { region: 'here' });
    expect(failure).toMatchObject({
      code: 'declaration-invalid',
      found: '${reginn}',
      expected: expect.stringMatching(/\$\{region\}.*\$\$\{reginn\}/) as string,
      at: { line: 7, column: 10 },
    });
  });

  it('stand in quotes within braces, and the failure says so', () => {
    expect(wrong(map('one', 'data: {value: ${region}}\n'), { region: 'here' })).toEqual([
      expect.objectContaining({
        code: 'source-unparsable',
        detail: expect.stringContaining('stands in quotes: "${region}"') as string,
      }),
    ]);
    expect(good(map('one', 'data: {value: "${region}"}\n'), { region: 'here' })[0]?.object['data']).toEqual({
      value: 'here',
    });
  });

  it('of secrets are remembered', () => {
    const [one] = good(map('one', 'data:\n  a: x${token}\n  list: [1, "${token}"]\n'), {
      token: new Secret('plant'),
    });
    expect(one?.sensitive).toEqual([
      ['data', 'a'],
      ['data', 'list', '1'],
    ]);
    expect(one?.object['data']).toEqual({ a: 'xplant', list: [1, 'plant'] });
  });

  it('may stand in the texts of a Secret, which the API keeps in base64', () => {
    const text =
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: YQ==}\nstringData: {b: "${token}"}\n';
    const [one] = good(text, { token: new Secret('b') });
    expect(one?.object['data']).toEqual({ a: 'YQ==', b: 'Yg==' });
    expect(one?.object['stringData']).toBeUndefined();
    expect(one?.sensitive).toEqual([['data', 'b']]);
  });
});
