import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, statSync, type Stats } from 'node:fs';
import { join, within } from '@goldenthread/core/graph';

/** What was seen at a path: mtime, ctime, size, inode, when it was looked at (all in ms), and its state. */
export type Seen = readonly [
  mtime: number,
  ctime: number,
  size: number,
  inode: number,
  at: number,
  state: string,
];

/** Something at a path. Its state changes with its content: '' is nothing, `d…` a folder's names, `f…` a file's bytes. */
export interface Content {
  readonly state: string;
  /** Of a file that can be read. */
  readonly text?: string;
  /** Of a folder, sorted; folders among them end with a slash. */
  readonly names?: readonly string[];
}

/** Looks at the disk, once for each path; one of these lives for one load. */
export interface Look {
  exists(path: string): boolean;
  /** The state, without reading where nothing can have changed. */
  state(path: string): string;
  /** The content, always read. */
  content(path: string): Content;
}

/** Sources are text that people write; what is larger is something else. */
export const MOST_BYTES = 4 * 1024 * 1024;

// A clock of a file system may stand still for up to two seconds: what was changed so shortly before we looked may have
// been changed again since, without a new time.
const COARSEST_CLOCK_MS = 2_000;

const QUIET = { throwIfNoEntry: false } as const;
const UNUSUAL = /(^|\/)\.{1,2}(\/|$)|\/\/|^\/|\0/;

/** A path that stays inside of the workspace, normalised; null for any other. */
export function inside(path: string): string | null {
  if (!UNUSUAL.test(path)) return path;
  if (path.startsWith('/') || path.includes('\0')) return null;
  const plain = join(path);
  return plain === '..' || plain.startsWith('../') ? null : plain;
}

const hash = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('base64url');

const errorCode = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';

/** Starts to look at the workspace at `root`; `seen` is what earlier looks found, and is brought up to date (`onNew` tells). */
export function createLook(
  root: string,
  seen: Map<string, Seen>,
  now: () => number,
  onNew: () => void,
): Look {
  const states = new Map<string, string>();
  let home: string | undefined;

  const stat = (path: string): Stats | undefined => {
    try {
      return statSync(path === '' ? root : `${root}/${path}`, QUIET);
    } catch {
      // A loop of links, or a folder that may not be entered: nothing can be read there.
      return undefined;
    }
  };
  // A link that leads out of the workspace is not followed: what lies there is not ours to read.
  const leadsOut = (full: string): boolean => !within(realpathSync(full), (home ??= realpathSync(root)));
  const read = (path: string, found: Stats): Content => {
    const full = path === '' ? root : `${root}/${path}`;
    try {
      if (leadsOut(full)) return { state: 'o' };
      if (found.isDirectory()) {
        const entries = readdirSync(full, { withFileTypes: true });
        const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
        return { state: `d${hash(names.join('\n'))}`, names };
      }
      if (!found.isFile()) return { state: 's' };
      if (found.size > MOST_BYTES) return { state: `x${found.size}` };
      const bytes = readFileSync(full);
      return { state: `f${hash(bytes)}`, text: bytes.toString('utf8').replace(/^\uFEFF/, '') };
    } catch (error) {
      return { state: `e${errorCode(error)}` };
    }
  };
  const content = (path: string): Content => {
    const at = now();
    const found = stat(path);
    const fresh: Content = found ? read(path, found) : { state: '' };
    states.set(path, fresh.state);
    if (found) seen.set(path, [found.mtimeMs, found.ctimeMs, found.size, found.ino, at, fresh.state]);
    else seen.delete(path);
    onNew();
    return fresh;
  };
  const state = (path: string): string => {
    const known = states.get(path);
    if (known !== undefined) return known;
    const found = stat(path);
    const last = seen.get(path);
    if (!found) return remember(path, '');
    if (last && isSame(last, found) && found.ctimeMs < last[4] - COARSEST_CLOCK_MS)
      return remember(path, last[5]);
    return content(path).state;
  };
  const remember = (path: string, value: string): string => {
    states.set(path, value);
    return value;
  };
  return { exists: (path) => stat(path) !== undefined, state, content };
}

const isSame = (last: Seen, found: Stats): boolean =>
  last[0] === found.mtimeMs && last[1] === found.ctimeMs && last[2] === found.size && last[3] === found.ino;
