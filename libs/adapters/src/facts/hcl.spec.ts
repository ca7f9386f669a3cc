import { describe, expect, it } from 'vitest';
import type { Result } from '@goldenthread/core';
import { parseHcl, parseJson } from './hcl.ts';

const FILE = 'images/edge/edge.pkr.hcl';

/** `line:column length detail` of each failure. */
const brief = (result: Result<unknown>): readonly string[] =>
  result.ok
    ? []
    : result.failures.map((failure) => {
        if (failure.code !== 'source-unparsable') return failure.code;
        return `${failure.at.line}:${failure.at.column} ${failure.at.length} ${failure.language}: ${failure.detail}`;
      });

describe('HCL', () => {
  it('becomes the JSON of its parser', async () => {
    const text = 'source "docker" "edge" {\n  image = var.base_image # the base\n  n = 1\n}\n';
    expect(await parseHcl({ path: FILE, text })).toEqual({
      ok: true,
      value: { source: { docker: { edge: [{ image: '${var.base_image}', n: 1 }] } } },
    });
  });

  it.each([
    [
      'a = \n',
      [
        '1:5 1 HCL: Invalid expression; Expected the start of an expression, but found an invalid expression token.',
      ],
    ],
    ['\n\nfoo {', [expect.stringMatching(/^3:5 1 HCL: Unclosed configuration block;/)]],
    [
      'a = 1\na = 2\n',
      [
        expect.stringMatching(
          /^2:1 1 HCL: Attribute redefined; The argument "a" was already set at images\/edge\/edge\.pkr\.hcl:1,1-2\./,
        ),
      ],
    ],
    ['a = "ä" b = 1\n', [expect.stringMatching(/^1:9 1 HCL: Missing newline after argument/)]],
    [
      'a = "\n',
      [
        expect.stringMatching(/^1:6 .*Invalid multi-line string/),
        expect.stringMatching(/^1:6 .*Unterminated template string/),
      ],
    ],
  ])('points at what is wrong in %j', async (text, expected) => {
    expect(brief(await parseHcl({ path: FILE, text }))).toEqual(expected);
  });

  it('survives brackets that would exhaust its parser', async () => {
    const deep = await parseHcl({ path: FILE, text: `a = ${'['.repeat(50_000)}` });
    expect(brief(deep)).toEqual([
      expect.stringMatching(/^1:505 1 HCL: brackets lie in one another more than 500 deep/),
    ]);
    expect((await parseHcl({ path: FILE, text: 'a = 1' })).ok).toBe(true);
  });
});

describe('JSON', () => {
  it.each([
    ['{"a": 1,\n "b" 2}', '2:6'],
    ['{"a": [1, 2}', '1:12'],
    ['{"a": 1', '1:8'],
  ])('points at what is wrong in %j', (text, at) => {
    expect(brief(parseJson({ path: 'a.json', text }))).toEqual([
      expect.stringMatching(new RegExp(`^${at} 1 JSON: `)),
    ]);
  });
});
