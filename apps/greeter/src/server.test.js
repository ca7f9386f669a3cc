import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { greet, languageOf } from './greeting.js';
import { createService } from './server.js';

const state = { stopping: false };
const server = createService(state);
let root;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  root = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

for (const [accepted, language] of [
  [undefined, 'en'],
  ['de', 'de'],
  ['fr-CH, fr;q=0.9, en;q=0.8', 'fr'],
  ['en;q=0.2, es;q=0.7', 'es'],
  ['tlh, *;q=0.5', 'en'],
  ['de;q=0, fr;q=0.1', 'fr'],
  ['__proto__', 'en'],
])
  test(`"${accepted}" is answered in ${language}`, () => assert.equal(languageOf(accepted), language));

test('a name is trimmed and bounded', () => {
  assert.equal(greet('  Ada ', 'en'), 'Hello, Ada!');
  assert.equal(greet('', 'de'), 'Guten Tag!');
  assert.equal(greet('x'.repeat(100), 'es'), `Hola, ${'x'.repeat(60)}!`);
});

test('it greets by name in the language of the client', async () => {
  const answer = await fetch(`${root}/hello?name=Zo%C3%A9`, { headers: { 'accept-language': 'fr' } });
  assert.equal(answer.headers.get('content-language'), 'fr');
  assert.deepEqual(await answer.json(), { greeting: 'Bonjour, Zoé!' });
});

test('other paths and methods are refused', async () => {
  assert.equal((await fetch(`${root}/`)).status, 404);
  assert.equal((await fetch(`${root}/hello`, { method: 'POST' })).status, 405);
});

for (const [what, bytes] of [
  ['a path that is no URL', 'GET // HTTP/1.1\r\nhost: x\r\n\r\n'],
  ['a client that goes away', 'POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{'],
])
  test(`${what} does not end the service`, async () => {
    const client = connect(server.address().port, '127.0.0.1');
    await once(client, 'connect');
    await new Promise((sent) => client.write(bytes, sent));
    client.destroy();
    assert.equal((await fetch(`${root}/healthz`)).status, 200);
  });

test('health turns when it stops', async () => {
  assert.equal((await fetch(`${root}/healthz`)).status, 200);
  state.stopping = true;
  assert.equal((await fetch(`${root}/healthz`)).status, 503);
  state.stopping = false;
});
