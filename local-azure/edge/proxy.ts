import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, Socket, type AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { CertificateAuthority } from './certificate-authority.ts';
import { forwardPlain } from './forward.ts';

/** Well above any poll interval: a server that closes an idle connection first looks like a network error. */
export const keepAliveTimeoutMs = 180_000;

export interface ProxyRules {
  readonly authority: CertificateAuthority;
  /** Whether the host's calls end here. */
  isServed(host: string): boolean;
  /** Whether plain http to the host ends here (instance metadata). */
  isServedPlain(host: string): boolean;
  isPassedThrough(host: string, port: number): boolean;
  serve(request: IncomingMessage, response: ServerResponse, host: string): void;
}

/** A listening server of this process. */
export interface Listener {
  readonly port: number;
  /** Cuts every connection. */
  close(): Promise<void>;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** Starts the forward proxy on 127.0.0.1: it ends TLS for the hosts that are served and refuses all that are not let through. */
export async function startProxy(rules: ProxyRules, port: number): Promise<Listener> {
  const inner = createServer((request, response) => {
    rules.serve(request, response, hostOf(request));
  });
  const outer = createServer((request, response) => {
    servePlain(rules, request, response);
  });
  for (const server of [inner, outer]) keepOpen(server);
  outer.on('connect', (request, socket, head) => {
    if (!(socket instanceof Socket)) return;
    socket.on('error', () => socket.destroy());
    tunnel(rules, inner, request.url ?? '', socket, head).catch(() => socket.destroy());
  });
  return await listen(outer, port);
}

/** Listens on 127.0.0.1; closing cuts every connection, tunnels too. */
export async function listen(server: Server, port: number): Promise<Listener> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Takes every time limit from a server but the idle one, which becomes long. */
export function keepOpen(server: Server): void {
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.timeout = 0;
}

async function tunnel(
  rules: ProxyRules,
  inner: Server,
  authority: string,
  socket: Socket,
  head: Buffer,
): Promise<void> {
  const target = parseTarget(authority);
  if (target === undefined) {
    refuse(socket, 400, `not a host and port: ${authority}`);
  } else if (rules.isServed(target.host) && target.port === 443) {
    const secureContext = await rules.authority.contextFor(target.host);
    establish(socket, head);
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      ALPNProtocols: ['http/1.1'],
    });
    secure.on('error', () => secure.destroy());
    inner.emit('connection', secure);
  } else if (rules.isServedPlain(target.host) && target.port === 80) {
    establish(socket, head);
    inner.emit('connection', socket);
  } else if (rules.isPassedThrough(target.host, target.port)) {
    passThrough(target, socket, head);
  } else {
    refuse(socket, 403, refusal(target));
  }
}

function servePlain(rules: ProxyRules, request: IncomingMessage, response: ServerResponse): void {
  const url = URL.parse(request.url ?? '');
  const target = url && { host: url.hostname, port: Number(url.port || 80) };
  if (url?.protocol !== 'http:' || target === null) {
    response
      .writeHead(400)
      .end('local-azure: this is a proxy; ask it for absolute http addresses\n');
  } else if (rules.isServedPlain(target.host)) {
    request.url = url.pathname + url.search;
    rules.serve(request, response, target.host);
  } else if (rules.isPassedThrough(target.host, target.port)) {
    forwardPlain(url, request, response);
  } else {
    response.writeHead(403).end(`local-azure: ${refusal(target)}\n`);
  }
}

function passThrough(target: Target, socket: Socket, head: Buffer): void {
  const upstream = connect(target.port, target.host, () => {
    establish(socket, head);
    socket.pipe(upstream).pipe(socket);
  });
  upstream.on('error', (error) => {
    if (upstream.connecting || upstream.bytesRead === 0) refuse(socket, 502, error.message);
    else socket.destroy();
  });
  socket.on('close', () => upstream.destroy());
}

function establish(socket: Socket, head: Buffer): void {
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
  if (head.length > 0) socket.unshift(head);
}

function refuse(socket: Socket, status: number, reason: string): void {
  const body = `local-azure: ${reason}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${status === 403 ? 'Forbidden' : 'Proxy Error'}\r\ncontent-type: text/plain\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function refusal(target: Target): string {
  return `${target.host}:${target.port} is no host of this Azure; name the host in the scenario's passThrough to let it through`;
}

function parseTarget(authority: string): Target | undefined {
  const url = URL.parse(`http://${authority}`);
  return url === null ? undefined : { host: url.hostname, port: Number(url.port || 80) };
}

function hostOf(request: IncomingMessage): string {
  return (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
}
