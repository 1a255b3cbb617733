import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { clipRanges, PAGE_BYTES } from '../disks/byte-ranges.ts';
import { FOOTER_BYTES } from '../disks/vhd-footer.ts';
import type { DiskExport, DiskImage, World } from '../world.ts';
import { EXPORT_VERSION, exportedRanges } from './exports.ts';
import { readRange } from './http-range.ts';
import type { Load } from './load.ts';
import { writePageList } from './page-list.ts';
import { sendProblem, serviceHeaders } from './answer.ts';
import { problems, Refusal } from './problems.ts';

const READ_BYTES = 4 * 1024 * 1024;

/** Answers the export hosts: reads only, of the VHD behind a SAS. */
export function createExportApp(world: World, load: Load): RequestListener {
  return (request, response) => {
    serve(world, load, request, response).catch((error: unknown) => {
      if (response.headersSent) {
        response.destroy();
      } else {
        const problem = error instanceof Refusal ? error.problem : problems.internalError;
        sendProblem(request, response, problem, EXPORT_VERSION);
      }
    });
  };
}

async function serve(
  world: World,
  load: Load,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', `https://${request.headers.host ?? ''}`);
  const log = world.bootLogs.open(url);
  if (log !== undefined) {
    sendLog(request, response, log);
    return;
  }
  const found = world.exports.open(url);
  if (found === 'missing') throw new Refusal(problems.resourceNotFound);
  if (found === 'refused') throw new Refusal(problems.authenticationFailed);
  const comp = url.searchParams.get('comp');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || (comp !== null && comp !== 'pagelist')) {
    throw new Refusal(problems.permissionMismatch);
  }
  checkConditions(request, found);
  if (load.isOn) await carryRead(load, request, found);
  const headers = {
    ...serviceHeaders(request, EXPORT_VERSION),
    etag: found.etag,
    'last-modified': found.grantedAt.toUTCString(),
  };
  if (comp === 'pagelist') {
    sendPageList(request, response, found.image, headers);
  } else {
    await sendBytes(request, response, found, headers);
  }
}

/** A serial console log; it grows, and is read as it is now. */
function sendLog(
  request: IncomingMessage,
  response: ServerResponse,
  log: Exclude<ReturnType<World['bootLogs']['open']>, undefined>,
): void {
  if (log === 'missing') throw new Refusal(problems.blobNotFound);
  if (log === 'refused') throw new Refusal(problems.authenticationFailed);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new Refusal(problems.permissionMismatch);
  }
  const text = Buffer.from(log.text);
  const asked = readRange(request, text.length);
  if (asked === 'invalid') throw new Refusal(problems.invalidRange);
  const { start, end } = asked ?? { start: 0, end: text.length };
  response.writeHead(asked ? 206 : 200, {
    ...serviceHeaders(request, EXPORT_VERSION),
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    ...(asked && { 'content-range': `bytes ${start}-${end - 1}/${text.length}` }),
    'x-ms-blob-type': 'AppendBlob',
  });
  response.end(request.method === 'HEAD' ? undefined : text.subarray(start, end));
}

/** Lets a read take its time; refuses it where the budget of the export is used up. */
async function carryRead(
  load: Load,
  request: IncomingMessage,
  { policyId, resourceId, image }: DiskExport,
): Promise<void> {
  const range = readRange(request, image.sizeBytes + FOOTER_BYTES);
  const { start, end } = typeof range === 'object' ? range : { start: 0, end: image.sizeBytes };
  const isRead = request.method === 'GET' && request.url?.includes('comp=') === false;
  const busy = await load.carry({
    call: `${request.method ?? ''} ${resourceId} ${start}-${end}`,
    bytes: isRead ? end - start : 0,
    used: [{ kind: 'perExport', name: policyId, direction: 'read' }],
    isAcrossRegions: false,
  });
  if (busy) throw new Refusal(busy.problem);
}

function checkConditions(request: IncomingMessage, { etag }: DiskExport): void {
  const match = request.headers['if-match'];
  if (match !== undefined && match !== '*' && match !== etag) {
    throw new Refusal(problems.conditionNotMet);
  }
}

function sendPageList(
  request: IncomingMessage,
  response: ServerResponse,
  image: DiskImage,
  headers: Record<string, string>,
): void {
  const lengthBytes = image.sizeBytes + FOOTER_BYTES;
  const window = readRange(request, lengthBytes) ?? { start: 0, end: lengthBytes };
  if (window === 'invalid') throw new Refusal(problems.invalidRange);
  const pages = {
    start: Math.floor(window.start / PAGE_BYTES) * PAGE_BYTES,
    end: Math.ceil(window.end / PAGE_BYTES) * PAGE_BYTES,
  };
  const body = writePageList(clipRanges(exportedRanges(image), pages));
  response
    .writeHead(200, {
      ...headers,
      'content-type': 'application/xml',
      'content-length': Buffer.byteLength(body),
      'x-ms-blob-content-length': lengthBytes,
    })
    .end(request.method === 'HEAD' ? undefined : body);
}

async function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  { image, grantedAt }: DiskExport,
  headers: Record<string, string>,
): Promise<void> {
  const lengthBytes = image.sizeBytes + FOOTER_BYTES;
  const asked = request.method === 'HEAD' ? undefined : readRange(request, lengthBytes);
  if (asked === 'invalid') {
    throw new Refusal({
      ...problems.invalidRange,
      headers: { 'content-range': `bytes */${lengthBytes}` },
    });
  }
  const { start, end } = asked ?? { start: 0, end: lengthBytes };
  response.writeHead(asked ? 206 : 200, {
    ...headers,
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    'accept-ranges': 'bytes',
    ...(asked && { 'content-range': `bytes ${start}-${end - 1}/${lengthBytes}` }),
    'x-ms-creation-time': grantedAt.toUTCString(),
    'x-ms-lease-state': 'available',
    'x-ms-lease-status': 'unlocked',
    'x-ms-blob-type': 'PageBlob',
    'x-ms-blob-sequence-number': '0',
    'x-ms-server-encrypted': 'true',
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  await pipeline(Readable.from(readPieces(image, start, end)), response);
}

async function* readPieces(image: DiskImage, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end; at += READ_BYTES) {
    yield await image.read(at, Math.min(at + READ_BYTES, end));
  }
}
