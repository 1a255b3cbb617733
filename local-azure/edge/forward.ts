import { request as send, type IncomingMessage, type ServerResponse } from 'node:http';

const hopByHop = ['proxy-connection', 'proxy-authorization', 'connection', 'keep-alive'];

/** Forwards a plain http request in absolute form to its host. */
export function forwardPlain(url: URL, request: IncomingMessage, response: ServerResponse): void {
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !hopByHop.includes(name)),
  );
  const { method } = request;
  const upstream = send(url, { ...(method && { method }), headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  upstream.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end(`local-azure: ${error.message}\n`);
  });
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}
