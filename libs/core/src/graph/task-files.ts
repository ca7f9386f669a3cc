import { items, positionOfValue, scalar } from '../yaml.ts';
import { searchFile, type Place } from './ansible-search.ts';
import { refer, unknown, type Found, type Text } from './gather.ts';
import { resolve, type Scope } from './jinja.ts';
import type { Field } from './read-yaml.ts';
import { says, splitWords, type Action } from './task-args.ts';

/** A list of tasks on its way into facts. */
export interface TaskWalk {
  readonly place: Place;
  readonly found: Found;
}

/** A task by its keys. */
export type Task = ReadonlyMap<string, Field>;

/** One task with what is needed to resolve its templates. */
export interface Step {
  readonly walk: TaskWalk;
  readonly scope: Scope;
  /** Whether it certainly runs: then a missing file is a failure. */
  readonly certain: boolean;
}

const FOLDERS = { template: 'templates', include_vars: 'vars' } as const;
/** Modules that read a file of the machine that runs Ansible. */
export const FILE_MODULES = [
  'template',
  'copy',
  'script',
  'unarchive',
  'assemble',
  'uri',
  'patch',
  'synchronize',
  'include_vars',
] as const;
/** The argument that names the file, if it is a file of the machine that runs Ansible. */
function sourceOf({ module, raw, named }: Action): Text | undefined {
  if (module === 'include_vars') return raw ?? named.get('file') ?? named.get('dir');
  if (module === 'script') {
    const line = raw ?? named.get('cmd');
    return line && { ...line, text: splitWords(line.text)[0] ?? '' };
  }
  const remote =
    module === 'assemble' ? !says(named.get('remote_src'), 'no') : says(named.get('remote_src'), 'yes');
  if (remote || says(named.get('copy'), 'no') || named.get('mode')?.text === 'pull') return undefined;
  return named.get('src');
}

/** Puts down the file that a module reads. */
export function fileOf(action: Action, { walk, scope, certain }: Step): void {
  const text = sourceOf(action);
  if (!text || text.text === '') return;
  const { choices, unknown: open } = resolve(text.text, scope);
  if (open) unknown(walk.found, text, 'which file this is');
  const kind =
    action.module === 'template' || action.module === 'include_vars' ? FOLDERS[action.module] : 'files';
  const lenient = !certain || action.module === 'include_vars' || action.module === 'synchronize';
  const what = { templates: 'the template', vars: 'variables from', files: 'the file' }[kind];
  for (const { names, optional } of choices) {
    const candidates = names.flatMap((name) => searchFile(walk.place, kind, name));
    refer(walk.found, {
      target: { to: 'file', candidates },
      at: text.at,
      reason: `uses ${what} ${(names[0] ?? '').replace('\0', '')}`,
      optional: optional || lenient,
    });
  }
}

/** `with_file` and `with_template` read their items as files. */
export function loopFiles(task: Task, { walk, scope }: Step): void {
  for (const [key, kind] of [
    ['with_file', 'files'],
    ['with_template', 'templates'],
  ] as const) {
    const list = task.get(key)?.value;
    for (const item of list ? items(list) : []) {
      const text = { text: scalar(item) ?? '', at: positionOfValue(item) };
      const { choices, unknown: open } = resolve(text.text, { ...scope, loop: null });
      if (open) unknown(walk.found, text, 'which file this is');
      for (const name of choices.flatMap((choice) => choice.names))
        refer(walk.found, {
          target: { to: 'file', candidates: searchFile(walk.place, kind, name) },
          at: text.at,
          reason: `uses the file ${name}`,
          optional: true,
        });
    }
  }
}
