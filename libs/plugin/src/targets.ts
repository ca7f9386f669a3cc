import type { TargetConfiguration } from '@nx/devkit';
import type { Project } from '@goldenthread/core/graph';

type Targets = Record<string, TargetConfiguration>;

/**
 * What a target's result depends on, for `nx affected` and Nx's cache. `^default`: a role's change reaches its images. No
 * external dependencies: a lock file changes no image. Files that belong to no project are named one by one.
 */
function inputsOf(project: Project): TargetConfiguration['inputs'] {
  const outside = project.files.flatMap((file) => [
    `{workspaceRoot}/${file}`,
    `{workspaceRoot}/${file}/**/*`,
  ]);
  return ['default', '^default', ...outside, { externalDependencies: [] }];
}

// Nx merges, maps and writes every property of every target of every project: what it assumes by itself is left out. Not
// cached: our own fingerprint decides whether there is anything to do, as it knows the artifact store and Nx's cache does not.
const command = (
  project: Project,
  verb: string,
  more: Partial<TargetConfiguration> = {},
): TargetConfiguration => ({
  executor: 'nx:run-commands',
  options: { command: `goldenthread ${verb} ${project.name}` },
  inputs: inputsOf(project) ?? [],
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

/** The targets of a project: each calls the command line. */
export function targetsOf(project: Project): Targets {
  if (project.kind === 'image') return imageTargets(project);
  if (project.kind === 'role') return { lint: command(project, 'lint') };
  // Nx reaches a project by its own files and by the inputs of its targets: this target carries the files outside.
  return project.files.length > 0 ? { explain: command(project, 'graph --explain') } : {};
}
