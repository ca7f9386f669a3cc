#!/bin/sh
# Serves and fetches as the account that applications have, and ends when asked to.
set -eu
setpriv --reuid=app --regid=app --clear-groups timeout 20 node --input-type=module - <<'END'
import { createServer } from 'node:http';
import { once } from 'node:events';

const server = createServer((request, response) => response.end(`you asked for ${request.url}`));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const answer = await fetch(`http://127.0.0.1:${server.address().port}/here`);
const text = await answer.text();
if (answer.status !== 200 || text !== 'you asked for /here') throw new Error(`${answer.status}: ${text}`);

process.once('SIGTERM', () => {
  server.closeAllConnections();
  server.close(() => console.log('served, fetched and ended when asked to'));
});
process.kill(process.pid, 'SIGTERM');
END
