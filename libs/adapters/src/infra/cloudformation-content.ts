import {
  sortChanges,
  type Call,
  type Outputs,
  type PlanContent,
  type ResourceChange,
} from '@goldenthread/core';
import type { Wording } from './cloudformation-attributes.ts';
import type { NestedChange } from './cloudformation-change-set.ts';
import { openEnd, resourceChange } from './cloudformation-changes.ts';
import { revisionOf, type Target } from './cloudformation-client.ts';
import { outputsThere, shownOutputs, type Deployed } from './cloudformation-deployed.ts';
import { plannedOutputs } from './cloudformation-outputs.ts';
import type { Parameters } from './cloudformation-parameters.ts';
import type { Source } from './cloudformation-source.ts';

function worded(
  changes: readonly NestedChange[],
  wording: Omit<Wording, 'prefix'>,
  say: (text: string) => void,
): readonly ResourceChange[] {
  return changes.map(({ within, change }) => {
    const prefix = within.map((name) => `${name}.`).join('');
    const worded = resourceChange(change, {
      ...wording,
      prefix,
      template: within.length === 0 ? wording.template : null,
    });
    const open = openEnd(change);
    if (open !== null) say(`${worded.address}: ${open}`);
    return worded;
  });
}

/** What a plan says, and the outputs that are known of it. */
export interface Worded {
  readonly content: PlanContent;
  readonly outputs: Outputs;
}

/** The plan where CloudFormation has nothing to do: all stays as it is. */
export function untouched(now: Deployed | null, parameters: Parameters): Worded {
  const outputs: Outputs = now ? outputsThere(now) : new Map();
  return {
    content: {
      changes: [],
      outputs: shownOutputs(outputs),
      changedOutputs: [],
      state: revisionOf(now?.there ?? null),
      values: null,
      secrets: parameters.hidden.hash,
    },
    outputs,
  };
}

/** What is known before a change set is asked for. */
export interface Known {
  readonly source: Source;
  readonly parameters: Parameters;
  readonly region: string;
  readonly now: Deployed | null;
}

/** Tags of the stack as they are declared, those that its template comes with among them; null where none are. */
export function declaredTags(target: Target, source: Source): Readonly<Record<string, string>> | null {
  const { tags } = target.order.stack.cloudformation;
  return tags === undefined && Object.keys(source.tags).length === 0 ? null : { ...source.tags, ...tags };
}

const tagsThere = (now: Deployed | null): Readonly<Record<string, string>> =>
  Object.fromEntries((now?.there.Tags ?? []).map(({ Key: key = '', Value: value = '' }) => [key, value]));

/** The plan that a change set is. */
export function planned(target: Target, changes: readonly NestedChange[], known: Known, call: Call): Worded {
  const { source, parameters, region, now } = known;
  const say = (text: string): void => call.emit({ type: 'note', project: target.order.stack.name, text });
  const tags = declaredTags(target, source) ?? tagsThere(now);
  const wording = { region, tags, hidden: parameters.hidden, template: source.template };
  const all = sortChanges(worded(changes, wording, say));
  const pseudo = new Map([
    ['AWS::Region', region],
    ['AWS::StackName', target.name],
  ]);
  const outputs = plannedOutputs({ template: source.template, parameters, changes: all, now, pseudo });
  return {
    content: {
      changes: all,
      outputs: outputs.shown,
      changedOutputs: outputs.changed,
      state: revisionOf(now?.there ?? null),
      values: null,
      secrets: parameters.hidden.hash,
    },
    outputs: outputs.known,
  };
}
