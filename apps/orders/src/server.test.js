import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { createOrders } from './orders.js';
import { createService } from './server.js';

const state = { stopping: false };
const server = createService(
  state,
  createOrders(() => new Date(0)),
);
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

const post = (body) => fetch(`${root}/orders`, { method: 'POST', body });

test('there are no orders at first', async () => {
  const answer = await fetch(`${root}/orders`);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { orders: [] });
});

test('an order is taken and found where the answer says', async () => {
  const answer = await post(JSON.stringify({ item: 'tea', quantity: 2 }));
  assert.equal(answer.status, 201);
  const order = { id: '1', item: 'tea', quantity: 2, time: '1970-01-01T00:00:00.000Z' };
  assert.deepEqual(await answer.json(), order);
  const found = await fetch(root + answer.headers.get('location'));
  assert.deepEqual(await found.json(), order);
});

for (const [what, body, status] of [
  ['no JSON', '{', 400],
  ['a list', '[]', 422],
  ['no item', '{"quantity":1}', 422],
  ['half a thing', '{"item":"tea","quantity":0.5}', 422],
  ['too much text', JSON.stringify({ item: 'x'.repeat(20_000), quantity: 1 }), 413],
])
  test(`${what} is refused with ${status} and a reason`, async () => {
    const answer = await post(body);
    assert.equal(answer.status, status);
    assert.match((await answer.json()).error, /\w/);
  });

for (const [method, path, status] of [
  ['GET', '/orders/99', 404],
  ['GET', '/elsewhere', 404],
  ['GET', '/orders/1/more', 404],
  ['DELETE', '/orders/1', 405],
])
  test(`${method} ${path} is answered with ${status}`, async () => {
    assert.equal((await fetch(root + path, { method })).status, status);
  });

for (const [what, bytes] of [
  ['a path that is no URL', 'GET // HTTP/1.1\r\nhost: x\r\n\r\n'],
  ['a client that goes away', 'POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{'],
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
