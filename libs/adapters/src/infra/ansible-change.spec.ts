import { isUnchecked } from '@goldenthread/core';
import { describe, expect, it } from 'vitest';
import { addressed, changeOf, isBlind } from './ansible-change.ts';
import { contentOf } from './ansible-content.ts';
import { maskOf } from './ansible-mask.ts';
import type { TaskRecord } from './ansible-records.ts';

const mask = maskOf(new Map());
const record = (more: Partial<TaskRecord>): TaskRecord => ({
  event: 'result',
  status: 'changed',
  host: 'web',
  play: 'Site',
  role: null,
  task: 'Do it',
  item: null,
  module: 'a.b.c',
  path: null,
  check: true,
  state: null,
  asked: {},
  noted: {},
  result: {},
  ...more,
});
const change = (more: Partial<TaskRecord>): ReturnType<typeof changeOf> =>
  changeOf({ address: 'one', record: record(more) }, mask);
const is = (value: unknown): unknown => ({ is: 'value', value });

describe('the action of a change', () => {
  it.each([
    [
      'a folder that is not there',
      { diff: { before: { state: 'absent' }, after: { state: 'directory' } } },
      'create',
    ],
    [
      'a thing that does not exist',
      { diff: { before: { exists: false }, after: { exists: true } } },
      'create',
    ],
    ['a text where there is no file', { diff: [{ before: '', after: 'x' }] }, 'create'],
    ['a text in an empty file', { diff: [{ before: '', before_header: '/etc/x', after: 'x' }] }, 'update'],
    [
      'an empty text where there was one',
      { diff: [{ before: 'x', before_header: '/etc/x', after: '' }] },
      'update',
    ],
    ['a thing that is to go', { diff: { before: { exists: true }, after: { exists: false } } }, 'delete'],
    ['another mode', { diff: [{ before: { mode: '0644' }, after: { mode: '0600' } }] }, 'update'],
    ['nothing told', {}, 'update'],
    ['removed and made, as strings', { actions: ['Removed network a', 'Created network a'] }, 'replace'],
    ['removed and made, as objects', { actions: [{ removed: 'ab' }, { created: 'Created' }] }, 'replace'],
    ['only made', { actions: ['Created network a'] }, 'update'],
  ])('%s', (_, result, action) => {
    expect(change({ result })?.action).toBe(action);
  });

  it('is the one that the task asks for where that is absence', () => {
    expect(change({ noted: { state: 'absent' } })).toMatchObject({ action: 'delete', tags: null });
    expect(change({ state: 'absent', result: { censored: 'hidden' } })).toMatchObject({
      action: 'delete',
      attributes: [],
    });
  });

  it('is none for what changes only the run, or nothing', () => {
    expect(change({ module: 'ansible.builtin.add_host' })).toBeNull();
    expect(change({ status: 'ok' })).toBeNull();
  });
});

describe('the attributes of a change', () => {
  const attributes = (result: TaskRecord['result'], asked: TaskRecord['asked'] = {}): unknown =>
    change({ result, asked })?.attributes.map(({ path, before, after, forces }) => [
      path,
      before,
      after,
      forces,
    ]);

  it.each<[string, TaskRecord['result'], unknown]>([
    [
      'members',
      { diff: { before: { a: { b: 1 }, c: 2 }, after: { a: { b: 3 }, c: 2 } } },
      [['a.b', is(1), is(3), false]],
    ],
    [
      'a prepared text',
      { diff: { prepared: '-a\n+b\n' } },
      [['diff', { is: 'absent' }, is('-a\n+b\n'), false]],
    ],
    [
      'no text',
      { checksum: 'ab', diff: [{ src_binary: 1, dst_binary: 1 }] },
      [['content', is('(no text)'), is('sha1:ab'), false]],
    ],
    [
      'too much text',
      { diff: [{ src_larger: 1, dst_larger: 1 }] },
      [['content', is('(too long)'), is('(too long)'), false]],
    ],
    [
      'what forces a replacement',
      { diff: { before: { driver: 'a' }, after: { driver: 'b' } }, actions: ['Removed x', 'Created x'] },
      [['driver', is('a'), is('b'), true]],
    ],
  ])('are told by %s', (_, result, expected) => {
    expect(attributes(result)).toEqual(expected);
  });

  it('are what the task asks for where a module tells no difference, or only that there is none yet', () => {
    expect(attributes({}, { name: 'x' })).toEqual([['name', { is: 'absent' }, is('x'), false]]);
    expect(attributes({ diff: [{ before: {}, after: {} }] }, { name: 'x' })).toHaveLength(1);
    const made = attributes({ diff: { before: { exists: false }, after: { exists: true } } }, { name: 'x' });
    expect(made).toEqual([
      ['exists', is(false), is(true), false],
      ['name', { is: 'absent' }, is('x'), false],
    ]);
  });

  it('tell a long text by its hash, so that another one is another plan', () => {
    const long = (end: string): unknown =>
      attributes({ diff: [{ before: 'a', before_header: 'x', after: `${'x'.repeat(20_000)}${end}` }] });
    expect(JSON.stringify(long('1'))).toMatch(/sha256:[0-9a-f]{64} \(20001 characters\)/);
    expect(long('1')).not.toEqual(long('2'));
  });
});

