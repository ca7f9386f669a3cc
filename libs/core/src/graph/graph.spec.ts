import { describe, expect, it } from 'vitest';
import type { Json } from '../canonical.ts';
import { positionAt } from '../position.ts';
import {
  ABSENT,
  type FactKind,
  type FactRequest,
  type Facts,
  type ProjectKind,
  type Reference,
  type Target,
} from './facts.ts';
import { assemble, owner, type Graph } from './graph.ts';

const at = (file: string) => positionAt(file, 'text\n', 0, 4);
const ref = (target: Target, reason = 'needs it', more: Partial<Reference> = {}): Reference => ({
  target,
  at: at('from'),
  reason,
  ...more,
});
const project = (kind: ProjectKind, name: string): Target => ({ to: 'project', kind, name });
const file = (...candidates: readonly string[]): Target => ({ to: 'file', candidates });
const source = (kind: FactKind, ...candidates: readonly string[]): Target => ({
  to: 'source',
  kind,
  candidates,
});
const facts = (references: readonly Reference[] = [], more: Partial<Facts> = {}): Facts => ({
  exists: true,
  references,
  unknowns: [],
  failures: [],
  ...more,
});

/** Facts by "kind path". All that is not there is absent. */
type World = Readonly<Record<string, Facts>>;

const PROJECT_KINDS = new Set(['image', 'stack', 'service', 'environment', 'role']);

function graphOf(world: World): Graph {
  const declared = Object.keys(world)
    .map((key) => key.split(' ') as [ProjectKind, string])
    .filter(([kind]) => PROJECT_KINDS.has(kind))
    .map(([kind, path]) => ({ kind, path }));
  return assemble(declared, ({ kind, path }) => world[`${kind} ${path}`] ?? ABSENT).graph;
}

const edges = (graph: Graph): readonly string[] => graph.edges.map(({ from, to }) => `${from} -> ${to}`);
const codes = (graph: Graph): readonly string[] => graph.failures.map(({ code }) => code);

// What the schema fills in of a stack, which graphs of other kinds do not look at.
const DEFAULTS = { images: {}, inputs: {}, variables: {}, environments: {} };
const named = (name: string, references: readonly Reference[] = []): Facts =>
  facts(references, { data: { ...DEFAULTS, name } as Json });

describe('projects', () => {
  it('are named by their declaration, else by their folder; roles by their prefix and folder', () => {
    const graph = graphOf({
      'image images/a/image.yaml': facts(),
      'stack infra/b/stack.yaml': named('fleet'),
      'role libs/roles/nginx': facts(),
    });
    expect(
      [...graph.projects.values()].map(({ name, kind, root, file }) => [name, kind, root, file]),
    ).toEqual([
      ['a', 'image', 'images/a', 'images/a/image.yaml'],
      ['fleet', 'stack', 'infra/b', 'infra/b/stack.yaml'],
      ['role-nginx', 'role', 'libs/roles/nginx', 'libs/roles/nginx'],
    ]);
  });

  it('images carry their declaration with every default', () => {
    const graph = graphOf({ 'image images/a/image.yaml': facts([], { data: { base: { image: 'b' } } }) });
    expect(graph.projects.get('a')?.image).toMatchObject({
      name: 'a',
      role: 'a',
      builder: 'layered',
      tests: [],
    });
  });

  it('stacks and environments carry their declaration with every default', () => {
    const graph = graphOf({
      'stack infra/net/stack.yaml': facts([], { data: { ...DEFAULTS, playbook: 'p.yml' } as Json }),
      'environment infra/environments/production/environment.yaml': facts([], {
        data: { stage: 3, stacks: ['net'], pins: {}, policy: [] } as Json,
      }),
    });
    const [net, production] = [graph.projects.get('net'), graph.projects.get('production')];
    expect(net?.stack).toMatchObject({ name: 'net', engine: 'ansible', images: [], root: 'infra/net' });
    expect(production?.environment).toMatchObject({ name: 'production', stage: 3, stacks: ['net'] });
    expect([net?.environment, net?.image, production?.stack]).toEqual([null, null, null]);
  });

  it('come in the order of their paths, whatever the order in which they were found', () => {
    const world = { 'image b/image.yaml': facts(), 'image a/image.yaml': facts(), 'role a/roles/x': facts() };
    const turned = Object.fromEntries(Object.entries(world).toReversed());
    expect(graphOf(world)).toEqual(graphOf(turned));
    expect([...graphOf(world).projects.keys()]).toEqual(['a', 'role-x', 'b']);
  });
});

