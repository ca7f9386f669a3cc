import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WrittenImage } from '../declaration/image.ts';
import { usedImage, type Image } from '../declaration/used.ts';
import type { HashedFile } from '../ports.ts';
import { splitPlay } from './draft.ts';
import { bakes, fingerprint, imageFiles, steps, type Ingredients } from './fingerprint.ts';

// What is hashed is compared itself: equal fingerprints mean equal ingredients, and a difference shows.
const hash = (text: string): string => text;

const file = (path: string, digest = 'sha256:0'): HashedFile => ({ path, digest });
const image = (written: WrittenImage = {}, root = 'images/x'): Image =>
  usedImage({ name: 'x', ...written }, root, `${root}/image.yaml`);
const role = (name: string, ...files: readonly HashedFile[]) =>
  [name, { root: `roles/${name}`, files }] as const;

const PARTS: Ingredients = {
  image: image({ roles: ['a', 'b'] }),
  base: 'sha256:base',
  variant: 'overlay',
  tools: { 'ansible-playbook': '2.14' },
  files: [file('images/x/files/motd')],
  roles: new Map([role('a', file('roles/a/tasks/main.yml')), role('b', file('roles/b/tasks/main.yml'))]),
};
const print = (more: Partial<Ingredients> = {}): string => fingerprint({ ...PARTS, ...more }, hash);

describe('the fingerprint of an image', () => {
  it.each<[string, Partial<Ingredients>]>([
    ['tests', { image: image({ roles: ['a', 'b'], tests: [{ script: 'a.sh', on: 'files', timeout: 1 }] }) }],
    ['a description', { image: image({ roles: ['a', 'b'], description: 'words' }) }],
    ['uses, which count by their files', { image: image({ roles: ['a', 'b'], uses: [{ role: 'a' }] }) }],
    [
      'a template where layers are made',
      {
        image: image({
          roles: ['a', 'b'],
          packer: { template: 't', only: [], variables: {}, var_files: [] },
        }),
      },
    ],
    ['a default that is written out', { image: image({ roles: ['a', 'b'], builder: 'layered', role: 'x' }) }],
    [
      'the folder it lies in',
      { image: image({ roles: ['a', 'b'] }, 'elsewhere/y'), files: [file('elsewhere/y/files/motd')] },
    ],
    ['the order of tools', { tools: { 'ansible-playbook': '2.14' } }],
  ])('does not mind %s', (_, more) => expect(print(more)).toBe(print()));

  it.each<[string, Partial<Ingredients>]>([
    ['its name', { image: image({ name: 'y', roles: ['a', 'b'] }) }],
    ['the order of roles', { image: image({ roles: ['b', 'a'] }) }],
    ['variables', { image: image({ roles: ['a', 'b'], variables: { x: 1 } }) }],
    ['how containers run', { image: image({ roles: ['a', 'b'], config: { user: 'app' } }) }],
    ['the base', { base: 'sha256:other' }],
    ['the back end', { variant: 'docker' }],
    ['a tool', { tools: { 'ansible-playbook': '2.15' } }],
    ['a file', { files: [file('images/x/files/motd', 'sha256:1')] }],
    ["a file's name", { files: [file('images/x/files/issue')] }],
    ['a file outside', { files: [...PARTS.files, file('shared/motd')] }],
    [
      'a file of a role',
      { roles: new Map([...PARTS.roles, role('b', file('roles/b/tasks/main.yml', 'sha256:1'))]) },
    ],
    ['one more role', { roles: new Map([...PARTS.roles, role('c')]) }],
  ])('minds %s', (_, more) => expect(print(more)).not.toBe(print()));

  it('minds the template where that makes the image', () => {
    const made = (template: string): string =>
      print({ image: image({ packer: { template, only: [], variables: {}, var_files: [] } }) });
    expect(made('a.pkr.hcl')).not.toBe(made('b.pkr.hcl'));
  });

  it('agrees between clones whatever the order in which roles were found', () => {
    const turned = new Map([...PARTS.roles].toReversed());
    expect(print({ roles: turned })).toBe(print());
  });
});

describe('files that make an image', () => {
  it.each([
    ['tasks/main.yml', true],
    ['templates/site.j2', true],
    ['files/.bashrc', true],
    ['templates/README.md.j2', true],
    ['files/tests/data', true],
    ['README.md', false],
    ['CHANGELOG', false],
    ['LICENSE', false],
    ['tests/test_x.py', false],
    ['molecule/default/molecule.yml', false],
    ['.yamllint', false],
    ['.github/x', false],
    ['.gitignore', false],
    ['.vimrc', true],
    ['tests', true],
    ['roles/own/tests/test_own.py', false],
    ['roles/own/README.md', false],
    ['roles/own/tasks/main.yml', true],
    ['readme/x', true],
  ])('%s of a project: %s', (path, expected) => {
    expect(bakes(`roles/a/${path}`, 'roles/a')).toBe(expected);
    expect(bakes(path, '')).toBe(expected);
  });

  it('lie in its folder', () => {
    expect(bakes('roles/ab/x', 'roles/a')).toBe(false);
    expect(bakes('shared/p.yml', 'shared/p.yml')).toBe(true);
  });

  it('are neither its declaration nor its tests, wherever those lie', () => {
    const tested = image({
      tests: [
        { script: 'checks/smoke.sh', on: 'files', timeout: 1 },
        { testinfra: 'spec', on: 'files', timeout: 1 },
      ],
    });
    const files = ['image.yaml', 'checks/smoke.sh', 'checks/data', 'spec/test_x.py', 'playbook.yml'].map(
      (path) => file(`images/x/${path}`),
    );
    expect(imageFiles(tested, files).map(({ path }) => path)).toEqual([
      'images/x/checks/data',
      'images/x/playbook.yml',
    ]);
  });

  it('are the template and its files of variables only where Packer makes it', () => {
    const packer = { template: 'x.pkr.hcl', only: [], variables: {}, var_files: ['v.json'] };
    const files = ['x.pkr.hcl', 'v.json', 'motd'].map((path) => file(`images/x/${path}`));
    expect(imageFiles(image({ packer }), files)).toHaveLength(3);
    expect(imageFiles(image({ packer, roles: ['a'] }), files).map(({ path }) => path)).toEqual([
      'images/x/motd',
    ]);
  });
});

