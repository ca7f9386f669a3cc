import { setTimeout as pause } from 'node:timers/promises';
import type { Call } from '@goldenthread/core';
import type { Pace } from '../cloud/wait.ts';
import type { ChangeSet } from './cloudformation-change-set.ts';
import { codeOf, describe, isUnborn, type Target } from './cloudformation-client.ts';

const PATIENCE_MS = 60_000;

/** Takes a change set away, and the stack with it that is only there because of it. What cannot be taken away stays: it does nothing. */
export async function retire(target: Target, set: ChangeSet, pace: Pace): Promise<void> {
  // A call of its own: it has to work after the other was cancelled.
  const call: Call = { signal: AbortSignal.timeout(PATIENCE_MS), emit: () => undefined };
  const { ask, name } = target;
  for (let again = true; again;) {
    const gone = await ask(
      'taking a change set away',
      async (client, options) => {
        try {
          await client.deleteChangeSet({ StackName: name, ChangeSetName: set.name }, options);
          return true;
        } catch (error) {
          // It cannot go while it is being made.
          if (codeOf(error) === 'InvalidChangeSetStatus') return false;
          throw error;
        }
      },
      call,
    );
    again = gone.ok && !gone.value;
    if (again) await pause(pace.interval, undefined, { signal: call.signal }).catch(() => undefined);
  }
  if (set.type !== 'CREATE') return;
  const there = await describe(target, name, call);
  if (!there.ok || !there.value || !isUnborn(there.value)) return;
  const { StackId: id } = there.value;
  await ask(
    'taking an empty stack away',
    async (client, options) => {
      // Others may be about to make the same stack.
      const { Summaries: others = [] } = await client.listChangeSets({ StackName: id }, options);
      if (others.length === 0) await client.deleteStack({ StackName: id }, options);
    },
    call,
  );
}