describe('edges', () => {
  it('to a project by its kind and name', () => {
    const graph = graphOf({
      'image a/image.yaml': facts([
        ref(project('image', 'b'), 'is made on b'),
        ref(project('role', 'nginx')),
      ]),
      'image b/image.yaml': facts(),
      'role roles/nginx': facts(),
    });
    expect(edges(graph)).toEqual(['a -> b', 'a -> role-nginx']);
    expect(graph.edges[0]).toMatchObject({ reason: 'is made on b', at: { file: 'from', line: 1 } });
  });

  it('to the project that holds a file: the one with the longest root', () => {
    const graph = graphOf({
      'image a/image.yaml': facts([ref(file('b/x')), ref(file('b/c/x')), ref(file('bc/x'))]),
      'image b/image.yaml': facts(),
      'stack b/c/stack.yaml': facts(),
      'file b/x': facts(),
      'file b/c/x': facts(),
      'file bc/x': facts(),
    });
    expect(edges(graph)).toEqual(['a -> b', 'a -> c']);
    expect(graph.projects.get('a')?.files).toEqual(['bc/x']);
  });

  it('to a project inside of its own folder, none to itself', () => {
    const graph = graphOf({
      'image a/image.yaml': facts([ref(file('a/roles/own/files/x')), ref(file('a/x'))]),
      'role a/roles/own': facts(),
      'file a/roles/own/files/x': facts(),
      'file a/x': facts(),
    });
    expect(edges(graph)).toEqual(['a -> role-own']);
    expect(graph.projects.get('a')?.files).toEqual([]);
  });

  it('through sources that are read on, which count themselves', () => {
    const graph = graphOf({
      'image a/image.yaml': facts([ref(source('playbook', 'a/p.yml'))]),
      'playbook a/p.yml': facts([ref(source('playbook', 'shared/q.yml'), 'imports q')]),
      'playbook shared/q.yml': facts([
        ref(project('role', 'nginx')),
        ref(source('playbook', 'shared/q.yml')),
      ]),
      'role roles/nginx': facts([ref(project('role', 'base'))]),
      'role roles/base': facts(),
    });
    expect(edges(graph)).toEqual(['a -> role-nginx', 'role-nginx -> role-base']);
    expect(graph.projects.get('a')?.files).toEqual(['shared/q.yml']);
  });

  it('to the first candidate that exists', () => {
    const graph = graphOf({
      'image a/image.yaml': facts([ref(file('b/none', 'c/x', 'b/x'))]),
      'image b/image.yaml': facts(),
      'image c/image.yaml': facts(),
      'file b/x': facts(),
      'file c/x': facts(),
    });
    expect(edges(graph)).toEqual(['a -> c']);
  });

  it('to the stack that keeps its state where another reads it', () => {
    const state = { to: 'state', backend: 's3', key: 'net' } as const;
    const keeps = facts([], { data: { state: [{ backend: 's3', key: 'net' }] } });
    const graph = graphOf({
      'stack fleet/stack.yaml': facts([ref(source('terraform', 'fleet'))]),
      'terraform fleet': facts([ref(state), ref({ ...state, key: 'elsewhere' })]),
      'stack net/stack.yaml': facts([ref(source('terraform', 'net'))]),
      'terraform net': { ...keeps, references: [ref(state)] },
    });
    expect(edges(graph)).toEqual(['fleet -> net']);
    expect(graph.unknowns).toMatchObject([{ project: 'fleet', text: 'elsewhere' }]);
  });

  it('none to what is only named, which has to exist all the same', () => {
    const only = { onlyNamed: true };
    const world = (name: string): World => ({
      'stack net/stack.yaml': facts([ref(project('environment', name), 'names it', only)]),
      'environment production/environment.yaml': facts([ref(project('stack', 'net'))]),
    });
    expect(edges(graphOf(world('production')))).toEqual(['production -> net']);
    expect(graphOf(world('producton')).failures).toMatchObject([
      { code: 'reference-missing', kind: 'environment', name: 'producton', near: ['production'] },
    ]);
  });

  it('that reads what an apply leaves says so', () => {
    const graph = graphOf({
      'stack fleet/stack.yaml': facts([
        ref({ to: 'state', backend: 's3', key: 'net' }),
        ref(project('stack', 'net'), 'takes id of the stack net'),
      ]),
      'stack net/stack.yaml': facts([ref(source('terraform', 'net'))]),
      'terraform net': facts([], { data: { state: [{ backend: 's3', key: 'net' }] } }),
    });
    expect(graph.edges.map(({ readsState }) => readsState ?? false)).toEqual([true, false]);
  });

  it('each once, however often it is said at one place', () => {
    const twice = [ref(project('image', 'b')), ref(project('image', 'b'))];
    expect(edges(graphOf({ 'image a/image.yaml': facts(twice), 'image b/image.yaml': facts() }))).toEqual([
      'a -> b',
    ]);
  });
});

