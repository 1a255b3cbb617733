import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { PAGE_BYTES } from '../disks/byte-ranges.ts';
import type { ByteRange } from '../world.ts';
import type { Azurite } from './azurite.ts';
import { readBytes } from './body.ts';
import { pickHeaders, versionOf, type BlobCall } from './call.ts';
import type { BlobPath } from './copies.ts';
import { crc64 } from './crc64.ts';
import { forward } from './forward.ts';
import { parseRange } from './http-range.ts';
import { serviceHeaders } from './answer.ts';
import { problems, Refusal } from './problems.ts';
import { findBlob, hasContainer, writePages } from './store-calls.ts';

/** The most that one call writes, in bytes. */
export const MAX_WRITE_BYTES = 4 * 1024 * 1024;

/** The service version that brought the CRC-64. */
const CRC_VERSION = '2019-02-02';

const conditions = [
  ...['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'],
  ...['x-ms-if-sequence-number-le', 'x-ms-if-sequence-number-lt', 'x-ms-if-sequence-number-eq'],
  ...['x-ms-if-tags', 'x-ms-lease-id', 'x-ms-version'],
];

/** Answers Put Page, both forms. {@link https://learn.microsoft.com/rest/api/storageservices/put-page} */
export async function putPage(call: BlobCall): Promise<void> {
  const { headers } = call.request;
  if (headers['x-ms-page-write'] === 'clear') {
    await checkPageRange(call);
    await forward(call);
    return;
  }
  if (headers['x-ms-page-write'] !== 'update') throw refuseHeader('x-ms-page-write');
  if (Number(headers['content-length']) > MAX_WRITE_BYTES) throw refuseSize();
  const bytes = await readBytes(call.request);
  const range = await checkPageRange(call);
  if (range.end - range.start !== bytes.length) throw new Refusal(problems.invalidPageRange);
  checkSums(bytes, headers['content-md5'], headers['x-ms-content-crc64']);
  await writeAndAnswer(call, range.start, bytes, headers['content-md5'] !== undefined);
}

/** The range that is to be written; refuses one that is missing, unaligned or not inside the blob. */
export async function checkPageRange({ azurite, path, request }: BlobCall): Promise<ByteRange> {
  const range = parseRange(request);
  if (range === undefined) {
    throw new Refusal({ ...problems.missingHeader, details: { HeaderName: 'x-ms-range' } });
  }
  if (range.start % PAGE_BYTES !== 0 || range.end % PAGE_BYTES !== 0) {
    throw new Refusal(problems.invalidPageRange);
  }
  const lengthBytes = await azurite.lengths.find(path, () => readLength(azurite, path));
  if (range.end > lengthBytes) throw new Refusal(problems.invalidPageRange);
  return range;
}

/** The length of a page blob in bytes; refuses where there is none. */
async function readLength(azurite: Azurite, path: BlobPath): Promise<number> {
  const blob = await findBlob(azurite, path);
  if (blob === undefined) {
    const isThere = await hasContainer(azurite, path);
    throw new Refusal(isThere ? problems.blobNotFound : problems.containerNotFound);
  }
  if (blob.headers['x-ms-blob-type'] !== 'PageBlob') throw new Refusal(problems.invalidBlobType);
  return Number(blob.headers['content-length']);
}

/** Refuses bytes whose checksums are not those that the client named. */
export function checkSums(
  bytes: Buffer,
  md5: string | readonly string[] | undefined,
  crc: string | readonly string[] | undefined,
): void {
  if (md5 !== undefined && md5 !== md5Of(bytes)) throw new Refusal(problems.md5Mismatch);
  if (crc !== undefined && crc !== crc64(bytes)) throw new Refusal(problems.crc64Mismatch);
}

/** Writes pages under the conditions of the call and answers with the checksum of what was written. */
export async function writeAndAnswer(
  call: BlobCall,
  start: number,
  bytes: Buffer,
  usesMd5: boolean,
): Promise<void> {
  const { azurite, path, request, response } = call;
  const written = await writePages(azurite, path, start, bytes, pickHeaders(request, conditions));
  const tags = pickWritten(written);
  response
    .writeHead(201, {
      ...serviceHeaders(request, versionOf(request)),
      ...tags,
      ...sumHeader(request, bytes, usesMd5),
      'x-ms-request-server-encrypted': 'true',
      'content-length': 0,
    })
    .end();
}

/** A client that sent an MD5 gets one back, as old versions always do; any other gets a CRC-64. */
function sumHeader(
  request: IncomingMessage,
  bytes: Buffer,
  usesMd5: boolean,
): Record<string, string> {
  return usesMd5 || (versionOf(request) ?? '') < CRC_VERSION
    ? { 'content-md5': md5Of(bytes) }
    : { 'x-ms-content-crc64': crc64(bytes) };
}

function pickWritten(headers: IncomingHttpHeaders): Record<string, string> {
  const names = ['etag', 'last-modified', 'x-ms-blob-sequence-number'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value] as const] : [];
    }),
  );
}

/** A header whose value cannot be. */
export function refuseHeader(name: string): Refusal {
  return new Refusal({ ...problems.invalidHeaderValue, details: { HeaderName: name } });
}

/** More bytes than one call may write. */
export function refuseSize(): Refusal {
  return new Refusal({ ...problems.bodyTooLarge, details: { MaxLimit: String(MAX_WRITE_BYTES) } });
}

function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64');
}
