import type { Call, FactSource, Workspace } from '@goldenthread/core';
import {
  ABSENT,
  assemble,
  fail,
  findDeclarations,
  near,
  ok,
  type Facts,
  type FactRequest,
  type Found,
  type Graph,
  type Project,
  type ProjectKind,
  type Result,
} from '@goldenthread/core/graph';

const idOf = ({ kind, path, playbook }: FactRequest): string => `${kind}\n${path}\n${playbook ?? ''}`;

/** The sources that facts lead to. */
function onward(facts: Facts): readonly FactRequest[] {
  return facts.references.flatMap(({ target }) => {
    if (target.to !== 'file' && target.to !== 'source') return [];
    const kind = target.to === 'file' ? 'file' : target.kind;
    return target.candidates.map((path): FactRequest => ({ kind, path }));
  });
}

/** Reads sources until the graph is whole. The graph carries its failures; nothing is thrown away. */
export async function readGraph(found: readonly Found[], facts: FactSource): Promise<Graph> {
  const known = new Map<string, Facts>();
  let wanted: readonly FactRequest[] = found;
  for (;;) {
    while (wanted.length > 0) {
      const unread = [...new Map(wanted.map((request) => [idOf(request), request])).values()];
      const read = await facts.load(unread);
      for (const [index, request] of unread.entries()) known.set(idOf(request), read[index] ?? ABSENT);
      // What was read says by itself what comes next: assembling would only find out the same, once for each round.
      wanted = read.flatMap(onward).filter((request) => !known.has(idOf(request)));
    }
    const { graph, missing } = assemble(found, (request) => known.get(idOf(request)));
    if (missing.length === 0) return graph;
    wanted = missing;
  }
}

/** The workspace's graph; fails with everything that is wrong in it. */
export async function loadGraph(
  ports: { workspace: Workspace; facts: FactSource },
  call: Call,
): Promise<Result<Graph>> {
  const files = await ports.workspace.files(call);
  if (!files.ok) return files;
  const graph = await readGraph(findDeclarations(files.value), ports.facts);
  return graph.failures.length > 0 ? fail(...graph.failures) : ok(graph);
}

/** The project of this name (and, where given, kind), or `project-unknown` with names that look alike. */
export function projectNamed(graph: Graph, name: string, kind?: ProjectKind): Result<Project> {
  const project = graph.projects.get(name);
  if (project && (kind === undefined || project.kind === kind)) return ok(project);
  const names = Array.from(graph.projects.values()).filter(
    (other) => kind === undefined || other.kind === kind,
  );
  return fail({
    code: 'project-unknown',
    name,
    kind: kind ?? 'project',
    near: near(
      name,
      names.map((other) => other.name),
    ),
  });
}
