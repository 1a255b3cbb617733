import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { mergeRanges, PAGE_BYTES } from '../disks/byte-ranges.ts';
import type { ByteRange } from '../world.ts';
import type { Azurite, StoreRequest } from './azurite.ts';
import { drain, readBytes, readText } from './body.ts';
import type { BlobPath } from './copies.ts';
import { readPageList } from './page-list.ts';
import { Refusal, type Problem } from './problems.ts';
import { readElement } from './xml.ts';

/** The most that the store reads with an MD5. */
const WITH_MD5_BYTES = 4 * 1024 * 1024;

/** The path of a blob's URL, with `?` and the query where one is given. */
export function urlOf({ container, name }: Omit<BlobPath, 'account'>, query?: string): string {
  const path = `/${container}/${name.split('/').map(encodeURIComponent).join('/')}`;
  return query === undefined ? path : `${path}?${query}`;
}

/** Sends a request to the store and reads the answer; an error of the store becomes a refusal. */
export async function callStore(
  azurite: Azurite,
  account: string,
  message: StoreRequest,
): Promise<{ readonly headers: IncomingHttpHeaders; readonly body: Buffer }> {
  const answer = await azurite.send(account, message);
  if ((answer.statusCode ?? 500) >= 300) throw new Refusal(await readProblem(answer));
  return { headers: answer.headers, body: await readBytes(answer) };
}

/** The problem in an error of the store. */
export async function readProblem(answer: IncomingMessage): Promise<Problem> {
  const body = await readText(answer);
  const code = answer.headers['x-ms-error-code'];
  return {
    status: answer.statusCode ?? 500,
    code: typeof code === 'string' ? code : (readElement(body, 'Code') ?? 'InternalError'),
    message: (readElement(body, 'Message') ?? answer.statusMessage ?? '').split('\n', 1).join(),
  };
}

/** The answer to HEAD, whose headers are the blob's properties; undefined where there is no blob. */
export async function findBlob(
  azurite: Azurite,
  path: BlobPath,
): Promise<IncomingMessage | undefined> {
  const answer = await azurite.send(path.account, { method: 'HEAD', path: urlOf(path) });
  await drain(answer);
  return answer.statusCode === 200 ? answer : undefined;
}

/** Whether the container of a blob is there. */
export async function hasContainer(
  azurite: Azurite,
  { account, container }: BlobPath,
): Promise<boolean> {
  const path = `/${container}?restype=container`;
  const answer = await azurite.send(account, { method: 'HEAD', path });
  await drain(answer);
  return answer.statusCode === 200;
}

/** The data ranges of a page blob, merged: the store keeps one for every write. */
export async function listPageRanges(azurite: Azurite, path: BlobPath): Promise<ByteRange[]> {
  const { body } = await callStore(azurite, path.account, {
    method: 'GET',
    path: urlOf(path, 'comp=pagelist'),
  });
  return mergeRanges(readPageList(body.toString()));
}

/**
 * Bytes of a blob, fewer at its end, and the headers of the store's answer; `conditions` are headers such as
 * `if-match`. Throws a refusal, with status 412 for a condition that is not met.
 */
export async function readBlob(
  azurite: Azurite,
  path: BlobPath,
  { start, end }: ByteRange,
  conditions: OutgoingHttpHeaders = {},
): Promise<{ readonly headers: IncomingHttpHeaders; readonly bytes: Buffer }> {
  // The store reads up to 4 MiB twice, the first time for an MD5 that nobody asked for.
  const last = end - start === WITH_MD5_BYTES ? end + PAGE_BYTES - 1 : end - 1;
  const { headers, body } = await callStore(azurite, path.account, {
    method: 'GET',
    path: urlOf(path),
    headers: { 'x-ms-range': `bytes=${start}-${last}`, ...conditions },
  });
  return { headers, bytes: body.subarray(0, end - start) };
}

/** Writes pages as far as the conditions (a lease too) allow; gives the headers of the store's answer. */
export async function writePages(
  azurite: Azurite,
  path: BlobPath,
  start: number,
  bytes: Buffer,
  conditions: OutgoingHttpHeaders,
): Promise<IncomingHttpHeaders> {
  const range = { start, end: start + bytes.length };
  const write = azurite.recent.start(path, range);
  try {
    const { headers } = await callStore(azurite, path.account, {
      method: 'PUT',
      path: urlOf(path, 'comp=page'),
      headers: {
        ...conditions,
        'x-ms-page-write': 'update',
        'x-ms-range': `bytes=${range.start}-${range.end - 1}`,
        'content-length': bytes.length,
      },
      body: bytes,
    });
    azurite.recent.end(write, bytes);
    return headers;
  } catch (error) {
    azurite.recent.end(write);
    throw error;
  }
}

/** Sets a page blob's length, which also gives it a new ETag. */
export async function resizeBlob(
  azurite: Azurite,
  path: BlobPath,
  sizeBytes: number,
  lease: OutgoingHttpHeaders,
): Promise<void> {
  await callStore(azurite, path.account, {
    method: 'PUT',
    path: urlOf(path, 'comp=properties'),
    headers: { ...lease, 'x-ms-blob-content-length': sizeBytes, 'content-length': 0 },
  });
}

export async function deleteBlob(
  azurite: Azurite,
  path: BlobPath,
  lease: OutgoingHttpHeaders,
): Promise<void> {
  await callStore(azurite, path.account, { method: 'DELETE', path: urlOf(path), headers: lease });
}
