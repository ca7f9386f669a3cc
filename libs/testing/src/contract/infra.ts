import type {
  Call,
  Event,
  InfraEngine,
  PlanContent,
  Previewed,
  ResourceChange,
  Result,
  Secret,
  StackOrder,
} from '@goldenthread/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** An engine under test, with infrastructure of its own that nothing is in yet. */
export interface InfraCase {
  readonly engine: InfraEngine;
  /**
   * Writes the sources of one and the same stack so that it manages these things, each with a value, and says what an engine is
   * told. With `secret` a further thing takes it as a sensitive input.
   */
  order(things: Readonly<Record<string, string>>, secret?: Secret): Promise<StackOrder>;
  /** The address of a thing in plans. */
  address(thing: string): string;
  /** What is there of the things, by value; `secret`'s thing left out. */
  real(): Promise<Readonly<Record<string, string>>>;
  /** Takes a thing away behind the engine's back; null where the engine can see only its own state. */
  readonly tamper: ((thing: string) => Promise<void>) | null;
  /** Writes sources that are wrong in this file. */
  broken(): Promise<{ readonly order: StackOrder; readonly file: string; readonly says: RegExp }>;
  /** Makes the state look like one that a dead run has locked, as the words say; null where the engine locks nothing. */
  readonly lock: (() => Promise<{ readonly says: RegExp; readonly free: () => Promise<void> }>) | null;
  /** Tries something while the engine's tool is not on this machine; null where it needs none. */
  readonly withoutTool: (<T>(work: () => Promise<T>) => Promise<T>) | null;
  /** Paths of what it keeps on this machine while a preview lives: none of them may be left after it is discarded. */
  leftovers(): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

interface Recorder extends Call {
  readonly events: readonly Event[];
}

function recorder(signal = new AbortController().signal): Recorder {
  const events: Event[] = [];
  return { events, signal, emit: (event) => void events.push(event) };
}

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
}

const brief = ({ changes }: PlanContent): readonly (readonly [string, ResourceChange['action']])[] =>
  changes.map(({ address, action }) => [address, action]);

/** The case of the running test, and shorthands over it. */
interface Rig {
  readonly current: () => InfraCase;
  readonly preview: (order: StackOrder, aim?: 'apply' | 'destroy') => Promise<Previewed>;
  readonly apply: (order: StackOrder) => Promise<Previewed>;
  readonly at: (thing: string) => string;
  /** Takes care that a preview is discarded at the end. */
  readonly hold: (previewed: Previewed) => Previewed;
}

/** Plans, and what becomes of them. */
function planning({ current, preview, apply, at }: Rig): void {
  it('plans before it makes, and says the same twice', async () => {
    const order = await current().order({ one: 'a', two: 'b' });
    const [first, second] = [await preview(order), await preview(order)];
    expect(brief(first.content)).toEqual(
      [
        [at('one'), 'create'],
        [at('two'), 'create'],
      ].toSorted(),
    );
    expect(second.content).toEqual(first.content);
    expect(must(await current().engine.outputs(order, recorder()))).toBeNull();
    expect(await current().real()).toEqual({});
  });

  it('makes what it planned, and has nothing to do then', async () => {
    const order = await current().order({ one: 'a', two: 'b' });
    const previewed = await apply(order);
    expect(await current().real()).toEqual({ one: 'a', two: 'b' });
    const again = (await preview(order)).content;
    expect(again.changes).toEqual([]);
    expect(again.changedOutputs).toEqual([]);
    const outputs = must(await current().engine.outputs(order, recorder()));
    for (const [output, value] of previewed.outputs)
      expect([output, outputs?.get(output)]).toEqual([output, value]);
  });

  it('names its state by the first word, and how far that has come by the rest', async () => {
    const order = await current().order({ one: 'a' });
    const first = await apply(order);
    const { state, values } = (await preview(order)).content;
    expect(values).toBe(first.content.values);
    // Nothing is there yet, or the engine keeps no state.
    if (state === null) return;
    expect(state).toMatch(/^\S+ \S/);
    expect(first.content.state).toBeNull();
    const other = await current().order({ one: 'b' });
    await apply(other);
    const { state: next } = (await preview(other)).content;
    expect(next).not.toBe(state);
    expect(next?.split(' ')[0]).toBe(state.split(' ')[0]);
  });

  it('changes what changed, and says how', async () => {
    await apply(await current().order({ one: 'a', two: 'b' }));
    const { content } = await apply(await current().order({ one: 'a', two: 'c' }));
    expect(content.changes).toHaveLength(1);
    const [change] = content.changes;
    expect(change?.address).toBe(at('two'));
    expect(['update', 'replace']).toContain(change?.action);
    expect(change?.attributes.length).toBeGreaterThan(0);
    expect(change?.attributes.some(({ forces }) => forces)).toBe(change?.action === 'replace');
    expect(await current().real()).toEqual({ one: 'a', two: 'c' });
  });

  it('takes away what is not declared any more', async () => {
    await apply(await current().order({ one: 'a', two: 'b' }));
    const { content } = await apply(await current().order({ two: 'b' }));
    expect(brief(content)).toEqual([[at('one'), 'delete']]);
    expect(await current().real()).toEqual({ two: 'b' });
  });
}

