import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionAt } from '../position.ts';
import { affected, causeWords, needs } from './affected.ts';
import type { Edge, Graph, Project } from './graph.ts';

const project = (name: string, files: readonly string[] = []): Project => ({
  name,
  kind: 'image',
  root: `images/${name}`,
  file: `images/${name}/image.yaml`,
  image: null,
  stack: null,
  environment: null,
  files,
});
const edge = (from: string, to: string): Edge => ({
  from,
  to,
  at: positionAt(`images/${from}/image.yaml`, 'x\n', 0),
  reason: `is made on ${to}`,
});

function graphOf(projects: readonly Project[], pairs: readonly (readonly [string, string])[]): Graph {
  const edges = pairs.map(([from, to]) => edge(from, to));
  return { projects: new Map(projects.map((one) => [one.name, one])), edges, unknowns: [], failures: [] };
}

// d -> c -> b -> a, d -> b; e alone, on a shared folder; f in a.
const GRAPH = graphOf(
  [
    project('a'),
    project('b'),
    project('c'),
    project('d', ['shared/d.yml']),
    project('e', ['shared']),
    { ...project('f'), root: 'images/a/f' },
  ],
  [
    ['b', 'a'],
    ['c', 'b'],
    ['d', 'c'],
    ['d', 'b'],
  ],
);

describe('affected', () => {
  it.each([
    ['a file of the lowest: all above', ['images/a/x'], ['a', 'b', 'c', 'd']],
    ['a file in the middle', ['images/c/x/y'], ['c', 'd']],
    ['a file that is used from outside', ['shared/d.yml'], ['d', 'e']],
    ['a file in a used folder', ['shared/deep/x'], ['e']],
    ['a file of a project inside of another: not the outer', ['images/a/f/x'], ['f']],
    ['a file of nobody', ['README.md', 'images/x'], []],
    ['nothing', [], []],
    ['several', ['images/e/x', 'images/d/x'], ['d', 'e']],
  ])('%s', (_, changed, expected) =>
    expect([...affected(GRAPH, changed).keys()].toSorted()).toEqual(expected),
  );

  it('an environment: its stacks and what stands on them, and none of the stacks elsewhere', () => {
    const of = (name: string, kind: Project['kind'], files: readonly string[] = []): Project => ({
      ...project(name, files),
      kind,
    });
    const graph = graphOf(
      [
        of('production', 'environment'),
        of('staging', 'environment', ['rules/own.mjs']),
        of('network', 'stack'),
        of('fleet', 'stack'),
        of('other', 'stack'),
        of('shop', 'service'),
        of('edge', 'image'),
      ],
      [
        ['production', 'network'],
        ['production', 'shop'],
        ['staging', 'network'],
        ['staging', 'other'],
        ['fleet', 'network'],
        ['network', 'edge'],
      ],
    );
    const causes = affected(graph, ['images/production/image.yaml']);
    expect([...causes.keys()].toSorted()).toEqual(['fleet', 'network', 'production', 'staging']);
    const cause = causes.get('fleet');
    expect(cause && causeWords('fleet', cause)).toEqual([
      'fleet is affected:',
      '  images/production/image.yaml changed, which network uses',
      '  -> fleet is made on network (images/fleet/image.yaml:1:1)',
    ]);
    // A rule that lies elsewhere holds for its stacks as well.
    expect([...affected(graph, ['rules/own.mjs']).keys()].toSorted()).toEqual([
      'fleet',
      'network',
      'other',
      'production',
      'staging',
    ]);
    // A service takes nothing from the declaration of the environment that it runs in.
    expect([...affected(graph, ['images/staging/x']).keys()]).not.toContain('shop');
  });

  it('by the shortest way', () => {
    const cause = affected(GRAPH, ['images/a/x']).get('d');
    expect(cause?.edges.map(({ from, to }) => `${from}${to}`)).toEqual(['db', 'ba']);
    expect(affected(GRAPH, ['images/a/x', 'images/d/y']).get('d')).toMatchObject({
      file: 'images/d/y',
      edges: [],
    });
  });

  it('in words: the file first, then each edge on the way up with its place', () => {
    const words = (name: string, file: string): readonly string[] => {
      const cause = affected(GRAPH, [file]).get(name);
      return cause ? causeWords(name, cause) : [];
    };
    expect(words('c', 'images/a/x')).toEqual([
      'c is affected:',
      '  images/a/x changed, a file of a',
      '  -> b is made on a (images/b/image.yaml:1:1)',
      '  -> c is made on b (images/c/image.yaml:1:1)',
    ]);
    expect(words('e', 'shared/x')).toEqual(['e is affected:', '  shared/x changed, which e uses']);
  });
});

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const pairs = fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES)), { maxLength: 16 });
const files = fc.array(fc.constantFrom(...NAMES.map((name) => `images/${name}/x`), 'shared/x', 'README.md'), {
  maxLength: 5,
});
const graphs = pairs.map((list) =>
  graphOf(
    NAMES.map((name) => project(name, name === 'h' ? ['shared'] : [])),
    list,
  ),
);

/** Projects that can reach a changed one, by trying every edge until nothing is added. */
function reaching(graph: Graph, changed: readonly string[]): readonly string[] {
  const found = new Set(
    changed.flatMap((path) => (path === 'shared/x' ? ['h'] : path.split('/').slice(1, 2))),
  );
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const { from, to } of graph.edges) if (found.has(to)) found.add(from);
  }
  return [...found].toSorted();
}

describe('laws of being affected', () => {
  it('whoever reaches a changed project, and nobody else', () => {
    fc.assert(
      fc.property(graphs, files, (graph, changed) => {
        expect([...affected(graph, changed).keys()].toSorted()).toEqual(reaching(graph, changed));
      }),
    );
  });
  it('more changes never affect less', () => {
    fc.assert(
      fc.property(graphs, files, files, (graph, some, more) => {
        const [few, many] = [affected(graph, some), affected(graph, [...some, ...more])];
        for (const name of few.keys()) expect(many.has(name)).toBe(true);
      }),
    );
  });
  it('every cause is a way of edges from the project down to a file that changed', () => {
    fc.assert(
      fc.property(graphs, files, (graph, changed) => {
        for (const [name, cause] of affected(graph, changed)) {
          const way = [name, ...cause.edges.map(({ to }) => to)];
          expect(cause.edges.map(({ from }) => from)).toEqual(way.slice(0, -1));
          expect(way.at(-1)).toBe(cause.touched);
          expect(changed).toContain(cause.file);
        }
      }),
    );
  });
});

describe('needs', () => {
  it('all below, nearest first, itself not included', () => {
    expect(needs(GRAPH, 'd')).toEqual(['c', 'b', 'a']);
    expect(needs(GRAPH, 'a')).toEqual([]);
    expect(
      needs(
        graphOf(
          [project('a'), project('b')],
          [
            ['a', 'b'],
            ['b', 'a'],
          ],
        ),
        'a',
      ),
    ).toEqual(['b']);
  });
});
