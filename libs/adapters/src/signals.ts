import { setMaxListeners } from 'node:events';

/**
 * The signal of a call for something that listens to it as often as there are requests. Not `AbortSignal.any`: what that makes
 * may be collected as garbage while somebody waits on it, and then never fires.
 */
export function patient(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}

/** A controller that ends with a signal, and after some time where one is said, as long as it has not been released. */
export interface Linked {
  readonly controller: AbortController;
  /** Whether it was the time that ended it. */
  readonly isOverdue: () => boolean;
  readonly release: () => void;
}

/** Links a controller to a signal; `seconds` end it as well. */
export function linked(signal: AbortSignal, seconds?: number): Linked {
  const controller = new AbortController();
  let overdue = false;
  const stop = (): void => controller.abort(signal.reason);
  const late = (): void => {
    overdue = !signal.aborted;
    controller.abort();
  };
  const timer = seconds === undefined ? undefined : setTimeout(late, seconds * 1000);
  if (signal.aborted) stop();
  else patient(signal).addEventListener('abort', stop, { once: true });
  const release = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  };
  return { controller, isOverdue: () => overdue, release };
}
