import { describe, expect, it } from 'vitest';
import { canonical, type Json } from '../canonical.ts';
import { isRemainder, outdated } from './outdated.ts';
import { planDigest, type AttributeChange, type Preview, type ResourceChange, type Shown } from './plan.ts';

const is = (value: Json): Shown => ({ is: 'value', value });
const UNKNOWN: Shown = { is: 'unknown' };
const HIDDEN: Shown = { is: 'sensitive' };
const ABSENT: Shown = { is: 'absent' };

const attribute = (path: string, before: Shown, after: Shown, forces = false): AttributeChange => ({
  path,
  before,
  after,
  forces,
});

const change = (
  address: string,
  action: ResourceChange['action'],
  ...attributes: readonly AttributeChange[]
): ResourceChange => ({ address, type: 'thing', action, attributes, region: 'eu', tags: { team: 'a' } });

function planned(more: Partial<Preview> = {}): Preview {
  const plan = {
    schema: 1 as const,
    stack: 'network',
    environment: 'production',
    engine: 'terraform',
    aim: 'apply' as const,
    sources: 'sha256:1',
    commit: { sha: 'a'.repeat(40), dirty: false },
    inputs: [{ name: 'ami', value: is('x'), from: 'the default of edge, 1.4.1' }],
    images: {},
    changes: [],
    outputs: {},
    changedOutputs: [],
    state: 'serial 4',
    secrets: null,
    values: null,
    base: null,
    time: '2026-01-01T00:00:00Z',
    ...more,
  };
  return { ...plan, digest: planDigest(plan, (text) => text) };
}

const NET = change('net', 'create', attribute('name', ABSENT, is('n')), attribute('id', ABSENT, UNKNOWN));
const BOX = change('box', 'create', attribute('net', ABSENT, UNKNOWN), attribute('size', ABSENT, is(1)));
const SECRET = change('key', 'create', attribute('text', ABSENT, HIDDEN));
const APPROVED = planned({ changes: [NET, BOX] });

describe('an approved plan', () => {
  it.each<[string, Partial<Preview>]>([
    ['at another time', { time: '2027-01-01T00:00:00Z' }],
    ['at another commit with the same files', { commit: { sha: 'b'.repeat(40), dirty: false } }],
    ['with the same input from elsewhere', { inputs: [{ name: 'ami', value: is('x'), from: 'pinned' }] }],
  ])('holds %s', (_, more) =>
    expect(outdated(APPROVED, planned({ changes: [NET, BOX], ...more }))).toEqual([]),
  );

  it.each<[string, Partial<Preview>, readonly [string, RegExp][]]>([
    [
      'other files',
      { sources: 'sha256:2', commit: { sha: 'b'.repeat(40), dirty: false } },
      [['sources', /others than at aaaaaaaaaa, .* \(this is bbbbbbbbbb\)/]],
    ],
    ['other files outside of git', { sources: 'sha256:2', commit: null }, [['sources', /this is no commit/]]],
    [
      'another input',
      { inputs: [{ name: 'ami', value: is('y'), from: 'the default of edge, 1.4.2' }] },
      [['inputs', /ami: was the default of edge, 1\.4\.1, is the default of edge, 1\.4\.2/]],
    ],
    ['an input less', { inputs: [] }, [['inputs', /ami: was the default of edge, 1\.4\.1, is not given/]]],
    [
      'an input more',
      {
        inputs: [
          { name: 'size', value: is(1), from: 'declared' },
          { name: 'ami', value: is('x'), from: '' },
        ],
      },
      [['inputs', /size: was not given, is declared$/]],
    ],
    ['another state', { state: 'serial 5' }, [['state', /from serial 4 to serial 5/]]],
    ['no state', { state: null }, [['state', /from serial 4 to none/]]],
    ['another change', { changes: [NET, change('box', 'delete')] }, [['plan', /^would now delete box$/]]],
    ['a change less', { changes: [NET] }, [['plan', /^would not create box any more$/]]],
    [
      'an attribute',
      { changes: [NET, { ...BOX, attributes: [attribute('size', ABSENT, is(2))] }] },
      [['plan', /^would now create box$/]],
    ],
    [
      'a change more',
      { changes: [NET, BOX, change('more', 'replace')] },
      [['plan', /^would now replace more$/]],
    ],
    ['another aim', { aim: 'destroy' }, [['plan', /it is to destroy now/]]],
    ['another secret', { secrets: 'sha256:3' }, [['plan', /a sensitive value/]]],
    ['another output', { changedOutputs: ['id'] }, [['plan', /an output/]]],
    ['another engine', { engine: 'opentofu' }, [['plan', /the engine/]]],
    [
      'all at once',
      { sources: 'sha256:2', inputs: [], state: null, changes: [] },
      [
        ['sources', /files/],
        ['inputs', /ami/],
        ['state', /none/],
        ['plan', /would not create net any more; would not create box any more/],
      ],
    ],
  ])('is outdated by %s', (_, more, expected) => {
    const moved = outdated(APPROVED, planned({ changes: [NET, BOX], ...more }));
    expect(moved.map(({ what }) => what)).toEqual(expected.map(([what]) => what));
    for (const [index, [, detail]] of expected.entries()) expect(moved[index]?.detail).toMatch(detail);
  });
});

