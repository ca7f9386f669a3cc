import {
  bakes,
  drafts,
  fail,
  folder,
  imageFiles,
  ok,
  type Call,
  type Draft,
  type Graph,
  type HashedFile,
  type Image,
  type Ports,
  type Project,
  type Result,
} from '@goldenthread/core';

/** A role that goes into an image: its folder and its files, tests aside. */
export interface RoleFiles {
  readonly root: string;
  readonly files: readonly HashedFile[];
}

/** All files that go into an image, hashed, and its steps before they are. */
export interface ImageSources {
  readonly files: readonly HashedFile[];
  readonly roles: ReadonlyMap<string, RoleFiles>;
  readonly drafts: readonly Draft[];
}

/** The roles a project uses, directly and through roles, nearest first: not those of the images below it. */
export function rolesOf(graph: Graph, name: string): readonly Project[] {
  const found = new Map<string, Project>();
  const queue = [name];
  for (const from of queue) {
    for (const edge of graph.edges) {
      const role = graph.projects.get(edge.to);
      if (edge.from !== from || role?.kind !== 'role' || found.has(role.name)) continue;
      found.set(role.name, role);
      queue.push(role.name);
    }
  }
  return [...found.values()];
}

/** The folders in which Ansible looks for these roles. */
export const rolePaths = (roles: readonly Project[]): readonly string[] =>
  [...new Set(roles.map((role) => folder(role.root)))].sort();

const shortName = (role: Project): string => role.root.slice(role.root.lastIndexOf('/') + 1);

/** The short names of the roles that a role needs. */
export const roleNeeds =
  (graph: Graph) =>
  (role: string): readonly string[] =>
    rolesOf(graph, `role-${role}`).map(shortName);

/** Other projects' folders that an image reads from, such as one with a shared playbook. */
function lenders(graph: Graph, name: string): readonly Project[] {
  const direct = graph.edges
    .filter((edge) => edge.from === name)
    .flatMap((edge) => graph.projects.get(edge.to) ?? []);
  const base = graph.projects.get(name)?.image?.base;
  const parent = base && 'image' in base ? base.image : null;
  return direct.filter((project) => project.kind !== 'role' && project.name !== parent);
}

/** Reads and hashes everything an image is made from. */
export async function imageSources(
  { ports, graph, call }: { readonly ports: Ports; readonly graph: Graph; readonly call: Call },
  project: Project,
  image: Image,
): Promise<Result<ImageSources>> {
  const roles = rolesOf(graph, project.name);
  const lent = lenders(graph, project.name);
  const others = [
    ...project.files,
    ...roles.flatMap((role) => role.files),
    ...lent.map((other) => other.root),
  ];
  const hashed = await ports.workspace.hashes(
    [project.root, ...others, ...roles.map((role) => role.root)],
    call,
  );
  if (!hashed.ok) return hashed;
  const all = hashed.value;
  const below = (root: string): HashedFile[] => all.filter(({ path }) => bakes(path, root));
  const own = [...imageFiles(image, below(project.root)), ...others.flatMap(below)];
  const steps = image.builder === 'layered' ? drafts(image, (path) => ports.workspace.read(path)) : ok([]);
  if (!steps.ok) return fail(...steps.failures);
  return ok({
    files: [...new Map(own.map((file) => [file.path, file])).values()],
    roles: new Map(roles.map((role) => [shortName(role), { root: role.root, files: below(role.root) }])),
    drafts: steps.value,
  });
}
