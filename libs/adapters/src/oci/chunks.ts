import type { Content } from './place.ts';

/** The same bytes in pieces of `size`, the last one shorter; content of no bytes is one empty piece. */
export async function* chunks(content: Content, size: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const piece of content) {
    for (let from = 0; from < piece.length;) {
      const taken = piece.subarray(from, from + size - length);
      held.push(taken);
      length += taken.length;
      from += taken.length;
      if (length < size) continue;
      yield Buffer.concat(held);
      [held, length] = [[], 0];
    }
  }
  if (length > 0) yield Buffer.concat(held);
}

/** Passes on what comes after the first `skip` bytes. */
export async function* after(content: Content, skip: number): AsyncGenerator<Uint8Array> {
  let left = skip;
  for await (const chunk of content) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
