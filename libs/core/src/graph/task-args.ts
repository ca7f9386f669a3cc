import { positionOfValue, scalar, type YamlValue } from '../yaml.ts';
import type { Text } from './gather.ts';
import { fields, isMapping, type Field } from './read-yaml.ts';

/** What a task runs: the module's short name, and what it is given. */
export interface Action {
  readonly module: string;
  /** Free text, as in `import_tasks: install.yml`. */
  readonly raw: Text | null;
  readonly named: ReadonlyMap<string, Text>;
}

type Task = ReadonlyMap<string, Field>;

const OURS = /^(?:ansible\.(?:builtin|legacy|windows|posix)\.)?(?:win_)?/;

/** The short name of one of Ansible's own modules; other collections' modules keep their full name. */
export const shortName = (key: string): string => key.replace(OURS, '');

/** Words of a free-form argument: split at white space outside of quotes and templates. */
export function splitWords(text: string): readonly string[] {
  const words =
    text.match(/(?:\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s])+/g) ?? [];
  return [...words];
}

const unquote = (word: string): string => /^(['"])([\s\S]*)\1$/.exec(word)?.[2] ?? word;

/** `src=a dest=b` as members, and the words that are none. */
function parseWords(value: YamlValue): { raw: Text | null; named: Map<string, Text> } {
  const at = positionOfValue(value);
  const named = new Map<string, Text>();
  const rest: string[] = [];
  for (const word of splitWords(scalar(value) ?? '')) {
    const pair = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(word);
    if (pair) named.set(pair[1] ?? '', { text: unquote(pair[2] ?? ''), at });
    else rest.push(unquote(word));
  }
  return { raw: rest.length > 0 ? { text: rest.join(' '), at } : null, named };
}

function parseMap(value: YamlValue): Map<string, Text> {
  const named = new Map<string, Text>();
  for (const [key, field] of fields(value)) {
    const text = scalar(field.value);
    if (text !== null) named.set(key, { text, at: positionOfValue(field.value) });
  }
  return named;
}

/** The arguments of a module, in any of the forms that Ansible reads; `args:` of the task adds to them. */
function argumentsOf(value: YamlValue, task: Task): Omit<Action, 'module'> {
  const args = task.get('args');
  const more = args ? parseMap(args.value) : new Map<string, Text>();
  if (isMapping(value)) return { raw: null, named: new Map([...more, ...parseMap(value)]) };
  const { raw, named } = parseWords(value);
  return { raw, named: new Map([...more, ...named]) };
}

/** `action: template src=a` and `action: {module: template, src: a}`. */
function oldAction(value: YamlValue, task: Task): Action | null {
  if (isMapping(value)) {
    const module = scalar(fields(value).get('module')?.value ?? null);
    return module === null
      ? null
      : { module: shortName(splitWords(module)[0] ?? ''), ...argumentsOf(value, task) };
  }
  const { raw, named } = argumentsOf(value, task);
  const [module, ...rest] = splitWords(raw?.text ?? '');
  if (!raw || module === undefined) return null;
  return { module: shortName(module), raw: rest.length > 0 ? { ...raw, text: rest.join(' ') } : null, named };
}

/** What a task runs, if it is one of `modules`; null for all others. */
export function actionOf(task: Task, modules: ReadonlySet<string>): Action | null {
  for (const [key, field] of task) {
    if (key === 'action' || key === 'local_action') {
      const action = oldAction(field.value, task);
      return action && modules.has(action.module) ? action : null;
    }
    const module = shortName(key);
    if (modules.has(module)) return { module, ...argumentsOf(field.value, task) };
  }
  return null;
}

/** Whether an argument says yes, in any of YAML's and Ansible's spellings. */
export const says = (argument: Text | undefined, word: 'yes' | 'no'): boolean =>
  argument !== undefined &&
  (word === 'yes' ? /^(yes|true|on|y|t|1)$/i : /^(no|false|off|n|f|0)$/i).test(argument.text.trim());
