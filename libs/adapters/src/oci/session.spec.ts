import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Result } from '@goldenthread/core';
import {
  fakeRegistry,
  missingTools,
  REGISTRY_PROGRAMS,
  startRegistry,
  stubTool,
  withPath,
  type FakeRegistry,
} from '@goldenthread/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf, readShort } from './digest.ts';
import type { Content, OciPlace, Upload } from './place.ts';
import { openRegistry, readCa } from './registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'goldenthread-oci-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const call: Call = { signal: new AbortController().signal, emit: () => undefined };
const value = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.failures));
  return result.value;
};
const failureOf = (result: Result<unknown>): unknown => (result.ok ? null : result.failures[0]);

const MIB = 1 << 20;
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += 100_000) yield bytes.subarray(from, from + 100_000);
}
const uploadOf = (bytes: Uint8Array, mountFrom: string | null = null): Upload => ({
  digest: digestOf(bytes),
  size: bytes.length,
  mountFrom,
  open: async () => ({ ok: true, value: pieces(bytes) }),
});
const whole = async (content: Content): Promise<Buffer> =>
  Buffer.from((await readShort(content, 64 * MIB)) ?? []);

let registry: FakeRegistry;
let place: OciPlace;
const patience = { idle: 20, tries: 3, pause: 1 };
// Seconds after which a silent registry is given up where that is what is tried.
const idle = 0.3;
const before = process.env['DOCKER_CONFIG'];
let count = 0;
beforeEach(async () => {
  registry = await fakeRegistry();
  place = openRegistry(registry.host, null, { patience, chunk: MIB }).place('team/edge');
  const config = join(folder, `config-${(count += 1)}`);
  mkdirSync(config);
  process.env['DOCKER_CONFIG'] = config;
  delete process.env['REGISTRY_AUTH_FILE'];
});
afterEach(async () => {
  await registry.stop();
  if (before === undefined) delete process.env['DOCKER_CONFIG'];
  else process.env['DOCKER_CONFIG'] = before;
});
const configure = (config: object): void =>
  writeFileSync(join(process.env['DOCKER_CONFIG'] ?? '', 'config.json'), JSON.stringify(config));
const login = (user: string, password: string): object => ({
  auths: { [registry.host]: { auth: Buffer.from(`${user}:${password}`).toString('base64') } },
});

