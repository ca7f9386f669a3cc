import { createHash } from 'node:crypto';
import {
  canonical,
  difference,
  fail,
  ok,
  shownOf,
  sortChanges,
  type Action,
  type AttributeChange,
  type Json,
  type Mask,
  type Outputs,
  type PlanContent,
  type ResourceChange,
  type Result,
  type Secret,
  type Shown,
} from '@goldenthread/core';
import { slowHash } from '../slow-hash.ts';
import { either, hiddenLeaves, secretOf, textsIn, veiled, type Veil } from '../terraform/veil.ts';

interface Change {
  readonly actions: readonly string[];
  readonly before?: Json;
  readonly after?: Json;
  readonly after_unknown?: Mask;
  readonly before_sensitive?: Mask;
  readonly after_sensitive?: Mask;
  readonly replace_paths?: readonly (readonly (string | number)[])[];
  readonly importing?: { readonly id?: string };
}

interface Resource {
  readonly address: string;
  readonly previous_address?: string;
  readonly deposed?: string;
  readonly type: string;
  readonly change: Change;
  readonly action_reason?: string;
}

/** What `show -json` says of a plan, as far as it is read. */
export interface PlanJson {
  readonly variables?: Readonly<Record<string, { readonly value?: Json }>>;
  readonly resource_changes?: readonly Resource[];
  readonly output_changes?: Readonly<Record<string, Change>>;
  readonly deferred_changes?: readonly { readonly reason?: string; readonly resource_change?: Resource }[];
  readonly configuration?: {
    readonly root_module?: {
      readonly variables?: Readonly<Record<string, { readonly sensitive?: boolean }>>;
    };
  };
}

/** A plan without secrets, and the outputs that are known. */
export interface Reduced {
  readonly content: PlanContent;
  readonly outputs: Outputs;
}

const ACTIONS: Readonly<Record<string, Action | null>> = {
  'no-op': null,
  create: 'create',
  read: 'read',
  update: 'update',
  delete: 'delete',
  'create delete': 'replace',
  // What is forgotten stays as it is and is only not managed any more.
  forget: 'forget',
  'create forget': 'replace',
};

const REASONS: Readonly<Record<string, string>> = {
  replace_because_tainted: 'it is tainted: an apply of it was broken off or failed',
  replace_by_request: 'it was asked for',
  replace_by_triggers: 'something that it is replaced with changes',
};

const NONE: Shown = { is: 'absent' };
const shown = (value: string | null): Shown => (value === null ? NONE : { is: 'value', value });

/** A change of what Terraform knows of a resource, beside its attributes. */
const remark = (
  path: string,
  before: string | null,
  after: string | null,
  forces = false,
): AttributeChange => ({
  path: `(${path})`,
  before: shown(before),
  after: shown(after),
  forces,
});

function remarks(
  { address, previous_address: previous, change, action_reason: reason }: Resource,
  veil: Veil,
): readonly AttributeChange[] {
  const { actions, importing, replace_paths: forcing = [] } = change;
  const replaces = actions.length > 1;
  const unexplained = replaces && forcing.length === 0;
  return [
    ...(previous === undefined || previous === address
      ? []
      : [remark('address', veil.over(previous), veil.over(address))]),
    ...(importing === undefined
      ? []
      : [remark('import', null, veil.over(importing.id ?? 'it is there already'))]),
    ...(actions.includes('forget')
      ? [remark('management', 'managed here', 'left as it is, not managed any more')]
      : []),
    ...(unexplained
      ? [remark('reason', null, REASONS[reason ?? ''] ?? reason ?? 'Terraform does not say why', true)]
      : []),
  ];
}

/** Whether a path of an attribute is one that forces a replacement, or lies below or above one. */
const forcedBy =
  ({ replace_paths: paths = [] }: Change) =>
  (path: readonly string[]): boolean =>
    paths.some((forcing) =>
      forcing
        .slice(0, path.length)
        .every((key, index) => path[index] === undefined || String(key) === path[index]),
    );

const masks = (
  { before, after, before_sensitive, after_sensitive }: Change,
  veil: Veil,
): { before: Mask; after: Mask } => ({
  before: either(before_sensitive, veiled(before, veil)),
  after: either(after_sensitive, veiled(after, veil)),
});

