import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fail,
  ok,
  type Artifact,
  type Call,
  type Ports,
  type Result,
  type SweepOptions,
} from '@goldenthread/core';
import { fileFailure } from './files.ts';
import { unpackedFolder, unpackedName } from './namespace/root.ts';
import { isAlive, removeTree, sweep as clearWork } from './namespace/work.ts';
import { blobPath, homeLayout } from './oci/content.ts';
import { garbageOf, type Garbage } from './oci/garbage.ts';
import { list } from './oci/listing.ts';
import type { Parts } from './parts.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What lies in the home folder and may go: paths, each with its bytes as far as they count. */
type Doomed = ReadonlyMap<string, number>;

const names = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

/** Time of the last change and size; null where it is gone. */
const look = (path: string): Promise<{ readonly mtimeMs: number; readonly size: number } | null> =>
  stat(path).catch(() => null);

async function jsonIn<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    // What cannot be read is not known to be old or unused: it stays.
    return null;
  }
}

/** Records that may go, and the artifacts that stay because of those that may not. */
async function oldRecords(
  home: string,
  { keep, days }: SweepOptions,
): Promise<{ readonly doomed: Doomed; readonly kept: ReadonlySet<string> }> {
  const doomed = new Map<string, number>();
  const kept = new Set(keep);
  for (const image of await names(join(home, 'records')))
    for (const file of await names(join(home, 'records', image))) {
      const path = join(home, 'records', image, file);
      const { record } = (await jsonIn<{ readonly record?: Artifact }>(path)) ?? {};
      if (!record) continue;
      const isOld = Date.now() - Date.parse(record.time) > days * DAY_MS;
      if (isOld && !keep.has(record.digest)) doomed.set(path, (await look(path))?.size ?? 0);
      else kept.add(record.digest);
    }
  return { doomed, kept };
}

/** Evidence of artifacts that do not stay; what was proved just now may be ahead of its record. */
async function oldEvidence(home: string, kept: ReadonlySet<string>): Promise<Doomed> {
  const doomed = new Map<string, number>();
  for (const artifact of await names(join(home, 'evidence')))
    for (const file of await names(join(home, 'evidence', artifact))) {
      const path = join(home, 'evidence', artifact, file);
      const found = await look(path);
      if (found && !kept.has(`sha256:${artifact}`) && Date.now() - found.mtimeMs > HOUR_MS)
        doomed.set(path, found.size);
    }
  return doomed;
}

/** Files and folders directly in a folder that were not touched for so long, and that the test speaks against. */
async function unused(
  folder: string,
  age: number,
  test: (path: string, name: string) => boolean | Promise<boolean>,
): Promise<Doomed> {
  const doomed = new Map<string, number>();
  for (const name of await names(folder)) {
    const path = join(folder, name);
    const found = await look(path);
    if (found && Date.now() - found.mtimeMs > age && (await test(path, name))) doomed.set(path, found.size);
  }
  return doomed;
}

/** Steps remembered and layers unpacked whose content does not stay. */
async function oldCaches(home: string, { kept }: Garbage): Promise<Doomed> {
  const unpacked = new Set([...kept].map(unpackedName));
  const steps = await unused(join(home, 'layers'), HOUR_MS, async (path) => {
    const layer = await jsonIn<{ readonly digest?: string }>(path);
    return layer !== null && !kept.has(layer.digest ?? '');
  });
  const layers = await unused(
    unpackedFolder(home),
    HOUR_MS,
    (_, name) => /^[0-9a-f]{24}$/.test(name) && !unpacked.has(name),
  );
  return new Map([...steps, ...layers]);
}

/** Whether a bake or a machine is under way: both may use layers that nothing names any more, or not yet. */
async function isBusy(home: string): Promise<boolean> {
  const folder = join(home, 'work');
  for (const name of await names(folder))
    if (/^\d+-\d+-\d+-/.test(name) && (await isAlive(folder, name))) return true;
  return false;
}

const NOTHING: Garbage = { entries: [], blobs: new Map(), kept: new Set() };

/** Everything that may go. */
async function find(home: string, options: SweepOptions) {
  const records = await oldRecords(home, options);
  const evidence = await oldEvidence(home, records.kept);
  const isOld = (age: number) => (time: number) => Date.now() - time > age;
  const busy = await isBusy(home);
  const content = busy
    ? NOTHING
    : await garbageOf(homeLayout(home), {
        keep: records.kept,
        isOld: { entry: isOld(options.days * DAY_MS), blob: isOld(HOUR_MS) },
      });
  const caches = busy ? new Map<string, number>() : await oldCaches(home, content);
  const logs = await unused(join(home, 'logs'), options.days * DAY_MS, (_, name) => name.endsWith('.log'));
  return {
    records: new Map([...records.doomed, ...evidence]),
    content,
    others: new Map([...caches, ...logs]),
  };
}

async function removeAll(
  home: string,
  found: Awaited<ReturnType<typeof find>>,
  call: Call,
): Promise<Result<void>> {
  const stopped = fail({ code: 'cancelled' });
  await clearWork(home);
  // Names first: nothing is ever named whose content is gone.
  for (const path of found.records.keys()) {
    if (call.signal.aborted) return stopped;
    await rm(path, { force: true });
  }
  const layout = homeLayout(home);
  const gone = Object.fromEntries(found.content.entries.map((name) => [name, null]));
  const listed = found.content.entries.length === 0 ? ok(undefined) : await list(layout, gone);
  if (!listed.ok) return listed;
  for (const path of found.others.keys()) {
    if (call.signal.aborted) return stopped;
    await removeTree(path);
  }
  for (const digest of found.content.blobs.keys()) {
    if (call.signal.aborted) return stopped;
    await rm(blobPath(layout, digest), { force: true });
  }
  return ok(undefined);
}

/**
 * Removes from the home folder what no record, version or digest to keep needs any more. It holds no lock: what is younger
 * than an hour stays, and while something is baked or tested all content does.
 */
export const createSweep =
  ({ home }: Parts): Ports['sweep'] =>
  async (options, call) => {
    if (call.signal.aborted) return fail({ code: 'cancelled' });
    try {
      const found = await find(home, options);
      const { records, content, others } = found;
      const removed = options.dryRun ? ok(undefined) : await removeAll(home, found, call);
      if (!removed.ok) return removed;
      const bytes = [records, content.blobs, others].flatMap((one) => [...one.values()]);
      return ok({
        records: records.size,
        blobs: content.blobs.size,
        others: others.size,
        bytes: bytes.reduce((sum, one) => sum + one, 0),
      });
    } catch (error) {
      return fail(fileFailure(error, `${home}/oci`));
    }
  };