describe('who we are', () => {
  const ask = (): Promise<Result<unknown>> => place.putBlob(uploadOf(randomBytes(10)), call);

  it('is said by name and password, or by a token', async () => {
    configure(login('ann', 'secret'));
    for (const kind of ['basic', 'bearer'] as const) {
      registry.behaviour.auth = { kind, user: 'ann', password: 'secret' };
      place = openRegistry(registry.host, null, { patience }).place('team/edge');
      value(await ask());
    }
    expect(registry.seen.find(({ path }) => path.startsWith('/token?'))?.path).toContain(
      `scope=${encodeURIComponent('repository:team/edge:pull')}`,
    );
  });

  it('is read from the file that REGISTRY_AUTH_FILE names, and may be a token that buys others', async () => {
    registry.behaviour.auth = { kind: 'bearer', user: 'ann', password: 'refresh-me' };
    const file = join(folder, 'auth.json');
    writeFileSync(file, JSON.stringify({ auths: { [registry.host]: { identitytoken: 'refresh-me' } } }));
    configure(login('ann', 'wrong'));
    process.env['REGISTRY_AUTH_FILE'] = file;
    try {
      value(await ask());
    } finally {
      delete process.env['REGISTRY_AUTH_FILE'];
    }
    expect(registry.seen.filter(({ path }) => path === '/token')).toMatchObject([
      { method: 'POST', authorization: null },
      { method: 'POST', authorization: null },
    ]);
  });

  it('is said once for requests that begin together', async () => {
    configure(login('ann', 'secret'));
    for (const kind of ['basic', 'bearer'] as const) {
      registry.behaviour.auth = { kind, user: 'ann', password: 'secret' };
      const { has } = openRegistry(registry.host, null, { patience }).place('team/edge');
      const answers = await Promise.all(Array.from({ length: 15 }, () => has(digestOf(''), call)));
      expect(answers.every((answer) => answer.ok && !answer.value)).toBe(true);
    }
  });

  it('may be not enough to read another repository: then the blob is sent', async () => {
    registry.behaviour.interfere = ({ path }) =>
      path.includes('mount=') ? { kind: 'answer', status: 403 } : null;
    expect(value(await place.putBlob(uploadOf(randomBytes(10), 'private'), call))).toBe('sent');
  });

  it('is asked of a credential helper, which is given the registry on its standard input', async () => {
    registry.behaviour.auth = { kind: 'basic', user: 'ann', password: 'secret' };
    configure({ credsStore: 'spec' });
    const bin = join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    const asked = join(bin, 'asked');
    const answer = JSON.stringify({ ServerURL: registry.host, Username: 'ann', Secret: 'secret' });
    const helper = await stubTool(bin, 'docker-credential-spec', {
      stdout: answer,
      script: `cat > '${asked}'`,
    });
    await withPath([bin], async () => value(await ask()));
    expect(await helper.calls()).toEqual([['get']]);
    await helper.answer({ stdout: 'credentials not found in native keychain', code: 1 });
    place = openRegistry(registry.host, null, { patience }).place('team/edge');
    await withPath([bin], async () =>
      expect(failureOf(await ask())).toMatchObject({ code: 'not-permitted' }),
    );
  });

  it.each(['basic', 'bearer'] as const)('is refused in words that hold no secret (%s)', async (kind) => {
    registry.behaviour.auth = { kind, user: 'ann', password: 'secret' };
    const none = failureOf(await ask());
    expect(none).toMatchObject({ code: 'not-permitted' });
    expect(JSON.stringify(none)).toContain('There are no credentials of');
    configure(login('ann', 'wrong-one'));
    place = openRegistry(registry.host, null, { patience }).place('team/edge');
    const wrong = JSON.stringify(failureOf(await ask()));
    expect(wrong).toContain('not-permitted');
    expect(wrong).toContain(join(process.env['DOCKER_CONFIG'] ?? '', 'config.json'));
    expect(wrong).not.toMatch(/wrong-one|YW5u/);
  });

  it('is not told to a token service that could be overheard', async () => {
    configure(login('ann', 'secret'));
    const challenge = 'Bearer realm="http://registry.example/token",service="spec"';
    const headers = { 'www-authenticate': challenge };
    registry.behaviour.interfere = () => ({ kind: 'answer', status: 401, headers });
    expect(failureOf(await ask())).toMatchObject({ code: 'not-permitted' });
  });

  it('cannot be said where the file of credentials is broken', async () => {
    registry.behaviour.auth = { kind: 'basic', user: 'ann', password: 'secret' };
    writeFileSync(join(process.env['DOCKER_CONFIG'] ?? '', 'config.json'), '{"auths": secret');
    const broken = failureOf(await ask());
    expect(broken).toMatchObject({ code: 'usage' });
    expect(JSON.stringify(broken)).not.toContain('secret');
  });
});

