import { describe, expect, it } from 'vitest';
import type { WrittenImage } from '../declaration/image.ts';
import { usedImage } from '../declaration/used.ts';
import type { Result } from '../result.ts';
import { drafts, splitPlay, type Draft } from './draft.ts';

const never = ['never'];

function draftsOf(
  files: Readonly<Record<string, string>>,
  written: WrittenImage = { playbook: 'p.yml' },
): Result<readonly Draft[]> {
  return drafts(usedImage(written, 'images/x', 'images/x/image.yaml'), (path) => files[path] ?? null);
}

function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
}

const ofPlaybook = (text: string, more: Readonly<Record<string, string>> = {}): readonly Draft[] =>
  valueOf(draftsOf({ 'images/x/p.yml': text, ...more }));
const names = (list: readonly Draft[]): readonly string[] => list.map(({ name }) => name);

describe('a play', () => {
  it('is split at its roles, tasks before and after them by themselves', () => {
    const list = ofPlaybook(
      '- name: all of it\n  hosts: web\n  become: yes\n  vars: { mode: 0644 }\n  pre_tasks: [{ debug: { msg: a } }]\n  roles: [nginx, app]\n  tasks: [{ debug: { msg: b } }]\n  post_tasks: [{ debug: { msg: c } }]\n  handlers: [{ name: h, debug: {} }]\n',
    );
    const shared = { hosts: 'web', become: true, vars: { mode: 420 }, handlers: [{ name: 'h', debug: {} }] };
    const quiet = [
      { role: 'nginx', tags: never },
      { role: 'app', tags: never },
    ];
    expect(list.map(({ name, play, folder }) => ({ name, play, folder }))).toEqual([
      {
        name: 'pre tasks of images/x/p.yml',
        play: { ...shared, pre_tasks: [{ debug: { msg: 'a' } }] },
        folder: 'images/x',
      },
      { name: 'role nginx', play: { ...shared, roles: ['nginx'] }, folder: 'images/x' },
      { name: 'role app', play: { ...shared, roles: [quiet[0], 'app'] }, folder: 'images/x' },
      {
        name: 'tasks of images/x/p.yml',
        play: { ...shared, roles: quiet, tasks: [{ debug: { msg: 'b' } }] },
        folder: 'images/x',
      },
      {
        name: 'post tasks of images/x/p.yml',
        play: { ...shared, roles: quiet, post_tasks: [{ debug: { msg: 'c' } }] },
        folder: 'images/x',
      },
    ]);
  });

  it('keeps what is said of a role: variables, conditions; only its tags where it is kept quiet', () => {
    const entry = { role: 'nginx', vars: { port: 80 }, when: 'web', tags: ['always'] };
    const list = splitPlay({ hosts: 'all', roles: [entry, { name: 'app' }] }, 'p.yml');
    expect(list.map(({ play }) => play['roles'])).toEqual([
      [entry],
      [{ ...entry, tags: never }, { name: 'app' }],
    ]);
    expect(list.map(({ name, roles, known }) => [name, roles, known])).toEqual([
      ['role nginx', ['nginx'], []],
      ['role app', ['app'], ['nginx']],
    ]);
  });

  it.each<
    [string, Parameters<typeof splitPlay>[0], readonly (readonly [string, readonly string[] | null])[]]
  >([
    ['a role by its path', { roles: ['../roles/nginx'] }, [['role ../roles/nginx', ['nginx']]]],
    [
      'a role whose name is a variable may be any, and so may those after it',
      { roles: ['{{ which }}', 'app'] },
      [
        ['role {{ which }}', null],
        ['role app', null],
      ],
    ],
    ['something that is no role', { roles: [7] }, [['role ?', null]]],
    [
      'handlers that run roles',
      { roles: ['app'], handlers: [{ include_role: { name: 'x' } }] },
      [['role app', null]],
    ],
    ['tasks may run any role', { tasks: [{ debug: {} }] }, [['tasks of p.yml', null]]],
    ['empty lists make no step', { roles: [], tasks: [], pre_tasks: null }, []],
    [
      '`layers: one` keeps it whole',
      { vars: { layers: 'one' }, roles: ['a', 'b'], tasks: [{}] },
      [['play of p.yml', null]],
    ],
  ])('%s', (_, play, expected) => {
    expect(splitPlay(play, 'p.yml').map(({ name, roles }) => [name, roles])).toEqual(expected);
  });

  it('kept whole is the play as it was', () => {
    const play = { name: 'all', hosts: 'all', vars: { layers: 'one' }, roles: ['a'], tasks: [{ debug: {} }] };
    expect(splitPlay(play, 'p.yml')[0]?.play).toEqual(play);
  });
});

