import { fail, ok, placeName, type Place, type Result } from '@goldenthread/core';
import type { ApplyOptions } from '../stack/carry-out.ts';
import { title, writeRecord } from '../stack/records.ts';
import { readLedger, recordOf, type StackLedger, type StackWorld } from '../stack/world.ts';
import { destroyApplied, type Applies } from './apply.ts';

/** Drops the record of a stack and touches nothing of what it manages: for what was moved, or is managed by others now. */
export async function forget(world: StackWorld, place: Place, reason: string): Promise<Result<void>> {
  const ledger = await readLedger(world);
  if (!ledger.ok) return ledger;
  const before = recordOf(ledger.value, place);
  if (before === null) return never(ledger.value, place);
  const written = await writeRecord(world, {
    place,
    before,
    record: null,
    what: title('forget', place, 'gone'),
    why: reason,
  });
  if (!written.ok) return written;
  if (written.value) return ok(undefined);
  return fail({ code: 'plan-outdated', ...place, moved: ['another run has written its record meanwhile'] });
}

function never({ records }: StackLedger, { stack, environment }: Place): Result<never> {
  const applied = records.map(placeName);
  return fail({
    code: 'usage',
    detail: `${stack} was never applied to ${environment}, so there is nothing to destroy`,
    hint: applied.length > 0 ? `Applied are: ${applied.join(', ')}.` : 'Nothing is applied anywhere.',
  });
}

/** Destroys a stack in an environment as it was applied there, declared or not: policy and approval hold as for an apply. */
export async function destroy(
  world: StackWorld,
  place: Place,
  options: ApplyOptions,
): Promise<Result<Applies>> {
  const ledger = await readLedger(world);
  if (!ledger.ok) return ledger;
  if (recordOf(ledger.value, place) === null) return never(ledger.value, place);
  const { applied, failures } = await destroyApplied({ world, options }, place, 'somebody asked for it');
  return ok({ done: [applied], failures });
}
