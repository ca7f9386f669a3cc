import { join } from '../paths.ts';
import { isOutside, refer, ROOTED, unknown, type Found, type Text } from './gather.ts';
import { strings, type JsonSource } from './hcl-json.ts';
import { fileCalls, placeOf, resolveHcl, type HclScope } from './hcl-text.ts';

/** A source of HCL on its way into facts. */
export interface HclWalk {
  readonly source: JsonSource;
  readonly scope: HclScope;
  /** Folders in which a relative path is looked up, first the likeliest. */
  readonly folders: readonly string[];
  readonly found: Found;
}

/** A text of the source and where it stands. */
export const textIn = ({ source }: HclWalk, text: string): Text => ({
  text,
  at: placeOf(source.path, source.text, text),
});

/** Where a resolved path may lie; nowhere for one that leads out of the workspace. */
export function candidatesOf(path: string, { folders }: HclWalk): readonly string[] {
  if (path.startsWith(ROOTED)) return [join(path.slice(ROOTED.length))];
  if (path === '' || isOutside(path)) return [];
  return [...new Set(folders.map((folder) => join(folder, path)))];
}

/** A resolved path as people would write it. */
export const spokenPath = (path: string): string => join(path.replace(ROOTED, ''));

/** Puts down the files that functions such as `file("…")` and `templatefile("…")` read. */
export function functionFiles(value: unknown, walk: HclWalk): void {
  for (const { text } of strings(value)) {
    for (const call of fileCalls(text)) {
      const place = textIn(walk, call.argument === '' ? text : call.argument);
      const resolved = resolveHcl(`\${${call.argument}}`, walk.scope);
      if (typeof resolved !== 'string') {
        unknown(walk.found, { ...place, text: `${call.name}(${call.argument})` }, 'which file this is');
        continue;
      }
      const optional = call.name === 'fileexists';
      const candidates = candidatesOf(resolved, walk);
      refer(walk.found, {
        target: { to: 'file', candidates },
        at: place.at,
        reason: `reads the file ${spokenPath(resolved)}`,
        optional,
      });
    }
  }
}

const OUTPUT = /^(output|export|dest|target|artifact|log|remote|staging|keep|vm_name|temp)/;

/** Puts down a text that plainly is a path of the workspace: it begins with `./`, `../` or the template's folder. */
export function plainPath(key: string, text: string, walk: HclWalk): void {
  if (OUTPUT.test(key) || /\n/.test(text)) return;
  const resolved = resolveHcl(text, walk.scope);
  if (
    typeof resolved !== 'string' ||
    resolved.includes('{{') ||
    !/^(\0.*\/|\.\.?\/)./.test(resolved) ||
    /\s/.test(resolved)
  )
    return;
  const candidates = candidatesOf(resolved, walk);
  refer(walk.found, {
    target: { to: 'file', candidates },
    at: textIn(walk, text).at,
    reason: `names the path ${spokenPath(resolved)}`,
    optional: true,
  });
}