describe('a playbook', () => {
  const other = {
    'images/shared/q.yml': '- hosts: all\n  roles: [b]\n',
    'images/shared/r.yml': '- hosts: all\n  roles: [c]\n',
  };

  it('gives the steps of its plays and imports in order; an import is looked up beside the file that names it', () => {
    const list = ofPlaybook(
      '- hosts: all\n  roles: [a]\n- import_playbook: ../shared/q.yml\n- name: more\n  ansible.builtin.import_playbook: ../shared/r.yml\n',
      other,
    );
    expect(list.map(({ name, folder, sources }) => [name, folder, sources])).toEqual([
      ['role a', 'images/x', ['images/x/p.yml']],
      ['role b', 'images/shared', ['images/x/p.yml', 'images/shared/q.yml']],
      ['role c', 'images/shared', ['images/x/p.yml', 'images/shared/r.yml']],
    ]);
  });

  it.each([
    [
      'a name that is known only when it runs',
      '- import_playbook: "{{ which }}.yml"\n',
      'import of {{ which }}.yml',
    ],
    ['a condition', '- import_playbook: ../shared/q.yml\n  when: web\n', 'import of ../shared/q.yml'],
    ['variables', '- import_playbook: ../shared/q.yml\n  vars: { a: 1 }\n', 'import of ../shared/q.yml'],
    ['tags', '- import_playbook: ../shared/q.yml\n  tags: never\n', 'import of ../shared/q.yml'],
  ])('leaves an import whole that has %s', (_, text, name) => {
    expect(ofPlaybook(text, other).map((draft) => [draft.name, draft.roles, draft.sources])).toEqual([
      [name, null, []],
    ]);
  });

  it('that is empty, or has only comments, gives no steps', () => {
    expect(ofPlaybook('')).toEqual([]);
    expect(ofPlaybook('# later\n')).toEqual([]);
  });

  it('is read with its anchors, merge keys and encrypted values', () => {
    const list = ofPlaybook(
      '- hosts: all\n  vars: { a: &a { x: 1 }, b: { <<: *a }, c: !vault secret }\n  roles: [r]\n',
    );
    expect(list[0]?.play['vars']).toEqual({ a: { x: 1 }, b: { x: 1 }, c: { __ansible_vault: 'secret' } });
  });

  it.each<[string, Readonly<Record<string, string>>, readonly object[]]>([
    [
      'that is not there',
      {},
      [
        {
          code: 'reference-missing',
          kind: 'playbook',
          name: 'images/x/p.yml',
          at: { file: 'images/x/image.yaml' },
        },
      ],
    ],
    [
      'with imports that are not there: all at once',
      { 'images/x/p.yml': '- import_playbook: a.yml\n- import_playbook: b.yml\n' },
      [
        { code: 'reference-missing', name: 'images/x/a.yml', at: { line: 1, column: 20 } },
        { code: 'reference-missing', name: 'images/x/b.yml', at: { line: 2, column: 20 } },
      ],
    ],
    [
      'that imports itself',
      { 'images/x/p.yml': '- import_playbook: p.yml\n' },
      [{ code: 'cycle', path: ['images/x/p.yml', 'images/x/p.yml'] }],
    ],
    [
      'that imports itself through another',
      { 'images/x/p.yml': '- import_playbook: q.yml\n', 'images/x/q.yml': '- import_playbook: p.yml\n' },
      [
        {
          code: 'cycle',
          path: ['images/x/p.yml', 'images/x/q.yml', 'images/x/p.yml'],
          at: { file: 'images/x/q.yml' },
        },
      ],
    ],
    [
      'that does not parse',
      { 'images/x/p.yml': '- "x\n' },
      [{ code: 'source-unparsable', at: { file: 'images/x/p.yml' } }],
    ],
    ['with an alias to nothing', { 'images/x/p.yml': '- hosts: *h\n' }, [{ code: 'source-unparsable' }]],
  ])('fails %s', (_, files, failures) => {
    expect(draftsOf(files)).toMatchObject({ ok: false, failures });
  });
});

describe('an image without a playbook', () => {
  it('has a step for each of its roles, which know those before them', () => {
    const list = valueOf(draftsOf({}, { roles: ['a', { role: 'b', vars: { x: 1 } }] }));
    expect(names(list)).toEqual(['role a', 'role b']);
    expect(list.map(({ play }) => play)).toEqual([
      { hosts: 'all', roles: [{ role: 'a', vars: {} }] },
      {
        hosts: 'all',
        roles: [
          { role: 'a', vars: {}, tags: never },
          { role: 'b', vars: { x: 1 } },
        ],
      },
    ]);
    expect(list.map(({ folder, roles, known }) => [folder, roles, known])).toEqual([
      ['images/x', ['a'], []],
      ['images/x', ['b'], ['a']],
    ]);
  });
  it('may have none', () => expect(draftsOf({}, {})).toEqual({ ok: true, value: [] }));
});
