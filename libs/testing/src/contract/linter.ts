import type { Call, Event, Linter, LintTarget, Result, Finding } from '@goldenthread/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A linter under test. */
export interface LinterCase {
  readonly linter: Linter;
  /** Sources in which nothing is wrong. */
  readonly clean: LintTarget;
  /** Sources with an error at this line of this file, said in words that match. */
  readonly wrong: {
    readonly target: LintTarget;
    readonly file: string;
    readonly line: number;
    readonly says: RegExp;
  };
  /** Makes its tool take minutes; null where that cannot be done to the real one. */
  readonly endless: (() => Promise<void>) | null;
  /** Lints while the linter's tool is not on this machine. */
  withoutTool(target: LintTarget, call: Call): Promise<Result<readonly Finding[]>>;
  /** Does something else than asked before a target is linted: what a stub needs to know. */
  prepare?(behaviour: 'clean' | 'wrong'): Promise<void>;
  dispose(): Promise<void>;
}

function recorder(signal = new AbortController().signal): Call & { readonly events: readonly Event[] } {
  const events: Event[] = [];
  return { events, signal, emit: (event) => void events.push(event) };
}

/** What every linter promises. `missing` says why it cannot be tried here, null where it can. */
export function linterContract(
  name: string,
  make: () => Promise<LinterCase>,
  missing: string | null = null,
): void {
  describe.skipIf(missing !== null)(`the contract of a linter: ${name}`, () => {
    let subject: LinterCase;
    beforeAll(async () => {
      subject = await make();
    });
    afterAll(() => subject.dispose());

    it('finds nothing where nothing is wrong', async () => {
      await subject.prepare?.('clean');
      expect(await subject.linter.lint(subject.clean, recorder())).toEqual({ ok: true, value: [] });
    });

    it('answers an error as data: its place in the workspace, and by which rule', async () => {
      const { target, file, line, says } = subject.wrong;
      await subject.prepare?.('wrong');
      const found = await subject.linter.lint(target, recorder());
      if (!found.ok) throw new Error(JSON.stringify(found.failures));
      const at = { file, line, level: 'error' };
      expect(found.value).toContainEqual(
        expect.objectContaining({ ...at, message: expect.stringMatching(says) as string }),
      );
      for (const finding of found.value) {
        expect(finding.column).toBeGreaterThan(0);
        expect(finding.rule).toMatch(/^\S+ \S/);
        expect(finding.message).not.toMatch(/\n/);
      }
    });

    it('stops when it is cancelled', async () => {
      const stop = new AbortController();
      await subject.endless?.();
      const running = subject.linter.lint(subject.clean, recorder(stop.signal));
      setImmediate(() => stop.abort());
      expect(await running).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    });

    it('says which tool is missing, what for, and how to get it', async () => {
      const [tool] = subject.linter.tools;
      const found = await subject.withoutTool(subject.clean, recorder());
      expect(found).toMatchObject({
        ok: false,
        failures: [{ code: 'tool-missing', tool: tool?.name, purpose: tool?.purpose }],
      });
    });
  });
}
