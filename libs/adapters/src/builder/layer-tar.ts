import { EPOCH } from '../namespace/scripts.ts';

/** One record of a pax header. Bytes are kept as latin1: extended attributes are binary. */
type PaxRecord = readonly [key: string, value: string];

const BLOCK = 512;
const XATTR = 'SCHILY.xattr.';
const KEPT_XATTR = /^SCHILY\.xattr\.(security\.capability$|user\.(?!overlay\.))/;

/**
 * Turns a tar of what overlayfs recorded into a layer as OCI defines it, byte by byte the same for the same content:
 * deletions become `.wh.` entries, replaced folders get `.wh..wh..opq`, and attributes that belong to overlayfs or to this
 * machine's security module go. Throws where the tar ends early.
 */
export async function* toLayer(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const input = reader(tar);
  let pax: readonly PaxRecord[] = [];
  for (;;) {
    const header = await input.take(BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const size = readSize(header, pax);
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'x') {
      pax = parsePax(await input.take(padded(size)), size);
      continue;
    }
    yield* entry(header, type, pax);
    yield* input.pass(padded(size));
    if (type === '5' && isOpaque(pax))
      yield* added(`${nameOf(header, pax).replace(/\/*$/, '/')}.wh..wh..opq`);
    pax = [];
  }
  await input.drain();
  yield Buffer.alloc(2 * BLOCK);
}

function* entry(header: Buffer, type: string, pax: readonly PaxRecord[]): Generator<Buffer> {
  if (type === '3' && octal(header, 329, 8) === 0 && octal(header, 337, 8) === 0) {
    const name = nameOf(header, pax);
    const at = name.lastIndexOf('/') + 1;
    yield* added(`${name.slice(0, at)}.wh.${name.slice(at)}`);
    return;
  }
  yield* paxHeader(pax.filter(([key]) => !key.startsWith(XATTR) || KEPT_XATTR.test(key)));
  yield header;
}

const isOpaque = (pax: readonly PaxRecord[]): boolean =>
  pax.some(([key, value]) => /^SCHILY\.xattr\.(user|trusted)\.overlay\.opaque$/.test(key) && value === 'y');

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;

function octal(header: Buffer, offset: number, length: number): number {
  // GNU tar writes what does not fit into octal digits as a binary number with the top bit set.
  if ((header[offset] ?? 0) & 0x80)
    return Number(header.readBigUInt64BE(offset + length - 8) & 0x7fffffffffffffffn);
  return Number.parseInt(text(header, offset, length).trim() || '0', 8);
}

function text(header: Buffer, offset: number, length: number): string {
  const field = header.toString('latin1', offset, offset + length);
  const end = field.indexOf('\0');
  return end === -1 ? field : field.slice(0, end);
}

function readSize(header: Buffer, pax: readonly PaxRecord[]): number {
  const long = pax.find(([key]) => key === 'size');
  return long ? Number(long[1]) : octal(header, 124, 12);
}

function nameOf(header: Buffer, pax: readonly PaxRecord[]): string {
  const long = pax.find(([key]) => key === 'path');
  if (long) return long[1];
  const prefix = text(header, 345, 155);
  return prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`;
}

function parsePax(body: Buffer, size: number): readonly PaxRecord[] {
  const records: PaxRecord[] = [];
  let rest = body.toString('latin1', 0, size);
  while (rest !== '') {
    const space = rest.indexOf(' ');
    const length = Number(rest.slice(0, space));
    const equals = rest.indexOf('=');
    if (!(length > equals)) throw new Error('a pax header of the layer cannot be read');
    records.push([rest.slice(space + 1, equals), rest.slice(equals + 1, length - 1)]);
    rest = rest.slice(length);
  }
  return records;
}

function* paxHeader(records: readonly PaxRecord[]): Generator<Buffer> {
  if (records.length === 0) return;
  const body = Buffer.from(records.map(paxRecord).join(''), 'latin1');
  yield newHeader('PaxHeaders/entry', 'x', body.length);
  yield Buffer.concat([body, Buffer.alloc(padded(body.length) - body.length)]);
}

/** `length key=value\n`, where the length counts its own digits. */
function paxRecord([key, value]: PaxRecord): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return `${length}${rest}`;
}

/** An empty regular file. */
function* added(name: string): Generator<Buffer> {
  if (name.length > 100) yield* paxHeader([['path', name]]);
  yield newHeader(name.slice(0, 100), '0', 0);
}

function newHeader(name: string, type: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const number = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(name, 0, 'latin1');
  header.write(
    `${number(0o644, 7)}${number(0, 7)}${number(0, 7)}${number(size, 11)}${number(EPOCH, 11)}`,
    100,
    'latin1',
  );
  header.write(`        ${type}`, 148, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  header.write(
    number(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    ),
    148,
    'latin1',
  );
  return header;
}

interface Reader {
  /** Exactly so many bytes. */
  take(size: number): Promise<Buffer>;
  /** So many bytes, in pieces as they come. */
  pass(size: number): AsyncGenerator<Buffer>;
  /** Reads to the end, as the program that writes waits for that. */
  drain(): Promise<void>;
}

function reader(source: AsyncIterable<Uint8Array>): Reader {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<Buffer> => {
    const next = await chunks.next();
    if (next.done === true) throw new Error('the tar of the layer ends early');
    return Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
  };
  const pass = async function* (size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      if (rest.length === 0) rest = await more();
      const piece = rest.subarray(0, left);
      rest = rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  };
  const take = async (size: number): Promise<Buffer> => {
    while (rest.length < size) rest = Buffer.concat([rest, await more()]);
    const taken = rest.subarray(0, size);
    rest = rest.subarray(size);
    return taken;
  };
  const drain = async (): Promise<void> => {
    while ((await chunks.next()).done !== true);
  };
  return { take, pass, drain };
}
