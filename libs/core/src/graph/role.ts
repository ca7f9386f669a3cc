import { basename, join, within } from '../paths.ts';
import { items, positionOfValue, scalar, type YamlValue } from '../yaml.ts';
import { merge, type Facts, type Reference, type SourceFile } from './facts.ts';
import { factsOf, malformed, nothing, refer, type Text } from './gather.ts';
import { resolve } from './jinja.ts';
import { lookups } from './lookups.ts';
import { roleEntry } from './playbook.ts';
import { fields, isEmpty, isList, isMapping, isVault, readYaml } from './read-yaml.ts';
import { referRole, tasksFacts } from './tasks.ts';
import type { TaskWalk } from './task-files.ts';

/** Folders of a role whose YAML files Ansible reads. */
export const ROLE_FOLDERS = ['tasks', 'handlers', 'meta', 'defaults', 'vars'] as const;

/** The name that `ansible-galaxy` gives a role by its source: the last part of an address, or the galaxy's name. */
function galaxyName(source: string): string {
  const [address = '', , name] = source.split(',');
  return name ?? basename(address.replace(/\/+$/, '')).replace(/\.git$|\.tar\.gz$/, '');
}

/** One of a role's dependencies: in any of the forms of roles, or those of a galaxy's requirements. */
function dependency(entry: YamlValue, walk: TaskWalk): void {
  const { found, place } = walk;
  const source = isMapping(entry) ? fields(entry).get('src')?.value : undefined;
  const from = source && scalar(source);
  const named = roleEntry(entry);
  if (typeof from === 'string' && source) {
    const text: Text = named ?? { text: galaxyName(from), at: positionOfValue(source) };
    refer(found, {
      target: { to: 'project', kind: 'role', name: galaxyName(text.text) },
      at: text.at,
      reason: `depends on the role ${galaxyName(text.text)}`,
      optional: true,
    });
  } else if (named) {
    const text = { ...named, text: named.text.includes(',') ? galaxyName(named.text) : named.text };
    referRole(walk, resolve(text.text, { ...place, loop: null, vars: null }), text, 'depends on');
  } else
    found.failures.push(
      malformed(positionOfValue(entry), 'Ansible', 'a dependency is a name, or a map with `role:`'),
    );
}

function metaFacts(root: string, source: SourceFile): Facts {
  const found = nothing();
  const parsed = readYaml(source);
  if (!parsed.ok) return factsOf({ ...found, failures: [...parsed.failures] });
  const list = fields(parsed.value).get('dependencies')?.value;
  if (!isEmpty(parsed.value) && !isMapping(parsed.value))
    found.failures.push(malformed(positionOfValue(parsed.value), 'Ansible', "a role's meta data are a map"));
  if (list && !isEmpty(list) && !isList(list))
    found.failures.push(malformed(positionOfValue(list), 'Ansible', '`dependencies` is a list'));
  if (list)
    for (const entry of items(list)) dependency(entry, { found, place: { file: source.path, role: root } });
  return factsOf(found);
}

/** A file of variables: only its look-ups refer to anything. */
function variablesFacts(
  source: SourceFile,
  where: { readonly role: string; readonly playbook?: string },
): Facts {
  const found = nothing();
  if (isVault(source.text)) return factsOf(found);
  const parsed = readYaml(source);
  if (!parsed.ok) return factsOf({ ...found, failures: [...parsed.failures] });
  lookups(
    [parsed.value],
    { place: { file: source.path, ...where }, found },
    { ...where, loop: null, vars: null },
  );
  return factsOf(found);
}

/** Leaves out what leads to another file of tasks of the role itself: all of them are read anyway. */
function isElsewhere(reference: Reference, root: string, own: ReadonlySet<string>): boolean {
  const { target } = reference;
  if (target.to !== 'source') return true;
  const first = target.candidates.find((path) => own.has(path) || !within(path, root));
  return first === undefined || !own.has(first);
}

/**
 * What a role refers to, from the YAML files in its `tasks`, `handlers`, `meta`, `defaults` and `vars`: the roles it depends
 * on and includes, tasks and files. `playbook` is the folder in which relative look-ups end.
 */
export function roleFacts(root: string, files: readonly SourceFile[], playbook?: string): Facts {
  const where = { role: root, ...(playbook === undefined ? {} : { playbook }) };
  const own = new Set(files.map((file) => file.path));
  const parts = files.map((file) => {
    const part = (root === '' ? file.path : file.path.slice(root.length + 1)).split('/')[0];
    if (part === 'tasks' || part === 'handlers') return tasksFacts(file, where);
    if (file.path === join(root, 'meta/main.yml') || file.path === join(root, 'meta/main.yaml'))
      return metaFacts(root, file);
    return variablesFacts(file, where);
  });
  const all = merge(parts);
  return {
    ...all,
    exists: true,
    references: all.references.filter((reference) => isElsewhere(reference, root, own)),
  };
}