describe('tags and region', () => {
  it.each([
    [{ labels: { a: 'b', n: 1 } }, { a: 'b', n: '1' }],
    [{ tags: null }, {}],
    [{ tags: ['a'] }, null],
    [{}, null],
  ])('%j', (noted, tags) => {
    expect(change({ noted })?.tags).toEqual(tags);
  });

  it('has the region that the module was given', () => {
    expect(change({ noted: { region: 'eu-north-1' } })?.region).toBe('eu-north-1');
  });
});

describe('addresses', () => {
  it('name host, role or play, task and item, and are unique', () => {
    const records = [{}, {}, { role: 'r', item: 'x' }, { role: 'r', task: 'r : Do it' }, { host: 'db' }].map(
      record,
    );
    expect(addressed(records, mask).map(({ address }) => address)).toEqual([
      'web: Site : Do it',
      'web: Site : Do it #2',
      'web: r : Do it (x)',
      'web: r : Do it',
      'db: Site : Do it',
    ]);
  });
});

describe('names', () => {
  it('stay as they are, whatever stands in them: who prints them sees to that', () => {
    const odd = record({
      task: 'Do \u001b[2J it',
      module: 'a.b\u0007',
      result: { diff: { before: { '\u001b[31mred': 1 }, after: { '\u001b[31mred': 2 } } },
    });
    const [one] = addressed([odd], mask);
    expect(one && changeOf(one, mask)).toMatchObject({
      address: 'web: Site : Do \u001b[2J it',
      type: 'a.b\u0007',
      attributes: [{ path: '\u001b[31mred' }],
    });
  });
});

describe('what cannot be checked', () => {
  it.each<[string, TaskRecord['result'], boolean]>([
    ['a module without check mode', { msg: 'remote module (x) does not support check mode' }, true],
    ['a command', { msg: 'Command would have run if not in check mode' }, true],
    ['raw, which says nothing', {}, true],
    ['a condition', { skip_reason: 'Conditional result was False' }, false],
    ['a loop over nothing', { skipped_reason: 'No items in the list' }, false],
    ['its own reason', { msg: 'skipped, since /x exists' }, false],
  ])('%s', (_, result, blind) => {
    expect(isBlind(record({ status: 'skipped', result }))).toBe(blind);
    expect(isBlind(record({ status: 'ok', result }))).toBe(false);
  });

  it('is told apart from what was checked by one attribute, which nothing else has', () => {
    const tasks = [
      record({ task: 'Blind', status: 'skipped' }),
      record({ task: 'Look', status: 'ok', result: { stat: { exists: true } } }),
      record({
        task: 'Left out',
        status: 'skipped',
        result: { skip_reason: 'Conditional result was False' },
      }),
      record({
        task: 'Odd',
        result: { diff: { before: { '(unchecked)': 1 }, after: { '(unchecked)': 2 } } },
      }),
    ];
    const { changes, state, values } = contentOf(addressed(tasks, mask), {}, 'apply', mask);
    expect(changes.map((one) => [one.address, one.action, isUnchecked(one)])).toEqual([
      ['web: Site : Blind', 'read', true],
      ['web: Site : Odd', 'update', false],
    ]);
    expect(changes[0]?.attributes).toEqual([
      { path: '(unchecked)', before: { is: 'absent' }, after: { is: 'unknown' }, forces: false },
    ]);
    expect([state, values]).toEqual([null, null]);
  });
});
