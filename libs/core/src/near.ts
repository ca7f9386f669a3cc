/**
 * How many slips of the hand lie between two words: a character wrong, too many, missing, or two neighbours swapped (optimal
 * string alignment), for short names.
 */
function distance(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const rows: number[][] = [Array.from({ length: right.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= left.length; row += 1) {
    rows.push([row]);
    for (let column = 1; column <= right.length; column += 1) {
      const wrong = at(row - 1, column - 1) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const swap = swapped ? at(row - 2, column - 2) + 1 : Infinity;
      rows[row]?.push(Math.min(wrong, swap, at(row - 1, column) + 1, at(row, column - 1) + 1));
    }
  }
  return at(left.length, right.length);
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
