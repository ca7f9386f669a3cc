import {
  affected,
  causeWords,
  fail,
  ok,
  type Call,
  type Cause,
  type Graph,
  type Project,
  type Result,
  type Workspace,
} from '@goldenthread/core';
import { projectNamed } from '../load.ts';

/** Between which states to look for changes. */
export interface WhyOptions {
  /** A revision; changes are counted from where it and `head` parted. */
  readonly base: string;
  /** A revision; the work tree by default. */
  readonly head: string | null;
  /** Take these files as changed, whatever git says. */
  readonly files?: readonly string[];
}

/** Why a project is affected, or that it is not. */
export interface Why {
  readonly project: string;
  readonly affected: boolean;
  readonly cause: Cause | null;
  readonly words: readonly string[];
}

async function changedFiles(
  workspace: Workspace,
  options: WhyOptions,
  call: Call,
): Promise<Result<readonly string[]>> {
  return options.files ? ok(options.files) : workspace.changed(options.base, options.head, call);
}

/** Says why a project is affected: the changed file and the edges from it; without a name, for every affected project. */
export async function why(
  { workspace, graph, call }: { readonly workspace: Workspace; readonly graph: Graph; readonly call: Call },
  name: string | null,
  options: WhyOptions,
): Promise<Result<readonly Why[]>> {
  const asked = name === null ? ok(null) : projectNamed(graph, name);
  if (!asked.ok) return fail(...asked.failures);
  const changed = await changedFiles(workspace, options, call);
  if (!changed.ok) return changed;
  const causes = affected(graph, changed.value);
  const projects: readonly Project[] = asked.value
    ? [asked.value]
    : [...graph.projects.values()].filter((one) => causes.has(one.name));
  return ok(
    projects.map((project): Why => {
      const cause = causes.get(project.name) ?? null;
      const words = cause
        ? causeWords(project.name, cause)
        : [`${project.name} is not affected by the ${changed.value.length} changed files`];
      return { project: project.name, affected: cause !== null, cause, words };
    }),
  );
}