const NAMES = ['a', 'b', 'c', 'd'];
const needs = (name: string): readonly string[] => (name === 'b' ? ['z'] : []);
const world = (changed: string | null, folder = 'tasks'): Ingredients => ({
  ...PARTS,
  image: image({ roles: NAMES }),
  roles: new Map(
    [...NAMES, 'z'].map((name) =>
      role(name, file(`roles/${name}/${folder}/main.yml`, name === changed ? 'sha256:1' : 'sha256:0')),
    ),
  ),
});
const layers = (
  parts: Ingredients,
  play = splitPlay({ hosts: 'all', roles: NAMES }, 'images/x/image.yaml'),
): readonly string[] => steps(play, parts, needs, hash).map((step) => step.fingerprint);

/** The indexes of the steps that are made anew. */
const anew = (before: readonly string[], after: readonly string[]): readonly number[] =>
  after.flatMap((print, index) => (print === before[index] ? [] : [index]));

describe('the fingerprints of steps', () => {
  it.each([
    ['tasks of a role: its step alone', 'tasks', 'b', [1]],
    ['tasks of a role that another needs: that step', 'tasks', 'z', [1]],
    ['variables of a role: its step and those after it, which can read them', 'defaults', 'b', [1, 2, 3]],
    ['handlers of a role: its step and those after it, which can notify them', 'handlers', 'c', [2, 3]],
    ['variables of a needed role: all that can read them', 'vars', 'z', [1, 2, 3]],
    ['files of the last role', 'files', 'd', [3]],
  ])('%s', (_, folder, name, expected) =>
    expect(anew(layers(world(null, folder)), layers(world(name, folder)))).toEqual(expected),
  );

  it('never change before the first step that uses what has changed', () => {
    const folders = fc.constantFrom('tasks', 'defaults', 'handlers', 'files', 'templates');
    fc.assert(
      fc.property(
        fc.shuffledSubarray(NAMES, { minLength: 1 }),
        fc.constantFrom(...NAMES),
        folders,
        (order, name, folder) => {
          const play = splitPlay({ hosts: 'all', roles: order }, 'images/x/image.yaml');
          const first = order.indexOf(name);
          const changed = anew(layers(world(null, folder), play), layers(world(name, folder), play));
          expect(changed[0] ?? -1).toBe(first);
        },
      ),
    );
  });

  it('of tasks change with any role: they may run it', () => {
    const play = splitPlay({ hosts: 'all', roles: ['a'], tasks: [{ debug: {} }] }, 'images/x/image.yaml');
    expect(anew(layers(world(null), play), layers(world('d'), play))).toEqual([1]);
  });

  it('all change with a role that is declared because no source names it', () => {
    const declared = (parts: Ingredients): Ingredients => ({
      ...parts,
      image: image({ roles: ['a', 'c'], uses: [{ role: 'd' }] }),
    });
    const play = splitPlay({ hosts: 'all', roles: ['a', 'c'] }, 'images/x/image.yaml');
    expect(anew(layers(declared(world(null)), play), layers(declared(world('d')), play))).toEqual([0, 1]);
  });

  it('all change with variables of the image and files beside its playbook', () => {
    expect(
      anew(
        layers(world(null)),
        layers({ ...world(null), image: image({ roles: NAMES, variables: { x: 1 } }) }),
      ),
    ).toEqual([0, 1, 2, 3]);
    expect(anew(layers(world(null)), layers({ ...world(null), files: [] }))).toEqual([0, 1, 2, 3]);
  });

  it('stay when a role is added behind them, although the playbook has changed', () => {
    const draft = (roles: readonly string[]) =>
      splitPlay({ hosts: 'all', roles }, 'images/x/p.yml').map((one) => ({
        ...one,
        sources: ['images/x/p.yml'],
      }));
    const parts = (digest: string): Ingredients => ({
      ...world(null),
      files: [file('images/x/p.yml', digest), file('images/x/motd')],
    });
    expect(
      anew(layers(parts('sha256:1'), draft(['a', 'b'])), layers(parts('sha256:2'), draft(['a', 'b', 'c']))),
    ).toEqual([2]);
  });

  it('change with the playbooks where Ansible reads one of them by itself', () => {
    const draft = [
      {
        name: 'role a',
        play: { roles: ['a'] },
        folder: 'images/x',
        roles: ['a'],
        known: [],
        sources: ['images/x/p.yml'],
      },
      {
        name: 'import of q.yml',
        play: { import_playbook: 'q.yml' },
        folder: 'images/x',
        roles: null,
        known: [],
        sources: [],
      },
    ];
    const parts = (digest: string): Ingredients => ({
      ...world(null),
      files: [file('images/x/p.yml', digest)],
    });
    expect(anew(layers(parts('sha256:1'), draft), layers(parts('sha256:2'), draft))).toEqual([0, 1]);
  });

  it('do not mind where the image lies', () => {
    const moved = { ...world(null), image: image({ roles: NAMES }, 'y'), files: [file('y/files/motd')] };
    expect(layers(moved, splitPlay({ hosts: 'all', roles: NAMES }, 'y/image.yaml'))).toEqual(
      layers(world(null)),
    );
  });
});
