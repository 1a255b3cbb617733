import { appendFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { redactUrl } from './redact-url.ts';

/** One call to Azure Resource Manager with its answer, without tokens, keys and signatures of SAS. */
export interface TrafficPair {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    /** Parsed JSON; missing without a body. */
    readonly body?: unknown;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
}

/** Passes every call on and keeps it with its answer once that is complete; a call that is cut off is not kept. */
export function recordTraffic(
  listener: RequestListener,
  host: string,
  keep: (pair: TrafficPair) => void,
): RequestListener {
  return (request, response) => {
    const chunks = tapBody(response);
    response.once('finish', () => {
      keep({
        request: {
          method: request.method ?? 'GET',
          url: redactUrl(`https://${host}${request.url ?? '/'}`),
          headers: plainHeaders(request.headers),
          ...withBody(bodyOf(request)),
        },
        response: {
          status: response.statusCode,
          headers: plainHeaders(response.getHeaders()),
          ...withBody(readBody(Buffer.concat(chunks).toString(), request.url ?? '')),
        },
      });
    });
    listener(request, response);
  };
}

/** Appends pairs to a file, one line of JSON each. */
export function appendTo(file: string): (pair: TrafficPair) => void {
  return (pair) => {
    appendFileSync(file, `${JSON.stringify(pair)}\n`, { mode: 0o600 });
  };
}

/** Collects what a response is given to send. */
function tapBody(response: ServerResponse): readonly Buffer[] {
  const chunks: Buffer[] = [];
  const collect = (chunk: unknown): void => {
    if (typeof chunk === 'string') chunks.push(Buffer.from(chunk));
    else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  for (const name of ['write', 'end'] as const) {
    const send = Reflect.get(response, name) as (...values: unknown[]) => unknown;
    Reflect.set(response, name, (...values: unknown[]): unknown => {
      collect(values[0]);
      return Reflect.apply(send, response, values);
    });
  }
  return chunks;
}

/** What the service has parsed of a request's body. */
function bodyOf(request: IncomingMessage): unknown {
  return 'body' in request ? request.body : undefined;
}

function readBody(text: string, url: string): unknown {
  if (text === '') return undefined;
  const isKeys = /\/listKeys/i.test(url);
  const shown = text
    .replace(/([?&]sig=)[^&"]+/g, '$1...')
    .replace(isKeys ? /("value":)"[^"]*"/g : /$^/, '$1"..."');
  try {
    return JSON.parse(shown) as unknown;
  } catch {
    return shown;
  }
}

function withBody(body: unknown): { readonly body?: unknown } {
  return body === undefined ? {} : { body };
}

function plainHeaders(
  headers: Readonly<Record<string, number | string | readonly string[] | undefined>>,
): Record<string, string> {
  const shown = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && name !== 'authorization',
  );
  return Object.fromEntries(shown.map(([name, value]) => [name, redactUrl(String(value))]));
}
