import type { IncomingHttpHeaders } from 'node:http';
import { FOOTER_BYTES } from '../disks/vhd-footer.ts';
import { PAGE_BYTES } from '../disks/byte-ranges.ts';
import { contextOf } from '../edge/call-context.ts';
import type { ByteRange, DiskExport } from '../world.ts';
import { carrySource } from './call-load.ts';
import { versionOf, type BlobCall } from './call.ts';
import type { BlobPath } from './copies.ts';
import { parseRangeHeader } from './http-range.ts';
import { problems, Refusal, relaySourceProblem, type Problem } from './problems.ts';
import {
  checkPageRange,
  checkSums,
  MAX_WRITE_BYTES,
  refuseHeader,
  refuseSize,
  writeAndAnswer,
} from './put-page.ts';
import { openPlace, parseSource, type SourcePlace } from './source-access.ts';
import { findSourceProblem } from './source-conditions.ts';
import { readBlob } from './store-calls.ts';

/** Answers Put Page From URL. {@link https://learn.microsoft.com/rest/api/storageservices/put-page-from-url} */
export async function putPageFromUrl(call: BlobCall): Promise<void> {
  const { headers } = call.request;
  if (headers['x-ms-page-write'] !== 'update') throw refuseHeader('x-ms-page-write');
  if (Number(headers['content-length'] ?? 0) !== 0) throw refuseHeader('Content-Length');
  const to = await checkPageRange(call);
  const from = readSourceRange(headers);
  if (to.end - to.start > MAX_WRITE_BYTES) throw refuseSize();
  if (to.end - to.start !== from.end - from.start) throw refuseHeader('x-ms-source-range');
  const url = parseSource(call);
  const bytes = await readSource(call, url, from);
  const md5 = headers['x-ms-source-content-md5'];
  checkSums(bytes, md5, headers['x-ms-source-content-crc64']);
  await writeAndAnswer(call, to.start, bytes, md5 !== undefined);
}

function readSourceRange(headers: IncomingHttpHeaders): ByteRange {
  const name = 'x-ms-source-range';
  const range = parseRangeHeader(headers[name]);
  if (headers[name] === undefined) {
    throw new Refusal({ ...problems.missingHeader, details: { HeaderName: name } });
  }
  if (range === undefined || range.start % PAGE_BYTES !== 0 || range.end % PAGE_BYTES !== 0) {
    throw refuseHeader(name);
  }
  return range;
}

async function readSource(call: BlobCall, url: URL, range: ByteRange): Promise<Buffer> {
  const { request, load } = call;
  const place = await openPlace(call, url);
  // What is refused moves no bytes.
  const isLocked = place.kind === 'blob' && load.isLocked(place.path);
  if (load.isOn) await carrySource(call, place, isLocked ? 0 : range.end - range.start);
  const read = isLocked ? problems.conditionNotMet : await readPlace(call, place, range);
  if (Buffer.isBuffer(read)) return read;
  throw new Refusal(relaySourceProblem(read, versionOf(request)));
}

async function readPlace(
  call: BlobCall,
  place: SourcePlace,
  range: ByteRange,
): Promise<Buffer | Problem> {
  return place.kind === 'export'
    ? await readExport(call.request.headers, place.found, range)
    : await readBlobRange(call, place.path, range);
}

async function readExport(
  headers: IncomingHttpHeaders,
  { image, etag, grantedAt }: DiskExport,
  { start, end }: ByteRange,
): Promise<Buffer | Problem> {
  const problem = findSourceProblem(headers, { etag, lastModified: grantedAt });
  if (problem) return problem;
  if (end > image.sizeBytes + FOOTER_BYTES) return problems.invalidRange;
  return await image.read(start, end);
}

function hasConditions(headers: IncomingHttpHeaders): boolean {
  return Object.keys(headers).some((name) => name.startsWith('x-ms-source-if-'));
}

/** Bytes of a blob; a fault can make it look like one that is being written. */
async function readBlobRange(
  { azurite, request }: BlobCall,
  path: BlobPath,
  range: ByteRange,
): Promise<Buffer | Problem> {
  const { fault } = contextOf(request);
  if (fault?.kind === 'source-modified') {
    return { ...problems.conditionNotMet, status: fault.status ?? 412 };
  }
  const recent = hasConditions(request.headers) ? undefined : azurite.recent.read(path, range);
  if (recent !== undefined) return recent;
  try {
    const { headers, bytes } = await readBlob(azurite, path, range);
    const lastModified = new Date(headers['last-modified'] ?? 0);
    const problem = findSourceProblem(request.headers, { etag: headers.etag ?? '', lastModified });
    if (problem) return problem;
    return bytes.length === range.end - range.start ? bytes : problems.invalidRange;
  } catch (error) {
    if (error instanceof Refusal) return error.problem;
    throw error;
  }
}
