import type { Failure } from '@goldenthread/core';
import { diagnosticText, type Diagnostic } from '../terraform/says.ts';
import type { Setting } from '../terraform/tool.ts';
import type { Told } from './terraform-failure.ts';

/** Who holds a lock, as far as Terraform says it. */
export interface Holder {
  readonly id: string | null;
  readonly who: string | null;
  readonly operation: string | null;
  readonly created: string | null;
}

const named = (text: string, label: string): string | null =>
  new RegExp(`^\\s*${label}:[ \\t]+(\\S.*?)\\s*$`, 'm').exec(text)?.[1] ?? null;

/** Reads who holds the lock from the words of the error; null where it is not about a lock. */
export function lockHolder({ summary, detail }: Diagnostic): Holder | null {
  if (!/state lock/i.test(summary)) return null;
  const [id, held] = [named(detail, 'ID'), /already locked: ID=(\S+)/.exec(detail)?.[1]];
  // The backend `http` shows the lock that was tried, not the one that is held, and of that only the ID.
  if (held !== undefined && held !== id) return { id: held, who: null, operation: null, created: null };
  return {
    id,
    who: named(detail, 'Who'),
    operation: named(detail, 'Operation'),
    created: named(detail, 'Created'),
  };
}

const holderWords = ({ id, who, operation, created }: Holder): string =>
  [
    who ?? (id === null ? 'somebody else' : 'somebody whom its backend does not name'),
    created === null ? '' : `since ${created.replace(/\.\d+ /, ' ')}`,
    `(${[operation?.replace(/^OperationType/, '').toLowerCase(), id === null ? null : `lock ${id}`].filter(Boolean).join(', ')})`,
  ]
    .filter((part) => part !== '' && part !== '()')
    .join(' ');

function wayOut({ id }: Holder, { order, tool }: Told, setting: Setting): string {
  if (id === null)
    return 'Wait until that is over, or end it: this lock ends with the process that holds it.';
  const variables = [`TF_DATA_DIR=${setting.data}`, `TF_WORKSPACE=${setting.workspace ?? 'default'}`].join(
    ' ',
  );
  return `Wait until that is over. Only when you have seen that its holder is dead (look for its process, its run in CI): (cd ${order.stack.root || '.'} && ${variables} ${tool.name} force-unlock ${id})`;
}

// Its advice to go without locks is none.
const plainly = (one: Diagnostic): string =>
  diagnosticText({ ...one, detail: one.detail.replace(/\w+ acquires a state lock[\s\S]*$/, '') });

// A lock of a local file names nobody.
const HELD = /temporarily unavailable|already locked|being used by another process/i;

/** The failure for a lock that somebody else holds; null where none of the errors is about one. */
export function lockedState(
  diagnostics: readonly Diagnostic[],
  told: Told,
  setting: Setting,
): Failure | null {
  const found = diagnostics.find((one) => one.severity === 'error' && lockHolder(one) !== null);
  const holder = found ? lockHolder(found) : null;
  if (!found || !holder) return null;
  const { order, veil } = told;
  // A backend that cannot be reached, or refuses, is held by nobody.
  if (holder.id === null && !HELD.test(found.detail))
    return { code: 'unreachable', what: 'the lock of the state', detail: veil.over(plainly(found)) };
  return {
    code: 'state-locked',
    stack: order.stack.name,
    environment: order.environment,
    holder: veil.over(holderWords(holder)),
    wayOut: wayOut(holder, told, setting),
  };
}
