import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Result } from '@goldenthread/core';
import { pack, type Header } from 'tar-stream';
import { afterAll, describe, expect, it } from 'vitest';
import { readLayers, type Files } from './layers.ts';

const folder = await mkdtemp(join(tmpdir(), 'goldenthread-layers-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const pathOf = (digest: string): string => join(folder, digest.replace(':', '-'));

type Entries = readonly (Partial<Header> & { readonly name: string; readonly text?: string })[];

async function layer(entries: Entries): Promise<{ digest: string }> {
  const tar = pack();
  for (const { text, ...header } of entries) tar.entry(header, text ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return blob(Buffer.concat(chunks));
}

async function blob(bytes: Buffer): Promise<{ digest: string }> {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  await writeFile(pathOf(digest), bytes);
  return { digest };
}

const file = (name: string, text = name): Entries[number] => ({ name, text });
/** Files are wanted up to 100 bytes, those below dir/there only for their being there. */
const wanted = (path: string): number | null =>
  path.startsWith('dir/there') ? 0 : path.startsWith('dir/') ? 100 : null;
const read = async (...layers: readonly Entries[]): Promise<Result<Files>> =>
  readLayers(await Promise.all(layers.map(layer)), pathOf, wanted, call);
const files = async (...layers: readonly Entries[]): Promise<Readonly<Record<string, string | null>>> => {
  const result = await read(...layers);
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return Object.fromEntries(result.value);
};

describe('the files that layers make together', () => {
  it('are those that are wanted, however their names are written', async () => {
    const long = `dir/${'folder/'.repeat(20)}x`;
    expect(await files([file('./dir/a', 'A'), file('/dir/b', 'B'), file('other'), file(long, 'L')])).toEqual({
      'dir/a': 'A',
      'dir/b': 'B',
      [long]: 'L',
    });
  });

  it('are as the uppermost layer has them', async () => {
    expect(await files([file('dir/a', '1'), file('dir/b')], [file('dir/a', '2')], [])).toEqual({
      'dir/a': '2',
      'dir/b': 'dir/b',
    });
  });

  it('are without what a later layer deleted: a file, a folder, or all that was in one', async () => {
    const below = [file('dir/a'), file('dir/b/x'), file('dir/b/y/z'), file('dir/c/x'), file('dir/cc')];
    expect(await files(below, [file('dir/.wh.a'), file('dir/.wh.c')])).toEqual({
      'dir/b/x': 'dir/b/x',
      'dir/b/y/z': 'dir/b/y/z',
      'dir/cc': 'dir/cc',
    });
    expect(await files(below, [file('dir/b/new'), file('dir/b/.wh..wh..opq')])).toEqual({
      'dir/a': 'dir/a',
      'dir/b/new': 'dir/b/new',
      'dir/c/x': 'dir/c/x',
      'dir/cc': 'dir/cc',
    });
    expect(await files(below, [file('.wh.dir')], [file('dir/a', 'again')])).toEqual({ 'dir/a': 'again' });
  });

  it('are without what lay in a folder that is now a link or a file', async () => {
    const below = [file('dir/a/x'), file('dir/b/x')];
    expect(
      await files(below, [{ name: 'dir/a', type: 'symlink', linkname: 'b' }, file('dir/b', 'B')]),
    ).toEqual({ 'dir/a': null, 'dir/b': 'B' });
    expect(await files(below, [{ name: 'dir/a', type: 'directory' }])).toHaveProperty(['dir/a/x']);
  });

  it('are named without text where they are too large or a link to elsewhere; hard links are followed', async () => {
    expect(
      await files([
        file('dir/large', 'x'.repeat(101)),
        file('dir/there', 'x'.repeat(1000)),
        { name: 'dir/link', type: 'symlink', linkname: 'large' },
        file('dir/first', 'same'),
        { name: 'dir/second', type: 'link', linkname: './dir/first' },
      ]),
    ).toEqual({
      'dir/large': null,
      'dir/there': '',
      'dir/link': null,
      'dir/first': 'same',
      'dir/second': 'same',
    });
  });
});

describe('layers that cannot be read', () => {
  const corrupt = (found: string): unknown => ({
    ok: false,
    failures: [
      {
        code: 'content-corrupt',
        what: expect.stringContaining(folder) as unknown,
        expected: expect.stringMatching(/^sha256:/) as unknown,
        found: expect.stringContaining(found) as unknown,
      },
    ],
  });
  const of = (digest: string, signal = call.signal): Promise<Result<Files>> =>
    readLayers([{ digest }], pathOf, wanted, { ...call, signal });

  it('are missing', async () => {
    expect(await of(`sha256:${'0'.repeat(64)}`)).toEqual(corrupt('nothing'));
  });

  it('are no tar, or end early', async () => {
    expect(await of((await blob(Buffer.alloc(4096, 'no tar'))).digest)).toEqual(corrupt('no tar'));
    const { digest } = await layer([file('dir/a', 'x'.repeat(100))]);
    const half = (await readFile(pathOf(digest))).subarray(0, 560);
    expect(await of((await blob(half)).digest)).toEqual(corrupt('no tar'));
  });

  it('are not what their digest says', async () => {
    const { digest } = await layer([file('dir/a', 'one')]);
    const { digest: other } = await layer([file('dir/a', 'two')]);
    await copyFile(pathOf(other), pathOf(digest));
    expect(await of(digest)).toEqual(corrupt(other));
  });

  it('are left when the call is cancelled', async () => {
    const { digest } = await layer([file('dir/a')]);
    expect(await of(digest, AbortSignal.abort())).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
    const stop = new AbortController();
    const large = await layer([file('other', 'x'.repeat(32 << 20)), file('dir/a')]);
    const reading = of(large.digest, stop.signal);
    setImmediate(() => stop.abort());
    expect(await reading).toEqual({ ok: false, failures: [{ code: 'cancelled' }] });
  });
});
