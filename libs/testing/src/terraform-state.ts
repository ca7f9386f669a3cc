import { randomUUID } from 'node:crypto';
import { serve, type Answered, type Asked } from './cloud/serve.ts';

/** A server of states as Terraform's backend `http` speaks to it. */
export interface TerraformStates {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Settings of the backend for one state. */
  backend(name: string): Readonly<Record<string, string>>;
  /** A state as it was written last; null where there is none. */
  state(name: string): TerraformState | null;
  /** Who holds a state's lock, as they said it; null where nobody does. */
  lock(name: string): Readonly<Record<string, string>> | null;
  /** Locks a state as a run that has died would have left it; answers the ID of the lock. */
  hold(name: string, who?: string): string;
  free(name: string): void;
  /** What was asked so far, such as "LOCK /network". */
  readonly requests: readonly string[];
  /** What to answer instead, where it is not null: a server that is out of order. */
  answer: ((method: string) => Answered | null) | null;
  stop(): Promise<void>;
}

/** A state, as far as tests look into it. */
export interface TerraformState {
  readonly serial: number;
  readonly lineage: string;
  readonly outputs: Readonly<Record<string, { readonly value: unknown; readonly sensitive?: boolean }>>;
  readonly resources: readonly {
    readonly type: string;
    readonly name: string;
    readonly instances: readonly {
      readonly index_key?: string;
      readonly status?: string;
      readonly attributes: Readonly<Record<string, unknown>>;
    }[];
  }[];
}

type Lock = Readonly<Record<string, string>>;

interface Kept {
  text: string | null;
  lock: Lock | null;
}

const answered = (status: number, body = ''): Answered => ({ status, body });
const conflict = (lock: Lock): Answered => answered(423, JSON.stringify(lock));

/** Writes a state: only whoever holds its lock may, and never an older serial of the same lineage. */
function write(kept: Kept, { url, body }: Asked): Answered {
  if (kept.lock && kept.lock['ID'] !== url.searchParams.get('ID')) return conflict(kept.lock);
  const [old, fresh] = [kept.text, body].map((text) =>
    text === null ? null : (JSON.parse(text) as TerraformState),
  );
  if (old && fresh && old.lineage === fresh.lineage && fresh.serial < old.serial)
    return answered(409, `serial ${fresh.serial} is older than ${old.serial}`);
  kept.text = body;
  return answered(200);
}

function act(kept: Kept, asked: Asked): Answered {
  const { method, body } = asked;
  if (method === 'GET') return kept.text === null ? answered(404) : answered(200, kept.text);
  if (method === 'POST') return write(kept, asked);
  if (method === 'DELETE') {
    kept.text = null;
    return answered(200);
  }
  const wanted = body === '' ? null : (JSON.parse(body) as Lock);
  if (method === 'LOCK') {
    if (kept.lock) return conflict(kept.lock);
    kept.lock = wanted;
    return answered(200);
  }
  if (method !== 'UNLOCK') return answered(405);
  // A lock that is forced open is not named.
  if (kept.lock && wanted?.['ID'] !== undefined && wanted['ID'] !== kept.lock['ID'])
    return conflict(kept.lock);
  kept.lock = null;
  return answered(200);
}

/** Starts one on loopback. */
export async function terraformStates(): Promise<TerraformStates> {
  const states = new Map<string, Kept>();
  const requests: string[] = [];
  const keptOf = (name: string): Kept => {
    const kept = states.get(name) ?? { text: null, lock: null };
    states.set(name, kept);
    return kept;
  };
  const world: { answer: TerraformStates['answer'] } = { answer: null };
  const server = await serve((asked) => {
    requests.push(`${asked.method} ${asked.url.pathname}`);
    return world.answer?.(asked.method) ?? act(keptOf(asked.url.pathname.slice(1)), asked);
  });
  const address = (name: string): string => `${server.origin}/${name}`;
  return Object.assign(world, {
    origin: server.origin,
    backend: (name: string) => ({
      address: address(name),
      lock_address: address(name),
      unlock_address: address(name),
    }),
    state: (name: string) => {
      const { text } = keptOf(name);
      return text === null ? null : (JSON.parse(text) as TerraformState);
    },
    lock: (name: string) => keptOf(name).lock,
    hold: (name: string, who = 'ci@runner-7') => {
      const ID = randomUUID();
      const Created = new Date().toISOString();
      keptOf(name).lock = {
        ID,
        Operation: 'OperationTypeApply',
        Info: '',
        Who: who,
        Version: '1.11.4',
        Created,
        Path: '',
      };
      return ID;
    },
    free: (name: string) => void (keptOf(name).lock = null),
    requests,
    stop: () => server.stop(),
  });
}
