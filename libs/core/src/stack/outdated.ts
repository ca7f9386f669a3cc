import { canonical, type Json } from '../canonical.ts';
import {
  isEmpty,
  isUnchecked,
  type AttributeChange,
  type Preview,
  type ResourceChange,
  type Shown,
} from './plan.ts';

/** Why an approved plan does not hold any more: what moved, and how in words. */
export interface Outdated {
  readonly what: 'sources' | 'inputs' | 'state' | 'plan';
  readonly detail: string;
}

const text = (value: unknown): string => canonical(value as Json);

const short = (sha: string | undefined): string => (sha === undefined ? 'no commit' : sha.slice(0, 10));

function changedInputs(approved: Preview, now: Preview): readonly string[] {
  const [before, after] = [approved, now].map(
    ({ inputs }) => new Map(inputs.map((input) => [input.name, input])),
  );
  const names = new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])]);
  return [...names].sort().flatMap((name) => {
    const [old, fresh] = [before?.get(name), after?.get(name)];
    if (old && fresh && text(old.value) === text(fresh.value)) return [];
    return [`${name}: was ${old?.from ?? 'not given'}, is ${fresh?.from ?? 'not given'}`];
  });
}

const key = (change: ResourceChange): string => text(change);

function changedChanges(approved: Preview, now: Preview): readonly string[] {
  const [before, after] = [new Set(approved.changes.map(key)), new Set(now.changes.map(key))];
  const fresh = now.changes.filter((change) => !before.has(key(change)));
  const gone = approved.changes.filter((change) => !after.has(key(change)));
  return [
    ...fresh.map(({ address, action }) => `would now ${action} ${address}`),
    ...gone
      .filter(({ address }) => !fresh.some((change) => change.address === address))
      .map(({ address, action }) => `would not ${action} ${address} any more`),
  ];
}

/** What moved since a plan was approved; empty where it still holds, word for word. */
export function outdated(approved: Preview, now: Preview): readonly Outdated[] {
  if (approved.digest === now.digest) return [];
  const moved: Outdated[] = [];
  if (approved.sources !== now.sources)
    moved.push({
      what: 'sources',
      detail: `its files are others than at ${short(approved.commit?.sha)}, where it was planned (this is ${short(now.commit?.sha)})`,
    });
  const inputs = changedInputs(approved, now);
  if (inputs.length > 0)
    moved.push({ what: 'inputs', detail: `its inputs are others: ${inputs.join('; ')}` });
  if (approved.base !== now.base)
    moved.push({ what: 'state', detail: 'something was applied there since, or an apply of it has begun' });
  if (approved.state !== now.state)
    moved.push({
      what: 'state',
      detail: `its state has moved from ${approved.state ?? 'none'} to ${now.state ?? 'none'}`,
    });
  const changes = changedChanges(approved, now);
  if (changes.length > 0 || approved.aim !== now.aim)
    moved.push({ what: 'plan', detail: changes.join('; ') || `it is to ${now.aim} now` });
  if (moved.length > 0) return moved;
  return [{ what: 'plan', detail: 'a sensitive value, an output or the engine is another' }];
}

const ABSENT: Shown = { is: 'absent' };

/** Whether a value is the one that was approved. What only the apply could show may be anything now. */
const isThat = (approved: Shown | undefined, now: Shown | undefined): boolean =>
  approved?.is === 'unknown' || text(approved ?? ABSENT) === text(now ?? ABSENT);

/** The approved attribute of this path, or the unknown one above it that has become this one among others. */
const approvedAt = (path: string, approved: readonly AttributeChange[]): AttributeChange | undefined =>
  approved.find((one) => one.path === path) ??
  approved.find((one) => one.after.is === 'unknown' && (one.path === '' || path.startsWith(`${one.path}.`)));

/** Whether a resource gets what was approved for it: nothing else, and all of that. */
function getsThat(change: ResourceChange, of: ResourceChange): boolean {
  const halfDone = change.action !== of.action;
  const now = new Map(change.attributes.map((one) => [one.path, one]));
  const nothingElse = change.attributes.every((one) => {
    const approved = approvedAt(one.path, of.attributes);
    // A resource that is made anew has attributes that the replacement did not change, and none before.
    if (!approved) return halfDone;
    const before = halfDone || approved.path !== one.path || text(approved.before) === text(one.before);
    return before && isThat(approved.after, one.after);
  });
  return nothingElse && of.attributes.every((one) => isThat(one.after, now.get(one.path)?.after));
}

/** Whether what was half made is made anew: what is there of it is what was approved to be made, and so is what comes in its place. */
const isMadeAnew = (change: ResourceChange, of: ResourceChange): boolean =>
  change.attributes.every(({ path, before, after }) => {
    const approved = approvedAt(path, of.attributes);
    if (path === '(reason)') return true;
    if (!approved) return after.is === 'unknown' || after.is === 'absent';
    return (before.is === 'absent' || isThat(approved.after, before)) && isThat(approved.after, after);
  });

/** Whether its engine makes it anew for a reason of its own, such as a taint. */
const hasReason = ({ attributes }: ResourceChange): boolean =>
  attributes.some(({ path }) => path === '(reason)');

/** Whether a change is one of the approved, or the second half of one: of a replacement whose old resource is gone, of a resource that was half made. */
function isPart(change: ResourceChange, approved: readonly ResourceChange[]): boolean {
  // To look at something changes nothing. What could not be checked may change anything.
  if (change.action === 'read' && !isUnchecked(change)) return true;
  const of = approved.find(({ address }) => address === change.address);
  if (!of || of.type !== change.type) return false;
  const wasMade = of.action === 'create' || (of.action === 'replace' && hasReason(change));
  const isRest =
    (wasMade && change.action === 'replace' && isMadeAnew(change, of)) ||
    (((of.action === 'replace' && change.action === 'create') || of.action === change.action) &&
      getsThat(change, of));
  return (
    isRest &&
    (of.region === null || of.region === change.region) &&
    (of.tags === null || text(of.tags) === text(change.tags))
  );
}

const isHidden = ({ is }: Shown): boolean => is === 'sensitive';

/** Whether a plan would set a secret that may be another than the approved one: the hash over all of them is all there is to compare. */
const mayHideAnother = (approved: Preview, { secrets, inputs, changes }: Preview): boolean =>
  secrets !== approved.secrets &&
  (inputs.some(({ value }) => isHidden(value)) ||
    changes.some(({ attributes }) => attributes.some(({ after }) => isHidden(after))));

/** Whether a plan is what was left of an approved one when its apply was broken off: the same sources and inputs, and no change that was not approved. */
export const isRemainder = (approved: Preview, now: Preview): boolean =>
  approved.sources === now.sources &&
  approved.aim === now.aim &&
  approved.engine === now.engine &&
  approved.environment === now.environment &&
  approved.stack === now.stack &&
  text(approved.images) === text(now.images) &&
  changedInputs(approved, now).length === 0 &&
  !mayHideAnother(approved, now) &&
  !isEmpty(now) &&
  now.changedOutputs.every((name) => approved.changedOutputs.includes(name)) &&
  Object.entries(now.outputs).every(([name, value]) => isThat(approved.outputs[name], value)) &&
  now.changes.every((change) => isPart(change, approved.changes));