describe('what cannot be known', () => {
  it('is handed on with its project, and so is what may lie outside', () => {
    const unknown = { at: at('a/p.yml'), text: '{{ x }}', why: 'is a variable' };
    const graph = graphOf({
      'image a/image.yaml': facts(
        [
          ref(project('role', 'galaxy.role'), 'uses it', { optional: true }),
          ref(file('none'), 'uses it', { optional: true }),
        ],
        { unknowns: [unknown] },
      ),
    });
    expect(graph.unknowns.map(({ project: name, text }) => `${name}: ${text}`)).toEqual([
      'a: {{ x }}',
      'a: none',
      'a: galaxy.role',
    ]);
    expect(graph.failures).toEqual([]);
  });

  it("covers a role's file that may lie beside whoever uses the role", () => {
    const graph = graphOf({ 'role roles/nginx': facts([ref(file('roles/nginx/templates/x.j2'))]) });
    expect([codes(graph), graph.unknowns.map(({ text }) => text)]).toEqual([
      [],
      ['roles/nginx/templates/x.j2'],
    ]);
  });
});

describe('failures', () => {
  it('a missing project, with names of its kind that look alike', () => {
    const graph = graphOf({
      'image a/image.yaml': facts([
        ref(project('image', 'bsae')),
        ref(project('role', 'ngnix')),
        ref(project('stack', 'base')),
      ]),
      'image base/image.yaml': facts(),
      'role roles/nginx': facts(),
    });
    expect(graph.failures).toMatchObject([
      { code: 'reference-missing', kind: 'image', name: 'bsae', near: ['base'] },
      { code: 'reference-missing', kind: 'role', name: 'ngnix', near: ['nginx'] },
      { code: 'reference-missing', kind: 'stack', name: 'base', near: [] },
    ]);
  });

  it('a missing file', () => {
    const graph = graphOf({
      'image a/image.yaml': facts([ref(source('playbook', 'a/none.yml', 'none.yml'))]),
    });
    expect(graph.failures).toEqual([
      { code: 'reference-missing', at: at('from'), kind: 'file', name: 'a/none.yml', near: [] },
    ]);
  });

  it('two projects of one name', () => {
    const graph = graphOf({
      'image x/a/image.yaml': facts(),
      'stack a/stack.yaml': facts(),
      'role roles/b': facts(),
      'image b/image.yaml': named('role-b'),
    });
    expect(graph.failures).toEqual([
      { code: 'project-duplicate', name: 'a', files: ['a/stack.yaml', 'x/a/image.yaml'] },
      { code: 'project-duplicate', name: 'role-b', files: ['b/image.yaml', 'roles/b'] },
    ]);
  });

  it('two projects in one folder, of which one would be lost', () => {
    const graph = graphOf({ 'image a/image.yaml': named('one'), 'service a/service.yaml': named('two') });
    expect(graph.failures).toEqual([
      { code: 'folder-shared', folder: 'a', files: ['a/image.yaml', 'a/service.yaml'] },
    ]);
    expect(codes(graphOf({ 'image a/image.yaml': facts(), 'service a/service.yaml': facts() }))).toEqual([
      'project-duplicate',
    ]);
  });

  it('a cycle', () => {
    const graph = graphOf({
      'role roles/a': facts([ref(project('role', 'b'))]),
      'role roles/b': facts([ref(project('role', 'a'))]),
      'image x/image.yaml': facts([ref(project('image', 'x'))]),
    });
    expect(graph.failures).toMatchObject([
      { code: 'cycle', path: ['role-a', 'role-b', 'role-a'] },
      { code: 'cycle', path: ['x', 'x'] },
    ]);
  });

  it('a role that includes itself with other tasks is no cycle; one that depends on itself is', () => {
    const self = (from: string): Reference => ref(project('role', 'a'), 'includes a', { at: at(from) });
    expect(graphOf({ 'role roles/a': facts([self('roles/a/tasks/main.yml')]) })).toMatchObject({
      edges: [],
      failures: [],
    });
    expect(codes(graphOf({ 'role roles/a': facts([self('roles/a/meta/main.yml')]) }))).toEqual(['cycle']);
  });

  it('of several kinds at once; one that two projects share is said once', () => {
    const broken = {
      code: 'source-unparsable',
      at: at('shared/p.yml'),
      language: 'YAML',
      detail: 'no end',
    } as const;
    const shared = ref(source('playbook', 'shared/p.yml'));
    const graph = graphOf({
      'image a/image.yaml': facts([shared, ref(project('image', 'none'))]),
      'image b/image.yaml': facts([shared, ref(project('image', 'b'))]),
      'image c/b/image.yaml': facts([], { failures: [{ ...broken, at: at('c') }] }),
      'playbook shared/p.yml': facts([], { failures: [broken] }),
    });
    expect(codes(graph)).toEqual([
      'project-duplicate',
      'source-unparsable',
      'reference-missing',
      'source-unparsable',
      'cycle',
    ]);
  });
});

