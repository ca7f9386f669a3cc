import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { basename, fail, folder, join, ok, type Call, type Layer, type Result } from '@goldenthread/core';
import { extract, type Header } from 'tar-stream';

/** Files of a root file system by path: their text, null for one that cannot be read (too large, a link to elsewhere). */
export type Files = ReadonlyMap<string, string | null>;

/** Bytes of the file at a path that are wanted at most; null where it is not wanted. */
export type Wanted = (path: string) => number | null;

/** What one layer does to those below it. */
interface Change {
  readonly added: Map<string, string | null>;
  /** What is no more: paths, with all that lay below them. */
  readonly gone: Set<string>;
  /** Folders whose content from below is no more. */
  readonly emptied: Set<string>;
}

type Entry = AsyncIterable<Uint8Array> & { readonly header: Header; resume(): unknown };

/** All files together keep at most so much text. */
const MOST = 256 * 1024 * 1024;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** The folders above a path, and the path itself. */
function* upwards(path: string): Generator<string> {
  for (let at = path; at !== ''; at = folder(at)) yield at;
}

/** What stays of the files below when a layer is put on them, and what it adds. */
function put(below: Files, { added, gone, emptied }: Change): Files {
  const stays = (path: string): boolean =>
    ![...upwards(path)].some((at) => gone.has(at) || (at !== path && emptied.has(at)));
  return new Map([...[...below].filter(([path]) => stays(path)), ...added]);
}

async function textOf(entry: Entry): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** Notes what an entry of a layer takes away; `below` are the paths, with the folders above them, that could be taken away. */
function takeAway(path: string, isFolder: boolean, below: ReadonlySet<string>, change: Change): void {
  const name = basename(path);
  if (name === OPAQUE) change.emptied.add(folder(path));
  else if (name.startsWith(WHITEOUT)) change.gone.add(join(folder(path), name.slice(WHITEOUT.length)));
  else if (!isFolder && below.has(path)) change.gone.add(path);
}

/** Reads what is wanted of one layer. Throws what the stream throws. */
async function readEntries(entries: AsyncIterable<Entry>, below: Files, wanted: Wanted): Promise<Change> {
  const change: Change = { added: new Map(), gone: new Set(), emptied: new Set() };
  const known = new Set([...below.keys()].flatMap((path) => [...upwards(path)]));
  let left = MOST - [...below.values()].reduce((sum, text) => sum + (text?.length ?? 0), 0);
  for await (const entry of entries) {
    const { name, type, linkname, size = 0 } = entry.header;
    const path = join(name);
    takeAway(path, type === 'directory', known, change);
    const limit = type === 'directory' || basename(path).startsWith(WHITEOUT) ? null : wanted(path);
    if (limit !== null && type === 'file' && size <= Math.min(limit, left)) {
      left -= size;
      change.added.set(path, await textOf(entry));
      continue;
    }
    entry.resume();
    if (limit === null) continue;
    // A hard link is another name of what came before it in the same layer.
    const same = type === 'link' ? change.added.get(join(linkname ?? '')) : undefined;
    change.added.set(path, limit === 0 ? '' : (same ?? null));
  }
  return change;
}

/** Reads one layer while checking that it is what its digest says. */
async function readLayer(
  { path, digest }: { readonly path: string; readonly digest: string },
  below: Files,
  wanted: Wanted,
  call: Call,
): Promise<Result<Files>> {
  const tar = extract();
  const hash = createHash('sha256');
  const through = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const source = createReadStream(path, { highWaterMark: 1024 * 1024 });
  const corrupt = (found: string): Result<never> =>
    fail({ code: 'content-corrupt', what: path, expected: digest, found });
  const [piped, read] = await Promise.allSettled([
    pipeline(source, through, tar, { signal: call.signal }),
    readEntries(tar as AsyncIterable<Entry>, below, wanted),
  ]);
  if (call.signal.aborted) return fail({ code: 'cancelled' });
  if (piped.status === 'rejected' || read.status === 'rejected') {
    const { code, message } = ((piped.status === 'rejected' ? piped : read) as PromiseRejectedResult)
      .reason as NodeJS.ErrnoException;
    return corrupt(code === 'ENOENT' ? 'nothing' : `no tar that can be read (${message})`);
  }
  const found = `sha256:${hash.digest('hex')}`;
  return found === digest ? ok(put(below, read.value)) : corrupt(found);
}

/**
 * The wanted files of the root file system that layers (uncompressed tars, lowest first) make together, deletions honoured.
 * Fails with `content-corrupt` where a layer is missing, is no tar, or is not what its digest says.
 */
export async function readLayers(
  layers: readonly Pick<Layer, 'digest'>[],
  pathOf: (digest: string) => string,
  wanted: Wanted,
  call: Call,
): Promise<Result<Files>> {
  let files: Files = new Map();
  for (const { digest } of layers) {
    const read = await readLayer({ path: pathOf(digest), digest }, files, wanted, call);
    if (!read.ok) return read;
    files = read.value;
  }
  return ok(files);
}
