import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Failure, Result } from '@goldenthread/core';
import { digestOf, missingTools, tarOf, writeLayout, skipAloud } from '@goldenthread/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRootless, openNamespace, type Namespace } from '../namespace/namespace.ts';
import { overlaySupported } from '../namespace/supported.ts';
import { ociRootfs } from './oci.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-oci-'));
const call = (): Call => ({ signal: new AbortController().signal, emit: () => undefined });
const supported =
  missingTools('unshare', 'nsenter', 'python3', 'tar').length === 0 &&
  (await overlaySupported(folder, call())).ok;
if (!supported)
  skipAloud('root file systems from OCI images', 'no overlay mounts can be made in namespaces here');

/** A tar of the files that `make` puts into a folder. */
function tar(name: string, make: (at: string) => void): Buffer {
  const at = join(folder, 'tars', name);
  mkdirSync(at, { recursive: true });
  make(at);
  return tarOf(at);
}
const file = (at: string, path: string, text = path): void => {
  mkdirSync(join(at, path, '..'), { recursive: true });
  writeFileSync(join(at, path), text);
};

describe.skipIf(!supported)('a root file system from an OCI image', () => {
  let space: Namespace;
  let digest = '';
  let count = 0;
  beforeAll(async () => {
    const opened = await openNamespace({ net: false, rootless: isRootless(), name: 'spec' }, call());
    if (!opened.ok) throw new Error(JSON.stringify(opened.failures));
    space = opened.value;
    const lower = tar('lower', (at) => {
      for (const path of ['etc/kept', 'etc/gone', 'dir/old', 'dir/sub/old', 'file', 'dev/null'])
        file(at, path);
      symlinkSync('/etc', join(at, 'absolute'));
    });
    const upper = tar('upper', (at) => {
      file(at, 'etc/.wh.gone', '');
      file(at, 'dir/new');
      file(at, 'dir/.wh..wh..opq', '');
      file(at, 'file/now-a-folder');
    });
    digest = writeLayout(join(folder, 'layout'), [{ tar: lower, gzip: true }, { tar: upper }]);
  });
  afterAll(async () => {
    await space.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function made(reference: string): Promise<{ done: Result<void>; at: string; work: string }> {
    const work = join(folder, `work-${(count += 1)}`);
    mkdirSync(work);
    const at = join(work, 'root');
    const done = await ociRootfs(reference, folder).make(
      { site: { home: folder, work, space }, folder: at, image: 'spec', log: join(work, 'log') },
      call(),
    );
    return { done, at, work };
  }
  const failureOf = async (reference: string): Promise<Failure | undefined> => {
    const { done } = await made(reference);
    return done.ok ? undefined : done.failures[0];
  };
  const looksRight = (at: string): void => {
    expect(readdirSync(join(at, 'etc'))).toEqual(['kept']);
    expect(readdirSync(join(at, 'dir'))).toEqual(['new']);
    expect(readdirSync(join(at, 'file'))).toEqual(['now-a-folder']);
    expect(existsSync(join(at, 'dev/null'))).toBe(false);
    expect(readlinkSync(join(at, 'absolute'))).toBe('/etc');
    expect(lstatSync(join(at, 'etc/kept')).mtimeMs).toBe(1500000000_000);
  };

  it('comes from a layout folder of the workspace, layer upon layer', async () => {
    const { done, at, work } = await made(`layout@${digest}`);
    expect(done).toEqual({ ok: true, value: undefined });
    looksRight(at);
    expect(readdirSync(work)).toEqual(['root']);
  });

  it('is the image for this machine where an index names several', async () => {
    const index = readFileSync(join(folder, 'layout/index.json'));
    writeFileSync(join(folder, 'layout/blobs', digestOf(index).replace(':', '/')), index);
    const { done, at } = await made(`layout@${digestOf(index)}`);
    expect(done).toEqual({ ok: true, value: undefined });
    looksRight(at);
  });

  it('is refused where a part of it is not what its digest says', async () => {
    execFileSync('cp', ['-r', join(folder, 'layout'), join(folder, 'spoilt')]);
    const manifest = JSON.parse(
      readFileSync(join(folder, 'layout/blobs', digest.replace(':', '/')), 'utf8'),
    ) as { layers: { digest: string }[] };
    const layer = manifest.layers[0]?.digest ?? '';
    truncateSync(join(folder, 'spoilt/blobs', layer.replace(':', '/')), 100);
    expect(await failureOf(`spoilt@${digest}`)).toMatchObject({ code: 'content-corrupt', expected: layer });
    writeFileSync(join(folder, 'spoilt/blobs', digest.replace(':', '/')), '{}');
    expect(await failureOf(`spoilt@${digest}`)).toMatchObject({ code: 'content-corrupt', expected: digest });
    const none = `sha256:${'0'.repeat(64)}`;
    expect(await failureOf(`spoilt@${none}`)).toMatchObject({
      code: 'usage',
      detail: `spoilt has no ${none}`,
    });
  });

  it('never leaves its folder, whatever names and links a layer holds', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    const link = tar('link', (at) => symlinkSync(outside, join(at, 'way')));
    const through = tar('through', (at) => {
      file(at, 'way/.wh.precious', '');
      file(at, 'way/planted');
    });
    writeFileSync(join(outside, 'precious'), '');
    // A layer that follows its own link lands inside its own root, where the link leads nowhere.
    const { done } = await made(
      `evil@${writeLayout(join(folder, 'evil'), [{ tar: link }, { tar: through }])}`,
    );
    expect(done.ok).toBe(true);
    expect(readdirSync(outside)).toEqual(['precious']);
    const climb = Buffer.from(tar('climb', (at) => file(at, 'aa/planted')));
    for (let at = climb.indexOf('./aa/planted'); at !== -1; at = climb.indexOf('./aa/planted'))
      climb.write('./../planted', at, 'latin1');
    fixSums(climb);
    expect(await failureOf(`climb@${writeLayout(join(folder, 'climb'), [{ tar: climb }])}`)).toMatchObject({
      code: 'tool-failed',
      detail: expect.stringContaining('names a path outside itself') as unknown,
    });
  });

  describe('in a registry', () => {
    let server: Server;
    let host = '';
    let behave: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
    beforeAll(async () => {
      server = createServer((request, response) => {
        if (behave(request, response)) return;
        const [, kind, hex = ''] =
          /^\/v2\/team\/base\/(manifests|blobs)\/sha256:([0-9a-f]+)$/.exec(request.url ?? '') ?? [];
        const path = join(folder, 'layout/blobs/sha256', hex);
        if (kind === undefined || !existsSync(path)) return void response.writeHead(404).end();
        return void response.end(readFileSync(path));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => void server.close());

    it('comes over the distribution API', async () => {
      behave = () => false;
      const { done, at } = await made(`${host}/team/base@${digest}`);
      expect(done).toEqual({ ok: true, value: undefined });
      looksRight(at);
    });

    it('comes with a token that everybody is given', async () => {
      behave = (request, response) => {
        if (request.url?.startsWith('/token?service=spec&scope=repository') === true)
          return Boolean(response.end('{"token":"open"}'));
        if (request.headers.authorization === 'Bearer open') return false;
        const challenge = `Bearer realm="http://${host}/token",service="spec",scope="repository:team/base:pull"`;
        return Boolean(response.writeHead(401, { 'www-authenticate': challenge }).end());
      };
      expect((await made(`${host}/team/base@${digest}`)).done).toEqual({ ok: true, value: undefined });
    });

    it.each([
      [401, { code: 'not-permitted' }],
      [404, { code: 'usage' }],
      [503, { code: 'store-refused', status: 503 }],
    ])('is refused with HTTP status %i in words', async (status, expected) => {
      behave = (_request, response) => Boolean(response.writeHead(status).end());
      expect(await failureOf(`${host}/team/base@${digest}`)).toMatchObject(expected);
    });

    it('is refused where the registry hands out something else', async () => {
      behave = (_request, response) => Boolean(response.end('{"layers":[]}'));
      expect(await failureOf(`${host}/team/base@${digest}`)).toMatchObject({
        code: 'content-corrupt',
        expected: digest,
      });
    });
  });

  it('is refused where nothing of that name can be', async () => {
    expect(await failureOf(`127.0.0.1:1/team/base@${digest}`)).toMatchObject({
      code: 'unreachable',
      what: '127.0.0.1:1/team/base',
    });
    expect(await failureOf(`nothing@${digest}`)).toMatchObject({ code: 'usage' });
  });
});

/** Writes the checksums of a tar's headers anew. */
function fixSums(bytes: Buffer): void {
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    bytes.write('        ', at + 148, 'latin1');
    const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0`, at + 148, 'latin1');
    at += 512 + Math.ceil(Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8) / 512) * 512;
  }
}
