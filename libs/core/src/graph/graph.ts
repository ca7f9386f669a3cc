import type { WrittenEnvironment } from '../declaration/environment.ts';
import type { WrittenImage } from '../declaration/image.ts';
import type { WrittenStack } from '../declaration/stack.ts';
import { usedEnvironment, usedStack, type Environment, type Stack } from '../declaration/used-stack.ts';
import { usedImage, type Image } from '../declaration/used.ts';
import type { Failure } from '../failure.ts';
import { groupBy } from '../group.ts';
import { near } from '../near.ts';
import { basename, folder, within } from '../paths.ts';
import type { Position } from '../position.ts';
import { cycles } from './cycle.ts';
import type { FactRequest, Facts, ProjectKind, Reference, Unknown } from './facts.ts';

/** A project of the graph. */
export interface Project {
  /** Unique in the workspace; a role's is `role-<folder>`. */
  readonly name: string;
  readonly kind: ProjectKind;
  /** Its folder, relative to the workspace root. */
  readonly root: string;
  /** The file (of a role: the folder) that declares it. */
  readonly file: string;
  /** The declaration of an image. */
  readonly image: Image | null;
  /** The declaration of a stack. */
  readonly stack: Stack | null;
  /** The declaration of an environment. */
  readonly environment: Environment | null;
  /** Files and folders it uses that belong to no project, sorted. */
  readonly files: readonly string[];
}

/** `from` depends on `to`. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly at: Position;
  /** Completes "<from> …", such as "uses the role nginx in its playbook". */
  readonly reason: string;
  /** Reads the state that `to` leaves when it is applied, which no plan of `to` can show. */
  readonly readsState?: true;
  /** The file or folder of `to` that it is made with. */
  readonly path?: string;
}

/** Something about a project that only a run would show. */
export interface ProjectUnknown extends Unknown {
  readonly project: string;
}

/** All projects, what depends on what, what cannot be known, and all that is wrong. */
export interface Graph {
  readonly projects: ReadonlyMap<string, Project>;
  readonly edges: readonly Edge[];
  readonly unknowns: readonly ProjectUnknown[];
  readonly failures: readonly Failure[];
}

/** Facts by request; undefined where they have not been read yet. */
export type Known = (request: FactRequest) => Facts | undefined;

/** A declaration that was found: its kind and path (of a role: its folder). */
export interface Found {
  readonly kind: ProjectKind;
  readonly path: string;
}

/** What reading the sources of one project gave. */
interface Walked {
  readonly declared: Found;
  readonly facts: Facts;
  readonly references: readonly Reference[];
  readonly files: readonly { readonly path: string; readonly reference: Reference }[];
  readonly unknowns: readonly Unknown[];
  readonly failures: readonly Failure[];
  readonly states: readonly string[];
}

const rootOf = ({ kind, path }: Found): string => (kind === 'role' ? path : folder(path));

const stateKey = (backend: string, key: string): string => `${backend}:${key}`;

/** Follows a declaration through all its sources. What was not known is added to `missing`. */
function walk(declared: Found, known: Known, missing: FactRequest[]): Walked {
  const references: Reference[] = [];
  const files: { path: string; reference: Reference }[] = [];
  const unknowns: Unknown[] = [];
  const failures: Failure[] = [];
  const states: string[] = [];
  const seen = new Set<string>();
  const ask = (request: FactRequest): Facts | undefined => {
    const facts = known(request);
    if (!facts) missing.push(request);
    return facts;
  };
  const lost = (reference: Reference, name: string): void => {
    // A role's file may lie beside the playbook that runs the role, which is a file of that playbook's own project.
    if (reference.optional || declared.kind === 'role')
      unknowns.push({
        at: reference.at,
        text: name,
        why: 'it is not in this workspace, or only beside the playbook that uses it',
      });
    else failures.push({ code: 'reference-missing', at: reference.at, kind: 'file', name, near: [] });
  };
  const follow = (reference: Reference): void => {
    const { target } = reference;
    if (target.to === 'project' || target.to === 'state') return void references.push(reference);
    const kind = target.to === 'file' ? 'file' : target.kind;
    const found = target.candidates.map((path) => ({ path, facts: ask({ kind, path }) }));
    if (found.some(({ facts }) => facts === undefined)) return;
    const first = found.find(({ facts }) => facts?.exists);
    if (!first) return lost(reference, target.candidates[0] ?? '');
    files.push({ path: first.path, reference });
    if (target.to === 'source' && first.facts) visit(`${kind}:${first.path}`, first.facts);
  };
  const visit = (id: string, facts: Facts): void => {
    if (seen.has(id)) return;
    seen.add(id);
    unknowns.push(...facts.unknowns);
    failures.push(...facts.failures);
    states.push(...statesOf(facts));
    facts.references.forEach(follow);
  };
  const own = ask(declared);
  if (own) visit(`${declared.kind}:${declared.path}`, own);
  return {
    declared,
    facts: own ?? { exists: false, references: [], unknowns: [], failures: [] },
    references,
    files,
    unknowns,
    failures,
    states,
  };
}

