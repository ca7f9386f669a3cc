/** Joins and normalises workspace paths (forward slashes); a path that climbs out of the root keeps its leading `..`. */
export function join(...parts: readonly string[]): string {
  const kept: string[] = [];
  for (const part of parts.join('/').split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else kept.push(part);
  }
  return kept.join('/');
}

/** The folder of a path; '' at the root. */
export const folder = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** The last part of a path. */
export const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Whether `path` is `root` or lies below it; everything lies below ''. */
export const within = (path: string, root: string): boolean =>
  root === '' || path === root || path.startsWith(`${root}/`);
