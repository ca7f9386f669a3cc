import type { Failure } from '../failure.ts';
import { groupBy } from '../group.ts';
import type { Edge } from './graph.ts';

/**
 * Every cycle that a depth-first search meets, each once, as the path from a project back to itself.
 * Iterative, so that a chain of thousands of projects does not exhaust the stack.
 */
export function cycles(edges: readonly Edge[]): readonly Failure[] {
  const out = groupBy(edges, (edge) => edge.from);
  const done = new Set<string>();
  const failures: Failure[] = [];
  for (const start of [...out.keys()].sort()) {
    const path: Edge[] = [];
    const stack: { name: string; next: number }[] = [{ name: start, next: 0 }];
    const open = new Set([start]);
    while (stack.length > 0) {
      const top = stack.at(-1);
      if (!top) break;
      const edge = done.has(top.name) ? undefined : out.get(top.name)?.[top.next++];
      if (!edge) {
        done.add(top.name);
        open.delete(top.name);
        stack.pop();
        path.pop();
      } else if (open.has(edge.to)) failures.push(cycleFailure([...path, edge]));
      else if (!done.has(edge.to)) {
        stack.push({ name: edge.to, next: 0 });
        open.add(edge.to);
        path.push(edge);
      }
    }
  }
  return failures;
}

/** The part of a path that closes on its last edge's target. */
function cycleFailure(path: readonly Edge[]): Failure {
  const last = path.at(-1);
  const from = path.findIndex((edge) => edge.from === last?.to);
  const ring = path.slice(Math.max(0, from));
  const [first] = ring;
  if (!first) throw new Error('a cycle without edges');
  return { code: 'cycle', path: [first.from, ...ring.map((edge) => edge.to)], at: first.at };
}