function statesOf(facts: Facts): readonly string[] {
  const data = facts.data as
    { readonly state?: readonly { readonly backend: string; readonly key: string }[] } | undefined;
  return (data?.state ?? []).map(({ backend, key }) => stateKey(backend, key));
}

function projectOf({ declared, facts }: Walked): Omit<Project, 'files'> {
  const root = rootOf(declared);
  const written = (facts.data ?? {}) as { readonly name?: string };
  const name = declared.kind === 'role' ? `role-${basename(root)}` : (written.name ?? basename(root));
  const { kind, path: file } = declared;
  const is = (one: ProjectKind): boolean => kind === one && facts.data !== undefined;
  return {
    name,
    kind,
    root,
    file,
    image: is('image') ? usedImage(facts.data as WrittenImage, root, file) : null,
    stack: is('stack') ? usedStack(facts.data as WrittenStack, root, file) : null,
    environment: is('environment') ? usedEnvironment(facts.data as WrittenEnvironment, root, file) : null,
  };
}

/** The project whose folder holds the path: the deepest one. */
export function owner<P extends { readonly root: string }>(
  path: string,
  byRoot: ReadonlyMap<string, P>,
): P | undefined {
  for (let at = path; at !== ''; at = folder(at)) {
    const found = byRoot.get(at);
    if (found) return found;
  }
  return byRoot.get('');
}

type Named = ReadonlyMap<string, Omit<Project, 'files'>>;

/** Names of a kind as people write them: roles without their prefix. */
const spoken = (named: Named, kind: ProjectKind): readonly string[] =>
  Array.from(named.values())
    .filter((project) => project.kind === kind)
    .map((project) => (kind === 'role' ? basename(project.root) : project.name));

interface Resolved {
  readonly edges: Edge[];
  readonly unknowns: ProjectUnknown[];
  readonly failures: Failure[];
}

/** Turns the project and state references of one project into edges. */
function resolveNames(
  walked: Walked,
  from: string,
  named: Named,
  states: ReadonlyMap<string, string>,
): Resolved {
  const resolved: Resolved = { edges: [], unknowns: [], failures: [] };
  for (const { target, at, reason, optional, onlyNamed } of walked.references) {
    if (target.to === 'state') {
      const to = states.get(stateKey(target.backend, target.key));
      if (to !== undefined && to !== from) resolved.edges.push({ from, to, at, reason, readsState: true });
      if (to === undefined)
        resolved.unknowns.push({
          project: from,
          at,
          text: target.key,
          why: 'no stack of this workspace keeps its state there',
        });
    }
    if (target.to !== 'project') continue;
    const to = target.kind === 'role' ? `role-${target.name}` : target.name;
    // A role that includes other tasks of itself is no cycle; one that depends on itself is.
    if (target.kind === 'role' && to === from && !within(at.file, `${named.get(from)?.root ?? ''}/meta`))
      continue;
    if (named.get(to)?.kind === target.kind) {
      if (!onlyNamed) resolved.edges.push({ from, to, at, reason });
    } else if (optional)
      resolved.unknowns.push({
        project: from,
        at,
        text: target.name,
        why: `it is no ${target.kind} of this workspace; it comes from elsewhere`,
      });
    else
      resolved.failures.push({
        code: 'reference-missing',
        at,
        kind: target.kind,
        name: target.name,
        near: near(target.name, spoken(named, target.kind)),
      });
  }
  return resolved;
}

