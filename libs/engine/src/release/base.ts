import {
  fail,
  ok,
  releaseOf,
  revocationReaching,
  revokedFailure,
  versionName,
  type BakeBase,
  type Call,
  type LedgerState,
  type Ports,
  type Result,
} from '@goldenthread/core';
import { readState } from './state.ts';

/** What the ledger says, or what it last said where it cannot be asked now: a laptop on a train bakes too. */
async function lastKnown(ports: Ports, project: string, call: Call): Promise<Result<LedgerState>> {
  const now = await readState(ports, call);
  if (now.ok || !now.failures.every(({ code }) => code === 'unreachable' || code === 'timeout')) return now;
  call.emit({
    type: 'note',
    project,
    text: 'the ledger cannot be reached: revocations as they were last seen',
  });
  return readState(ports, call, { cached: true });
}

/** What is meant, as far as a revocation can reach it. */
function madeOf(base: BakeBase): Parameters<typeof revocationReaching>[1] | null {
  if (base.kind === 'artifact') return base.artifact;
  if (base.kind !== 'source' || !('oci' in base.source)) return null;
  return { digest: base.source.oci.slice(base.source.oci.lastIndexOf('@') + 1) };
}

/** Whether something may be baked on a base: `revoked` where it, or anything it was made on, is revoked. */
export async function usableBase(
  ports: Ports,
  image: string,
  base: BakeBase,
  call: Call,
): Promise<Result<void>> {
  const made = madeOf(base);
  if (made === null) return ok(undefined);
  const state = await lastKnown(ports, image, call);
  if (!state.ok) return state;
  const revoked = revocationReaching(state.value, made);
  if (!revoked) return ok(undefined);
  const release = made.image === undefined ? null : releaseOf(state.value, made.image, made.digest);
  const name = release ? versionName(release) : `its base ${made.image ?? made.digest.slice(0, 19)}`;
  return fail(revokedFailure(name, revoked));
}
