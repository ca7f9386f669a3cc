import { bakes } from '../bake/fingerprint.ts';
import { needs } from '../graph/affected.ts';
import type { Graph, Project } from '../graph/graph.ts';
import { within } from '../paths.ts';
import type { Commit } from './commit.ts';

/** Whether a file goes into a project: of images and roles, all that is baked; of others, all of theirs. */
const belongs = (project: Project, file: string): boolean =>
  (project.kind === 'image' || project.kind === 'role'
    ? bakes(file, project.root)
    : within(file, project.root)) || project.files.some((used) => within(file, used));

const closure = (graph: Graph, image: string): readonly Project[] =>
  [image, ...needs(graph, image)].flatMap((name) => graph.projects.get(name) ?? []);

/** The commits that touched an image or anything it is made of. */
export function commitsOf(graph: Graph, image: string, commits: readonly Commit[]): readonly Commit[] {
  const projects = closure(graph, image);
  return commits.filter(({ files }) =>
    files.some((file) => projects.some((project) => belongs(project, file))),
  );
}

const spoken = ({ name, kind }: Project): string =>
  kind === 'role' ? name.replace(/^role-/, 'role ') : `${kind} ${name}`;

/** Why a new version of an image is there, in words: "role hardening changed". */
export function reasonOf(graph: Graph, image: string, commits: readonly Commit[], first: boolean): string {
  if (first) return 'first release';
  const files = commits.flatMap((commit) => commit.files);
  // The innermost project has the file: a role inside an image's folder is the role's change.
  const touched = closure(graph, image).filter((project) => files.some((file) => belongs(project, file)));
  const inner = touched.filter(
    (project) =>
      !touched.some((other) => other !== project && other.root !== '' && within(other.root, project.root)),
  );
  if (inner.length === 0) return 'baked anew: nothing in Git changed, but its tools or its packages did';
  const names = inner.map((project) => (project.name === image ? 'its own sources' : spoken(project)));
  const last = names.at(-1) ?? '';
  return `${names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${last}` : last} changed`;
}

/** The commits in short, for the record. */
export const changesOf = (commits: readonly Commit[]): readonly string[] =>
  commits.map(({ sha, subject, type, breaking }) => {
    const head = type === null ? '' : `${type}${breaking ? '!' : ''}: `;
    return `${sha.slice(0, 8)} ${head}${subject}`;
  });
