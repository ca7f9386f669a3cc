/** How many single-character edits lie between two words (Levenshtein), for short names. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, left] of Array.from(a).entries()) {
    const current = [row + 1];
    for (const [column, right] of Array.from(b).entries()) {
      const swap = (previous[column] ?? 0) + (left === right ? 0 : 1);
      current.push(Math.min(swap, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** Up to two of `names` that a person who wrote `name` may have meant, best first. */
export function near(name: string, names: Iterable<string>): readonly string[] {
  const bound = Math.max(1, Math.floor(name.length / 3));
  return Array.from(names, (candidate) => ({ candidate, edits: distance(name, candidate) }))
    .filter(({ edits }) => edits <= bound)
    .sort((a, b) => a.edits - b.edits || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, 2)
    .map(({ candidate }) => candidate);
}