function attributes({ change }: Resource, veil: Veil): readonly AttributeChange[] {
  const hidden = masks(change, veil);
  // Null is how Terraform says that there is none.
  const before = { value: change.before ?? undefined, sensitive: hidden.before };
  const after = { value: change.after ?? undefined, sensitive: hidden.after, unknown: change.after_unknown };
  return difference(before, after, change.actions.length > 1 ? forcedBy(change) : undefined);
}

type Members = Readonly<Record<string, Json | undefined>>;

const membersOf = (value: Json | undefined): Members =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Members) : {};

const REGIONS = ['region', 'location', 'zone'];
// Providers keep what they add by default in the first and third.
const TAGS = ['tags_all', 'tags', 'effective_labels', 'labels'];

/** What a resource is afterwards (of one that goes: was), with what must not be shown of it. */
function lasting({ change }: Resource, veil: Veil): { members: Members; hidden: Members; unknown: Members } {
  const hidden = masks(change, veil);
  const gone = change.after === null || change.after === undefined;
  return {
    members: membersOf(gone ? change.before : change.after),
    hidden: membersOf((gone ? hidden.before : hidden.after) as Json),
    unknown: membersOf((gone ? {} : (change.after_unknown ?? {})) as Json),
  };
}

function regionOf(resource: Resource, veil: Veil): string | null {
  const { members, hidden } = lasting(resource, veil);
  const name = REGIONS.find((key) => typeof members[key] === 'string' && hidden[key] !== true);
  return name === undefined ? null : (members[name] as string);
}

function tagsOf(resource: Resource, veil: Veil): Readonly<Record<string, string>> | null {
  const { members, hidden, unknown } = lasting(resource, veil);
  const isMap = (value: Json | undefined): boolean =>
    value !== null && typeof value === 'object' && !Array.isArray(value);
  const name =
    TAGS.find((key) => isMap(members[key])) ??
    TAGS.find((key) => members[key] === null || (members[key] === undefined && unknown[key] === true));
  if (name === undefined) return null;
  const below = membersOf(hidden[name]);
  return Object.fromEntries(
    Object.entries(membersOf(members[name])).map(([key, value]) => [
      key,
      hidden[name] === true || below[key] === true
        ? '***'
        : typeof value === 'string'
          ? value
          : JSON.stringify(value),
    ]),
  );
}

function changeOf(resource: Resource, veil: Veil): Result<ResourceChange | null> {
  const { type, change, deposed } = resource;
  const said = change.actions.toSorted().join(' ');
  const planned = Object.hasOwn(ACTIONS, said) ? ACTIONS[said] : undefined;
  const address = veil.over(resource.address) + (deposed === undefined ? '' : ` (deposed ${deposed})`);
  if (planned === undefined)
    return fail({
      code: 'tool-failed',
      tool: 'reading the plan',
      detail: `the plan would "${said}" ${address}, and Goldenthread does not know what that does`,
    });
  const beside = remarks(resource, veil);
  const action = planned ?? (beside.length > 0 ? 'update' : null);
  if (action === null) return ok(null);
  const differing =
    action === 'delete' || change.actions.includes('forget') ? [] : attributes(resource, veil);
  return ok({
    address,
    type,
    action,
    attributes: [...beside, ...differing],
    region: regionOf(resource, veil),
    tags: tagsOf(resource, veil),
  });
}

const isKnown = ({ after, after_unknown: unknown }: Change): boolean =>
  shownOf({ value: after, unknown }).is !== 'unknown';

/** The outputs as they would be, and those of them that are known. */
function outputsOf(
  plan: PlanJson,
  veil: Veil,
): { shown: Record<string, Shown>; known: Map<string, Json | Secret> } {
  const left = Object.entries(plan.output_changes ?? {}).filter(
    ([, { actions }]) => !actions.includes('delete'),
  );
  const known = new Map<string, Json | Secret>();
  const all: [string, Shown][] = [];
  for (const [name, change] of left) {
    const sensitive = masks(change, veil).after;
    const as = shownOf({ value: change.after, sensitive, unknown: change.after_unknown });
    all.push([name, as]);
    const value = change.after ?? null;
    if (isKnown(change)) known.set(name, as.is === 'sensitive' ? secretOf(value) : value);
  }
  return { shown: Object.fromEntries(all), known };
}

