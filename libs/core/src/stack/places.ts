import type { Environment, Stack } from '../declaration/used-stack.ts';
import { groupBy } from '../group.ts';
import type { Graph, Project } from '../graph/graph.ts';
import { canonical, type Json } from '../canonical.ts';
import type { Hash } from '../bake/fingerprint.ts';
import type { HashedFile } from '../ports.ts';

/** A stack in one of the environments that list it. */
export interface Place {
  readonly stack: string;
  readonly environment: string;
}

/** How people name a place: `network in production`. */
export const placeName = ({ stack, environment }: Place): string => `${stack} in ${environment}`;

/** A stack as another uses it: what it takes from it can be known before it is applied, or only afterwards. */
export interface Upstream {
  readonly stack: string;
  /** Reads what its apply leaves behind, which no plan shows. */
  readonly readsState: boolean;
}

/** The environments of the workspace, in the order of their stages. */
export const environmentsOf = (graph: Graph): readonly Environment[] =>
  Array.from(graph.projects.values())
    .flatMap(({ environment }) => environment ?? [])
    .toSorted((a, b) => a.stage - b.stage || (a.name < b.name ? -1 : 1));

/** The stacks that a stack takes outputs of or reads the state of, directly. */
export function upstreamsOf(graph: Graph, { name }: Pick<Project, 'name'>): readonly Upstream[] {
  const own = graph.edges.filter(
    ({ from, to, path }) => from === name && path === undefined && graph.projects.get(to)?.kind === 'stack',
  );
  return [...groupBy(own, ({ to }) => to)].map(([stack, edges]) => ({
    stack,
    readsState: edges.some(({ readsState }) => readsState === true),
  }));
}

/** Stacks so that each comes after those it stands on; the graph has no cycles. */
export function inOrder(graph: Graph, stacks: readonly string[]): readonly string[] {
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    if (ordered.has(name)) return;
    for (const { to } of graph.edges.filter(({ from }) => from === name))
      if (graph.projects.get(to)?.kind === 'stack') visit(to);
    ordered.add(name);
  };
  for (const name of stacks.toSorted()) visit(name);
  return [...ordered].filter((name) => stacks.includes(name));
}

/** Every stack in every environment that lists it: environments by stage, stacks after those they stand on. */
export const placesOf = (graph: Graph): readonly Place[] =>
  environmentsOf(graph).flatMap(({ name: environment, stacks }) =>
    inOrder(graph, stacks).map((stack) => ({ stack, environment })),
  );

/** The hash of all that makes a stack in one environment: its files, and its declaration as far as it holds there. */
export function sourcesDigest(stack: Stack, files: readonly HashedFile[], hash: Hash): string {
  const { environments: _environments, file, ...held } = stack;
  const read = files.filter(({ path }) => path !== file).map(({ path, digest }) => [path, digest]);
  return hash(canonical({ held, read } as unknown as Json));
}
