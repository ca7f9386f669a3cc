import {
  canonical,
  Secret,
  sortChanges,
  type Aim,
  type Call,
  type Json,
  type Outputs,
  type PlanContent,
  type Shown,
} from '@goldenthread/core';
import { slowHash } from '../slow-hash.ts';
import { blindChange, changeOf, isBlind, type Addressed } from './ansible-change.ts';
import type { Mask } from './ansible-mask.ts';

type Values = Readonly<Record<string, Json>>;

/** The values of set_stats as outputs: what holds a secret is one. What is null is not known, as only a real run gives it. */
export function outputsOf(values: Values, mask: Mask): Outputs {
  const known = Object.entries(values).filter(([, value]) => value !== null);
  return new Map(
    known.map(([name, value]): [string, Json | Secret] => [
      name,
      mask.hides(value) ? new Secret(typeof value === 'string' ? value : canonical(value)) : value,
    ]),
  );
}

function shownOutput(value: Json | Secret | undefined): Shown {
  if (value === undefined) return { is: 'unknown' };
  return value instanceof Secret ? { is: 'sensitive' } : { is: 'value', value };
}

/**
 * The plan that a check told. Ansible keeps no state, so outputs are known to be what they are only where nothing is to be done;
 * where something is, each of them may become another.
 */
export function contentOf(tasks: readonly Addressed[], values: Values, aim: Aim, mask: Mask): PlanContent {
  const changes = tasks.flatMap((one) =>
    isBlind(one.record) ? [blindChange(one)] : (changeOf(one, mask) ?? []),
  );
  const outputs = aim === 'destroy' ? {} : values;
  const known = outputsOf(outputs, mask);
  const names = Object.keys(outputs).sort();
  return {
    changes: sortChanges(changes),
    outputs: Object.fromEntries(names.map((name) => [name, shownOutput(known.get(name))])),
    changedOutputs: changes.some(({ action }) => action !== 'read') ? names : [],
    state: null,
    values: null,
    secrets: mask.all === null ? null : slowHash(canonical(mask.all)),
  };
}

/** A run of which something is to be said. */
export interface Noted {
  readonly tasks: readonly Addressed[];
  readonly project: string;
  readonly mask: Mask;
}

/** Says of a check what its plan cannot show. */
export function noteCheck({ tasks, project, mask }: Noted, { emit }: Call): void {
  const note = (text: string): void => emit({ type: 'note', project, text: mask.clean(text) });
  for (const { address, record } of tasks) {
    const at = `${address} (${record.path ?? 'no file'})`;
    if (isBlind(record))
      note(
        `${at} cannot be checked, so nobody knows what it would do: it is no reason to apply. Where it can be told, say so by \`creates\` or \`when\`; where it only looks, by \`check_mode: false\` and \`changed_when: false\`.`,
      );
    else if (record.status === 'changed' && !record.check)
      note(`${at} says \`check_mode: false\` and changed something although this was only a check`);
  }
}

/** Says of a real run what it did that its check had not told. */
export function noteSurprises({ tasks, project, mask }: Noted, planned: PlanContent, { emit }: Call): void {
  const expected = new Set(planned.changes.map(({ address }) => address));
  for (const one of tasks) {
    if (changeOf(one, mask) === null || expected.has(one.address)) continue;
    emit({ type: 'note', project, text: `${one.address} changed something that its check had not told` });
  }
}
