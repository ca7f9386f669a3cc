import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { missingTools } from './tools.ts';

/** A Docker daemon for specs. */
export interface RealDocker {
  /** Why the specs that need it are to be skipped, or null. */
  readonly missing: string | null;
  stop(): Promise<void>;
}

/** Says aloud that specs are skipped, and why; in CI nothing may be skipped. */
export function skipAloud(what: string, reason: string): string {
  if (process.env['CI'] === 'true') throw new Error(`${what}: ${reason}, and CI=true skips nothing`);
  console.warn(`SKIPPED: ${what}: ${reason}`);
  return reason;
}

/** The daemon that answers, or one for the time of these specs; skipped aloud where it or a program is not to be had. */
export async function realDocker(what: string, programs: readonly string[]): Promise<RealDocker> {
  const none = async (): Promise<void> => undefined;
  const absent = missingTools(...programs);
  if (absent.length > 0) return { missing: `${absent.join(', ')} not installed`, stop: none };
  const tool = new URL('../../../tools/dockerd.mjs', import.meta.url).href;
  const { startDocker } = (await import(tool)) as {
    startDocker: () => Promise<{ stop: () => Promise<void> }>;
  };
  try {
    const { stop } = await startDocker();
    return { missing: null, stop };
  } catch (error) {
    return { missing: skipAloud(what, (error as Error).message), stop: none };
  }
}

const STALE_MS = 180_000;

async function makeTar(file: string, part: string): Promise<void> {
  const packages = 'python3,python3-apt,systemd,systemd-sysv,dbus,procps,iproute2';
  const argv = ['--quiet', '--variant=minbase', `--include=${packages}`, 'bookworm', part];
  await promisify(execFile)('mmdebstrap', argv);
  await rename(part, file);
}

/** A Debian root file system with Python and systemd as a tar: made once (25 s), then shared by all specs of this machine. */
export async function debianTar(): Promise<string> {
  const folder = join(tmpdir(), 'goldenthread-specs');
  const [file, lock] = [join(folder, 'bookworm-systemd.tar'), join(folder, 'bookworm-systemd.lock')];
  await mkdir(folder, { recursive: true });
  const deadline = Date.now() + STALE_MS;
  while (!existsSync(file)) {
    const held = await writeFile(lock, `${process.pid}`, { flag: 'wx' }).then(
      () => true,
      () => false,
    );
    if (held) {
      try {
        await makeTar(file, join(folder, `bookworm-${process.pid}.part.tar`));
      } finally {
        await rm(lock, { force: true });
      }
    } else if (Date.now() - (await stat(lock).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs > STALE_MS)
      await rm(lock, { force: true });
    else if (Date.now() > deadline) throw new Error(`${lock} is held for too long`);
    else await pause(200);
  }
  return file;
}
