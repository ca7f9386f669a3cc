import { describe, expect, it } from 'vitest';
import {
  commentShare,
  EXCEPTIONS,
  functions,
  LIMITS,
  longFiles,
  longFunctions,
  manyParameters,
  quantile,
  spread,
} from './sizes.ts';
import { code, isSpec, parse, type Source } from './source.ts';

const projectOf = ({ path }: Source): string =>
  path
    .split('/')
    .slice(0, path.startsWith('tools/') ? 1 : 2)
    .join('/');

describe('sizes', () => {
  it('no file does several jobs', () => {
    expect(longFiles(code())).toEqual([]);
  });

  it('no function does several jobs', () => {
    expect(code().flatMap(longFunctions)).toEqual([]);
  });

  it('no function takes more parameters than one remembers', () => {
    expect(code().flatMap(manyParameters)).toEqual([]);
  });

  it('files and functions are short as a habit', () => {
    expect(spread(code())).toEqual([]);
  });

  it('comments are neither missing nor in the way', () => {
    const written = code().filter((source) => !isSpec(source));
    const { min, max, least } = LIMITS.comments;
    const share = commentShare(written);
    expect(share, 'of all lines').toBeGreaterThanOrEqual(min);
    expect(share, 'of all lines').toBeLessThanOrEqual(max);
    const projects = [...new Set(written.map(projectOf))];
    const silent = projects
      .map((project) => ({
        project,
        share: commentShare(written.filter((source) => projectOf(source) === project)),
      }))
      .filter((one) => one.share < least)
      .map((one) => `${one.project}: only ${(one.share * 100).toFixed(1)} % of its lines are comments`);
    expect(silent).toEqual([]);
  });

  it('every exception is still needed and says why', () => {
    const there = new Set(
      code().flatMap((source) => [
        source.path,
        ...functions(source).map(({ name }) => `${source.path}#${name}`),
      ]),
    );
    const stale = Object.entries(EXCEPTIONS).filter(([key, why]) => !there.has(key) || why.length < 20);
    expect(stale).toEqual([]);
  });
});

describe('the rules find', () => {
  const body = (count: number): string => '  step();\n'.repeat(count);
  const long = (path: string): Source => parse(path, 'step();\n'.repeat(LIMITS.file.max + 1));

  it('a long file', () => {
    expect(longFiles([long('libs/core/src/x.ts')]).join()).toMatch(/x\.ts has 401 lines/);
    expect(longFiles([parse('libs/core/src/x.ts', 'step();\n'.repeat(LIMITS.file.max))])).toEqual([]);
  });

  it.each([
    ['a declaration', `export function far() {\n${body(79)}}`],
    ['an arrow', `const far = () => {\n${body(79)}};`],
    ['a method', `const one = { far() {\n${body(79)}} };`],
  ])('a long function: %s', (_, text) => {
    expect(longFunctions(parse('libs/core/src/x.ts', text)).join()).toMatch(/far has 81 lines/);
  });

  it('no long function where the body of a suite is long', () => {
    expect(longFunctions(parse('libs/core/src/x.spec.ts', `describe('x', () => {\n${body(120)}});`))).toEqual(
      [],
    );
  });

  it.each([
    'function f(a, b, c, d, e) {}',
    'interface I { f(a: 1, b: 2, c: 3, d: 4, e: 5): void }',
    'type F = (a: 1, b: 2, c: 3, d: 4, e: 5) => void;',
  ])('five parameters: %s', (text) => {
    expect(manyParameters(parse('libs/core/src/x.ts', text)).join()).toContain('takes 5 parameters');
  });

  it('a habit of long files and functions', () => {
    const far = parse('libs/core/src/x.ts', `function far() {\n${body(300)}}`);
    expect(spread([far])).toHaveLength(4);
    expect(spread([parse('libs/core/src/x.ts', 'const near = () => 1;')])).toEqual([]);
  });

  it('the share of comments', () => {
    const text =
      '/** One. */\nexport const one = 1; // why\n\nconst text = "// no comment";\n/* two\n   lines */\nconst two = 2;\n';
    expect(commentShare([parse('libs/core/src/x.ts', text)])).toBeCloseTo(4 / 6);
  });

  it('quantiles', () => {
    expect([quantile([3, 1, 2], 0.5), quantile([1], 0.9), quantile([], 0.5)]).toEqual([2, 1, 0]);
  });
});