/** Turns the files of one project into edges to their owners; answers those that nobody owns. */
function resolveFiles(
  walked: Walked,
  from: Omit<Project, 'files'>,
  byRoot: ReadonlyMap<string, Omit<Project, 'files'>>,
): { edges: Edge[]; files: string[] } {
  const edges: Edge[] = [];
  const files = new Set<string>();
  for (const { path, reference } of walked.files) {
    // The deepest folder counts: a role inside of an image's folder is a project of its own.
    const other = owner(path, byRoot);
    if (other && other.root !== from.root)
      edges.push({ from: from.name, to: other.name, at: reference.at, reason: reference.reason, path });
    else if (!other) files.add(path);
  }
  return { edges, files: [...files].sort() };
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The same thing said by two projects (a shared playbook that does not parse) is said once. */
function distinct<T>(list: readonly T[], key: (item: T) => string = (item) => JSON.stringify(item)): T[] {
  return [...new Map(list.map((item) => [key(item), item])).values()];
}

// A large workspace has thousands of edges, each with the text of a line.
const edgeKey = ({ from, to, at, reason }: Edge): string =>
  `${from}\n${to}\n${at.file}\n${at.line}\n${at.column}\n${reason}`;

/** Projects that would hide each other: by name, or by folder. */
function duplicates(projects: readonly Omit<Project, 'files'>[]): readonly Failure[] {
  const several = (
    key: (project: Omit<Project, 'files'>) => string,
  ): readonly (readonly [string, readonly string[]])[] =>
    [...groupBy(projects, key)]
      .filter(([, list]) => list.length > 1)
      .map(([value, list]) => [value, list.map(({ file }) => file).sort(byText)]);
  const names = several(({ name }) => name);
  const said = new Set(names.map(([, files]) => files.join()));
  const folders = several(({ root }) => root).filter(([, files]) => !said.has(files.join()));
  return [
    ...names.map(([name, files]): Failure => ({ code: 'project-duplicate', name, files })),
    ...folders.map(([folder, files]): Failure => ({ code: 'folder-shared', folder, files })),
  ];
}

/**
 * Assembles the graph from what is known. While `missing` is not empty the graph is not complete: read those sources and
 * call again. Pure: the same facts give the same graph, in the same order.
 */
export function assemble(
  declared: readonly Found[],
  known: Known,
): { readonly graph: Graph; readonly missing: readonly FactRequest[] } {
  const missing: FactRequest[] = [];
  const walked = [...declared].sort((a, b) => byText(a.path, b.path)).map((one) => walk(one, known, missing));
  if (missing.length > 0)
    return { graph: { projects: new Map(), edges: [], unknowns: [], failures: [] }, missing };

  const bare = walked.map((one) => ({ walked: one, project: projectOf(one) }));
  const named = new Map(bare.map(({ project }) => [project.name, project]));
  const byRoot = new Map(bare.map(({ project }) => [project.root, project]));
  const states = new Map(
    bare.flatMap(({ walked: one, project }) => one.states.map((state) => [state, project.name] as const)),
  );
  const projects = new Map<string, Project>();
  const edges: Edge[] = [];
  const unknowns: ProjectUnknown[] = [];
  const failures: Failure[] = [...duplicates(bare.map(({ project }) => project))];
  for (const { walked: one, project } of bare) {
    const names = resolveNames(one, project.name, named, states);
    const owned = resolveFiles(one, project, byRoot);
    projects.set(project.name, { ...project, files: owned.files });
    edges.push(...names.edges, ...owned.edges);
    unknowns.push(
      ...one.unknowns.map((unknown) => ({ ...unknown, project: project.name })),
      ...names.unknowns,
    );
    failures.push(...one.failures, ...names.failures);
  }
  const kept = distinct(edges, edgeKey);
  return {
    graph: {
      projects,
      edges: kept,
      unknowns: distinct(unknowns),
      failures: distinct([...failures, ...cycles(kept)]),
    },
    missing,
  };
}
