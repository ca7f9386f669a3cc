import type { Json } from '../canonical.ts';
import type { Image } from '../declaration/used.ts';
import type { Failure } from '../failure.ts';
import { readYaml } from '../graph/read-yaml.ts';
import { basename, folder, join } from '../paths.ts';
import { positionAt } from '../position.ts';
import { fail, ok, type Result } from '../result.ts';
import { isTemplated, items, members, positionOfValue, scalar, type YamlValue } from '../yaml.ts';
import { ansibleData } from './ansible-data.ts';
import type { Step } from './step.ts';

/** A step before its files are hashed. */
export interface Draft extends Omit<Step, 'fingerprint'> {
  /** The roles it certainly runs; null where it may run any. */
  readonly roles: readonly string[] | null;
  /** Roles before it: it runs none of their tasks, but knows their variables and handlers. */
  readonly known: readonly string[];
  /** The playbooks that are read for it: what they say is in its play. */
  readonly sources: readonly string[];
}

/** Reads a file of the workspace, null where there is none. */
export type Read = (path: string) => string | null;

type Play = Readonly<Record<string, Json | undefined>>;

const TASK_LISTS = ['pre_tasks', 'tasks', 'post_tasks'] as const;
const MAX_IMPORTS = 100;

const without = (play: Play, keys: readonly string[]): Play =>
  Object.fromEntries(Object.entries(play).filter(([key]) => !keys.includes(key)));

/** The role of one entry of `roles:`. */
function roleName(entry: Json): string | null {
  if (typeof entry === 'string') return entry;
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) return null;
  const { role, name } = entry as { role?: Json; name?: Json };
  const found = role ?? name;
  return typeof found === 'string' ? found : null;
}

/** The names that are known before a run; null where one of them is not. */
function namesOf(entries: readonly Json[]): readonly string[] | null {
  const names = entries.map(roleName);
  const certain = names.flatMap((name) => (name === null || isTemplated(name) ? [] : [basename(name)]));
  return certain.length === names.length ? certain : null;
}

/** A role whose tasks do not run: Ansible's tag `never` keeps them back, and leaves its variables and handlers to the play. */
function quiet(entry: Json): Json {
  const isMap = typeof entry === 'object' && entry !== null && !Array.isArray(entry);
  const given: Play = isMap ? (entry as Play) : { role: entry };
  return { ...given, tags: ['never'] };
}

/**
 * Splits a play at its roles: tasks that come before, each role by itself, tasks that come after. What comes later knows the
 * variables and handlers of the roles before it, as in the whole play. Facts that are set and results that are registered
 * do not pass from one step to the next; a play with `layers: one` in its `vars` stays whole.
 */
export function splitPlay(play: Play, file: string): readonly Draft[] {
  const at = { folder: folder(file), known: [], sources: [] };
  const vars = play['vars'] as { readonly layers?: Json } | undefined;
  if (vars?.layers === 'one') return [{ ...at, name: `play of ${file}`, play, roles: null }];
  const shared = without(play, ['roles', ...TASK_LISTS, 'name']);
  const entries = Array.isArray(play['roles']) ? (play['roles'] as readonly Json[]) : [];
  const tasks = (list: (typeof TASK_LISTS)[number], before: readonly Json[]): Draft[] => {
    if (!Array.isArray(play[list]) || (play[list] as readonly Json[]).length === 0) return [];
    const roles = before.length > 0 ? { roles: before.map(quiet) } : {};
    return [
      {
        ...at,
        name: `${list.replace('_', ' ')} of ${file}`,
        play: { ...shared, ...roles, [list]: play[list] },
        roles: null,
      },
    ];
  };
  // A handler that runs roles may run in any step that notifies it.
  const open = /(include|import)_role/.test(JSON.stringify(play['handlers'] ?? null));
  const roles = entries.map((entry, index): Draft => {
    const before = entries.slice(0, index);
    const known = namesOf(before);
    const own = open || known === null ? null : namesOf([entry]);
    return {
      ...at,
      name: `role ${roleName(entry) ?? '?'}`,
      play: { ...shared, roles: [...before.map(quiet), entry] },
      roles: own,
      known: known ?? [],
    };
  });
  return [...tasks('pre_tasks', []), ...roles, ...tasks('tasks', entries), ...tasks('post_tasks', entries)];
}

const IMPORTS: ReadonlySet<string> = new Set(['import_playbook', 'ansible.builtin.import_playbook']);

function imported(entry: YamlValue): { path: string; at: YamlValue } | null {
  const found = members(entry).find(({ key }) => IMPORTS.has(key));
  const path = found && scalar(found.value);
  return found && typeof path === 'string' ? { path, at: found.value } : null;
}

/** The drafts of one entry of a playbook: a play, or an imported playbook read in its place. */
function draftsOfEntry(
  entry: YamlValue,
  file: string,
  read: Read,
  chain: readonly string[],
): Result<readonly Draft[]> {
  const next = imported(entry);
  if (!next)
    return ok(splitPlay(ansibleData(entry) as Play, file).map((draft) => ({ ...draft, sources: chain })));
  // What decides the file, or changes the imported plays, is left to Ansible: the import stays one step.
  const changes = members(entry).some(({ key }) => key !== 'name' && !IMPORTS.has(key));
  if (isTemplated(next.path) || changes)
    return ok([
      {
        name: `import of ${next.path}`,
        play: ansibleData(entry) as Play,
        folder: folder(file),
        roles: null,
        known: [],
        sources: [],
      },
    ]);
  const path = join(folder(file), next.path);
  const at = positionOfValue(next.at);
  if (chain.includes(path) || chain.length > MAX_IMPORTS)
    return fail({ code: 'cycle', path: [...chain, path], at });
  const drafts = draftsOfPlaybook(path, read, chain);
  return drafts ?? fail({ code: 'reference-missing', at, kind: 'playbook', name: path, near: [] });
}

function draftsOfPlaybook(
  file: string,
  read: Read,
  chain: readonly string[],
): Result<readonly Draft[]> | null {
  const text = read(file);
  if (text === null) return null;
  const parsed = readYaml({ path: file, text });
  if (!parsed.ok) return parsed;
  const drafts: Draft[] = [];
  const failures: Failure[] = [];
  for (const entry of items(parsed.value)) {
    const part = draftsOfEntry(entry, file, read, [...chain, file]);
    if (part.ok) drafts.push(...part.value);
    else failures.push(...part.failures);
  }
  return failures.length > 0 ? fail(...failures) : ok(drafts);
}

/** The steps of a layered image in order: from its playbook, or one for each of its `roles:`. */
export function drafts(image: Image, read: Read): Result<readonly Draft[]> {
  if (image.playbook === null) {
    const roles = image.roles.map(({ role, vars }) => ({ role, vars }));
    return ok(splitPlay({ hosts: 'all', roles }, image.file));
  }
  const path = join(image.root, image.playbook);
  const at = positionAt(image.file, '', 0);
  return (
    draftsOfPlaybook(path, read, []) ??
    fail({ code: 'reference-missing', at, kind: 'playbook', name: path, near: [] })
  );
}
