import { folder, join } from '../paths.ts';
import { items, positionOfValue, scalar, scalars, type YamlValue } from '../yaml.ts';
import { searchFile, type Place } from './ansible-search.ts';
import type { Facts, SourceFile } from './facts.ts';
import { factsOf, isOutside, malformed, nothing, refer, startOf, unknown, type Text } from './gather.ts';
import { resolve, type Scope } from './jinja.ts';
import { lookups } from './lookups.ts';
import { fields, isEmpty, isList, isMapping, isVault, readYaml, type Field } from './read-yaml.ts';
import { shortName, splitWords } from './task-args.ts';
import { referRole, walkTasks } from './tasks.ts';
import type { TaskWalk } from './task-files.ts';

type Play = ReadonlyMap<string, Field>;

const TASK_LISTS = ['pre_tasks', 'tasks', 'post_tasks', 'handlers'] as const;
const COLLECTION_PLAYBOOK = /^\w+\.\w+\.\w+$/;

const textOf = (value: YamlValue, text: string): Text => ({ text, at: positionOfValue(value) });

/** The name of one entry of `roles:` (or of a role's dependencies), and where it stands. */
export function roleEntry(entry: YamlValue): Text | null {
  const named = isMapping(entry) ? (fields(entry).get('role') ?? fields(entry).get('name'))?.value : entry;
  const name = named && scalar(named);
  return typeof name === 'string' && named ? textOf(named, name) : null;
}

function roles(play: Play, walk: TaskWalk, scope: Scope): void {
  const list = play.get('roles')?.value;
  if (!list || isEmpty(list)) return;
  if (!isList(list))
    walk.found.failures.push(malformed(positionOfValue(list), 'Ansible', '`roles` is a list'));
  for (const entry of items(list)) {
    const role = roleEntry(entry);
    if (role) referRole(walk, resolve(role.text, scope), role, 'uses');
    else
      walk.found.failures.push(
        malformed(positionOfValue(entry), 'Ansible', 'a role is a name, or a map with `role:`'),
      );
  }
}

/** `vars_files`: each entry a file, or a list of which the first that exists counts. */
function varsFiles(play: Play, walk: TaskWalk, scope: Scope): void {
  const list = play.get('vars_files')?.value;
  if (!list) return;
  for (const entry of isList(list) ? items(list) : [list]) {
    const paths = scalars(entry).map(({ text, at }) => ({
      text: { text, at },
      resolved: resolve(text, scope),
    }));
    for (const { text, resolved } of paths)
      if (resolved.unknown) unknown(walk.found, text, 'which file of variables this is');
    const names = paths.flatMap(({ resolved }) => resolved.choices.flatMap((choice) => choice.names));
    const candidates = names.flatMap((name) => searchFile(walk.place, 'vars', name));
    const [first] = paths;
    if (!first || names.length === 0) continue;
    refer(walk.found, {
      target: { to: 'file', candidates },
      at: first.text.at,
      reason: `takes variables from ${names[0] ?? ''}`,
      optional: names.length < paths.length,
    });
  }
}

function imports(value: YamlValue, walk: TaskWalk, scope: Scope): void {
  const [path = ''] = splitWords(scalar(value) ?? '');
  const text = textOf(value, path);
  const { choices, unknown: open } = resolve(path, scope);
  if (open) unknown(walk.found, text, 'which playbook this is');
  if (path === '')
    walk.found.failures.push(malformed(text.at, 'Ansible', 'an imported playbook is named by its path'));
  for (const name of choices.flatMap((choice) => choice.names)) {
    if (name === '') continue;
    const local = name.startsWith('\0') ? join(name.slice(1)) : join(folder(walk.place.file), name);
    const candidates = isOutside(name) ? [] : [local];
    refer(walk.found, {
      target: { to: 'source', kind: 'playbook', candidates },
      at: text.at,
      reason: `imports the playbook ${name}`,
      optional: COLLECTION_PLAYBOOK.test(name),
    });
  }
}

function walkPlay(value: YamlValue, walk: TaskWalk): void {
  if (!isMapping(value)) {
    walk.found.failures.push(
      malformed(positionOfValue(value), 'Ansible', 'a play is a map with `hosts:`, or an `import_playbook:`'),
    );
    return;
  }
  const play = fields(value);
  const { place } = walk;
  const scope: Scope = { ...place, loop: null, vars: play.get('vars')?.value ?? null };
  const imported = Array.from(play).find(
    ([key]) => shortName(key) === 'import_playbook' || (key === 'include' && !play.has('hosts')),
  );
  if (imported) imports(imported[1].value, walk, scope);
  const rest = Array.from(play).filter(([key]) => !(TASK_LISTS as readonly string[]).includes(key));
  lookups(
    rest.map(([, field]) => field.value),
    walk,
    scope,
  );
  roles(play, walk, scope);
  varsFiles(play, walk, scope);
  for (const key of TASK_LISTS) {
    const list = play.get(key)?.value;
    // Handlers run only where something notifies them.
    if (list) walkTasks(list, walk, key !== 'handlers');
  }
}

/** What a playbook refers to: roles, other playbooks, files of variables, and all that its tasks do. */
export function playbookFacts(source: SourceFile): Facts {
  const found = nothing();
  const start = startOf(source.path, source.text);
  if (isVault(source.text)) {
    unknown(found, { text: source.path, at: start }, 'this playbook is encrypted: what it refers to');
    return factsOf(found);
  }
  const parsed = readYaml(source);
  if (!parsed.ok) return factsOf({ ...found, failures: [...parsed.failures] });
  const place: Place = { file: source.path, playbook: folder(source.path) };
  if (isList(parsed.value)) for (const play of items(parsed.value)) walkPlay(play, { place, found });
  else
    found.failures.push(malformed(positionOfValue(parsed.value), 'Ansible', 'a playbook is a list of plays'));
  return factsOf(found);
}
