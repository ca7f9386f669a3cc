import type { ArtifactStore, History, ImageStore, Ledger, Ports, Result } from '@goldenthread/core';

/** Calls that change something beyond this machine: where a release can be killed. */
const STORE = ['put', 'label', 'share', 'unshare', 'attach', 'revoke', 'remove'] as const;
const HISTORY = ['setTag'] as const;
const LEDGER = ['commit'] as const;

/** Whether the end comes before a change is made, or after it was made and nobody was told. */
export type Moment = 'before' | 'after';

/** Where a run is to end, and how. */
export interface Ending {
  /** The number of the change, from 1. */
  readonly at: number;
  readonly when: Moment;
  /** Ends the run; does not return. */
  readonly end: () => never;
}

/** What the changes of a run were, in order: `ledger.commit`, `store.share`. */
export interface Changes {
  readonly names: string[];
}

type Method = (...args: unknown[]) => Promise<Result<unknown>>;

/** The same ports, but a run over them ends at one of its changes; all changes are counted. */
export function killing(ports: Ports, ending: Ending | null, changes: Changes): Ports {
  const watch = <T extends object>(port: T, name: string, methods: readonly string[]): T =>
    new Proxy(port, {
      get(target, key, receiver) {
        const method: unknown = Reflect.get(target, key, receiver);
        if (typeof method !== 'function' || !methods.includes(String(key))) return method;
        return async (...args: unknown[]) => {
          const number = changes.names.push(`${name}.${String(key)}`);
          const here = ending?.at === number ? ending : null;
          if (here?.when === 'before') here.end();
          const result = await (method as Method).apply(target, args);
          if (here?.when === 'after') here.end();
          return result;
        };
      },
    });
  const within = async <T extends object>(
    result: Promise<Result<T>>,
    wrap: (value: T) => T,
  ): Promise<Result<T>> => {
    const made = await result;
    return made.ok ? { ok: true, value: wrap(made.value) } : made;
  };
  return {
    ...ports,
    history: watch<History>(ports.history, 'history', HISTORY),
    ledger: () => within(ports.ledger(), (ledger) => watch<Ledger>(ledger, 'ledger', LEDGER)),
    store: () => within(ports.store(), (store) => watch<ArtifactStore>(store, 'store', STORE)),
    homes: (artifact) =>
      within(ports.homes(artifact), (homes) => homes.map((home) => watch<ImageStore>(home, 'home', STORE))),
  };
}
