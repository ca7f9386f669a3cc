import { createServer } from 'node:http';
import { greet, languageOf } from './greeting.js';

function answer(response, status, body, headers = {}) {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/** A server of greetings: GET /hello?name=… in the language of Accept-Language, GET /healthz. */
export function createService(state) {
  return createServer((request, response) => {
    const [path, query] = request.url.split('?');
    if (path === '/healthz')
      return state.stopping
        ? answer(response, 503, { status: 'stopping' })
        : answer(response, 200, { status: 'ok' });
    if (path !== '/hello') return answer(response, 404, { error: 'there is nothing here' });
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return answer(response, 405, { error: 'not this method' }, { allow: 'GET, HEAD' });
    const language = languageOf(request.headers['accept-language']);
    const greeting = greet(new URLSearchParams(query).get('name'), language);
    return answer(response, 200, { greeting }, { 'content-language': language, vary: 'accept-language' });
  });
}
