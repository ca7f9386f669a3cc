/**
 * Runs a server until the process is asked to end: then no new connection is taken, health on open ones turns to 503, what has
 * begun is finished, and what takes longer than `grace` milliseconds is cut off.
 * @param {import('node:http').Server} server
 * @param {{ stopping: boolean }} state read by the health answer
 * @param {{ port: number, grace?: number }} options port 0 takes any free one
 */
export function run(server, state, { port, grace = 10_000 }) {
  const say = (message, more = {}) =>
    console.log(JSON.stringify({ time: new Date().toISOString(), message, ...more }));

  const stop = (signal) => {
    if (state.stopping) return;
    state.stopping = true;
    say('stopping', { signal });
    server.close(() => say('stopped'));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), grace).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);

  server.on('error', (error) => {
    say('cannot serve', { reason: error.message });
    process.exitCode = 1;
  });
  server.listen(port, () => say('listening', { port: server.address().port }));
}

/** The port of the environment; anything but a port number ends the process with a message. */
export function portOf(environment) {
  const port = Number(environment.PORT ?? '8080');
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  console.error(`PORT must be a number from 0 to 65535, not "${environment.PORT}"`);
  process.exit(2);
}
