import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { canonical, fail, ok, type Json, type Result } from '@goldenthread/core';
import { diskFailure } from '../files.ts';
import { workName } from '../namespace/work.ts';
import type { LayoutFolder } from './content.ts';
import { isDigest } from './digest.ts';
import { corrupt, type Descriptor } from './place.ts';

/** The annotation by which tools find a manifest in a layout. */
export const REF_NAME = 'org.opencontainers.image.ref.name';

// Says that the entry has a file of its own here; named entries without it are other people's, and stay.
const OURS = 'dev.goldenthread.listed';

/** A change of what a layout lists: entries by the name of their file; null takes one away. */
export type Listing = Readonly<Record<string, Descriptor | null>>;

const fileOf = (layout: LayoutFolder, name: string): string => `${layout.folder}/manifests/${name}.json`;

async function replace(layout: LayoutFolder, path: string, text: string): Promise<void> {
  const part = `${layout.base}/work/${workName()}`;
  await writeFile(part, text);
  try {
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

const absent = (error: unknown): null => {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw error;
};

/** The names of the entries that a layout lists. */
export const listedNames = async (layout: LayoutFolder): Promise<readonly string[]> =>
  ((await readdir(`${layout.folder}/manifests`).catch(absent)) ?? [])
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .toSorted();

/** Reads an entry; null where there is none. */
export async function listed(layout: LayoutFolder, name: string): Promise<Result<Descriptor | null>> {
  const path = fileOf(layout, name);
  const text = await readFile(path, 'utf8').catch(absent);
  if (text === null) return ok(null);
  try {
    const entry = JSON.parse(text) as Descriptor | null;
    if (entry && isDigest(entry.digest)) return ok(entry);
  } catch {
    // The same is wrong with it as with JSON that is no entry.
  }
  return fail(corrupt(path, 'an entry of an index', 'something else'));
}

/** Named entries of the index that other tools put there. */
async function foreign(layout: LayoutFolder): Promise<readonly Json[]> {
  const text = await readFile(`${layout.folder}/index.json`, 'utf8').catch(absent);
  try {
    const { manifests = [] } = JSON.parse(text ?? '{}') as { readonly manifests?: readonly Descriptor[] };
    return manifests.filter(
      ({ annotations: marks = {} }) => marks[REF_NAME] !== undefined && marks[OURS] === undefined,
    ) as unknown as readonly Json[];
  } catch {
    return [];
  }
}

const readAll = async (layout: LayoutFolder): Promise<readonly string[]> => {
  const texts = (await listedNames(layout)).map((name) =>
    readFile(fileOf(layout, name), 'utf8').catch(absent),
  );
  return (await Promise.all(texts)).filter((text) => text !== null);
};

/** An entry that cannot be read must not keep all others out of the index. */
const parsed = (text: string): readonly Json[] => {
  try {
    return [JSON.parse(text) as Json];
  } catch {
    return [];
  }
};

/**
 * Changes what a layout lists. Every entry has a file of its own and the index is made from all of them, again until
 * nothing has changed meanwhile: so two writers lose nothing, and neither has to hold a lock.
 */
export async function list(layout: LayoutFolder, changes: Listing): Promise<Result<void>> {
  const { folder, base } = layout;
  try {
    await mkdir(`${folder}/manifests`, { recursive: true });
    await mkdir(`${base}/work`, { recursive: true });
    if (!existsSync(`${folder}/oci-layout`))
      await replace(layout, `${folder}/oci-layout`, canonical({ imageLayoutVersion: '1.0.0' }));
    for (const [name, entry] of Object.entries(changes)) {
      if (entry === null) await rm(fileOf(layout, name), { force: true });
      else await replace(layout, fileOf(layout, name), canonical(ours(entry)));
    }
    for (;;) {
      const texts = await readAll(layout);
      const manifests = [...texts.flatMap(parsed), ...(await foreign(layout))];
      await replace(layout, `${folder}/index.json`, canonical({ schemaVersion: 2, manifests }));
      if ((await readAll(layout)).join('\n') === texts.join('\n')) return ok(undefined);
    }
  } catch (error) {
    return fail(diskFailure(error, base));
  }
}

const ours = (entry: Descriptor): Json =>
  (entry.annotations?.[REF_NAME] === undefined
    ? entry
    : { ...entry, annotations: { ...entry.annotations, [OURS]: 'true' } }) as unknown as Json;
