import { createHash } from 'node:crypto';
import {
  difference,
  type Action,
  type AttributeChange,
  type Json,
  type Mask as Shape,
  type ResourceChange,
  type Shown,
} from '@goldenthread/core';
import type { Mask } from './ansible-mask.ts';
import type { TaskRecord } from './ansible-records.ts';

type Fields = Readonly<Record<string, Json>>;

/** One of the differences that a module tells, as far as it is read here. */
interface Diff {
  readonly before?: Json;
  readonly after?: Json;
  readonly before_header?: string;
  readonly prepared?: string;
  /** Sizes, where Ansible shows no content because it is too long or no text. */
  readonly src_larger?: number;
  readonly dst_larger?: number;
  readonly src_binary?: number;
  readonly dst_binary?: number;
}

/** A result with its address, unique in its run. */
export interface Addressed {
  readonly address: string;
  readonly record: TaskRecord;
}

const LONGEST_ITEM = 80;
// A longer text is told by its hash: a plan is read by people.
const LONGEST_TEXT = 16_384;

/** Tasks that change nothing but the run itself. */
const OF_THE_RUN = new Set(['add_host', 'group_by', 'set_fact', 'set_stats', 'include_vars', 'meta']);

const isFields = (value: Json | undefined): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** `<host>: <role or play> : <task> (<item>)`; what happens under the same name again has its number. */
export function addressed(tasks: readonly TaskRecord[], mask: Mask): readonly Addressed[] {
  const seen = new Map<string, number>();
  return tasks.map((record) => {
    const { host, role, play, task, item } = record;
    const where = task.startsWith(`${role ?? play} : `) ? task : `${role ?? play} : ${task}`;
    const name = `${host}: ${where}${item === null ? '' : ` (${item.slice(0, LONGEST_ITEM)})`}`;
    const address = mask.clean(name).replace(/\s+/g, ' ').trim();
    const count = (seen.get(address) ?? 0) + 1;
    seen.set(address, count);
    return { address: count === 1 ? address : `${address} #${count}`, record };
  });
}

const diffsOf = ({ result }: TaskRecord): readonly Diff[] =>
  [result['diff'] ?? []].flat().filter((one): one is Diff => one !== null && typeof one === 'object');

const isNothing = (side: Json | undefined): boolean =>
  isFields(side)
    ? side['exists'] === false || side['state'] === 'absent' || Object.keys(side).length === 0
    : side === null || side === '';

/** What the module says that it did, in words: `Created network x`, or `{ removed: … }`. */
const saysOf = ({ result }: TaskRecord): string =>
  [result['actions'] ?? []]
    .flat()
    .map((one) => (typeof one === 'string' ? one : Object.keys(one ?? {}).join(' ')))
    .join('\n');

/** Whether the side of a difference is where nothing was (or will be); a text with a header is that of an empty file. */
const fromNothing = ({ before, after, before_header }: Diff): boolean =>
  before !== undefined && before_header === undefined && isNothing(before) && !isNothing(after);

function actionOf(record: TaskRecord): Action {
  const { asked, noted, state } = record;
  const diffs = diffsOf(record);
  if ((noted['state'] ?? state) === 'absent') return 'delete';
  if (diffs.some(fromNothing)) return 'create';
  if (diffs.length === 0 && asked['creates'] !== undefined) return 'create';
  if (diffs.some(({ before, after }) => isFields(after) && isNothing(after) && !isNothing(before)))
    return 'delete';
  const says = saysOf(record);
  return /^removed\b/im.test(says) && /^created\b/im.test(says) ? 'replace' : 'update';
}

/** Where in a value there is something that must not be shown. */
function shapeOf(value: Json | undefined, mask: Mask): Shape {
  if (value === undefined || !mask.hides(value)) return false;
  if (value === null || typeof value !== 'object') return true;
  const entries = Object.entries(value).map(([key, one]) => [key, shapeOf(one, mask)] as const);
  return entries.some(([, one]) => one !== false) ? Object.fromEntries(entries) : true;
}

function shortened(value: Json | undefined): Json | undefined {
  if (typeof value !== 'string' || value.length <= LONGEST_TEXT) return value;
  return `sha256:${createHash('sha256').update(value).digest('hex')} (${value.length} characters)`;
}

