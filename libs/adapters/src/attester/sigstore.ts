import { fail, ok, type Attester, type Call, type Result } from '@goldenthread/core';
import { checkBundle, signBundle } from './bundle.ts';
import { signingKey, trustedKeys, type KeyPlaces } from './keys.ts';

/** Cancelled before the work or during it: the answer is that either way. */
async function unlessCancelled<T>(call: Call, work: () => Promise<Result<T>>): Promise<Result<T>> {
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  const result = await work();
  return call.signal.aborted ? fail({ code: 'cancelled' }) : result;
}

/**
 * Signs with a key file and checks against key files: the key that GOLDENTHREAD_SIGNING_KEY names, otherwise one of this
 * machine, made when it is first used. Everything is done here; no service is asked.
 */
export function createAttester(places: KeyPlaces): Attester {
  return {
    sign: (statement, call) =>
      unlessCancelled(call, async () => {
        const key = await signingKey(places, call);
        return key.ok ? ok(signBundle(statement, key.value)) : key;
      }),
    check: (bundle, call) =>
      unlessCancelled(call, async () => {
        const trusted = await trustedKeys(places);
        return trusted.ok ? checkBundle(bundle, trusted.value) : trusted;
      }),
  };
}
