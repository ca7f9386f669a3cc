import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { getEventListeners, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Event } from '@goldenthread/core';
import { createLocks } from './socket.ts';

const COMPILED = fileURLToPath(new URL('../../dist/locks/socket.js', import.meta.url));

function caller() {
  const events: Event[] = [];
  const controller = new AbortController();
  return {
    events,
    controller,
    call: { signal: controller.signal, emit: (event: Event) => void events.push(event) },
  };
}

async function held(
  locks: ReturnType<typeof createLocks>,
  name: string,
  call: Parameters<typeof locks.hold>[2],
) {
  const lock = await locks.hold(name, 'edge', call);
  if (!lock.ok) throw new Error('not held');
  return lock.value;
}

describe('locks', () => {
  it('lets the second wait, says so, and hands over on release', async () => {
    const locks = createLocks(randomUUID());
    const first = caller();
    const second = caller();
    const release = await held(locks, 'bake edge', first.call);
    let got = false;
    const waiting = held(locks, 'bake edge', second.call).then((next) => {
      got = true;
      return next;
    });
    await expect
      .poll(() => second.events)
      .toEqual([{ type: 'waiting', project: 'edge', what: 'another run that works on it' }]);
    expect(got).toBe(false);
    await release();
    await (
      await waiting
    )();
    expect(got).toBe(true);
  });

  it('keeps names and homes apart', async () => {
    const [home, other] = [randomUUID(), randomUUID()];
    const { call, events } = caller();
    const releases = [
      await held(createLocks(home), 'a', call),
      await held(createLocks(home), 'b', call),
      await held(createLocks(other), 'a', call),
    ];
    expect(events).toEqual([]);
    await Promise.all(releases.map((release) => release()));
  });

  it('gives as many slots as it was told, and a freed one to whoever waits', async () => {
    const locks = createLocks(randomUUID(), 2);
    const { call, events } = caller();
    const [one, two] = [await locks.slot('a', call), await locks.slot('b', call)];
    const third = locks.slot('c', call);
    await expect
      .poll(() => events)
      .toEqual([{ type: 'waiting', project: 'c', what: 'one of 2 slots of this machine' }]);
    if (!one.ok || !two.ok) throw new Error('no slots');
    await two.value();
    const got = await third;
    expect(got.ok).toBe(true);
    await one.value();
    if (got.ok) await got.value();
  });

  it('stops waiting when cancelled', async () => {
    const locks = createLocks(randomUUID());
    const holder = caller();
    const waiter = caller();
    const release = await held(locks, 'x', holder.call);
    const waiting = locks.hold('x', 'edge', waiter.call);
    await expect.poll(() => waiter.events.length).toBe(1);
    waiter.controller.abort();
    expect(await waiting).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    await release();
  });

  it('leaves nothing at the signal of a run that has waited often, whatever ended the waits', async () => {
    const locks = createLocks(randomUUID());
    const holder = caller();
    const waiter = caller();
    for (let times = 1; times <= 3; times += 1) {
      const release = await held(locks, 'x', holder.call);
      const waiting = held(locks, 'x', waiter.call);
      await expect.poll(() => waiter.events.length).toBe(times);
      await expect.poll(() => getEventListeners(waiter.call.signal, 'abort').length).toBe(1);
      await release();
      await (
        await waiting
      )();
    }
    expect(getEventListeners(waiter.call.signal, 'abort')).toEqual([]);
  });

  it('ends with the process that held it, even when that is killed', async () => {
    const home = randomUUID();
    const script = `import { createLocks } from ${JSON.stringify(COMPILED)};
      await createLocks(process.argv[1]).hold('x', 'edge', { signal: new AbortController().signal, emit() {} });
      console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, home], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const { call, events } = caller();
    const waiting = createLocks(home).hold('x', 'edge', call);
    await expect.poll(() => events.length).toBe(1);
    child.kill('SIGKILL');
    const lock = await waiting;
    expect(lock.ok).toBe(true);
    if (lock.ok) await lock.value();
  });
});
