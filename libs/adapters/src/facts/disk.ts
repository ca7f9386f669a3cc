import type { FactSource } from '@goldenthread/core';
import { ABSENT, PRESENT, type FactRequest, type Facts } from '@goldenthread/core/graph';
import { openCache, saveCache, type Cache } from './cache.ts';
import { createLook, inside, type Content, type Look } from './look.ts';

/** Where facts come from. */
export interface FactsOptions {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** Absolute path of the file that remembers facts between processes; null to remember nothing. */
  readonly cacheFile: string | null;
  /** Files and folders that are no sources: paths relative to the root, in which `*` and `**` may stand. */
  readonly ignore: readonly string[];
  /** The clock, in ms. */
  readonly now?: () => number;
}

// So many requests are read at once: parsers of HCL gain by it, and not all files need to be in memory.
const AT_ONCE = 64;

const keyOf = ({ kind, path, playbook }: FactRequest): string => `${kind}\n${path}\n${playbook ?? ''}`;

/** Facts that need no reading: nothing is there, only existence was asked, or nothing has changed; null for all others. */
function known(request: FactRequest, cache: Cache, look: Look): Facts | null {
  if (request.kind === 'file') return look.exists(request.path) ? PRESENT : ABSENT;
  const entry = cache.entries.get(keyOf(request));
  if (!entry) return look.exists(request.path) ? null : ABSENT;
  const [reads, facts] = entry;
  for (let index = 0; index < reads.length; index += 2)
    if (look.state(reads[index] ?? '') !== reads[index + 1]) return null;
  return facts;
}

function globOf(pattern: string): RegExp {
  const source = pattern
    .replace(/\/+$/, '')
    .replace(/[.+^${}()|[\]\\?]/g, '\\$&')
    .replace(/\*\*\/|\*\*|\*/g, (stars) => (stars === '*' ? '[^/]*' : stars === '**' ? '.*' : '(?:.*/)?'));
  return new RegExp(`^${source}(?:/|$)`);
}

/** Reads a workspace's sources and says what they refer to; what has not changed is not read again. */
export function createFacts({ root, cacheFile, ignore, now = Date.now }: FactsOptions): FactSource {
  const globs = ignore.map(globOf);
  const ignored = (path: string): boolean => globs.some((glob) => glob.test(path));
  let opened: Cache | undefined;

  const learn = async (request: FactRequest, cache: Cache, look: Look): Promise<Facts> => {
    // The parsers are large; they are loaded only once something has to be parsed.
    const { extract } = await import('./extract.ts');
    const contents = new Map<string, Content>();
    const read = (path: string): Content => {
      const content = contents.get(path) ?? look.content(path);
      contents.set(path, content);
      return content;
    };
    const facts = await extract(request, { read, ignored });
    const reads = Array.from(contents, ([path, { state }]) => [path, state]).flat();
    cache.entries.set(keyOf(request), [reads, facts]);
    return facts;
  };

  return {
    load: async (requests) => {
      const cache = (opened ??= openCache(cacheFile, ignore));
      let changed = false;
      const look = createLook(root, cache.seen, now, () => (changed = true));
      const plain = requests.map((request) => {
        const path = inside(request.path);
        return path === null ? null : path === request.path ? request : { ...request, path };
      });
      const answers = plain.map((request) => (request ? known(request, cache, look) : ABSENT));
      const cold = answers.flatMap((answer, index) => (answer === null ? [index] : []));
      for (let start = 0; start < cold.length; start += AT_ONCE) {
        const part = cold.slice(start, start + AT_ONCE);
        await Promise.all(
          part.map(async (index) => {
            const request = plain[index];
            if (request) answers[index] = await learn(request, cache, look);
          }),
        );
      }
      if (changed || cold.length > 0) saveCache(cacheFile, ignore, cache);
      return answers.map((answer) => answer ?? ABSENT);
    },
  };
}
