import { readdir, readFile, stat } from 'node:fs/promises';
import { blobPath, type LayoutFolder } from './content.ts';
import { isDigest } from './digest.ts';
import { listed, listedNames, REF_NAME } from './listing.ts';
import { fieldsOf, type Descriptor, type ManifestFields } from './place.ts';
import { MAX_LISTING } from './tags.ts';
import { isAbandoned } from './workspace-name.ts';

/** What a layout need not keep. */
export interface Garbage {
  /** Entries of its index. */
  readonly entries: readonly string[];
  /** Blobs with their sizes. */
  readonly blobs: ReadonlyMap<string, number>;
  /** Blobs that stay. */
  readonly kept: ReadonlySet<string>;
}

/** What decides it. */
export interface GarbageOrder {
  /** Digests of artifacts that stay. */
  readonly keep: ReadonlySet<string>;
  /** Tells old from young by the time (milliseconds) of the last change. */
  readonly isOld: { readonly entry: (time: number) => boolean; readonly blob: (time: number) => boolean };
}

interface Entry {
  readonly name: string;
  readonly descriptor: Descriptor;
  readonly time: number;
}

const REFERRER = /^of-([0-9a-f]{64})-[0-9a-f]{64}$/;
const ANCHOR = 'dev.goldenthread.artifact';

const subjectOf = ({ name }: Entry): string | null => {
  const hex = REFERRER.exec(name)?.[1];
  return hex === undefined ? null : `sha256:${hex}`;
};

async function entriesOf(layout: LayoutFolder): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  for (const name of await listedNames(layout)) {
    const entry = await listed(layout, name);
    const file = await stat(`${layout.folder}/manifests/${name}.json`).catch(() => null);
    if (entry.ok && entry.value && file) found.push({ name, descriptor: entry.value, time: file.mtimeMs });
  }
  return found;
}

/** Digests of named entries that other tools put into the index. */
async function foreign(layout: LayoutFolder, entries: readonly Entry[]): Promise<readonly string[]> {
  try {
    const text = await readFile(`${layout.folder}/index.json`, 'utf8');
    const { manifests = [] } = JSON.parse(text) as ManifestFields;
    const ours = new Set(entries.map(({ descriptor }) => descriptor.annotations?.[REF_NAME]));
    return manifests
      .filter(({ annotations: { [REF_NAME]: name } = {} }) => name !== undefined && !ours.has(name))
      .map(({ digest }) => digest);
  } catch {
    return [];
  }
}

/** What a manifest names; nothing where it is not there or is none. */
async function fieldsIn(layout: LayoutFolder, digest: string): Promise<ManifestFields> {
  const path = blobPath(layout, digest);
  const size = await stat(path).then(
    (file) => file.size,
    () => Infinity,
  );
  if (size > MAX_LISTING) return {};
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    // What cannot be read now must not look as if it named nothing.
    if (error.code !== 'ENOENT') throw error;
    return Buffer.alloc(0);
  });
  const fields = fieldsOf({ digest, mediaType: '', bytes }, layout.folder);
  return fields.ok ? fields.value : {};
}

/** Whether an entry stays by itself, and not only because something else that stays needs it. */
async function stands(layout: LayoutFolder, entry: Entry, order: GarbageOrder): Promise<boolean> {
  const { descriptor, time } = entry;
  if (subjectOf(entry) !== null) return false;
  if (order.keep.has(descriptor.digest)) return true;
  const name = descriptor.annotations?.[REF_NAME];
  // A version stands as long as its workspace does; what was only put for its fingerprint lives as long as its record.
  if (name !== undefined && !name.startsWith('staging/') && !isAbandoned(name)) return true;
  if (name !== undefined && !order.isOld.entry(time)) return true;
  const { annotations = {} } = await fieldsIn(layout, descriptor.digest);
  return order.keep.has(annotations[ANCHOR] ?? '') || !order.isOld.blob(time);
}

/** All that is reached from these manifests: what they name, and what refers to them. */
async function reach(
  layout: LayoutFolder,
  roots: readonly string[],
  entries: readonly Entry[],
): Promise<ReadonlySet<string>> {
  const referrers = new Map<string, string[]>();
  for (const entry of entries) {
    const subject = subjectOf(entry);
    if (subject) referrers.set(subject, [...(referrers.get(subject) ?? []), entry.descriptor.digest]);
  }
  const reached = new Set<string>();
  const left = [...roots];
  for (let digest = left.pop(); digest !== undefined; digest = left.pop()) {
    if (reached.has(digest) || !isDigest(digest)) continue;
    reached.add(digest);
    const { config, layers = [], manifests = [] } = await fieldsIn(layout, digest);
    for (const one of [...(config ? [config] : []), ...layers]) reached.add(one.digest);
    left.push(...manifests.map((one) => one.digest), ...(referrers.get(digest) ?? []));
  }
  return reached;
}

/** Finds what nothing that stays needs. Changes nothing. */
export async function garbageOf(layout: LayoutFolder, order: GarbageOrder): Promise<Garbage> {
  const entries = await entriesOf(layout);
  const standing = new Set<Entry>();
  for (const entry of entries) if (await stands(layout, entry, order)) standing.add(entry);
  const sizes = new Map<string, number>();
  const young: string[] = [];
  for (const hex of await readdir(`${layout.folder}/blobs/sha256`).catch(() => [])) {
    const digest = `sha256:${hex}`;
    const file = isDigest(digest) ? await stat(blobPath(layout, digest)).catch(() => null) : null;
    if (file) sizes.set(digest, file.size);
    // Somebody may be about to name it, and with it all that it names.
    if (file && !order.isOld.blob(file.mtimeMs)) young.push(digest);
  }
  const roots = [
    ...order.keep,
    ...[...standing].map(({ descriptor }) => descriptor.digest),
    ...(await foreign(layout, entries)),
    ...young,
  ];
  const kept = await reach(layout, roots, entries);
  const needed = (entry: Entry): boolean =>
    standing.has(entry) || (subjectOf(entry) !== null && kept.has(entry.descriptor.digest));
  return {
    entries: entries.filter((entry) => !needed(entry)).map(({ name }) => name),
    blobs: new Map([...sizes].filter(([digest]) => !kept.has(digest))),
    kept,
  };
}
