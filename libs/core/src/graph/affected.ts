import { groupBy } from '../group.ts';
import { within } from '../paths.ts';
import { place } from '../position.ts';
import { owner, type Edge, type Graph, type Project } from './graph.ts';

/** Why a project is affected: a changed file, the project that owns or uses it, and the edges from there. */
export interface Cause {
  readonly file: string;
  /** The project that the file touches first. */
  readonly touched: string;
  /** Whether the file lies in that project, or is a file outside that it uses. */
  readonly owned: boolean;
  /** From the affected project down to the touched one; empty if it is the same. */
  readonly edges: readonly Edge[];
}

/** The projects that changed files touch themselves. */
function touched(graph: Graph, changed: readonly string[]): Map<string, Cause> {
  const byRoot = new Map(Array.from(graph.projects.values(), (project) => [project.root, project]));
  const causes = new Map<string, Cause>();
  const parts = groupBy(graph.edges, (edge) => edge.from);
  const add = (name: string, file: string, owned: boolean): void => {
    if (!causes.has(name)) causes.set(name, { file, touched: name, owned, edges: [] });
  };
  const touch = ({ name, kind }: Project, file: string, owned: boolean): void => {
    add(name, file, owned);
    if (kind !== 'environment') return;
    // An environment says what its stacks get and which rules hold for them.
    for (const { to } of parts.get(name) ?? [])
      if (graph.projects.get(to)?.kind === 'stack') add(to, file, false);
  };
  const using = Array.from(graph.projects.values()).filter((project) => project.files.length > 0);
  for (const file of changed) {
    const own = owner(file, byRoot);
    if (own) touch(own, file, true);
    for (const project of using)
      if (project.files.some((used) => within(file, used))) touch(project, file, false);
  }
  return causes;
}

/** Every affected project with the shortest way from a changed file to it. */
export function affected(graph: Graph, changed: readonly string[]): ReadonlyMap<string, Cause> {
  const causes = touched(graph, changed);
  const users = groupBy(graph.edges, (edge) => edge.to);
  const queue = [...causes.keys()];
  for (const name of queue) {
    const cause = causes.get(name);
    for (const edge of users.get(name) ?? []) {
      if (!cause || causes.has(edge.from)) continue;
      causes.set(edge.from, { ...cause, edges: [edge, ...cause.edges] });
      queue.push(edge.from);
    }
  }
  return causes;
}

/** All that a project needs, itself not included, nearest first. */
export function needs(graph: Graph, name: string): readonly string[] {
  const out = groupBy(graph.edges, (edge) => edge.from);
  const queue = [name];
  const seen = new Set(queue);
  for (const at of queue) {
    for (const { to } of out.get(at) ?? []) {
      if (seen.has(to)) continue;
      seen.add(to);
      queue.push(to);
    }
  }
  return queue.slice(1);
}

/** A cause in words, a line for the file and one for each edge on the way up. */
export function causeWords(name: string, cause: Cause): readonly string[] {
  const first = cause.owned
    ? `${cause.file} changed, a file of ${cause.touched}`
    : `${cause.file} changed, which ${cause.touched} uses`;
  const way = cause.edges.toReversed().map((edge) => `${edge.from} ${edge.reason} (${place(edge.at)})`);
  return [`${name} is affected:`, `  ${first}`, ...way.map((line) => `  -> ${line}`)];
}
