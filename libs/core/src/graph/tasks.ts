import { basename, join } from '../paths.ts';
import { items, positionOfValue, type YamlValue } from '../yaml.ts';
import { searchRole, searchTasks } from './ansible-search.ts';
import type { Facts, SourceFile } from './facts.ts';
import { factsOf, malformed, nothing, refer, startOf, unknown, type Text } from './gather.ts';
import { loopOf, resolve, type Resolved, type Scope } from './jinja.ts';
import { lookups } from './lookups.ts';
import { fields, isEmpty, isList, isMapping, isVault, readYaml } from './read-yaml.ts';
import { actionOf, type Action } from './task-args.ts';
import { FILE_MODULES, fileOf, loopFiles, type Step, type Task, type TaskWalk } from './task-files.ts';

const TASKS: readonly string[] = ['include_tasks', 'import_tasks', 'include'];
const ROLES: readonly string[] = ['include_role', 'import_role'];
const MODULES: ReadonlySet<string> = new Set([...FILE_MODULES, ...TASKS, ...ROLES]);
const LISTS = ['block', 'rescue', 'always'] as const;

/** Whether a role of this name may come from a galaxy or a collection. */
export const isForeignRole = (name: string): boolean => name.includes('.');

/** Puts a role down: by its name, or by the folders that a path may mean. */
export function referRole({ found, place }: TaskWalk, resolved: Resolved, text: Text, verb: string): void {
  if (resolved.unknown) unknown(found, text, 'which role this is');
  for (const name of resolved.choices.flatMap((choice) => choice.names)) {
    if (!name.includes('/')) {
      refer(found, {
        target: { to: 'project', kind: 'role', name },
        at: text.at,
        reason: `${verb} the role ${name}`,
        optional: isForeignRole(name),
      });
      continue;
    }
    const candidates = searchRole(place, name);
    if (candidates.length === 0) unknown(found, text, 'what is in a role outside of the workspace');
    refer(found, {
      target: { to: 'source', kind: 'role', candidates },
      at: text.at,
      reason: `${verb} the role ${basename(join(name))}`,
    });
  }
}

function roleOf({ module, named }: Action, step: Step): void {
  const text = named.get('name') ?? named.get('role');
  const verb = module === 'import_role' ? 'imports' : 'includes';
  if (text) referRole(step.walk, resolve(text.text, step.scope), text, verb);
}

function tasksOf(action: Action, { walk, scope, certain }: Step): void {
  const text = action.raw ?? action.named.get('file');
  if (!text) return;
  const { choices, unknown: open } = resolve(text.text, scope);
  if (open) unknown(walk.found, text, 'which tasks these are');
  const imports = action.module === 'import_tasks';
  const verb = imports ? 'imports' : 'includes';
  for (const { names, optional } of choices) {
    const candidates = names.flatMap((name) => searchTasks(walk.place, name));
    const target = { to: 'source', kind: 'tasks', candidates } as const;
    // A file that is imported must be there even where a condition keeps its tasks from running.
    const needed = certain || (imports && walk.place.playbook !== undefined);
    refer(walk.found, {
      target,
      at: text.at,
      reason: `${verb} the tasks ${names[0] ?? ''}`,
      optional: optional || !needed,
    });
  }
}

/** Whether a task's own keys leave it open that it runs, or that its failure counts. */
const isConditional = (task: Task): boolean =>
  ['when', 'ignore_errors', 'rescue'].some((key) => task.has(key));

function walkTask(value: YamlValue, walk: TaskWalk, certain: boolean): void {
  if (!isMapping(value)) {
    walk.found.failures.push(
      malformed(positionOfValue(value), 'Ansible', 'a task is a map, such as `name: …` and a module'),
    );
    return;
  }
  const task = fields(value);
  const runs = certain && !isConditional(task);
  const lists = LISTS.flatMap((key) => (task.get(key) ? [{ key, list: task.get(key)?.value }] : []));
  const scope: Scope = { ...walk.place, loop: loopOf(task), vars: task.get('vars')?.value ?? null };
  for (const { key, list } of lists) if (list) walkTasks(list, walk, runs && key !== 'rescue');
  const own = Array.from(task).filter(([key]) => !(LISTS as readonly string[]).includes(key));
  lookups(
    own.map(([, field]) => field.value),
    walk,
    scope,
  );
  if (lists.length > 0) return;
  const step: Step = { walk, scope, certain: runs };
  loopFiles(task, step);
  const action = actionOf(task, MODULES);
  if (!action) return;
  if (ROLES.includes(action.module)) roleOf(action, step);
  else if (TASKS.includes(action.module)) tasksOf(action, step);
  else fileOf(action, step);
}

/**
 * Walks a list of tasks, blocks included. `certain`: whether they run whatever happens. Without a known playbook nothing is
 * certain to be missing, since look-ups end in its folder.
 */
export function walkTasks(
  list: YamlValue,
  walk: TaskWalk,
  certain = walk.place.playbook !== undefined,
): void {
  if (isEmpty(list)) return;
  if (isList(list)) for (const task of items(list)) walkTask(task, walk, certain);
  else walk.found.failures.push(malformed(positionOfValue(list), 'Ansible', 'tasks are a list'));
}

/** What a file of tasks refers to: roles, further tasks, templates and other files. */
export function tasksFacts(
  source: SourceFile,
  where: { readonly role?: string; readonly playbook?: string },
): Facts {
  const found = nothing();
  if (isVault(source.text))
    unknown(
      found,
      { text: source.path, at: startOf(source.path, source.text) },
      'this file is encrypted: what it refers to',
    );
  else {
    const parsed = readYaml(source);
    if (parsed.ok) walkTasks(parsed.value, { place: { file: source.path, ...where }, found });
    else found.failures.push(...parsed.failures);
  }
  return factsOf(found);
}
