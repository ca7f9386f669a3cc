import type { TargetConfiguration } from '@nx/devkit';
import type { Graph, Project } from '@goldenthread/core/graph';

type Targets = Record<string, TargetConfiguration>;
type Inputs = NonNullable<TargetConfiguration['inputs']>;

const outside = ({ files }: Project): readonly string[] =>
  files.flatMap((file) => [`{workspaceRoot}/${file}`, `{workspaceRoot}/${file}/**/*`]);

/**
 * What a target's result depends on, for `nx affected` and Nx's cache. `^default`: a role's change reaches its images. No
 * external dependencies: a lock file changes no image. Files that belong to no project are named one by one.
 */
const inputsOf = (project: Project, more: readonly string[] = []): Inputs => [
  'default',
  '^default',
  ...outside(project),
  ...more,
  { externalDependencies: [] },
];

// Nx merges, maps and writes every property of every target of every project: what it assumes by itself is left out. Not
// cached: our own fingerprint decides whether there is anything to do, as it knows the artifact store and Nx's cache does not.
const command = (
  project: Project,
  verb: string,
  more: Partial<TargetConfiguration> = {},
): TargetConfiguration => ({
  executor: 'nx:run-commands',
  options: { command: `goldenthread ${verb} ${project.name}` },
  inputs: inputsOf(project),
  ...more,
});

const outputs = ['{workspaceRoot}/.goldenthread/{projectName}'];

function imageTargets(project: Project): Targets {
  const verify = command(project, 'verify', { dependsOn: ['bake'], outputs });
  return {
    bake: command(project, 'bake', { dependsOn: ['^bake'], outputs }),
    verify,
    test: verify,
    // Not for Nx's cache, like all of these: what is published and released is looked at anew each time.
    publish: command(project, 'publish', { dependsOn: ['verify'] }),
    release: command(project, 'release', { dependsOn: ['verify', '^release'] }),
    lint: command(project, 'lint'),
  };
}

/** The environments that list a stack, and their configurations of its targets: the same object for the same environments. */
interface Listed {
  readonly environments: readonly Project[];
  readonly configurations: Readonly<Record<string, { readonly args: string }>>;
}

const NOWHERE: Listed = { environments: [], configurations: {} };

/** What is known of the stacks of a graph: the environments that list each, and the stacks that each takes something of. */
export interface Stacks {
  readonly listed: ReadonlyMap<string, Listed>;
  readonly below: ReadonlyMap<string, readonly string[]>;
}

/** Finds that once for a whole graph. Stacks of which another only uses files are none that it stands on. */
export function stacksOf(graph: Graph): Stacks {
  const below = new Map<string, string[]>();
  const isStack = (name: string): boolean => graph.projects.get(name)?.kind === 'stack';
  for (const { from, to, path } of graph.edges)
    if (path === undefined && isStack(from) && isStack(to)) below.set(from, [...(below.get(from) ?? []), to]);
  return { listed: listings(graph), below };
}

/**
 * Stacks that are applied before one. Nx runs a target without its configuration where it has no such one, which would be in
 * every environment: only stacks that are in all of its environments are asked for.
 */
function appliedBefore({ name }: Project, { listed, below }: Stacks): readonly string[] {
  const own = listed.get(name)?.environments ?? [];
  const isThere = (other: string): boolean =>
    own.every((environment) => listed.get(other)?.environments.includes(environment) ?? false);
  return own.length === 0 ? [] : [...new Set(below.get(name) ?? [])].filter(isThere);
}

/** Which environments list each stack, by its name: found once for a whole graph. */
function listings({ projects }: Graph): ReadonlyMap<string, Listed> {
  const listed = new Map<string, Project[]>();
  for (const project of projects.values())
    for (const stack of project.environment?.stacks ?? [])
      listed.set(stack, [...(listed.get(stack) ?? []), project]);
  const made = new Map<string, Listed>();
  const listing = (environments: readonly Project[]): Listed => {
    const key = environments.map(({ name }) => name).join();
    const known = made.get(key);
    if (known) return known;
    const args = environments.map(({ name }) => [name, { args: `--environment ${name}` }] as const);
    const one = { environments, configurations: Object.fromEntries(args) };
    made.set(key, one);
    return one;
  };
  return new Map(Array.from(listed, ([stack, environments]) => [stack, listing(environments)]));
}

/** Without a configuration a target is for all environments of the stack; an environment's declaration and rules are sources of its plans. */
function stackTargets(project: Project, stacks: Stacks): Targets {
  const { environments, configurations } = stacks.listed.get(project.name) ?? NOWHERE;
  const projects = appliedBefore(project, stacks);
  const first = projects.length > 0 ? { dependsOn: [{ projects: [...projects], target: 'apply' }] } : {};
  const declared = environments.flatMap((one) => [`{workspaceRoot}/${one.file}`, ...outside(one)]);
  const inputs = inputsOf(project, declared);
  const placed = environments.length > 0 ? { configurations } : {};
  const inPlaces = (verb: string, more: Partial<TargetConfiguration>): TargetConfiguration =>
    command(project, verb, { ...placed, ...more });
  return {
    lint: command(project, 'lint'),
    validate: command(project, 'validate'),
    test: command(project, 'test'),
    plan: inPlaces('plan', { inputs, outputs }),
    apply: inPlaces('apply', { inputs, ...first }),
    drift: inPlaces('drift', { inputs }),
    destroy: inPlaces('destroy', {}),
  };
}

// Its stacks are applied in their order by the command itself: through their own targets they would be in every environment.
const environmentTargets = (project: Project): Targets => ({
  lint: command(project, 'lint'),
  plan: command(project, 'plan --environment'),
  apply: command(project, 'apply --environment'),
  drift: command(project, 'drift --environment'),
});

/** The targets of a project: each calls the command line. */
export function targetsOf(project: Project, stacks: Stacks): Targets {
  if (project.kind === 'image') return imageTargets(project);
  if (project.kind === 'stack') return stackTargets(project, stacks);
  if (project.kind === 'environment') return environmentTargets(project);
  if (project.kind === 'role') return { lint: command(project, 'lint') };
  // Nx reaches a project by its own files and by the inputs of its targets: this target carries the files outside.
  return project.files.length > 0 ? { explain: command(project, 'graph --explain') } : {};
}
