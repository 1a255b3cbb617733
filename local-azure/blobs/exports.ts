import { createHash, randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { clipRanges, mergeRanges, PAGE_BYTES } from '../disks/byte-ranges.ts';
import { FOOTER_BYTES } from '../disks/vhd-footer.ts';
import type { ByteRange, DiskExport, DiskExports, DiskImage, Hosts, World } from '../world.ts';
import { readRange } from './http-range.ts';
import { writePageList } from './page-list.ts';
import { problems, Refusal, sendProblem, serviceHeaders } from './problems.ts';

/** The export service answers as this version whatever is asked. */
const SERVICE_VERSION = '2018-03-28';
const READ_BYTES = 4 * 1024 * 1024;

interface Grant extends DiskExport {
  readonly host: string;
  readonly path: string;
  readonly signature: string;
  readonly expiresAtMs: number;
}

/** Exports under host names of the cloud; a SAS holds a stored policy, and its end is known here only. */
export function createDiskExports(hosts: Hosts): DiskExports {
  const grants = new Map<string, Grant>();
  const isActive = (policyId: string): boolean =>
    (grants.get(policyId)?.expiresAtMs ?? 0) > Date.now();
  const end = (grant: Grant) => grants.set(grant.policyId, { ...grant, expiresAtMs: 0 });
  return {
    isActive,
    grant: (image, resourceId, durationInSeconds) => {
      const grant: Grant = {
        policyId: randomUUID(),
        image,
        etag: `"0x8D${createHash('sha256').update(resourceId).digest('hex').slice(0, 13).toUpperCase()}"`,
        grantedAt: new Date(),
        host: hosts.newExportHost(),
        path: `/${randomName()}/abcd`,
        signature: newSignature(),
        expiresAtMs: Date.now() + durationInSeconds * 1000,
      };
      grants.set(grant.policyId, grant);
      const query = `sv=${SERVICE_VERSION}&sr=b&si=${grant.policyId}&sig=${encodeURIComponent(grant.signature)}`;
      return {
        accessSAS: `https://${grant.host}${grant.path}?${query}`,
        policyId: grant.policyId,
      };
    },
    revoke: (policyId) => {
      const grant = grants.get(policyId);
      if (grant) end(grant);
    },
    endAll: () => {
      for (const grant of grants.values()) end(grant);
    },
    open: (url) => {
      const known = [...grants.values()].some(({ host }) => host === url.hostname);
      if (!known || !url.searchParams.has('sig')) return 'missing';
      const grant = grants.get(url.searchParams.get('si') ?? '');
      return grant !== undefined && isSignedFor(grant, url) && isActive(grant.policyId)
        ? grant
        : 'refused';
    },
  };
}

/** The bytes of a whole VHD that are data: the disk's ranges and the footer. */
export function exportedRanges(image: DiskImage): ByteRange[] {
  const footer = { start: image.sizeBytes, end: image.sizeBytes + FOOTER_BYTES };
  return mergeRanges([...image.ranges, footer]);
}

/** Answers the export hosts: reads only, of the VHD behind a SAS. */
export function createExportApp(world: World): RequestListener {
  return (request, response) => {
    serve(world, request, response).catch((error: unknown) => {
      if (response.headersSent) {
        response.destroy();
      } else {
        const problem = error instanceof Refusal ? error.problem : problems.internalError;
        sendProblem(request, response, problem, SERVICE_VERSION);
      }
    });
  };
}

async function serve(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', `https://${request.headers.host ?? ''}`);
  const found = world.exports.open(url);
  if (found === 'missing') throw new Refusal(problems.resourceNotFound);
  if (found === 'refused') throw new Refusal(problems.authenticationFailed);
  const comp = url.searchParams.get('comp');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || (comp !== null && comp !== 'pagelist')) {
    throw new Refusal(problems.permissionMismatch);
  }
  checkConditions(request, found);
  const headers = {
    ...serviceHeaders(request, SERVICE_VERSION),
    etag: found.etag,
    'last-modified': found.grantedAt.toUTCString(),
  };
  if (comp === 'pagelist') {
    sendPageList(request, response, found.image, headers);
  } else {
    await sendBytes(request, response, found, headers);
  }
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

function isSignedFor(grant: Grant, url: URL): boolean {
  return (
    grant.host === url.hostname &&
    grant.path === url.pathname &&
    grant.signature === url.searchParams.get('sig')
  );
}

/** A signature whose text needs encoding in every way, so that a client that treats it carelessly fails at once. */
function newSignature(): string {
  for (;;) {
    const signature = randomBytes(32).toString('base64');
    if (signature.includes('+') && signature.includes('/')) return signature;
  }
}

function randomName(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 12 }, () => letters.charAt(randomInt(letters.length))).join('');
}
