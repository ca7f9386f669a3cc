import { describe, expect, it } from 'vitest';
import { place } from '../position.ts';
import { words } from '../words.ts';
import { declarationFacts, type DeclaredKind } from './declaration.ts';
import { ABSENT } from './facts.ts';
import { assemble, type Graph } from './graph.ts';

const FILES = {
  'images/edge/image.yaml': 'base: { mmdebstrap: { suite: bookworm } }\n',
  'infra/network/stack.yaml': '',
  'infra/fleet/stack.yaml': [
    'images: { ami: edge }',
    'inputs:',
    '  net: { stack: network, output: id }',
    'environments:',
    '  production: { variables: { size: 3 } }',
    '',
  ].join('\n'),
  'infra/environments/production/environment.yaml': [
    'stage: 1',
    'stacks: [network, fleet]',
    'pins: { edge: 1.4.1 }',
    'policy:',
    '  - max_deleted: 0',
    '    stacks: [network]',
    '',
  ].join('\n'),
} as const;

/** The graph of these files, all of them read as they are in the workspace. */
function graphOf(files: Readonly<Record<string, string>>): Graph {
  const kindOf = (path: string): DeclaredKind => /(\w+)\.yaml$/.exec(path)?.[1] as DeclaredKind;
  const found = Object.keys(files).map((path) => ({ kind: kindOf(path), path }));
  const { graph, missing } = assemble(found, ({ kind, path }) => {
    const text = files[path];
    return text === undefined ? ABSENT : declarationFacts(kind as DeclaredKind, { path, text });
  });
  expect(missing).toEqual([]);
  return graph;
}

it('stacks, their images, inputs and environments become one graph', () => {
  const { edges, failures } = graphOf(FILES);
  expect(failures).toEqual([]);
  expect(edges.map(({ from, to, reason, at }) => `${from} ${reason} (${to}, ${place(at)})`)).toEqual([
    'production is made of the stack network (network, infra/environments/production/environment.yaml:2:10)',
    'production is made of the stack fleet (fleet, infra/environments/production/environment.yaml:2:19)',
    'fleet takes the image edge for ami (edge, infra/fleet/stack.yaml:1:16)',
    'fleet takes id of the stack network for net (network, infra/fleet/stack.yaml:3:17)',
  ]);
});

describe('a name that there is not is told where it stands', () => {
  const fleet = 'infra/fleet/stack.yaml';
  const production = 'infra/environments/production/environment.yaml';

  it.each<[string, keyof typeof FILES, readonly [string, string], string]>([
    ['the image of a variable', fleet, ['ami: edge', 'ami: egde'], `${fleet}:1:16: there is no image "egde"`],
    [
      'the image of a variable in a map',
      fleet,
      ['ami: edge', 'ami: { image: egde }'],
      `${fleet}:1:25: there is no image "egde"`,
    ],
    [
      'the stack of an input',
      fleet,
      ['stack: network', 'stack: netwrok'],
      `${fleet}:3:17: there is no stack "netwrok"`,
    ],
    [
      'an environment',
      fleet,
      ['  production:', '  prodution:'],
      `${fleet}:5:3: there is no environment "prodution"`,
    ],
    [
      'the stack of an environment',
      production,
      ['network, fleet', 'network, feet'],
      `${production}:2:19: there is no stack "feet"`,
    ],
    [
      'a pinned image',
      production,
      ['edge: 1.4.1', 'egde: 1.4.1'],
      `${production}:3:9: there is no image "egde"`,
    ],
    [
      'the stack of a rule',
      production,
      ['stacks: [network]', 'stacks: [netwrk]'],
      `${production}:6:14: there is no stack "netwrk"`,
    ],
    [
      'the module of a rule',
      production,
      ['max_deleted: 0', 'rule: own.mjs'],
      `${production}:5:11: there is no file "infra/environments/production/own.mjs"`,
    ],
  ])('%s', (_, file, [right, wrong], expected) => {
    const { failures } = graphOf({ ...FILES, [file]: FILES[file].replace(right, wrong) });
    expect(failures.map((failure) => words(failure).what)).toEqual([expected]);
    expect(failures.map((failure) => words(failure).next)[0]).toMatch(/Did you mean|Add the/);
  });

  it('and stacks that need each other are told', () => {
    const { failures } = graphOf({
      ...FILES,
      'infra/network/stack.yaml': 'inputs: { size: { stack: fleet, output: size } }\n',
    });
    expect(failures).toMatchObject([{ code: 'cycle' }]);
  });
});
