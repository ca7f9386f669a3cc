import { createHash } from 'node:crypto';
import type { Failure } from '@goldenthread/core';

/** `sha256:…` of bytes or of a text. */
export const digestOf = (content: Uint8Array | string): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** Whether this is a digest that we can check, and use as the name of a file. */
export const isDigest = (text: string): boolean => /^sha256:[0-9a-f]{64}$/.test(text);

/** An error for the inside of a stream; `failureOf` gives the failure back at its end. */
export const broken = (failure: Failure): Error => new Error(failure.code, { cause: failure });

/** The failure that broke a stream; null for an error that is none of ours. */
export function failureOf(error: unknown): Failure | null {
  const cause = error instanceof Error ? error.cause : null;
  const known = typeof cause === 'object' && cause !== null && 'code' in cause;
  return known && (error as Error).message === cause.code ? (cause as Failure) : null;
}

/**
 * Passes bytes on, and breaks where there are more than `size`, or where they do not have the digest. Where the size is known
 * the last of them are passed on only after that: what is not right never arrives as a whole.
 */
export async function* verified(
  content: AsyncIterable<Uint8Array>,
  { digest, size = Infinity }: { readonly digest: string; readonly size?: number },
  what: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const refuse = (found: string): Error => broken({ code: 'content-corrupt', what, expected: digest, found });
  const check = (): void => {
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== digest) throw refuse(found);
  };
  let seen = 0;
  for await (const chunk of content) {
    if (chunk.length === 0) continue;
    seen += chunk.length;
    if (seen > size) throw refuse(`more than ${size} bytes`);
    hash.update(chunk);
    if (seen === size) check();
    yield chunk;
  }
  if (seen !== size || size === 0) check();
}

/** Reads content that must be short; null where it is longer than `max` bytes. */
export async function readShort(content: AsyncIterable<Uint8Array>, max: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > max) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