/** What is there, whatever was planned. */
function reality({ current, preview, apply, at }: Rig): void {
  it('does not apply a plan after another was applied', async () => {
    const order = await current().order({ one: 'a' });
    const [early, late] = [await preview(order), await preview(order)];
    must(await early.apply(recorder()));
    const refused = await late.apply(recorder());
    expect(refused).toMatchObject({
      ok: false,
      failures: [{ code: 'plan-outdated', stack: order.stack.name }],
    });
    expect(await current().real()).toEqual({ one: 'a' });
  });

  it('sees what somebody else took away, and puts it back', async () => {
    const { tamper } = current();
    if (!tamper) return;
    const order = await current().order({ one: 'a', two: 'b' });
    await apply(order);
    expect(must(await current().engine.drift(order, recorder())).changes).toEqual([]);
    await tamper('one');
    const drift = must(await current().engine.drift(order, recorder()));
    expect(drift.changes.map(({ address }) => address)).toEqual([at('one')]);
    expect(await current().real()).toEqual({ two: 'b' });
    await apply(order);
    expect(await current().real()).toEqual({ one: 'a', two: 'b' });
    expect(must(await current().engine.drift(order, recorder())).changes).toEqual([]);
  });

  it('destroys all of it by a plan, and can begin anew', async () => {
    const order = await current().order({ one: 'a', two: 'b' });
    await apply(order);
    const destroying = await preview(order, 'destroy');
    expect(brief(destroying.content)).toEqual(
      [
        [at('one'), 'delete'],
        [at('two'), 'delete'],
      ].toSorted(),
    );
    expect(await current().real()).toEqual({ one: 'a', two: 'b' });
    must(await destroying.apply(recorder()));
    expect(await current().real()).toEqual({});
    expect(brief((await preview(order)).content)).toHaveLength(2);
  });
}

/** What must not happen. */
function safety({ current, preview, apply, hold }: Rig): void {
  it('shows no secret, and yet sees that one is another', async () => {
    const { Secret: Hidden } = await import('@goldenthread/core');
    const [first, second] = ['plant-1f0c-d5', 'plant-77aa-e2'].map((text) => new Hidden(text));
    const call = recorder();
    const order = await current().order({ one: 'a' }, first);
    const before = must(await current().engine.preview(order, 'apply', call));
    hold(before);
    expect(before.content.secrets).not.toBeNull();
    expect((await preview(order)).content.secrets).toBe(before.content.secrets);
    const applied = await before.apply(call);
    const outputs = await current().engine.outputs(order, call);
    const drift = await current().engine.drift(order, call);
    const other = await preview(await current().order({ one: 'a' }, second));
    expect(other.content.secrets).not.toBe(before.content.secrets);
    expect(other.content.changes.length).toBeGreaterThan(0);
    const entries = [applied, outputs].map((one) => (one.ok ? [...(one.value ?? [])] : one.failures));
    const said = JSON.stringify([before.content, other.content, entries, drift, call.events]);
    expect(said).not.toMatch(/plant-1f0c-d5|plant-77aa-e2/);
  });

  it('finds nothing wrong in good sources, and says where bad ones are wrong', async () => {
    expect(must(await current().engine.validate(await current().order({ one: 'a' }), recorder()))).toEqual(
      [],
    );
    const { order, file, says } = await current().broken();
    const findings = must(await current().engine.validate(order, recorder()));
    expect(findings).toContainEqual(
      expect.objectContaining({ file, level: 'error', message: expect.stringMatching(says) as string }),
    );
  });

  it('stops when it is cancelled, and changes nothing', async () => {
    const order = await current().order({ one: 'a' });
    const stop = new AbortController();
    stop.abort();
    const planned = await current().engine.preview(order, 'apply', recorder(stop.signal));
    expect(planned).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    const applied = await (await preview(order)).apply(recorder(stop.signal));
    expect(applied).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(await current().real()).toEqual({});
  });

  it('names who locks the state, and the way out', async () => {
    const { lock } = current();
    if (!lock) return;
    const order = await current().order({ one: 'a' });
    const previewed = await preview(order);
    const { says, free } = await lock();
    const refused = await previewed.apply(recorder());
    expect(refused).toMatchObject({
      ok: false,
      failures: [{ code: 'state-locked', stack: order.stack.name }],
    });
    expect(JSON.stringify(refused)).toMatch(says);
    await free();
    await apply(order);
    expect(await current().real()).toEqual({ one: 'a' });
  });

  it('says which tool is missing, what for, and how to get it', async () => {
    const order = await current().order({ one: 'a' });
    const [tool] = current().engine.tools(order.stack);
    const { withoutTool } = current();
    if (!withoutTool || !tool) return;
    const refused = await withoutTool(() => current().engine.preview(order, 'apply', recorder()));
    expect(refused).toMatchObject({ ok: false, failures: [{ code: 'tool-missing', tool: tool.name }] });
  });
}

/** What every engine of infrastructure promises. `missing` says why it cannot be tried here, null where it can. */
export function infraContract(
  name: string,
  make: () => Promise<InfraCase>,
  missing: string | null = null,
): void {
  describe.skipIf(missing !== null)(`the contract of an engine: ${name}`, () => {
    let subject: InfraCase;
    const held: Previewed[] = [];
    const hold = (previewed: Previewed): Previewed => {
      held.push(previewed);
      return previewed;
    };
    beforeEach(async () => {
      subject = await make();
    });
    afterEach(async () => {
      for (const one of held.splice(0)) await one.discard();
      expect(await subject.leftovers()).toEqual([]);
      await subject.dispose();
    });
    const preview: Rig['preview'] = async (order, aim = 'apply') =>
      hold(must(await subject.engine.preview(order, aim, recorder())));
    const rig: Rig = {
      current: () => subject,
      hold,
      preview,
      async apply(order) {
        const previewed = await preview(order);
        must(await previewed.apply(recorder()));
        return previewed;
      },
      at: (thing) => subject.address(thing),
    };
    planning(rig);
    reality(rig);
    safety(rig);
  });
}