/** Members on both sides that may not be shown: what is hidden before is hidden after. */
function sidesOf(before: Json | undefined, after: Json | undefined, mask: Mask): readonly AttributeChange[] {
  const [shapeBefore, shapeAfter] = [shapeOf(before, mask), shapeOf(after, mask)];
  const hidden = shapeBefore === true || shapeAfter === true;
  return difference(
    { value: hidden ? before : shortened(before), sensitive: shapeBefore },
    { value: hidden ? after : shortened(after), sensitive: shapeAfter },
  );
}

const value = (json: Json): Shown => ({ is: 'value', value: json });

function unseen(diff: Diff, checksum: unknown): AttributeChange {
  const said = (binary: unknown, larger: unknown): Shown =>
    binary !== undefined ? value('(no text)') : larger !== undefined ? value('(too long)') : { is: 'absent' };
  const after = said(diff.src_binary, diff.src_larger);
  return {
    path: 'content',
    before: said(diff.dst_binary, diff.dst_larger),
    after: typeof checksum === 'string' ? value(`sha1:${checksum}`) : after,
    forces: false,
  };
}

function attributesOfDiff(diff: Diff, record: TaskRecord, mask: Mask): readonly AttributeChange[] {
  if (diff.prepared !== undefined) return named('diff', sidesOf(undefined, diff.prepared, mask));
  const { before, after } = diff;
  if ([diff.src_binary, diff.dst_binary, diff.src_larger, diff.dst_larger].some((one) => one !== undefined))
    return [unseen(diff, record.result['checksum'])];
  if (isFields(before) || isFields(after)) return sidesOf(before ?? {}, after ?? {}, mask);
  const nothing = fromNothing(diff);
  return named('content', sidesOf(nothing ? undefined : before, after, mask));
}

const named = (path: string, attributes: readonly AttributeChange[]): readonly AttributeChange[] =>
  attributes.map((one) => ({ ...one, path: one.path === '' ? path : one.path }));

/** What differs: from the module's differences, and from what the task asks for where they tell nothing or little. */
function attributesOf(record: TaskRecord, action: Action, mask: Mask): readonly AttributeChange[] {
  if (record.result['censored'] !== undefined)
    return [{ path: 'result', before: { is: 'sensitive' }, after: { is: 'sensitive' }, forces: false }];
  const told = diffsOf(record).flatMap((diff) => attributesOfDiff(diff, record, mask));
  if (told.length > 0 && action !== 'create') return told;
  const paths = new Set(told.map(({ path }) => path));
  return [...told, ...sidesOf({}, record.asked, mask).filter(({ path }) => !paths.has(path))];
}

/** The tags afterwards; null where the module knows none. */
function tagsOf({ noted }: TaskRecord, mask: Mask): Readonly<Record<string, string>> | null {
  const key = ['tags', 'labels'].find((one) => Object.hasOwn(noted, one));
  const tags = key === undefined ? undefined : noted[key];
  if (tags === undefined || (tags !== null && !isFields(tags))) return null;
  return Object.fromEntries(
    Object.entries(tags ?? {}).map(([name, tag]) => [
      name,
      mask.clean(typeof tag === 'string' ? tag : JSON.stringify(tag)),
    ]),
  );
}

/** The change that a result means; null where it changes nothing. */
export function changeOf({ address, record }: Addressed, mask: Mask): ResourceChange | null {
  const type = record.module;
  if (record.status !== 'changed' || OF_THE_RUN.has(type.replace('ansible.builtin.', ''))) return null;
  const action = actionOf(record);
  const gone = action === 'delete';
  const { region } = record.noted;
  return {
    address,
    type,
    action,
    attributes: gone
      ? []
      : attributesOf(record, action, mask).map((one) => ({ ...one, forces: action === 'replace' })),
    region: typeof region === 'string' ? mask.clean(region) : null,
    tags: gone ? null : tagsOf(record, mask),
  };
}

/** Whether a task was left out because Ansible cannot tell what it would do. */
export function isBlind({ status, result }: TaskRecord): boolean {
  if (status !== 'skipped') return false;
  const { msg, skip_reason, skipped_reason } = result as Readonly<Record<string, string | undefined>>;
  if (msg !== undefined) return /check[ _-]?mode/i.test(msg);
  return skip_reason === undefined && skipped_reason === undefined;
}

/** A task whose effect nobody can tell before it has run: it stands in the plan, so that an approval covers it. */
export const blindChange = ({ address, record }: Addressed): ResourceChange => ({
  address,
  type: record.module,
  action: 'read',
  attributes: [{ path: '(unchecked)', before: { is: 'absent' }, after: { is: 'unknown' }, forces: false }],
  region: null,
  tags: null,
});
