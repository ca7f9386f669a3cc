import { folder, join } from '../paths.ts';
import { isOutside, ROOTED } from './gather.ts';

/** Where a list of tasks stands. */
export interface Place {
  /** The file. */
  readonly file: string;
  /** Folder of the role it belongs to. */
  readonly role?: string;
  /** Folder of the playbook that leads to it. */
  readonly playbook?: string;
}

const distinct = (paths: readonly string[]): readonly string[] => [...new Set(paths)];

/** A path that is rooted, or no path of the workspace at all; null where it must be looked up. */
function fixed(name: string): readonly string[] | null {
  if (name.startsWith(ROOTED)) return [join(name.slice(ROOTED.length))];
  return isOutside(name) ? [] : null;
}

/**
 * Where Ansible looks for a file of an action, in its order: the role's folder for such files, the role, the folder of the
 * tasks, the playbook's folder. None for a path that leads out of the workspace.
 */
export function searchFile(
  place: Place,
  kind: 'files' | 'templates' | 'vars' | 'tasks',
  name: string,
): readonly string[] {
  const known = fixed(name);
  if (known) return known;
  const places = [place.role, folder(place.file), place.playbook].filter((path) => path !== undefined);
  const named = name.split('/')[0] === kind;
  return distinct(
    places.flatMap((path) => (named ? [join(path, name)] : [join(path, kind, name), join(path, name)])),
  );
}

/** Where Ansible looks for a file of tasks: beside the file that names it, in the role, beside the playbook. */
export function searchTasks(place: Place, name: string): readonly string[] {
  const known = fixed(name);
  if (known) return known;
  const here = folder(place.file);
  const role =
    place.role === undefined
      ? []
      : [join(place.role, 'tasks', name), join(place.role, 'handlers', name), join(place.role, name)];
  const playbook = place.playbook === undefined ? [] : [join(place.playbook, name)];
  return distinct([join(here, name), ...role, ...playbook]);
}

/**
 * Where Ansible looks for a role that is named by a path: beside the playbook, in the folders of roles on the way to the
 * file that names it, and in the workspace's own folders of roles.
 */
export function searchRole(place: Place, name: string): readonly string[] {
  const known = fixed(name);
  if (known) return known;
  const playbook = place.playbook === undefined ? [] : [join(place.playbook, 'roles'), place.playbook];
  const beside = place.role === undefined ? [] : [folder(place.role)];
  const above = Array.from(place.file.matchAll(/(?<=^|\/)roles(?=\/)/g), (match) =>
    place.file.slice(0, match.index + 'roles'.length),
  );
  const found = [...playbook, ...beside, ...above, 'libs/roles', 'roles'].map((path) => join(path, name));
  return distinct(found.filter((path) => !path.startsWith('..')));
}

/**
 * The role that a file of tasks belongs to by where it lies: the folder that holds its `tasks` or `handlers`. Where that is
 * no role but a playbook's folder, files are looked up there all the same.
 */
export function roleFolder(file: string): string | undefined {
  const parts = folder(file).split('/');
  const index = Math.max(parts.lastIndexOf('tasks'), parts.lastIndexOf('handlers'));
  return index === -1 ? undefined : parts.slice(0, index).join('/');
}
