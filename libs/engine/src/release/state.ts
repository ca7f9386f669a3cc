import {
  ok,
  type Call,
  type Ledger,
  type LedgerEdit,
  type LedgerState,
  type Ports,
  type Result,
} from '@goldenthread/core';
import { IMAGE_PATHS, ledgerState } from '@goldenthread/core/release';

/** What the ledger says of images now. */
export async function readState(
  ports: Ports,
  call: Call,
  options: { readonly cached?: boolean } = {},
): Promise<Result<LedgerState>> {
  const ledger = await ports.ledger();
  if (!ledger.ok) return ledger;
  const snapshot = await ledger.value.read(IMAGE_PATHS, call, options);
  return snapshot.ok ? ledgerState(snapshot.value, ledger.value.name, ports.hash) : snapshot;
}

/** Changes what the ledger says: `decide` sees the newest state, again and again until nobody was faster. Answers the decision. */
export async function changeState<T>(
  ports: Ports,
  call: Call,
  decide: (state: LedgerState) => Result<{ readonly edit: LedgerEdit | null; readonly value: T }>,
): Promise<Result<T>> {
  const ledger = await ports.ledger();
  if (!ledger.ok) return ledger;
  const decided: { value: T }[] = [];
  const committed = await ledger.value.commit(
    IMAGE_PATHS,
    editing(ledger.value, ports, decide, decided),
    call,
  );
  const last = decided.at(-1);
  if (!committed.ok) return committed;
  if (!last) throw new Error('the ledger committed without asking what');
  return ok(last.value);
}

const editing =
  <T>(
    { name }: Ledger,
    { hash }: Ports,
    decide: Parameters<typeof changeState<T>>[2],
    decided: { value: T }[],
  ): Parameters<Ledger['commit']>[1] =>
  (snapshot) => {
    const state = ledgerState(snapshot, name, hash);
    if (!state.ok) return state;
    const made = decide(state.value);
    if (!made.ok) return made;
    decided.push({ value: made.value.value });
    return ok(made.value.edit);
  };
