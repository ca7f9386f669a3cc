import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toLayer } from './layer-tar.ts';

interface Entry {
  readonly name: string;
  readonly type?: string;
  readonly body?: string;
  readonly link?: string;
  readonly device?: readonly [number, number];
  /** Values as latin1. */
  readonly pax?: Readonly<Record<string, string>>;
}

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

function header({ name, type = '0', body = '', link = '', device }: Entry): Buffer {
  const block = Buffer.alloc(512);
  block.write(name.slice(0, 100), 0, 'latin1');
  block.write(
    `${octal(0o640, 7)}${octal(7, 7)}${octal(8, 7)}${octal(Buffer.byteLength(body, 'latin1'), 11)}${octal(1500000000, 11)}        ${type}${link}`,
    100,
    'latin1',
  );
  block.write('ustar\u000000', 257, 'latin1');
  if (device) block.write(`${octal(device[0], 7)}${octal(device[1], 7)}`, 329, 'latin1');
  block.write(
    octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    ),
    148,
    'latin1',
  );
  return block;
}

const filled = (body: string): Buffer =>
  Buffer.concat([Buffer.from(body, 'latin1'), Buffer.alloc((512 - (body.length % 512)) % 512)]);

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const guess = rest.length + `${rest.length}`.length;
  return `${rest.length + `${guess}`.length}${rest}`;
}

const encode = (entry: Entry): Buffer[] => {
  const pax = Object.entries(entry.pax ?? {})
    .map(([key, value]) => record(key, value))
    .join('');
  const extra = pax === '' ? [] : [header({ name: 'x', type: 'x', body: pax }), filled(pax)];
  return [...extra, header(entry), filled(entry.body ?? '')];
};

const tar = (...entries: readonly Entry[]): Buffer =>
  Buffer.concat([...entries.flatMap(encode), Buffer.alloc(10240)]);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function layer(bytes: Buffer, size = 4096): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of toLayer(pieces(bytes, size))) parts.push(part);
  return Buffer.concat(parts);
}

/** Reads a tar back, by the same rules as GNU tar for what is used here. */
function read(bytes: Buffer): { name: string; type: string; body: string; pax: Record<string, string> }[] {
  const found = [];
  let pax: Record<string, string> = {};
  for (let at = 0; bytes[at] !== 0 && at < bytes.length;) {
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    const type = String.fromCharCode(bytes[at + 156] ?? 0);
    const body = bytes.toString('latin1', at + 512, at + 512 + size);
    const name = bytes.toString('latin1', at, at + 100).replace(/\0.*$/, '');
    at += 512 + Math.ceil(size / 512) * 512;
    if (type === 'x')
      pax = Object.fromEntries(
        [...body.matchAll(/\d+ ([^=]+)=([^\n]*)\n/g)].map(([, key = '', value = '']) => [key, value]),
      );
    else {
      found.push({ name: pax['path'] ?? name, type, body, pax });
      pax = {};
    }
  }
  return found;
}

const OPAQUE = { 'SCHILY.xattr.user.overlay.opaque': 'y' };

describe('a layer from what overlayfs recorded', () => {
  it('turns deletions and replaced folders into entries that every reader of layers knows', async () => {
    const recorded = tar(
      { name: './', type: '5' },
      { name: './gone', type: '3', device: [0, 0] },
      { name: './null', type: '3', device: [1, 3] },
      { name: './new/', type: '5', pax: OPAQUE },
      { name: './new/file', body: 'content' },
    );
    expect(read(await layer(recorded)).map(({ name, type, body }) => [name, type, body])).toEqual([
      ['./', '5', ''],
      ['./.wh.gone', '0', ''],
      ['./null', '3', ''],
      ['./new/', '5', ''],
      ['./new/.wh..wh..opq', '0', ''],
      ['./new/file', '0', 'content'],
    ]);
  });

  it('keeps capabilities to the byte, and drops what belongs to this machine', async () => {
    const capability = '\u0001\u0000\u0000\u0002\u00ff\u0080\u0000';
    const pax = {
      'SCHILY.xattr.security.capability': capability,
      'SCHILY.xattr.security.selinux': 'a',
      'SCHILY.xattr.user.overlay.origin': 'b',
      'SCHILY.xattr.trusted.overlay.impure': 'y',
      'SCHILY.xattr.user.mine': 'c',
      mtime: '1.5',
    };
    const [entry] = read(await layer(tar({ name: './ping', pax })));
    expect(entry?.pax).toEqual({
      'SCHILY.xattr.security.capability': capability,
      'SCHILY.xattr.user.mine': 'c',
      mtime: '1.5',
    });
  });

  it('marks what has a long name', async () => {
    const path = `./${'deep/'.repeat(40)}gone`;
    const [gone, opaque] = read(
      await layer(
        tar(
          { name: 'x', type: '3', device: [0, 0], pax: { path } },
          { name: 'y', type: '5', pax: { path: `./${'f'.repeat(150)}/`, ...OPAQUE } },
        ),
      ),
    );
    expect(gone?.name).toBe(`./${'deep/'.repeat(40)}.wh.gone`);
    expect(opaque?.name).toBe(`./${'f'.repeat(150)}/`);
  });

  it('changes nothing in a tar that has nothing to change, however it is cut in pieces', async () => {
    const entries = fc.array(
      fc.record({
        name: fc.stringMatching(/^\.\/[a-z]{1,20}$/),
        body: fc.string({ unit: 'binary-ascii', maxLength: 1500 }),
      }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(entries, fc.integer({ min: 1, max: 3000 }), async (list, size) => {
        const plain = tar(...list);
        const same = await layer(plain, size);
        const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
        expect(hash(same)).toBe(hash(plain.subarray(0, plain.length - 10240 + 1024)));
      }),
      { numRuns: 50 },
    );
  });

  it('refuses a tar that ends early', async () => {
    const whole = tar({ name: './a', body: 'x'.repeat(2000) });
    await expect(layer(whole.subarray(0, 1024))).rejects.toThrow('ends early');
    await expect(layer(whole.subarray(0, 700))).rejects.toThrow('ends early');
    await expect(layer(Buffer.alloc(0))).rejects.toThrow('ends early');
  });
});
