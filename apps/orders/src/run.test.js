import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('main.js', import.meta.url));
const start = (port) =>
  spawn(process.execPath, [main], { env: { ...process.env, PORT: port }, stdio: ['ignore', 'pipe', 'pipe'] });

test('what has begun is finished after SIGTERM, and nothing new is taken', { timeout: 20_000 }, async () => {
  const service = start('0');
  const lines = createInterface(service.stdout)[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  const { port } = await next();

  const body = JSON.stringify({ item: 'tea', quantity: 1 });
  const client = connect(port, '127.0.0.1');
  client.write(
    `POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
  );
  // The service answers on another connection: so it has seen the first, which came before.
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);

  service.kill('SIGTERM');
  assert.equal((await next()).message, 'stopping');
  await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
  client.write(body.slice(5));
  const [answer] = await once(client.setEncoding('utf8'), 'data');
  assert.match(answer, /^HTTP\/1\.1 201 /);
  assert.equal((await next()).message, 'stopped');
  const [code] = service.exitCode === null ? await once(service, 'exit') : [service.exitCode];
  assert.equal(code, 0);
});

test('a port that is none ends it with a message', { timeout: 20_000 }, async () => {
  const service = start('eighty');
  const [message] = await once(service.stderr.setEncoding('utf8'), 'data');
  const [code] = service.exitCode === null ? await once(service, 'exit') : [service.exitCode];
  assert.match(message, /PORT must be a number/);
  assert.equal(code, 2);
});
