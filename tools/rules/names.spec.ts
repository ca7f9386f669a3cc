import { describe, expect, it } from 'vitest';
import { badNames, DEFAULT_EXPORTS, undocumented } from './names.ts';
import { code, entryPoints, parse } from './source.ts';

describe('names and exports', () => {
  it('keep to the house', () => {
    const entries = entryPoints();
    expect(code().flatMap((source) => badNames(source, entries))).toEqual([]);
  });

  it('are said what they are', () => {
    expect(code().flatMap(undocumented)).toEqual([]);
  });

  it('have exceptions that say why', () => {
    expect(DEFAULT_EXPORTS.filter(({ why }) => why.length < 20)).toEqual([]);
  });
});

describe('the rule finds', () => {
  const found = (path: string, text: string): string =>
    badNames(parse(path, text), ['libs/core/src/index.ts']).join('\n');

  it.each([
    ['libs/core/src/x.ts', 'export const f = (value: any) => value;', 'says `any`'],
    ['libs/core/src/x.spec.ts', 'const list = [] as any[];', 'says `any`'],
    ['libs/core/src/x.ts', 'export enum Colour { Red }', 'an enum'],
    ['libs/core/src/x.ts', 'declare const enum Colour { Red }', 'an enum'],
    ['libs/core/src/x.ts', 'export default 1;', 'default export'],
    ['tools/x.mjs', 'export default function f() {}', 'default export'],
    ['libs/core/src/x.ts', "export { ok } from './result.ts';", 'passes on'],
    ['libs/core/src/x.ts', "export * from './result.ts';", 'passes on'],
    ['libs/core/src/x.ts', 'class One extends Two {}', 'extends a class'],
  ])('%s: %s', (path, text, words) => {
    expect(found(path, text)).toContain(words);
  });

  it.each([
    ['libs/core/src/index.ts', "export * from './result.ts';"],
    ['libs/core/src/x.ts', 'const one = 1;\nexport { one };\nexport const any = { enum: 1 };'],
    ['libs/core/src/x.ts', 'class Refusal extends Error {}'],
    ['tools/vitest.config.ts', 'export default {};'],
    ['libs/plugin/src/generators/image/generator.ts', 'export default async function image() {}'],
  ])('nothing wrong in %s: %s', (path, text) => {
    expect(found(path, text)).toBe('');
  });

  it.each([
    'export const f = () => 1;',
    'export function f() {}',
    'export interface f {}',
    'export type f = 1;',
    '/** */\nexport class f {}',
    '// No docstring.\nexport const f = 1;',
  ])('an export without a word: %s', (text) => {
    expect(undocumented(parse('libs/core/src/x.ts', text)).join()).toContain('exports f without a word');
  });

  it('nothing where there are words, or nothing is exported', () => {
    const text =
      '/** One. */\nexport const one = 1;\nconst two = 2;\n/** Three. */\nexport type Three = 3;\n';
    expect(undocumented(parse('libs/core/src/x.ts', text))).toEqual([]);
    expect(undocumented(parse('libs/core/src/x.spec.ts', 'export const f = 1;'))).toEqual([]);
  });
});