describe('reading on', () => {
  it('asks for what is not known yet, and answers no half graph', () => {
    const known = new Map<string, Facts>();
    const asked: string[] = [];
    const world: World = {
      'image a/image.yaml': facts([ref(source('playbook', 'a/p.yml', 'p.yml'))]),
      'playbook p.yml': facts([ref(source('tasks', 'a/t.yml'))]),
      'tasks a/t.yml': facts(),
    };
    const id = ({ kind, path }: FactRequest): string => `${kind} ${path}`;
    for (;;) {
      const { graph, missing } = assemble([{ kind: 'image', path: 'a/image.yaml' }], (request) =>
        known.get(id(request)),
      );
      if (missing.length === 0)
        return expect([graph.projects.size, asked]).toEqual([
          1,
          ['image a/image.yaml', 'playbook a/p.yml', 'playbook p.yml', 'tasks a/t.yml'],
        ]);
      expect(graph.projects.size).toBe(0);
      for (const request of missing) {
        asked.push(id(request));
        known.set(id(request), world[id(request)] ?? ABSENT);
      }
    }
  });
});

describe('owner', () => {
  const roots = (...list: readonly string[]) => new Map(list.map((root) => [root, { root }]));
  it.each([
    ['a/b/c.yml', ['a', 'a/b'], 'a/b'],
    ['a/bc.yml', ['a', 'a/b'], 'a'],
    ['a', ['a'], 'a'],
    ['x.yml', ['a'], undefined],
    ['x.yml', ['', 'a'], ''],
    ['a/x.yml', ['', 'b'], ''],
  ])('of %s among %j', (path, list, expected) => expect(owner(path, roots(...list))?.root).toBe(expected));
});