describe('a registry that does not do its work', () => {
  const put = (): Promise<Result<unknown>> => place.putBlob(uploadOf(randomBytes(10)), call);
  const works = async (): Promise<void> => {
    registry.behaviour.interfere = () => null;
    expect(value(await put())).toBe('sent');
  };

  it('is asked again when it asks for time, and not for ever', async () => {
    let busy = 2;
    registry.behaviour.interfere = ({ method }) =>
      method === 'HEAD' && (busy -= 1) >= 0
        ? { kind: 'answer', status: 429, headers: { 'retry-after': '0' } }
        : null;
    expect(value(await put())).toBe('sent');
    registry.behaviour.interfere = () => ({
      kind: 'answer',
      status: 503,
      body: 'come\u001b[31m back\n later',
    });
    const head = registry.seen.length;
    expect(failureOf(await place.tags(call))).toEqual({
      code: 'store-refused',
      store: place.name,
      doing: 'a listing',
      status: 503,
      detail: 'come [31m back later',
    });
    expect(registry.seen.length - head).toBe(patience.tries);
    await works();
  });

  it.each([
    [
      'is full',
      { kind: 'answer', status: 507, body: 'no space left on device' },
      { code: 'store-refused', status: 507 },
    ],
    ['says nothing', { kind: 'stall' }, { code: 'timeout', seconds: idle }],
    ['speaks something else', { kind: 'noise' }, { code: 'content-corrupt', expected: 'HTTP' }],
    ['hangs up', { kind: 'reset', after: 0 }, { code: 'unreachable' }],
  ] as const)('%s: the failure says so, and afterwards all is well', async (_, interference, expected) => {
    registry.behaviour.interfere = ({ method }) =>
      method === 'PUT' || interference.kind === 'noise' ? interference : null;
    const silent = interference.kind === 'stall' ? { ...patience, idle, tries: 1 } : patience;
    const there = openRegistry(registry.host, null, { patience: silent }).place('team/edge');
    expect(failureOf(await there.putBlob(uploadOf(randomBytes(10)), call))).toMatchObject(expected);
    await works();
  });

  it('answers garbage where a listing should be', async () => {
    registry.behaviour.interfere = () => ({ kind: 'answer', status: 200, body: '<html>' });
    expect(failureOf(await place.tags(call))).toMatchObject({
      code: 'content-corrupt',
      expected: 'a listing',
    });
    expect(failureOf(await place.referrers(digestOf(''), call))).toMatchObject({ code: 'content-corrupt' });
  });

  it('is down', async () => {
    await registry.stop();
    expect(failureOf(await put())).toMatchObject({ code: 'unreachable', what: place.name });
  });

  it('is left at once when the call is stopped', async () => {
    const stop = new AbortController();
    registry.behaviour.interfere = () => {
      stop.abort();
      return { kind: 'stall' };
    };
    const slow = openRegistry(registry.host, null).place('team/edge');
    expect(
      failureOf(await slow.putBlob(uploadOf(randomBytes(10)), { ...call, signal: stop.signal })),
    ).toEqual({
      code: 'cancelled',
    });
  });

  it('may be slow, as long as it is not dead', async () => {
    const bytes = randomBytes(60);
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': String(bytes.length) });
      let at = 0;
      const timer = setInterval(() => {
        response.write(bytes.subarray(at, (at += 5)));
        if (at < bytes.length) return;
        clearInterval(timer);
        response.end();
      }, 300);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    // All of it takes longer than it may be silent.
    const slow = openRegistry(host, null, { patience: { ...patience, idle: 3 } }).place('x');
    expect(await whole(value(await slow.open(digestOf(bytes), call)))).toEqual(bytes);
    server.close();
  });

  it('is reached through the proxy that the environment names, and this machine never is', async () => {
    const asked: string[] = [];
    const proxy = createServer((_, response) => void response.end());
    proxy.on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const named = process.env['HTTPS_PROXY'];
    process.env['HTTPS_PROXY'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      const far = openRegistry('registry.example', null, { patience }).place('x');
      expect(failureOf(await far.has(digestOf(''), call))).toMatchObject({ code: 'unreachable' });
      expect(new Set(asked)).toEqual(new Set(['registry.example:443']));
      const near = openRegistry(registry.host, null, { patience }).place('x');
      expect(value(await near.has(digestOf(''), call))).toBe(false);
    } finally {
      if (named === undefined) delete process.env['HTTPS_PROXY'];
      else process.env['HTTPS_PROXY'] = named;
      proxy.close();
    }
  });
});

const missing = missingTools(...REGISTRY_PROGRAMS);

describe.skipIf(missing.length > 0)('a registry over TLS', () => {
  it('is trusted by the certificate that is named, and by no other', async () => {
    const [real, other] = [await startRegistry({ tls: true }), await startRegistry({ tls: true })];
    try {
      const ca = value(await readCa(real.ca ?? ''));
      const trusted = openRegistry(real.host, ca, { patience: { idle: 20 } }).place('x');
      expect(value(await trusted.putBlob(uploadOf(randomBytes(10)), call))).toBe('sent');
      const untrusted = openRegistry(other.host, ca, { patience: { idle: 20 } }).place('x');
      expect(failureOf(await untrusted.has(digestOf(''), call))).toMatchObject({
        code: 'unreachable',
        detail: expect.stringContaining('certificate') as unknown,
      });
      expect(failureOf(await readCa(join(folder, 'nothing.pem')))).toMatchObject({ code: 'usage' });
    } finally {
      await Promise.all([real.stop(), other.stop()]);
    }
  });
});
