import type { Call, Check, Event, ImageVerifier, Machine, Result, Suite } from '@goldenthread/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Tests that a contract asks for: what they do when they run. */
export type Behaviour = 'passes' | 'fails' | 'both' | 'hangs';

/** A verifier under test. */
export interface VerifierCase {
  readonly verifier: ImageVerifier;
  readonly machine: Machine;
  /** Tests that behave so. A failing one says "not as promised"; hanging ones may run for `timeout` seconds. */
  check(behaviour: Behaviour, timeout: number): Promise<Check>;
  /** Verifies while the verifier's tool is not on this machine; null for a verifier that needs none. */
  readonly withoutTool: ((check: Check, call: Call) => Promise<Result<Suite>>) | null;
  dispose(): Promise<void>;
}

function recorder() {
  const events: Event[] = [];
  const controller = new AbortController();
  const call: Call = { signal: controller.signal, emit: (event) => void events.push(event) };
  return { events, controller, call };
}

/** What every verifier promises. `missing` says why it cannot be tried here, null where it can. */
export function verifierContract(
  name: string,
  make: () => Promise<VerifierCase>,
  missing: string | null = null,
): void {
  describe.skipIf(missing !== null)(`the contract of a verifier: ${name}`, () => {
    let subject: VerifierCase;
    beforeAll(async () => {
      subject = await make();
    });
    afterAll(() => subject.dispose());

    const verify = async (behaviour: Behaviour, call: Call, timeout = 60): Promise<Result<Suite>> =>
      subject.verifier.verify(subject.machine, await subject.check(behaviour, timeout), 'edge', call);
    const outcomes = (result: Result<Suite>): readonly string[] => {
      if (!result.ok) throw new Error(JSON.stringify(result.failures));
      return result.value.cases.map((one) => one.outcome).toSorted();
    };

    it('answers a case for each test that passed, and names itself', async () => {
      const suite = await verify('passes', recorder().call);
      expect(outcomes(suite)).toEqual(['passed']);
      expect(suite).toMatchObject({ ok: true, value: { verifier: subject.verifier.name, on: 'files' } });
      if (suite.ok) expect(suite.value.cases[0]?.name).not.toBe('');
    });

    it('answers failed tests as data: the message, no traceback', async () => {
      const suite = await verify('fails', recorder().call);
      expect(outcomes(suite)).toEqual(['failed']);
      const message = suite.ok ? (suite.value.cases[0]?.message ?? '') : '';
      expect(message).toContain('not as promised');
      expect(message).not.toMatch(/Traceback|File ".*", line \d+/);
    });

    it('tells passed and failed tests of one run apart', async () => {
      expect(outcomes(await verify('both', recorder().call))).toEqual(['failed', 'passed']);
    });

    it('stops tests that take too long', async () => {
      expect(await verify('hangs', recorder().call, 1)).toMatchObject({
        ok: false,
        failures: [{ code: 'timeout', seconds: 1 }],
      });
    });

    it('stops when it is cancelled', async () => {
      const { call, controller } = recorder();
      const running = verify('hangs', call);
      setImmediate(() => controller.abort());
      expect(await running).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    });

    it('says which tool is missing, what for, and how to get it', async () => {
      if (!subject.withoutTool) return expect(subject.verifier.tools).toEqual([]);
      const check = await subject.check('passes', 60);
      const result = await subject.withoutTool(check, recorder().call);
      expect(result).toMatchObject({
        ok: false,
        failures: [{ code: 'tool-missing', tool: subject.verifier.tools[0]?.name }],
      });
    });
  });
}

/** A verifier in memory: a test is a line "pass <name>", "fail <name>: <message>" or "hang" of the text that `read` gives. */
export function fakeVerifier(read: (path: string) => string): ImageVerifier {
  const wait = (seconds: number, signal: AbortSignal): Promise<'timeout' | 'cancelled'> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve('timeout'), seconds * 1000);
      const cancel = (): void => {
        clearTimeout(timer);
        resolve('cancelled');
      };
      if (signal.aborted) cancel();
      else signal.addEventListener('abort', cancel, { once: true });
    });
  return {
    name: 'fake',
    tools: [],
    async verify(_, check, __, call) {
      const lines = read(check.path).split('\n').filter(Boolean);
      if (lines.includes('hang')) {
        const end = await wait(check.timeout, call.signal);
        if (end === 'cancelled') return { ok: false, failures: [{ code: 'cancelled' }] };
        return { ok: false, failures: [{ code: 'timeout', what: 'fake', seconds: check.timeout }] };
      }
      const cases = lines.map((line): Suite['cases'][number] => {
        const [, word, name = '', message] = /^(pass|fail) ([^:]*)(?:: (.*))?$/.exec(line) ?? [];
        return word === 'pass'
          ? { name, outcome: 'passed', seconds: 0 }
          : { name, outcome: 'failed', seconds: 0, message: message ?? '' };
      });
      return {
        ok: true,
        value: { name: `fake ${check.path}`, verifier: 'fake', on: check.on, seconds: 0, cases },
      };
    },
  };
}
