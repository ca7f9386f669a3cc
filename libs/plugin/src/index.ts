import { join } from 'node:path';
import type {
  CreateDependencies,
  CreateNodes,
  CreateNodesResult,
  DependencyType,
  RawProjectGraphDependency,
} from '@nx/devkit';
import { createFacts } from '@goldenthread/adapters/facts';
import {
  DECLARATION_GLOB,
  findDeclarations,
  folder,
  text,
  within,
  type Edge,
  type Failure,
  type Graph,
  type Project,
} from '@goldenthread/core/graph';
import { readGraph } from '@goldenthread/engine/load';
import { stacksOf, targetsOf, type Stacks } from './targets.ts';

/** Options of the plugin in nx.json. */
export interface PluginOptions {
  /** Folders whose files are no sources of projects, such as templates of Terraform files. */
  readonly ignore?: readonly string[];
}

/** The name under which the plugin is listed in nx.json. */
export const name = '@goldenthread/plugin';

// The devkit's own enum would load the whole devkit, which costs more than the graph.
const STATIC = 'static' as string as DependencyType.static;
const IMPLICIT = 'implicit' as string as DependencyType.implicit;

// Nx asks for nodes first and for dependencies right after, in the same process.
let latest: { readonly root: string; readonly graph: Graph } | undefined;

async function graphOf(root: string, files: readonly string[], options: PluginOptions): Promise<Graph> {
  const ignore = options.ignore ?? [];
  const facts = createFacts({
    root,
    cacheFile: join(root, '.nx/workspace-data/goldenthread-facts.json'),
    ignore,
  });
  const found = findDeclarations(files).filter(({ path }) => !ignore.some((folder) => within(path, folder)));
  const graph = await readGraph(found, facts);
  latest = { root, graph };
  return graph;
}

function node(project: Project, stacks: Stacks): CreateNodesResult {
  return {
    projects: {
      [project.root]: {
        name: project.name,
        projectType: project.kind === 'role' ? 'library' : 'application',
        tags: [`kind:${project.kind}`],
        targets: targetsOf(project, stacks),
      },
    },
  };
}

/** The file that Nx shows an error for: Nx wants one of those it passed in. */
function fileOf(failure: Failure, files: readonly string[]): string {
  if ('at' in failure) return failure.at.file;
  return 'files' in failure ? (failure.files[0] ?? '') : (files[0] ?? '');
}

type NodeResults = Awaited<ReturnType<CreateNodes<PluginOptions>[1]>>;

/** Fails with every problem of the graph at once; Nx shows each under its file. */
async function refuse(
  failures: readonly Failure[],
  files: readonly string[],
  partial: NodeResults,
): Promise<never> {
  const { AggregateCreateNodesError } = await import('@nx/devkit');
  const errors = failures.map((failure): [string, Error] => {
    const error = new Error(text(failure));
    // The place is in the message; where our code noticed it is of no use to anybody.
    error.stack = error.message;
    return [fileOf(failure, files), error];
  });
  throw new AggregateCreateNodesError(errors, [...partial]);
}

/** Declarations and roles become projects with targets. */
export const createNodes: CreateNodes<PluginOptions> = [
  DECLARATION_GLOB,
  async (files, options, { workspaceRoot }) => {
    const graph = await graphOf(workspaceRoot, files, options ?? {});
    const ofRole = new Map(files.map((file) => [folder(folder(file)), file]));
    const stacks = stacksOf(graph);
    const results: NodeResults = Array.from(graph.projects.values(), (project) => [
      ofRole.get(project.file) ?? project.file,
      node(project, stacks),
    ]);
    return graph.failures.length > 0 ? refuse(graph.failures, files, results) : results;
  },
];

/**
 * An edge for Nx. Static edges are kept by Nx as long as their file does not change, so only a file of the project itself
 * may carry one; what a file elsewhere says (a playbook that several images import) is an implicit edge, made anew each time.
 */
function dependency(edge: Edge, graph: Graph): RawProjectGraphDependency {
  const root = graph.projects.get(edge.from)?.root ?? '';
  if (!within(edge.at.file, root)) return { source: edge.from, target: edge.to, type: IMPLICIT };
  return { source: edge.from, target: edge.to, sourceFile: edge.at.file, type: STATIC };
}

/** Edges between projects, inferred from their sources. */
export const createDependencies: CreateDependencies<PluginOptions> = async (options, context) => {
  const known = latest?.root === context.workspaceRoot ? latest.graph : undefined;
  const files = (): string[] =>
    Object.values(context.fileMap.projectFileMap).flatMap((list) => list.map(({ file }) => file));
  const graph = known ?? (await graphOf(context.workspaceRoot, files(), options ?? {}));
  return graph.edges
    .filter((edge) => edge.from in context.projects && edge.to in context.projects)
    .map((edge) => dependency(edge, graph));
};
