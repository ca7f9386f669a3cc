import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingTools } from '@goldenthread/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

interface Docker {
  readonly host: string;
  readonly own: boolean;
  stop(): Promise<void>;
}
const TOOL = fileURLToPath(new URL('dockerd.mjs', import.meta.url));
const { startDocker, withDocker } = (await import(TOOL)) as {
  startDocker(folder: string): Promise<Docker>;
  withDocker<T>(task: (docker: Docker) => Promise<T>, folder: string): Promise<T>;
};

const SECONDS = 1000;
const missing = missingTools('dockerd', 'docker');
const running = existsSync('/var/run/docker.sock') ? 'a daemon of the machine runs' : null;
const reason = missing.length > 0 || process.getuid?.() !== 0 ? 'no dockerd that may be started' : running;
if (reason !== null) console.warn(`SKIPPED, as ${reason}: a private Docker daemon`);

describe.skipIf(reason !== null)('a private Docker daemon', () => {
  const before = process.env['DOCKER_HOST'];
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gt-dockerd-'));
    delete process.env['DOCKER_HOST'];
  });
  afterEach(() => {
    if (before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = before;
    expect(traces()).toEqual([]);
    rmSync(folder, { recursive: true, force: true });
  });
  /** Processes, mounts and network devices that belong to the folder's daemon. */
  const traces = (): readonly string[] => {
    const processes = readdirSync('/proc').filter((pid) => {
      const file = `/proc/${pid}/cmdline`;
      return (
        /^\d+$/.test(pid) &&
        pid !== `${process.pid}` &&
        existsSync(file) &&
        readFileSync(file, 'utf8').includes(folder)
      );
    });
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(folder));
    return [...processes, ...mounts, ...(existsSync(join(folder, 'run')) ? ['run'] : [])];
  };
  const version = (): string =>
    execFileSync('docker', ['version', '-f', '{{.Server.Os}}'], { encoding: 'utf8' }).trim();

  it(
    'is there for the time of a task, and gone with its network afterwards',
    async () => {
      const seen = await withDocker(async ({ own, host }) => {
        expect(process.env['DOCKER_HOST']).toBe(host);
        const option = '{{index .Options "com.docker.network.bridge.name"}}';
        const asked = execFileSync('docker', ['network', 'inspect', '-f', option, 'bridge'], {
          encoding: 'utf8',
        });
        return [own, version(), asked.trim()];
      }, folder);
      expect(seen).toEqual([true, 'linux', expect.stringMatching(/^gt[0-9a-f]{8}$/)]);
      expect(process.env['DOCKER_HOST']).toBeUndefined();
      expect(existsSync(`/sys/class/net/${String(seen[2])}`)).toBe(false);
    },
    60 * SECONDS,
  );

  it(
    'goes even when the task throws',
    async () => {
      await expect(withDocker(async () => Promise.reject(new Error('no')), folder)).rejects.toThrow('no');
    },
    60 * SECONDS,
  );

  it(
    'is shared by all who name the folder, and the last of them stops it',
    async () => {
      const [one, two] = await Promise.all([startDocker(folder), startDocker(folder)]);
      expect(one.host).toBe(two.host);
      const third = await startDocker(folder);
      await one.stop();
      await two.stop();
      process.env['DOCKER_HOST'] = third.host;
      expect(version()).toBe('linux');
      await third.stop();
    },
    60 * SECONDS,
  );

  it(
    'lets those use another daemon who name one that answers',
    async () => {
      const docker = await startDocker(folder);
      const other = await startDocker(join(folder, 'other'));
      expect(other).toMatchObject({ own: false, host: docker.host });
      await other.stop();
      expect(version()).toBe('linux');
      await docker.stop();
    },
    60 * SECONDS,
  );

  it(
    'is taken over from a user that was killed',
    async () => {
      const code = `const { startDocker } = await import(${JSON.stringify(TOOL)}); await startDocker(${JSON.stringify(folder)}); console.log('up'); setInterval(() => {}, 1000);`;
      const killed = spawn(process.execPath, ['--input-type=module', '-e', code], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(killed.stdout, 'data');
      killed.kill('SIGKILL');
      await once(killed, 'close');
      const docker = await startDocker(folder);
      expect(version()).toBe('linux');
      await docker.stop();
    },
    60 * SECONDS,
  );

  it(
    'serves a command, whose exit code it passes on',
    () => {
      const env = { ...process.env, GOLDENTHREAD_HOME: folder };
      const command = (...argv: readonly string[]): ReturnType<typeof spawnSync> =>
        spawnSync(process.execPath, [TOOL, ...argv], { env, encoding: 'utf8' });
      expect(command('--', 'sh', '-c', 'docker version -f "{{.Server.Os}}"; exit 7')).toMatchObject({
        status: 7,
        stdout: 'linux\n',
      });
      expect(command()).toMatchObject({ status: 2 });
    },
    60 * SECONDS,
  );

  it(
    'says how to get the daemon where there is none',
    async () => {
      const path = process.env['PATH'];
      process.env['PATH'] = folder;
      await expect(startDocker(join(folder, 'none'))).rejects.toThrow(
        'dockerd is not installed (Debian: apt-get install docker.io)',
      );
      process.env['PATH'] = path;
    },
    60 * SECONDS,
  );
});
