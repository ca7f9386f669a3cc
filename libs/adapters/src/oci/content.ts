import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { fail, ok, type Call, type Result } from '@goldenthread/core';
import { diskFailure } from '../files.ts';
import { workName } from '../namespace/work.ts';
import { failureOf } from './digest.ts';

/** An OCI layout folder, and the folder whose `work` holds what is not whole yet; both on one disk. */
export interface LayoutFolder {
  readonly folder: string;
  readonly base: string;
}

/** The layout that builders write on this machine. */
export const homeLayout = (home: string): LayoutFolder => ({ folder: `${home}/oci`, base: home });

/** Opens an OCI layout in a folder of its own. */
export const ownLayout = (folder: string): LayoutFolder => ({ folder, base: folder });

/** Where a blob lies in a layout. */
export const blobPath = ({ folder }: LayoutFolder, digest: string): string =>
  `${folder}/blobs/${digest.replace(':', '/')}`;

/** The same bytes in pieces of a megabyte or so: a tar comes in very many small ones. */
async function* batches(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const piece of content) {
    held.push(piece);
    size += piece.length;
    if (size < 1 << 20) continue;
    yield Buffer.concat(held);
    held = [];
    size = 0;
  }
  yield Buffer.concat(held);
}

/** Writes a blob into a layout; answers its digest and size. Nothing half-written ever has a digest's name. */
export async function writeContent(
  layout: LayoutFolder,
  content: AsyncIterable<Uint8Array>,
  call: Call,
): Promise<Result<{ readonly digest: string; readonly size: number }>> {
  // The name says who writes it, so that the next run clears it away if we are killed here.
  const part = `${layout.base}/work/${workName()}`;
  try {
    await mkdir(`${layout.base}/work`, { recursive: true });
    const hash = createHash('sha256');
    const file = await open(part, 'wx');
    let size = 0;
    try {
      for await (const chunk of batches(content)) {
        if (call.signal.aborted) return fail({ code: 'cancelled' });
        hash.update(chunk);
        size += chunk.length;
        await file.writeFile(chunk);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    const digest = `sha256:${hash.digest('hex')}`;
    await mkdir(`${layout.folder}/blobs/sha256`, { recursive: true });
    await rename(part, blobPath(layout, digest));
    return ok({ digest, size });
  } catch (error) {
    return fail(failureOf(error) ?? diskFailure(error, layout.base));
  } finally {
    await rm(part, { force: true });
  }
}
