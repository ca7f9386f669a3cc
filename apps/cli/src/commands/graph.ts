import { Command } from 'commander';
import { ok, place, type Graph } from '@goldenthread/core';
import { projectNamed } from '@goldenthread/engine';
import { withGraph } from '../context.ts';
import type { Program } from './program.ts';

interface Options {
  readonly explain?: boolean;
}

function explainProject(graph: Graph, name: string): readonly string[] {
  const edges = graph.edges
    .filter((edge) => edge.from === name)
    .map((edge) => `  -> ${edge.to}: ${edge.reason} (${place(edge.at)})`);
  const files = (graph.projects.get(name)?.files ?? []).map((file) => `  uses ${file}, a file of no project`);
  const unknowns = graph.unknowns
    .filter((unknown) => unknown.project === name)
    .map((unknown) => `  ?  ${unknown.text}: ${unknown.why} (${place(unknown.at)})`);
  return [...edges, ...files, ...unknowns];
}

function lines(graph: Graph, names: readonly string[], explain: boolean): readonly string[] {
  return names.flatMap((name) => {
    const project = graph.projects.get(name);
    const needs = [...new Set(graph.edges.filter((edge) => edge.from === name).map((edge) => edge.to))];
    const head = `${name} (${project?.kind}, ${project?.root})`;
    if (explain) return [head, ...explainProject(graph, name)];
    return [needs.length > 0 ? `${head} -> ${needs.join(', ')}` : head];
  });
}

/** `goldenthread graph`: projects and edges, and with --explain where each comes from and what cannot be known. */
export function graphCommand({ signal, finish }: Program): Command {
  return new Command('graph')
    .description(
      'list projects and what they need; --explain says where each edge stands and what cannot be known',
    )
    .argument('[project]', 'only this project')
    .option('--explain', 'say why each edge is there, and what cannot be known without running')
    .action(async (name: string | undefined, options: Options, command: Command) =>
      finish(
        await withGraph(command, signal, async ({ graph, output }) => {
          const asked = name === undefined ? null : projectNamed(graph, name);
          if (asked && !asked.ok) return asked;
          const names = asked ? [asked.value.name] : [...graph.projects.keys()].sort();
          const chosen = new Set(names);
          output.result(lines(graph, names, options.explain ?? false), {
            projects: names.map((one) => graph.projects.get(one)),
            edges: graph.edges.filter((edge) => chosen.has(edge.from)),
            unknowns: graph.unknowns.filter((unknown) => chosen.has(unknown.project)),
          });
          return ok(undefined);
        }),
      ),
    );
}
