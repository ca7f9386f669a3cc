import { canonical, type Json } from '../canonical.ts';
import type { Hash } from '../bake/fingerprint.ts';
import { Secret } from '../secret.ts';

/** A value as it may be shown. `absent`: there is none; `unknown`: only known after it was applied. */
export type Shown =
  | { readonly is: 'value'; readonly value: Json }
  | { readonly is: 'sensitive' }
  | { readonly is: 'unknown' }
  | { readonly is: 'absent' };

/** What would become of one attribute. */
export interface AttributeChange {
  /** Names and indexes with dots: `input.zones.0`. In parentheses what is no attribute: `(reason)` is the engine's word for why. */
  readonly path: string;
  readonly before: Shown;
  readonly after: Shown;
  /** This change is why the resource has to be replaced. */
  readonly forces: boolean;
}

/**
 * What an engine would do to a resource. `replace` ends the old one and makes a new one, in whatever order; `forget` leaves it
 * where it is and manages it no more; `read` only looks.
 */
export type Action = 'create' | 'update' | 'replace' | 'delete' | 'forget' | 'read';

/** What would become of one resource; a resource that stays as it is has none. */
export interface ResourceChange {
  /** As the engine names it, unique in the stack: `module.fleet.terraform_data.machine["edge-1"]`. */
  readonly address: string;
  /** `aws_instance`, `community.docker.docker_network`, `AWS::EC2::Instance`, `apps/v1/Deployment`. */
  readonly type: string;
  readonly action: Action;
  /** What differs, by path. Of a deleted resource none. */
  readonly attributes: readonly AttributeChange[];
  /** Where it lies afterwards; null where that is not known, or it lies nowhere in particular. */
  readonly region: string | null;
  /** Its tags (labels) afterwards; null where its type has none. */
  readonly tags: Readonly<Record<string, string>> | null;
}

/** What an engine answers: all that it would do, free of secrets. */
export interface PlanContent {
  /** By address. */
  readonly changes: readonly ResourceChange[];
  /** As they would be afterwards, by name. */
  readonly outputs: Readonly<Record<string, Shown>>;
  /** Names of outputs that would be others than now. */
  readonly changedOutputs: readonly string[];
  /** Names the state that this was made on: the first word which one, the rest its revision. Null where there is none. */
  readonly state: string | null;
  /** A slow hash over the values of all variables, wherever they come from; null where the engine knows only what it is given. */
  readonly values: string | null;
  /** A slow hash over all sensitive values in it, so that a change of one shows; null where there are none. */
  readonly secrets: string | null;
}

/** What a variable gets, and from where in words: "the default of edge, 1.4.1". */
export interface Input {
  readonly value: Json | Secret;
  readonly from: string;
}

/** Variables by name. */
export type Inputs = ReadonlyMap<string, Input>;

/** Outputs by name: those whose value is known. */
export type Outputs = ReadonlyMap<string, Json | Secret>;

/** What a preview is for. */
export type Aim = 'apply' | 'destroy';

/** The plan of one stack in one environment, as data: what people read, rules judge, and an approval names by its digest. */
export interface Preview extends PlanContent {
  readonly schema: 1;
  readonly stack: string;
  readonly environment: string;
  readonly engine: string;
  readonly aim: Aim;
  /** Hash of all files that the stack is made of. */
  readonly sources: string;
  /** Null outside git. Dirty: files differed from it. */
  readonly commit: { readonly sha: string; readonly dirty: boolean } | null;
  readonly inputs: readonly { readonly name: string; readonly value: Shown; readonly from: string }[];
  /** Images whose version it was given, by name. */
  readonly images: Readonly<Record<string, { readonly version: string; readonly digest: string }>>;
  /** What was applied there last, of which this would be the next; null: nothing. */
  readonly base: string | null;
  readonly time: string;
  /** Over everything above that matters: not over words, the commit's name and the time. */
  readonly digest: string;
}

/** The digest of a plan: equal where the same sources, inputs, state and secrets lead to the same changes. */
export function planDigest(plan: Omit<Preview, 'digest'>, hash: Hash): string {
  const { commit: _commit, time: _time, inputs, ...rest } = plan;
  const given = inputs.map(({ name, value }) => ({ name, value }));
  // A plan is made of JSON throughout, which an interface cannot say of itself.
  return hash(canonical({ ...rest, inputs: given } as unknown as Json));
}

/** Whether a plan would change nothing: no resource, and no output. */
export const isEmpty = ({ changes, changedOutputs }: PlanContent): boolean =>
  changedOutputs.length === 0 && changes.every(({ action }) => action === 'read');

/** How many resources each action is for. */
export function countActions(changes: readonly ResourceChange[]): Readonly<Record<Action, number>> {
  const count = (action: Action): number => changes.filter((change) => change.action === action).length;
  return {
    create: count('create'),
    update: count('update'),
    replace: count('replace'),
    delete: count('delete'),
    forget: count('forget'),
    read: count('read'),
  };
}

/** The changes in the order that is the same in every run. */
export const sortChanges = (changes: readonly ResourceChange[]): readonly ResourceChange[] =>
  changes.toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));

/** Plain values by name for what needs them, such as a file of values: secrets are revealed, so the result must go nowhere else. */
export const revealed = (inputs: Inputs): Readonly<Record<string, Json>> =>
  Object.fromEntries(
    Array.from(inputs, ([name, { value }]) => [name, value instanceof Secret ? value.reveal() : value]),
  );

/** Whether two names of states name the same state, in whatever revision. */
export const isSameState = (a: string, b: string): boolean => a.split(' ')[0] === b.split(' ')[0];

/** Whether an engine cannot say what it would do here, such as a command that Ansible cannot run in check mode. */
export const isUnchecked = ({ action, attributes }: ResourceChange): boolean =>
  action === 'read' && attributes.some(({ path }) => path === '(unchecked)');