interface Hidden {
  readonly of: string;
  readonly path: string;
  readonly value: Json;
}

/** All sensitive values that the plan leads to: of what changes, of outputs, and of variables. */
function hiddenValues(plan: PlanJson, veil: Veil): readonly Hidden[] {
  const from = (of: string, value: Json | undefined, mask: Mask): readonly Hidden[] =>
    hiddenLeaves(value, mask).map((one) => ({ of, ...one }));
  const declared = plan.configuration?.root_module?.variables ?? {};
  return [
    ...(plan.resource_changes ?? [])
      .filter(({ change }) => !change.actions.includes('no-op'))
      .flatMap(({ address, change }) => from(address, change.after, masks(change, veil).after)),
    ...Object.entries(plan.output_changes ?? {}).flatMap(([name, change]) =>
      from(`output ${name}`, change.after, masks(change, veil).after),
    ),
    ...Object.entries(plan.variables ?? {}).flatMap(([name, { value }]) =>
      from(`var ${name}`, value, declared[name]?.sensitive === true ? true : veiled(value, veil)),
    ),
  ];
}

/** A hash over what all variables are, wherever from: the environment and files of values are no part of the sources. Slow only where there is something to guess. */
function valuesOf(plan: PlanJson, veil: Veil): string | null {
  const declared = plan.configuration?.root_module?.variables ?? {};
  const values = Object.entries(plan.variables ?? {}).map(([name, { value = null }]) => ({
    name,
    value,
    isHidden: declared[name]?.sensitive === true || hiddenLeaves(value, veiled(value, veil)).length > 0,
  }));
  if (values.length === 0) return null;
  const of = (isHidden: boolean): Json =>
    Object.fromEntries(
      values.filter((one) => one.isHidden === isHidden).map(({ name, value }) => [name, value]),
    );
  const hidden = values.some((one) => one.isHidden) ? slowHash(canonical(of(true))) : null;
  return `sha256:${createHash('sha256')
    .update(canonical([of(false), hidden]))
    .digest('hex')}`;
}

/** Every text that the plan calls sensitive somewhere: it is that everywhere, in what was before too. */
export const sensitiveTexts = (plan: PlanJson): readonly string[] => {
  const changes = [
    ...(plan.resource_changes ?? []).map(({ change }) => change),
    ...Object.values(plan.output_changes ?? {}),
  ];
  const hidden = changes.flatMap((change) => [
    ...hiddenLeaves(change.before, change.before_sensitive),
    ...hiddenLeaves(change.after, change.after_sensitive),
  ]);
  const declared = plan.configuration?.root_module?.variables ?? {};
  const variables = Object.entries(plan.variables ?? {}).filter(
    ([name]) => declared[name]?.sensitive === true,
  );
  return [...hidden, ...variables.map(([, one]) => one)].flatMap(({ value }) => textsIn(value));
};

/** What Terraform would put off, in words; a plan that leaves something open is none. */
export const deferred = (plan: PlanJson): string | null => {
  const named = (plan.deferred_changes ?? []).map(
    ({ reason, resource_change: resource }) =>
      `${resource?.address ?? 'a resource'} (${reason ?? 'for no reason that it says'})`,
  );
  return named.length === 0 ? null : `Terraform puts off ${named.join(', ')}`;
};

/** Reduces a plan to what people read and rules judge; `state` names the state that it was made on. */
export function reduce(plan: PlanJson, state: string | null, veil: Veil): Result<Reduced> {
  const changes: ResourceChange[] = [];
  for (const resource of plan.resource_changes ?? []) {
    const change = changeOf(resource, veil);
    if (!change.ok) return change;
    if (change.value) changes.push(change.value);
  }
  const { shown: outputs, known } = outputsOf(plan, veil);
  const hidden = hiddenValues(plan, veil);
  const changedOutputs = Object.entries(plan.output_changes ?? {})
    .filter(([, { actions }]) => !actions.includes('no-op'))
    .map(([name]) => name);
  const secrets = hidden.map((one) => canonical({ ...one })).sort();
  return ok({
    content: {
      changes: sortChanges(changes),
      outputs,
      changedOutputs: changedOutputs.sort(),
      state,
      values: valuesOf(plan, veil),
      secrets: secrets.length === 0 ? null : slowHash(secrets.join('\n')),
    },
    outputs: known,
  });
}
