import { createServer } from 'node:http';
import { createOrders, problems } from './orders.js';

const MAX_BODY = 16 * 1024;

function answer(response, status, body, headers = {}) {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/** The parsed body; undefined if it is no JSON, null if it is too large. */
async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // Read to the end all the same: a client that still sends would not see the answer.
    if (size <= MAX_BODY) chunks.push(chunk);
  }
  if (size > MAX_BODY) return null;
  try {
    return { body: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return undefined;
  }
}

async function take(request, response, orders) {
  const wanted = await read(request);
  if (wanted === null) return answer(response, 413, { error: `a body has at most ${MAX_BODY} bytes` });
  if (wanted === undefined) return answer(response, 400, { error: 'the body is not JSON' });
  const found = problems(wanted.body);
  if (found.length > 0) return answer(response, 422, { error: found.join('; ') });
  const order = orders.add(wanted.body);
  return answer(response, 201, order, { location: `/orders/${order.id}` });
}

async function handle(request, response, state, orders) {
  const [path] = request.url.split('?');
  if (path === '/healthz')
    return state.stopping
      ? answer(response, 503, { status: 'stopping' })
      : answer(response, 200, { status: 'ok' });
  const [, collection, id, ...rest] = path.split('/');
  if (collection !== 'orders' || rest.length > 0)
    return answer(response, 404, { error: 'there is nothing here' });
  if (id === undefined && request.method === 'POST') return take(request, response, orders);
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return answer(
      response,
      405,
      { error: 'not this method' },
      { allow: id === undefined ? 'GET, HEAD, POST' : 'GET, HEAD' },
    );
  if (id === undefined) return answer(response, 200, { orders: orders.list() });
  const order = orders.find(id);
  return order ? answer(response, 200, order) : answer(response, 404, { error: `there is no order ${id}` });
}

/** A server of orders: GET and POST /orders, GET /orders/<id>, GET /healthz. */
export function createService(state, orders = createOrders()) {
  return createServer((request, response) => {
    // Only a client that goes away while it sends ends up here: nobody waits for an answer.
    handle(request, response, state, orders).catch(() => response.destroy());
  });
}
