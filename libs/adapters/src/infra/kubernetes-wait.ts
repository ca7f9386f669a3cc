import { setTimeout as pause } from 'node:timers/promises';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { get, type Kube } from './kubernetes-client.ts';
import { discovery, objectPath, type Resource } from './kubernetes-discovery.ts';
import { address, typeOf, type KubeObject, type Ref } from './kubernetes-object.ts';
import { readiness } from './kubernetes-ready.ts';

/** How long, and how often, is looked for what a cluster does by itself. */
export interface Waiting {
  readonly kube: Kube;
  /** The stack, for messages. */
  readonly project: string;
  /** Milliseconds between two looks. */
  readonly interval: number;
  /** When waiting is given up, as `Date.now()` counts. */
  readonly end: number;
}

/** What a look has found: what was waited for, or how far it is. */
export type Seen<T> = { readonly done: T } | { readonly why: string; readonly hopeless?: boolean };

/** What was not in time, in words. */
export type Waited<T> = { readonly done: T } | { readonly why: string };

const SAY_MS = 30_000;

const passing = <T>(result: Result<T>): boolean =>
  !result.ok && result.failures.every(({ code }) => code === 'unreachable' || code === 'timeout');

/** Looks until it is done; a server that is away for a moment is asked again. */
export async function until<T>(
  { project, interval, end }: Waiting,
  look: () => Promise<Result<Seen<T>>>,
  what: string,
  call: Call,
): Promise<Result<Waited<T>>> {
  for (let said = Date.now(); ;) {
    const seen = await look();
    const over = Date.now() > end;
    if (!seen.ok && (over || !passing(seen))) return seen;
    if (seen.ok && ('done' in seen.value || over || seen.value.hopeless === true)) return ok(seen.value);
    if (seen.ok && 'why' in seen.value && Date.now() - said > SAY_MS) {
      call.emit({ type: 'waiting', project, what: `${what} (${seen.value.why})` });
      said = Date.now();
    }
    try {
      await pause(interval, undefined, { signal: call.signal });
    } catch {
      return fail({ code: 'cancelled' });
    }
  }
}

/** Waits until a server knows a kind whose definition it has just got; it needs a moment for that, whatever the definition says. */
export async function untilKnown(waiting: Waiting, ref: Ref, call: Call): Promise<Result<Waited<Resource>>> {
  const look = async (): Promise<Result<Seen<Resource>>> => {
    const found = await discovery(waiting.kube).find(ref.apiVersion, ref.kind, call);
    if (!found.ok) return found;
    return ok(found.value ? { done: found.value } : { why: `the server does not know ${typeOf(ref)}` });
  };
  return until(waiting, look, `the kind of ${address(ref)} to be known`, call);
}

/** Waits until an object is ready. */
export async function untilReady(
  waiting: Waiting,
  resource: Resource,
  ref: Ref,
  call: Call,
): Promise<Result<Waited<KubeObject>>> {
  const look = async (): Promise<Result<Seen<KubeObject>>> => {
    const found = await get(waiting.kube, objectPath(resource, ref), address(ref), call);
    if (!found.ok) return found;
    if (!found.value) return ok({ why: 'it is not there any more' });
    const judged = readiness(found.value, resource.categories);
    return ok(judged.ready ? { done: found.value } : judged);
  };
  return until(waiting, look, `${address(ref)} to be ready`, call);
}

/** Waits until an object is gone; one of the same name with another uid is another. */
export async function untilGone(
  waiting: Waiting,
  resource: Resource,
  of: { readonly ref: Ref; readonly uid: string | null },
  call: Call,
): Promise<Result<Waited<true>>> {
  const look = async (): Promise<Result<Seen<true>>> => {
    const found = await get(waiting.kube, objectPath(resource, of.ref), address(of.ref), call);
    if (!found.ok) return found;
    if (!found.value) return ok({ done: true });
    const { uid, finalizers } = found.value.metadata;
    if (of.uid !== null && uid !== of.uid) return ok({ done: true });
    const held =
      Array.isArray(finalizers) && finalizers.length > 0 ? ` (its finalizers: ${finalizers.join(', ')})` : '';
    return ok({ why: `it is still being deleted${held}` });
  };
  return until(waiting, look, `${address(of.ref)} to be gone`, call);
}
