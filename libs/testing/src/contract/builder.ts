import type { BakeOrder, Built, Call, Event, ImageBuilder, Result } from '@goldenthread/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A builder under test, and orders that make it do what the contract asks about. */
export interface BuilderCase {
  readonly builder: ImageBuilder;
  /** An order for an image that differs exactly where `content` differs. */
  readonly order: (content: string) => BakeOrder;
  /** An order with a step that fails saying "no such luck". */
  readonly failing: BakeOrder;
  /** An order that would take minutes, and the line of output that shows that it has begun. */
  readonly endless: { readonly order: BakeOrder; readonly begun: RegExp };
  /** Whether the same order made anew gives the same bits. */
  readonly reproducible: boolean;
  /** Builds an order while a tool that the builder needs is not on this machine. */
  withoutTool(order: BakeOrder, call: Call): Promise<Result<Built>>;
  /** Whether the content with this digest is in the blob store. */
  has(digest: string): Promise<boolean>;
  /** Processes, mounts, containers and files that a bake left behind; none, if it is clean. */
  leftovers(): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

/** For one test; real builders take seconds for each bake, more on a busy machine. */
const TIMEOUT = 180_000;

function recorder(signal = new AbortController().signal): { readonly call: Call; readonly events: Event[] } {
  const events: Event[] = [];
  return { events, call: { signal, emit: (event) => void events.push(event) } };
}

function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
}

/** What it makes is whole, and follows from what it was asked for. */
function contentPromises(subject: () => BuilderCase): void {
  const build = async (content: string, force = false): Promise<Built> => {
    const { builder, order } = subject();
    return valueOf(await builder.build({ ...order(content), force }, recorder().call));
  };

  it('answers the digest of content that is in the store', async () => {
    const built = await build('one');
    expect(built.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(built.size).toBeGreaterThan(0);
    for (const digest of [built.digest, ...built.layers.map((layer) => layer.digest)])
      expect(await subject().has(digest)).toBe(true);
    expect(await subject().leftovers()).toEqual([]);
  });

  it('gives the same digest for the same order', async () => {
    const digests = [await build('one'), await build('one'), await build('one', true)].map(
      ({ digest }) => digest,
    );
    // A builder whose tool dates what it makes can only promise to make it.
    if (subject().reproducible) expect(new Set(digests).size).toBe(1);
  });

  it('gives another digest for another content', async () => {
    expect((await build('two')).digest).not.toBe((await build('one')).digest);
  });
}

/** What goes wrong is said in words, and nothing of it stays. */
function troublePromises(subject: () => BuilderCase): void {
  it('says which step failed, in the words of what failed, and leaves nothing behind', async () => {
    const { builder, failing } = subject();
    const result = await builder.build(failing, recorder().call);
    expect(result).toMatchObject({
      ok: false,
      failures: [
        {
          code: 'step-failed',
          image: failing.image.name,
          detail: expect.stringContaining('no such luck') as unknown,
        },
      ],
    });
    expect(await subject().leftovers()).toEqual([]);
  });

  it('stops when it is told to, and leaves nothing behind', async () => {
    const stop = new AbortController();
    const { order, begun } = subject().endless;
    const emit = (event: Event): void => {
      if (event.type === 'output' && begun.test(event.line)) stop.abort();
    };
    const result = await subject().builder.build(order, { signal: stop.signal, emit });
    expect(result).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(await subject().leftovers()).toEqual([]);
  });

  it('does nothing when it was stopped before it began', async () => {
    const { call, events } = recorder(AbortSignal.abort());
    const result = await subject().builder.build({ ...subject().order('never'), force: true }, call);
    expect(result).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    expect(events.filter((event) => event.type === 'output')).toEqual([]);
  });
}

/** What it needs is known before it is missed. */
function toolPromises(subject: () => BuilderCase): void {
  it('names the tool that is missing', async () => {
    const result = await subject().withoutTool({ ...subject().order('other'), force: true }, recorder().call);
    expect(result).toMatchObject({ ok: false, failures: [{ code: 'tool-missing' }] });
    expect(await subject().leftovers()).toEqual([]);
  });

  it('names its tools with how to get them', async () => {
    const { image } = subject().order('one');
    const variant = valueOf(await subject().builder.variant(image, recorder().call));
    const tools = subject().builder.tools(image, variant);
    expect(tools.length).toBeGreaterThan(0);
    for (const tool of tools) expect(tool.install, tool.name).not.toBe('');
  });
}

/** What every builder promises. `missing` says why it cannot be tried here, null where it can. */
export function builderContract(
  name: string,
  make: () => Promise<BuilderCase>,
  missing: string | null = null,
): void {
  describe.skipIf(missing !== null)(`the contract of a builder: ${name}`, { timeout: TIMEOUT }, () => {
    let subject: BuilderCase;
    beforeAll(async () => {
      subject = await make();
    }, TIMEOUT);
    afterAll(() => subject.dispose());
    contentPromises(() => subject);
    troublePromises(() => subject);
    toolPromises(() => subject);
  });
}
