import { isTemplated, items, scalar, type YamlValue } from '../yaml.ts';
import { ROOTED } from './gather.ts';
import { fields, isList, isMapping } from './read-yaml.ts';

/** What a task repeats itself over, as far as the source says it. */
export type Loop =
  /** Every one of these values. */
  | { readonly kind: 'each'; readonly variable: string; readonly values: readonly YamlValue[] }
  /** The first of these paths that exists. */
  | { readonly kind: 'first'; readonly paths: readonly string[] }
  /** Every file that fits one of these patterns. */
  | { readonly kind: 'glob'; readonly patterns: readonly string[] }
  | { readonly kind: 'dynamic' };

/** What templates in a task can be resolved by. */
export interface Scope {
  /** Folder of the role. */
  readonly role?: string;
  /** Folder of the playbook. */
  readonly playbook?: string;
  readonly loop: Loop | null;
  /** `vars:` of the task. */
  readonly vars: YamlValue | null;
}

/** What a text stands for: in each choice the first name that exists counts. */
export interface Resolved {
  readonly choices: readonly { readonly names: readonly string[]; readonly optional: boolean }[];
  /** Whether part of it is known only when it runs. */
  readonly unknown: boolean;
}

const EXPRESSION = /\{\{[-+]?\s*([\s\S]*?)\s*[-+]?\}\}/g;
const QUOTED = /^(?:'([^'\\]*)'|"([^"\\]*)")$/;
const VARIABLE = /^(\w+)((?:\.\w+|\[\s*(?:'[^']*'|"[^"]*"|\d+)\s*\])*)$/;
const FIRST_FOUND = /^(?:lookup|query|q)\(\s*(['"])(?:ansible\.builtin\.)?first_found\1\s*,\s*(\w+)/;

/** Follows `.name`, `['name']` and `[0]` from a value; the text there, or null. */
function follow(value: YamlValue, path: string): string | null {
  let here: YamlValue | undefined = value;
  for (const [step] of path.matchAll(/\.\w+|\[[^\]]*\]/g)) {
    const key: string = step.startsWith('.')
      ? step.slice(1)
      : step
          .slice(1, -1)
          .trim()
          .replace(/^['"]|['"]$/g, '');
    here = here && isList(here) ? items(here)[Number(key)] : here && fields(here).get(key)?.value;
    if (!here) return null;
  }
  const text = scalar(here ?? null);
  return text === null || isTemplated(text) ? null : text;
}

function evaluate(
  expression: string,
  scope: Scope,
  item: { name: string; value: YamlValue } | null,
): string | null {
  const quoted = QUOTED.exec(expression);
  if (quoted) return quoted[1] ?? quoted[2] ?? '';
  const variable = VARIABLE.exec(expression);
  const [, name = '', path = ''] = variable ?? [];
  if (!variable) return null;
  if (item && name === item.name) return follow(item.value, path);
  if (name === 'role_path' && scope.role !== undefined) return `${ROOTED}${scope.role}`;
  if (name === 'playbook_dir' && scope.playbook !== undefined) return `${ROOTED}${scope.playbook}`;
  return null;
}

function fill(text: string, scope: Scope, item: { name: string; value: YamlValue } | null): string | null {
  if (text.includes('{%')) return null;
  let whole = true;
  const filled = text.replace(EXPRESSION, (_, expression: string) => {
    const value = evaluate(expression, scope, item);
    whole &&= value !== null;
    return value ?? '';
  });
  // A folder that stands behind other text makes no path that anybody could mean.
  return whole && filled.lastIndexOf(ROOTED) <= 0 ? filled : null;
}

/** The list of texts that a value holds, or null where it is no such list. */
function texts(value: YamlValue | undefined): readonly string[] | null {
  if (!value) return [];
  const list = isList(value) ? items(value) : [value];
  const found = list.map(scalar);
  return found.every((text) => text !== null) ? found : null;
}

/** The paths of `first_found`, in order: a list of files, or maps of `files` and `paths`. */
function firstFound(value: YamlValue): Loop {
  const entries = isList(value) ? items(value) : [value];
  const paths = entries.flatMap((entry): readonly (string | null)[] => {
    if (!isMapping(entry)) return [scalar(entry)];
    const given = fields(entry);
    const files = texts(given.get('files')?.value);
    const folders = texts(given.get('paths')?.value);
    if (!files || !folders) return [null];
    return folders.length === 0
      ? files
      : folders.flatMap((folder) => files.map((file) => `${folder}/${file}`));
  });
  return paths.every((path) => path !== null) ? { kind: 'first', paths } : { kind: 'dynamic' };
}

/** What a task loops over; null where it does not loop. */
export function loopOf(task: ReadonlyMap<string, { readonly value: YamlValue }>): Loop | null {
  const key = ['loop', ...Array.from(task.keys()).filter((name) => name.startsWith('with_'))].find((name) =>
    task.has(name),
  );
  const value = key === undefined ? undefined : task.get(key)?.value;
  if (key === undefined || !value) return null;
  const plugin = key.slice(key.lastIndexOf('.') + 1).replace(/^with_/, '');
  if (plugin === 'first_found') return firstFound(value);
  if (plugin === 'fileglob') return { kind: 'glob', patterns: texts(value) ?? [] };
  if (!isList(value) || !['loop', 'items', 'list', 'flattened', 'file', 'template'].includes(plugin))
    return { kind: 'dynamic' };
  const flat = plugin === 'items' || plugin === 'flattened';
  const values = items(value).flatMap((item) => (flat && isList(item) ? items(item) : [item]));
  const control = task.get('loop_control')?.value;
  const variable = control && scalar(fields(control).get('loop_var')?.value ?? null);
  return { kind: 'each', variable: variable ?? 'item', values };
}

function several(paths: readonly string[], scope: Scope): Resolved {
  const filled = paths.map((path) => (isTemplated(path) ? fill(path, scope, null) : path));
  const names = filled.filter((path) => path !== null);
  return {
    choices: names.length > 0 ? [{ names, optional: true }] : [],
    unknown: names.length < filled.length,
  };
}

/** The folder in which a pattern looks. */
const globFolder = (pattern: string): string =>
  pattern.slice(0, pattern.search(/[*?[]|$/)).replace(/[^/]*$/, '');

function globs(patterns: readonly string[], scope: Scope): Resolved {
  const all = patterns.map((pattern) => several([pattern], scope));
  const choices = all.flatMap((one) =>
    one.choices.map((choice) => ({ ...choice, names: choice.names.map(globFolder) })),
  );
  return { choices, unknown: patterns.length === 0 || all.some((one) => one.unknown) };
}

const only = (expression: string): string =>
  /^\{\{[-+]?\s*([\s\S]*?)\s*[-+]?\}\}$/.exec(expression.trim())?.[1] ?? '';

/** Resolves a text with templates: by a literal loop, `role_path`, `playbook_dir`, and quoted texts. */
export function resolve(text: string, scope: Scope): Resolved {
  if (!isTemplated(text)) return { choices: [{ names: [text], optional: false }], unknown: false };
  const { loop } = scope;
  const whole = only(text);
  const params = FIRST_FOUND.exec(whole)?.[2];
  const given = params !== undefined && scope.vars ? fields(scope.vars).get(params)?.value : undefined;
  const first = given ? firstFound(given) : loop;
  if (first?.kind === 'first' && (given || whole === 'item')) return several(first.paths, scope);
  if (loop?.kind === 'glob' && whole === 'item') return globs(loop.patterns, scope);
  const single = fill(text, scope, null);
  if (single !== null) return { choices: [{ names: [single], optional: false }], unknown: false };
  if (loop?.kind !== 'each') return { choices: [], unknown: true };
  const filled = loop.values.map((value) => fill(text, scope, { name: loop.variable, value }));
  const names = filled.filter((name) => name !== null);
  return {
    choices: names.map((name) => ({ names: [name], optional: false })),
    unknown: names.length < filled.length,
  };
}
