import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { versionOf, type BlobCall } from './call.ts';
import { isPending, readStatus, type Copy } from './copies.ts';
import { serviceHeaders } from './answer.ts';
import { showImmutability } from './immutability.ts';
import { Refusal } from './problems.ts';
import { stripSas } from './sas.ts';
import { readProblem } from './store-calls.ts';

const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];

/** Ours to answer, or of no use behind the gateway. */
const notForwarded = [...hopByHop, 'host', 'authorization', 'expect'];
const notReturned = new Set([...hopByHop, 'server', 'date', 'x-powered-by', 'x-ms-version']);

/**
 * Sends a call on to the store and its answer back; an error of the store becomes a refusal.
 * `onDone` runs once the store has done it and before the client knows.
 */
export async function forward(call: BlobCall, onDone?: () => void): Promise<void> {
  const wasPending = isPending(shownCopy(call));
  const answer = await sendToStore(call);
  onDone?.();
  call.response.writeHead(answer.statusCode ?? 500, {
    ...returnHeaders(call, answer),
    ...showCopy(shownCopy(call), wasPending),
    ...showImmutability(call),
  });
  await pipeline(answer, call.response);
}

/** Sends a call on to the store, but for some headers, and gives the store's answer. */
export async function sendToStore(
  { azurite, accountName, request }: BlobCall,
  without: readonly string[] = [],
): Promise<IncomingMessage> {
  const answer = await azurite.send(accountName, {
    method: request.method ?? 'GET',
    path: stripSas(request.url ?? '/'),
    headers: copyHeaders(request, new Set([...notForwarded, ...without])),
    body: request,
  });
  if ((answer.statusCode ?? 500) >= 300) throw new Refusal(await readProblem(answer));
  return answer;
}

/** The headers of an answer of the store, as Azure would send them. */
export function returnHeaders({ request }: BlobCall, answer: IncomingMessage): OutgoingHttpHeaders {
  const headers = copyHeaders(answer, notReturned);
  // The store sums every small range; Azure only those of who asks for it.
  const hidesSum =
    answer.statusCode === 206 && request.headers['x-ms-range-get-content-md5'] !== 'true';
  const hidden = hidesSum
    ? /^x-ms-copy-|^x-ms-(client-)?request-id$|^content-md5$/i
    : /^x-ms-copy-|^x-ms-(client-)?request-id$/i;
  for (const name of Object.keys(headers)) {
    if (hidden.test(name)) Reflect.deleteProperty(headers, name);
  }
  return { ...headers, ...serviceHeaders(request, versionOf(request)) };
}

/** The last copy onto a blob, which is the gateway's own to tell, where a call reads the blob. */
function shownCopy({ azurite, operation, path }: BlobCall): Copy | undefined {
  if (operation.kind !== 'read-blob') return undefined;
  const isPlain = !operation.query.has('snapshot') && !operation.query.has('comp');
  return isPlain ? azurite.copies.get(path) : undefined;
}

/** What it tells. The answer of the store is from before the end of a copy that was pending when it was asked for. */
function showCopy(copy: Copy | undefined, wasPending: boolean): OutgoingHttpHeaders {
  if (copy === undefined) return {};
  const pending = wasPending || isPending(copy);
  const tag = pending
    ? { etag: copy.startTag.etag, 'last-modified': copy.startTag.lastModified }
    : {};
  const status = Object.entries(readStatus(copy, pending));
  return {
    ...tag,
    ...Object.fromEntries(status.map(([key, value]) => [`x-ms-copy-${key}`, value])),
  };
}

/** Headers with the case of their names, which metadata keeps. */
function copyHeaders(
  { rawHeaders }: IncomingMessage,
  without: ReadonlySet<string>,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!without.has(name.toLowerCase())) headers[name] = rawHeaders[index + 1] ?? '';
  }
  return headers;
}
