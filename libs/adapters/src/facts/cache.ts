import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Facts } from '@goldenthread/core/graph';
import type { Seen } from './look.ts';

/** Facts of one request, and the state of everything that was read for them: path, state, path, state. */
export type Entry = readonly [reads: readonly string[], facts: Facts];

/** What is remembered of a workspace. */
export interface Cache {
  readonly seen: Map<string, Seen>;
  readonly entries: Map<string, Entry>;
}

// The form of the cache file itself.
const SCHEMA = 1;

// Renamed and deleted projects leave entries behind; from this many on it is cheaper to begin again.
const MOST_ENTRIES = 200_000;

interface Saved {
  readonly schema: number;
  readonly code: string;
  readonly ignore: readonly string[];
  readonly seen: Readonly<Record<string, Seen>>;
  readonly entries: Readonly<Record<string, Entry>>;
}

/** Names, sizes and times of the code files in a folder; empty where there is none. */
function filesIn(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => /\.[jt]s$/.test(name));
  return names.sort().map((name) => {
    const { size, mtimeMs } = statSync(join(folder, name));
    return `${name}:${size}:${mtimeMs}`;
  });
}

let codeNow: string | undefined;

/** What tells this code from any other version of it: other code may find other references in the same files. */
function code(): string {
  if (codeNow !== undefined) return codeNow;
  const own = fileURLToPath(new URL('.', import.meta.url));
  const core = dirname(dirname(fileURLToPath(import.meta.resolve('@goldenthread/core/graph'))));
  const folders = [own, core, join(core, 'graph'), join(core, 'declaration')];
  return (codeNow = folders.flatMap(filesIn).join(' '));
}

const isMap = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function isSaved(value: unknown, ignore: readonly string[]): value is Saved {
  if (!isMap(value)) return false;
  const saved = value as Partial<Saved>;
  return (
    saved.schema === SCHEMA &&
    saved.code === code() &&
    isMap(saved.seen) &&
    isMap(saved.entries) &&
    JSON.stringify(saved.ignore) === JSON.stringify(ignore)
  );
}

/** Reads the cache; an empty one where there is none, or none of this version and ignore list. */
export function openCache(file: string | null, ignore: readonly string[]): Cache {
  const empty: Cache = { seen: new Map(), entries: new Map() };
  if (file === null) return empty;
  try {
    const saved: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isSaved(saved, ignore)) return empty;
    const entries = Object.entries(saved.entries);
    if (entries.length > MOST_ENTRIES) return empty;
    return { seen: new Map(Object.entries(saved.seen)), entries: new Map(entries) };
  } catch {
    // Missing or torn: everything is read again, which is all that a cache can cost.
    return empty;
  }
}

/** Writes the cache beside its place and renames it, so that nobody ever reads half of it. */
export function saveCache(file: string | null, ignore: readonly string[], cache: Cache): void {
  if (file === null) return;
  const draft = `${file}.${process.pid}.tmp`;
  // A full or read-only disk costs time at the next run, nothing else.
  const written = attempt(() => {
    const saved: Saved = {
      schema: SCHEMA,
      code: code(),
      ignore,
      seen: Object.fromEntries(cache.seen),
      entries: Object.fromEntries(cache.entries),
    };
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(draft, JSON.stringify(saved));
    renameSync(draft, file);
  });
  if (!written) attempt(() => rmSync(draft, { force: true }));
}

function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
