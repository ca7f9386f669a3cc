import { groupBy } from './group.ts';
import { affected, type Cause } from './graph/affected.ts';
import type { Edge, Graph, Project } from './graph/graph.ts';
import type { ProjectKind } from './graph/facts.ts';

/** The tiers of a workspace, in the order in which a change goes through them. */
export const TIERS: readonly ProjectKind[] = ['role', 'image', 'stack', 'service', 'environment'];

/** A project that a change reaches, and how: the edge through which it came, null where it is the change itself. */
export interface Reached {
  readonly name: string;
  readonly kind: ProjectKind;
  readonly by: Edge | null;
}

/** Everything that a change of some projects reaches, by tier; the nearest first within each. */
export function reach(graph: Graph, names: readonly string[]): readonly Reached[] {
  const users = groupBy(graph.edges, (edge) => edge.to);
  const found = new Map<string, Reached>();
  const add = (project: Project | undefined, by: Edge | null): void => {
    if (project && !found.has(project.name))
      found.set(project.name, { name: project.name, kind: project.kind, by });
  };
  for (const name of names) add(graph.projects.get(name), null);
  // The map grows while it is gone through, and gives what was added as well.
  for (const name of found.keys())
    for (const edge of users.get(name) ?? []) add(graph.projects.get(edge.from), edge);
  const tier = ({ kind }: Reached): number => TIERS.indexOf(kind);
  return [...found.values()].toSorted((a, b) => tier(a) - tier(b));
}

/** The projects that a changed file touches itself, without those that it reaches through them. */
export const touchedBy = (graph: Graph, file: string): readonly string[] =>
  [...affected(graph, [file])]
    .filter(([, cause]: readonly [string, Cause]) => cause.edges.length === 0)
    .map(([name]) => name);
