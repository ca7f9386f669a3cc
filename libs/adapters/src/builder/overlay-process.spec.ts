import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usedImage, type BakeOrder, type Built, type Call, type Result } from '@goldenthread/core';
import {
  bakeSource,
  clone,
  miniBake,
  missingTools,
  runSource,
  skipAloud,
  tracesOf,
} from '@goldenthread/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { overlaySupported } from '../namespace/supported.ts';
import { createBlobs } from '../store/blobs.ts';
import { createLayered } from './layered.ts';
import { createOverlay } from './overlay.ts';

// Bakes in processes of their own: those can be killed, have a small disk, or belong to somebody else.
const missing = missingTools('ansible-playbook', 'unshare', 'nsenter', 'tar', 'ldd');
const quiet = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const folder = mkdtempSync(join(tmpdir(), 'goldenthread-process-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const supported = missing.length === 0 && (await overlaySupported(join(folder, 'try'), quiet())).ok;
if (!supported) skipAloud('the embedded builder', 'no overlay mounts can be made in namespaces here');
const isRoot = process.getuid?.() === 0;

const mini = miniBake(join(folder, 'root'), supported);
const { root } = mini;
const homeNamed = (name: string): string => {
  mkdirSync(join(folder, name), { recursive: true });
  return join(folder, name);
};
const builderIn = (home: string): ReturnType<typeof createLayered> => {
  const parts = { root, home, blobs: createBlobs(home) };
  return createLayered(parts, [createOverlay(parts)]);
};
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures, null, 1));
  return result.value;
};
const leftIn = (home: string): string[] => [...tracesOf(home), ...readdirSync(join(home, 'work'))];

const blobsIn = (home: string): string[] => {
  const at = join(home, 'oci/blobs/sha256');
  return existsSync(at) ? readdirSync(at) : [];
};

/** The answer of a bake, and what it said. */
async function outcome(child: ReturnType<typeof runSource>): Promise<{ built: Result<Built>; said: string }> {
  let [out, said] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  if (!out.startsWith('{')) throw new Error(`no outcome: ${out}\n${said}`);
  return { built: JSON.parse(out) as Result<Built>, said };
}

describe.skipIf(!supported)('a bake that goes wrong', { timeout: 60_000 }, () => {
  // At each of these moments something else is open: the base half unpacked, a step running.
  it.each([
    ['while it makes its base', 'unpacking', 0],
    ['while a step runs', 'TASK [Run wait]', 1],
  ])(
    'leaves no process and no mount when it is killed %s, and its folder to the next bake',
    async (_when, sign, layers) => {
      const home = homeNamed(`killed-${layers}`);
      const order = mini.orderOf(mini.step('wait', 'sleep 600'));
      const child = runSource(bakeSource({ root, home }, order, clone), clone);
      const closed = once(child, 'close');
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes(sign)) child.kill('SIGKILL');
      });
      await closed;
      expect(said).toContain(sign);
      await expect.poll(() => tracesOf(home), { timeout: 10_000 }).toEqual([]);
      expect(readdirSync(join(home, 'work'))).not.toEqual([]);
      expect(blobsIn(home)).toHaveLength(layers);
      value(await builderIn(home).build(mini.orderOf(mini.step('write', 'echo 1 >/etc/x')), quiet()));
      expect(leftIn(home)).toEqual([]);
    },
  );

  it.skipIf(!isRoot)('says that the disk is full, and has nothing half-written', async () => {
    const home = homeNamed('small');
    const order = mini.orderOf(mini.step('fill', 'dd if=/dev/zero of=/usr/lib/large bs=1M count=100'));
    // The small disk is mounted where only the bake sees it, and goes with it: so it is asked from inside what is on it.
    const count = (at: string): string => `readdirSync(${JSON.stringify(join(home, at))}).length`;
    const report = `
      import { readdirSync } from 'node:fs';
      console.error('LEFT', ${count('work')}, ${count('oci/blobs/sha256')}, ${count('layers')});`;
    const small = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs -o size=40m tmpfs "$1" && shift && exec "$@"',
      'small',
      home,
    ];
    const { built, said } = await outcome(
      runSource(bakeSource({ root, home }, order, clone) + report, clone, small),
    );
    expect(built).toEqual({ ok: false, failures: [{ code: 'disk-full', folder: home }] });
    // The base is whole and stays; of the step there is nothing.
    expect(said).toContain('LEFT 0 1 1');
  });
});

// Other specs of this kind may run at the same time.
const USER = `goldenthread-${process.pid}`;
const debian =
  supported && isRoot && missingTools('mmdebstrap', 'useradd', 'newuidmap', 'setpriv').length === 0;

describe.skipIf(!debian)('a Debian base and a role on it', { timeout: 240_000 }, () => {
  const source = { mmdebstrap: { suite: 'bookworm', variant: 'minbase' as const, packages: ['python3'] } };
  const tasks = [
    { user: { name: 'app', system: true } },
    { copy: { dest: '/etc/host', content: '{{ ansible_hostname }} {{ ansible_env.HOME }}' } },
  ];
  const order: BakeOrder = {
    ...mini.orderOf({ ...mini.step('user'), play: { hosts: 'all', tasks } }),
    image: usedImage(
      { base: source, roles: ['spec'], backend: 'overlay' },
      'images/spec',
      'images/spec/image.yaml',
    ),
    base: { kind: 'source', source },
  };

  it('are the same to the bit for root and for an ordinary user in another folder', async () => {
    const [mine, theirs] = [homeNamed('root-home'), homeNamed('user-home')];
    const seen = join(folder, 'clone');
    mkdirSync(seen);
    execFileSync('useradd', ['--system', '--add-subids-for-system', USER]);
    try {
      const [user, group] = ['-u', '-g'].map((flag) =>
        execFileSync('id', [flag, USER], { encoding: 'utf8' }).trim(),
      );
      chownSync(theirs, Number(user), Number(group));
      execFileSync('chmod', ['-R', 'a+rX', folder]);
      // The user may not be allowed to read this clone where it lies, so it is shown in another place.
      const show = [
        'unshare',
        '--mount',
        'sh',
        '-c',
        'mount --bind "$1" "$2" && shift 2 && exec "$@"',
        'show',
        clone,
        seen,
      ];
      const become = [
        'setpriv',
        `--reuid=${user}`,
        `--regid=${group}`,
        '--clear-groups',
        'env',
        'HOME=/nonexistent',
        'USER=app',
      ];
      const child = runSource(bakeSource({ root, home: theirs }, order, seen), seen, [...show, ...become]);
      const [rootless, rooted] = await Promise.all([outcome(child), builderIn(mine).build(order, quiet())]);
      expect(value(rootless.built)).toEqual(value(rooted));
      expect([...leftIn(mine), ...leftIn(theirs)]).toEqual([]);
    } finally {
      execFileSync('userdel', [USER]);
    }
  });
});