describe('what is left of an approved plan', () => {
  const MOVED = { state: 'serial 5' };
  const replaced = change(
    'box',
    'replace',
    attribute('ami', is('a'), is('b'), true),
    attribute('label', is('x'), ABSENT),
    attribute('id', is('i'), UNKNOWN),
  );
  const updated = change('box', 'update', attribute('a', is(1), is(2)), attribute('nets', is([]), UNKNOWN));

  it.each<[string, readonly ResourceChange[], readonly ResourceChange[]]>([
    ['the second half', [NET, BOX], [BOX]],
    ['all of it', [NET, BOX], [NET, BOX]],
    [
      'what has become known in the meantime',
      [NET, BOX],
      [change('box', 'create', attribute('net', ABSENT, is('net-1')), attribute('size', ABSENT, is(1)))],
    ],
    [
      'parts of what has become known',
      [updated],
      [
        change(
          'box',
          'update',
          attribute('a', is(1), is(2)),
          attribute('nets.0', ABSENT, is('p')),
          attribute('nets.1', ABSENT, is('q')),
        ),
      ],
    ],
    [
      'what has turned out to stay as it is',
      [updated],
      [change('box', 'update', attribute('a', is(1), is(2)))],
    ],
    [
      'the new one of a replacement, of which the old is gone',
      [replaced],
      [
        change(
          'box',
          'create',
          attribute('ami', ABSENT, is('b')),
          attribute('id', ABSENT, UNKNOWN),
          attribute('size', ABSENT, is(1)),
        ),
      ],
    ],
    ['a replacement', [replaced], [replaced]],
    ['what was half made, anew', [NET], [{ ...NET, action: 'replace' }]],
    [
      'what was made and failed then, anew',
      [BOX],
      [
        change(
          'box',
          'replace',
          attribute('net', is('net-1'), UNKNOWN),
          attribute('id', is('i'), UNKNOWN),
          attribute('note', is('by its maker'), ABSENT),
          attribute('(reason)', ABSENT, is('it is tainted'), true),
        ),
      ],
    ],
    [
      'what was replaced and failed then, anew',
      [change('box', 'replace', attribute('id', is('old'), UNKNOWN), attribute('key', is(1), is(2), true))],
      [
        change(
          'box',
          'replace',
          attribute('(reason)', ABSENT, is('it is tainted'), true),
          attribute('id', is('new'), UNKNOWN),
        ),
      ],
    ],
    ['a deletion', [NET, change('old', 'delete')], [change('old', 'delete')]],
    ['something to look at besides', [NET, BOX], [BOX, change('data.x', 'read')]],
  ])('is %s', (_, approved, now) =>
    expect(isRemainder(planned({ changes: approved }), planned({ changes: now, ...MOVED }))).toBe(true),
  );

  it('is an output, where all else is done', () => {
    const outputs = { id: is('net-1'), url: is('x') };
    const now = planned({ ...MOVED, outputs, changedOutputs: ['id'] });
    const before = { changes: [NET], outputs: { id: UNKNOWN, url: is('x') } };
    expect(isRemainder(planned({ ...before, changedOutputs: ['id'] }), now)).toBe(true);
    expect(isRemainder(planned({ ...before, changedOutputs: ['url'] }), now)).toBe(false);
    expect(
      isRemainder(
        planned({ ...before, outputs: { id: is('net-2'), url: is('x') }, changedOutputs: ['id'] }),
        now,
      ),
    ).toBe(false);
  });

  it.each<[string, readonly ResourceChange[], readonly ResourceChange[]]>([
    ['nothing, which needs no apply', [NET, BOX], []],
    ['only looking', [NET, BOX], [change('data.x', 'read')]],
    ['a change that was not approved', [NET], [NET, change('more', 'create')]],
    ['another action', [NET], [change('net', 'delete')]],
    ['a replacement of what was to be changed', [updated], [{ ...updated, action: 'replace' }]],
    [
      'a replacement of what was made and is another since',
      [BOX],
      [change('box', 'replace', attribute('size', is(7), is(1), true), attribute('net', is('a'), UNKNOWN))],
    ],
    [
      'a replacement of what is managed elsewhere by now',
      [BOX],
      [change('box', 'replace', attribute('(import)', ABSENT, is('box-1')))],
    ],
    [
      'a replacement of what was half made by something else',
      [BOX],
      [change('box', 'replace', attribute('more', ABSENT, is(1)), attribute('net', is('a'), UNKNOWN))],
    ],
    ['a deletion of what was to be replaced', [replaced], [change('box', 'delete')]],
    [
      'another value',
      [BOX],
      [change('box', 'create', attribute('net', ABSENT, UNKNOWN), attribute('size', ABSENT, is(2)))],
    ],
    ['a value less', [BOX], [change('box', 'create', attribute('net', ABSENT, UNKNOWN))]],
    [
      'a value more',
      [updated],
      [change('box', 'update', attribute('a', is(1), is(2)), attribute('b', is(1), is(2)))],
    ],
    ['another value before', [updated], [change('box', 'update', attribute('a', is(0), is(2)))]],
    [
      'a value that is not known any more',
      [updated],
      [change('box', 'update', attribute('a', is(1), UNKNOWN))],
    ],
    [
      'a value that is sensitive now',
      [updated],
      [change('box', 'update', attribute('a', is(1), { is: 'sensitive' }))],
    ],
    ['another type at the same address', [NET], [{ ...NET, type: 'other' }]],
    ['another region', [NET], [{ ...NET, region: 'us' }]],
    ['other tags', [NET], [{ ...NET, tags: {} }]],
    [
      'the new one of a replacement with another value',
      [replaced],
      [change('box', 'create', attribute('ami', ABSENT, is('c')))],
    ],
    [
      'the new one of a replacement with what was to be gone',
      [replaced],
      [change('box', 'create', attribute('ami', ABSENT, is('b')), attribute('label', ABSENT, is('x')))],
    ],
  ])('is not %s', (_, approved, now) =>
    expect(isRemainder(planned({ changes: approved }), planned({ changes: now, ...MOVED }))).toBe(false),
  );

  it.each<[string, Partial<Preview>]>([
    ['files', { sources: 'sha256:2' }],
    ['inputs', { inputs: [] }],
    ['images', { images: { edge: { version: '1.0.0', digest: 'sha256:4' } } }],
    ['environment', { environment: 'staging' }],
    ['stack', { stack: 'fleet' }],
    ['engine', { engine: 'opentofu' }],
    ['aim', { aim: 'destroy' }],
  ])('is not made of other %s', (_, more) =>
    expect(isRemainder(APPROVED, planned({ changes: [BOX], ...MOVED, ...more }))).toBe(false),
  );

  it.each<[string, Partial<Preview>, boolean]>([
    [
      'a secret input, the same secrets',
      { secrets: 's', inputs: [{ name: 'token', value: HIDDEN, from: '' }] },
      true,
    ],
    [
      'a secret input, other secrets',
      { secrets: 't', inputs: [{ name: 'token', value: HIDDEN, from: '' }] },
      false,
    ],
    ['a secret attribute, the same secrets', { secrets: 's', changes: [SECRET] }, true],
    ['a secret attribute, other secrets', { secrets: 't', changes: [SECRET] }, false],
    ['other secrets, none of them in what is left', { secrets: 't' }, true],
  ])('with %s', (_, more, expected) => {
    const inputs = more.inputs ?? [];
    const approved = planned({ changes: [NET, SECRET], secrets: 's', inputs });
    expect(isRemainder(approved, planned({ changes: [NET], inputs, ...MOVED, ...more }))).toBe(expected);
  });

  it('holds for every part of a plan, whichever changes are done', () => {
    const all = [NET, BOX, updated, replaced].map((one, index) => ({ ...one, address: `r${index}` }));
    for (let bits = 1; bits < 2 ** all.length; bits += 1) {
      const left = all.filter((_, index) => (bits >> index) % 2 === 1);
      expect([
        canonical(left.map(({ address }) => address)),
        isRemainder(planned({ changes: all }), planned({ changes: left, ...MOVED })),
      ]).toEqual([canonical(left.map(({ address }) => address)), true]);
    }
  });
});
