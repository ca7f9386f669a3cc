import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request, read whole. */
export interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An answer; `never` is one that does not come, and `cut` one that breaks off. */
export type Answered =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: string }
  | 'never'
  | 'cut';

/** A server on loopback. */
export interface Serving {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Connections that somebody waits on. */
  waiting(): number;
  stop(): Promise<void>;
}

/** Key and certificate of a server with TLS, as PEM. */
export interface Pair {
  readonly key: string;
  readonly cert: string;
}

const HEAD = 'http://127.0.0.1';

async function read(request: IncomingMessage): Promise<Asked> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const { method = 'GET', url = '/', headers } = request;
  return { method, url: new URL(url, HEAD), headers, body };
}

/** Serves answers; an error of `answer` is a bug of the server, and is told to the client with status 500. */
export async function serve(answer: (asked: Asked) => Answered, pair: Pair | null = null): Promise<Serving> {
  let open = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    open += 1;
    response.once('close', () => (open -= 1));
    try {
      const answered = answer(await read(request));
      if (answered === 'never') return;
      if (answered === 'cut') return void response.socket?.destroy();
      response.writeHead(answered.status, answered.headers);
      response.end(answered.body);
    } catch (error) {
      response.writeHead(500);
      response.end(String(error));
    }
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void handle(request, response);
  const server = pair ? createHttps(pair, listener) : createHttp(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${pair ? 'https' : 'http'}://127.0.0.1:${port}`,
    waiting: () => open,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
