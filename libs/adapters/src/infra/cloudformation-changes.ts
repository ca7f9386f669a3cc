import type { ResourceChange as Change } from '@aws-sdk/client-cloudformation';
import type { Action, Json, ResourceChange } from '@goldenthread/core';
import { changed, contextOf, LATER, made, type Wording } from './cloudformation-attributes.ts';

/** What CloudFormation would do; where it cannot say, the gravest that it may do. */
export function actionOf({
  Action: action,
  Replacement: replacement,
  ResourceDriftStatus: drift,
}: Change): Action {
  if (action === 'Remove') return 'delete';
  if (action === 'Add' || drift === 'DELETED') return 'create';
  if (action === 'Dynamic') return 'replace';
  return replacement === 'True' || replacement === 'Conditional' ? 'replace' : 'update';
}

function tagsOf(change: Change, { tags, hidden }: Wording): Readonly<Record<string, string>> | null {
  const own = contextOf(change.AfterContext).Properties?.['Tags'];
  const pairs: readonly (readonly [string, Json])[] = Array.isArray(own)
    ? (own as readonly { readonly Key?: string; readonly Value?: Json }[]).map(
        ({ Key: key = '', Value: value = '' }) => [key, value],
      )
    : Object.entries((own ?? {}) as Readonly<Record<string, Json>>);
  if (own === undefined && Object.keys(tags).length === 0) return null;
  const text = (value: string): string =>
    value.includes(LATER) ? '(known after it was applied)' : hidden.holds(value) ? '***' : value;
  const all = [...Object.entries(tags), ...pairs];
  return Object.fromEntries(
    all.map(([key, value]) => [key, text(typeof value === 'string' ? value : JSON.stringify(value))]),
  );
}

/** What CloudFormation leaves open about a change, in words; null where it is sure. */
export function openEnd({
  Action: action,
  Replacement: replacement,
  PolicyAction: policy,
}: Change): string | null {
  if (action === 'Dynamic')
    return 'CloudFormation cannot say yet what it would do with it: it is shown as replaced';
  if (replacement === 'Conditional')
    return 'whether it is replaced is only decided while it is applied: it is shown as replaced';
  if (policy === 'Retain' || policy === 'ReplaceAndRetain')
    return 'what is there stays, and is managed by nobody then (its policy says Retain)';
  return null;
}

/** A change of CloudFormation in the neutral form. */
export function resourceChange(change: Change, wording: Wording): ResourceChange {
  const action = actionOf(change);
  const gone = action === 'delete';
  const attributes = gone
    ? []
    : (change.Details ?? []).length > 0
      ? changed(change, wording)
      : action === 'create'
        ? made(change, wording)
        : [];
  return {
    address: `${wording.prefix}${change.LogicalResourceId ?? ''}`,
    type: change.ResourceType ?? '',
    action,
    attributes,
    region: wording.region,
    tags: gone ? null : tagsOf(change, wording),
  };
}
