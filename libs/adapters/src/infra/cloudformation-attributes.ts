import type { ResourceChange as Change, ResourceChangeDetail } from '@aws-sdk/client-cloudformation';
import {
  difference,
  items,
  member,
  members,
  type AttributeChange,
  type Json,
  type Mask,
  type Shown,
  type YamlValue,
} from '@goldenthread/core';
import type { Hidden } from './cloudformation-parameters.ts';
import { intrinsic, references, section, type Template } from './cloudformation-template.ts';

/** What has to be known to word a change of CloudFormation. */
export interface Wording {
  /** What stands before the names of resources: the nested stacks they are in, with dots. */
  readonly prefix: string;
  readonly region: string;
  /** Tags of the stack, which CloudFormation hands on to what is in it. */
  readonly tags: Readonly<Record<string, string>>;
  readonly hidden: Hidden;
  /** Null where it is not at hand, as that of a nested stack. */
  readonly template: Pick<Template, 'value'> | null;
}

/** What CloudFormation puts where a value is only known later. */
export const LATER = '{{changeSet:KNOWN_AFTER_APPLY}}';

/** Whether the expression that a property comes from, or one that it is part of, refers to something hidden. */
export function fromHidden(
  { template, hidden }: Wording,
  resource: string,
  path: readonly string[],
): boolean {
  const declared = template && section(template, 'Resources').find(({ key }) => key === resource);
  let here: YamlValue | null = declared ? member(declared.value, 'Properties') : null;
  for (const part of path) {
    if (!here || intrinsic(here)) break;
    const next: YamlValue | null | undefined =
      members(here).find(({ key }) => key === part)?.value ?? items(here)[Number(part)];
    // What cannot be followed to its end is judged as a whole.
    if (!next) break;
    here = next;
  }
  return here !== null && references(here).some(({ name }) => hidden.names.has(name));
}

/** The shape of a value with `true` where a leaf passes a test. */
function masked(
  value: Json | undefined,
  test: (leaf: string, path: readonly string[]) => boolean,
  path: readonly string[] = [],
): Mask {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'object') return test(String(value), path);
  return Object.fromEntries(
    Object.entries(value as Readonly<Record<string, Json>>).map(([key, one]) => [
      key,
      masked(one, test, [...path, key]),
    ]),
  );
}

/** A resource as CloudFormation tells it beside a change, as far as it is of interest. */
export interface Context {
  readonly Properties?: Readonly<Record<string, Json>>;
}

/** The context that a change comes with; empty where it cannot be read. */
export function contextOf(text: string | undefined): Context {
  try {
    return (JSON.parse(text ?? '{}') ?? {}) as Context;
  } catch {
    // It was cut off, as large ones are: what is not known is not shown.
    return {};
  }
}

/** What a resource that is new will have. */
export function made(change: Change, wording: Wording): readonly AttributeChange[] {
  const { Properties: properties } = contextOf(change.AfterContext);
  const name = change.LogicalResourceId ?? '';
  const sensitive = masked(
    properties,
    (leaf, path) => wording.hidden.holds(leaf) || fromHidden(wording, name, path),
  );
  const unknown = masked(properties, (leaf) => leaf.includes(LATER));
  return properties === undefined || Object.keys(properties).length === 0
    ? []
    : difference({ value: undefined }, { value: properties, sensitive, unknown });
}

/** A value as CloudFormation writes it: objects and lists as JSON. */
export function valueOf(text: string): Json {
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** A pointer such as `/Properties/Tags/0/Value` as names and indexes, those of properties without the word before them. */
export function pathOf(pointer: string): readonly string[] {
  const parts = pointer.split('/').filter((part) => part !== '');
  const names = parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names[0] === 'Properties' ? names.slice(1) : names;
}

const targetPath = ({ Target: target }: ResourceChangeDetail): readonly string[] => {
  if (target?.Path !== undefined) return pathOf(target.Path);
  return target?.Attribute === 'Properties'
    ? [target.Name ?? 'Properties']
    : [target?.Attribute ?? 'Properties'];
};

const shown = (text: string | undefined, otherwise: Shown, hides: (text: string) => boolean): Shown =>
  text === undefined
    ? otherwise
    : hides(text)
      ? { is: 'sensitive' }
      : text.includes(LATER)
        ? { is: 'unknown' }
        : { is: 'value', value: valueOf(text) };

const UNKNOWN: Shown = { is: 'unknown' };
const ABSENT: Shown = { is: 'absent' };

/** All that CloudFormation says of one attribute, as one change: it says it once for each reason. */
function attribute(
  details: readonly ResourceChangeDetail[],
  path: readonly string[],
  hides: (text: string) => boolean,
): AttributeChange {
  const targets = details.flatMap(({ Target: target }) => target ?? []);
  const kind = targets.find((target) => target.AttributeChangeType !== undefined)?.AttributeChangeType;
  const before = targets.find((target) => target.BeforeValue !== undefined)?.BeforeValue;
  const after = targets.find((target) => target.AfterValue !== undefined)?.AfterValue;
  return {
    path: path.join('.'),
    before: shown(before, kind === 'Add' ? ABSENT : UNKNOWN, hides),
    after: shown(after, kind === 'Remove' ? ABSENT : UNKNOWN, hides),
    forces: targets.some(({ RequiresRecreation: when = 'Never' }) => when !== 'Never'),
  };
}

/** What of a resource would be another, attribute by attribute. */
export function changed(change: Change, wording: Wording): readonly AttributeChange[] {
  const groups = new Map<
    string,
    { readonly path: readonly string[]; readonly details: ResourceChangeDetail[] }
  >();
  for (const detail of change.Details ?? []) {
    const path = targetPath(detail);
    const group = groups.get(path.join('.')) ?? { path, details: [] };
    group.details.push(detail);
    groups.set(path.join('.'), group);
  }
  const name = change.LogicalResourceId ?? '';
  return [...groups.values()]
    .map(({ path, details }) => {
      const hidden =
        fromHidden(wording, name, path) ||
        details.some(({ CausingEntity: cause }) => cause !== undefined && wording.hidden.names.has(cause));
      return attribute(details, path, (text) => hidden || wording.hidden.holds(text));
    })
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
