import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FaultAction } from '../scenario.ts';
import { redactUrl } from './redact-url.ts';

/** One call of a client, as the control address shows it. */
export interface Call {
  /** From 1, in the order of arrival. */
  readonly number: number;
  readonly startedAt: string;
  readonly method: string;
  readonly host: string;
  /** Without secrets. */
  readonly url: string;
  /** Of a complete answer; missing while the call is open, and for good if its connection was cut. */
  status?: number;
  /** Missing while the call is open. */
  durationMs?: number;
  /** Of the request and of the answer as they went over the connection, headers included. */
  bytesIn: number;
  bytesOut: number;
  /** The fault that struck it. */
  fault?: FaultAction['kind'];
}

/** Every call since the start, or since the list was cleared. */
export class CallList {
  #calls: Call[] = [];
  #last = 0;
  /** Bytes of a connection that belong to its earlier calls. */
  readonly #counted = new WeakMap<Socket, { read: number; written: number }>();

  list(): readonly Call[] {
    return this.#calls;
  }

  clear(): void {
    this.#calls = [];
    this.#last = 0;
  }

  /** Records a call; its figures are filled in when it ends. */
  record(request: IncomingMessage, response: ServerResponse, host: string): Call {
    const { socket } = request;
    const startedMs = performance.now();
    const scheme = socket instanceof Object && 'encrypted' in socket ? 'https' : 'http';
    const call: Call = {
      number: ++this.#last,
      startedAt: new Date().toISOString(),
      method: request.method ?? 'GET',
      host,
      url: redactUrl(`${scheme}://${host}${request.url ?? '/'}`),
      bytesIn: 0,
      bytesOut: 0,
    };
    this.#calls.push(call);
    const end = (): void => {
      if (call.durationMs !== undefined) return;
      call.durationMs = Math.round((performance.now() - startedMs) * 10) / 10;
      if (response.writableEnded) call.status = response.statusCode;
      this.#count(call, socket);
    };
    response.once('finish', end);
    response.once('close', end);
    return call;
  }

  #count(call: Call, socket: Socket): void {
    const before = this.#counted.get(socket) ?? { read: 0, written: 0 };
    const now = { read: socket.bytesRead, written: socket.bytesWritten };
    call.bytesIn = now.read - before.read;
    call.bytesOut = now.written - before.written;
    this.#counted.set(socket, now);
  }
}
