import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Result } from '@goldenthread/core';
import { clone, missingTools, runSource, skipAloud } from '@goldenthread/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { must, run } from '../host.ts';
import { isRootless, openNamespace } from './namespace.ts';
import { overlaySupported } from './supported.ts';
import { handOver, makeWork, sweep } from './work.ts';

const SECONDS = 1000;
const home = mkdtempSync(join(tmpdir(), 'goldenthread-namespace-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const call = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const supported =
  missingTools('unshare', 'nsenter').length === 0 && (await overlaySupported(home, call())).ok;
if (!supported) skipAloud('namespaces', 'no overlay mounts can be made in namespaces here');
const options = { net: true, rootless: isRootless(), name: 'spec' };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

describe.skipIf(!supported)('a namespace', () => {
  it('has its own processes, mounts, name and network, and its root is root', async () => {
    const space = value(await openNamespace(options, call()));
    const ask =
      'id -u; hostname; echo /proc/[0-9]* | wc -w; mount -t tmpfs spec /mnt && grep -c " /mnt tmpfs" /proc/mounts; ls /sys/class/net | wc -l; grep -c : /proc/net/dev';
    const said = value(await must({ argv: [...space.enter, 'sh', '-c', ask] }, call())).stdout.split('\n');
    expect(said.slice(0, 2)).toEqual(['0', 'spec']);
    expect(Number(said[2])).toBeLessThan(5);
    expect(said[3]).toBe('1');
    expect(said[5]).toBe('1');
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(' /mnt tmpfs');
    await space.close();
    expect(isAlive(space.pid)).toBe(false);
  });

  it('ends with the call that opened it', async () => {
    const stop = new AbortController();
    const space = value(await openNamespace(options, { ...call(), signal: stop.signal }));
    const inside = run({ argv: [...space.enter, 'sleep', '600'] }, call());
    stop.abort();
    expect((await inside).ok).toBe(true);
    await expect.poll(() => isAlive(space.pid)).toBe(false);
  });

  it.each([
    ['ends with the process that opened it, however that ends', '', false],
    ['lives on where it is to be kept', 'await space.value.keep();', true],
  ])('%s', async (_name, keep, lives) => {
    const code = `
      import { openNamespace } from 'file://${clone}/libs/adapters/src/namespace/namespace.ts';
      const call = { signal: new AbortController().signal, emit: () => undefined };
      const space = await openNamespace(${JSON.stringify(options)}, call);
      ${keep}
      console.log(space.value.pid);`;
    const child = runSource(code, clone);
    const closed = once(child, 'exit');
    const [said] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const pid = Number(said.toString());
    expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    await closed;
    if (lives) {
      await expect.poll(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()).toBe('sleep');
      process.kill(pid, 'SIGKILL');
    }
    await expect.poll(() => isAlive(pid), { timeout: 5 * SECONDS }).toBe(false);
  });

  it('does not open for a call that has been stopped', async () => {
    expect(await openNamespace(options, { ...call(), signal: AbortSignal.abort() })).toEqual({
      ok: false,
      failures: [{ code: 'cancelled' }],
    });
  });
});

describe('the sweep of work folders', () => {
  it('takes those of processes that are gone, and no others', async () => {
    const own = await makeWork(home);
    const [pid = '', start = '', space = ''] = (own.split('/').at(-1) ?? '').split('-');
    const kept = await makeWork(home);
    await handOver(kept, process.ppid);
    const gone = await makeWork(home);
    writeFileSync(join(gone, 'owner'), `${pid}-1-${space}`);
    mkdirSync(join(home, 'work', `${pid}-1-${space}-another-start`));
    mkdirSync(join(home, 'work', `4194305-${start}-${space}-no-such-process`));
    mkdirSync(join(home, 'work', `4194305-${start}-1-another-container`));
    writeFileSync(join(home, 'work', `4194305-${start}-${space}-unfinished-file`), 'half');
    mkdirSync(join(home, 'work', 'something-else'));
    await sweep(home);
    const left = [own, kept].map((path) => path.split('/').at(-1) ?? '');
    expect(readdirSync(join(home, 'work')).toSorted()).toEqual(
      [...left, `4194305-${start}-1-another-container`, 'something-else'].toSorted(),
    );
  });
});
