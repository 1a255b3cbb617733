import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { contextOf } from '../edge/call-context.ts';
import { leaseOf, pickHeaders, readMetadata, versionOf, type BlobCall } from './call.ts';
import { runCopy, type CopyJob } from './copy-job.ts';
import { openCopySource, type CopySource } from './copy-source.ts';
import { endCopy, isPending, newCopy, type Copy } from './copies.ts';
import { checkBlobType, checkLength } from './blob-types.ts';
import { serviceHeaders } from './answer.ts';
import { problems, Refusal } from './problems.ts';
import { callStore, findBlob, urlOf } from './store-calls.ts';

/** A copy in one account moves no bytes in Azure: one of this much is over before its answer. */
const AT_ONCE_BYTES = 64 * 1024 * 1024;

const conditions = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];
const kept = [...conditions, 'x-ms-if-tags', 'x-ms-lease-id', 'x-ms-tags', 'x-ms-version'];

/** Answers Copy Blob. {@link https://learn.microsoft.com/rest/api/storageservices/copy-blob} */
export async function startCopy(call: BlobCall): Promise<void> {
  const { azurite, path, request, response, account } = call;
  using lock = azurite.copies.lock(path);
  if (lock === undefined || isPending(azurite.copies.get(path))) {
    throw new Refusal(problems.pendingCopy);
  }
  const source = await openCopySource(call);
  checkBlobType(account, source.blobType);
  if (source.blobType === 'PageBlob') checkLength(source.sizeBytes);
  checkDestination(await findBlob(azurite, path), request, source);
  // A blob that is copied onto itself must not lose the bytes that are to be read.
  const isSame = source.sibling?.container === path.container && source.sibling.name === path.name;
  const copy = await (source.blobType === 'PageBlob' && !isSame
    ? startPages(call, source)
    : copyWhole(call, source));
  const blob = copy.status === 'success' ? await findBlob(azurite, path) : undefined;
  response
    .writeHead(202, {
      ...serviceHeaders(request, versionOf(request)),
      etag: blob?.headers.etag ?? copy.startTag.etag,
      'last-modified': blob?.headers['last-modified'] ?? copy.startTag.lastModified,
      'x-ms-copy-id': copy.id,
      'x-ms-copy-status': isPending(copy) ? 'pending' : copy.status,
      'content-length': 0,
    })
    .end();
}

/** An existing blob is overwritten by a copy of its own type only. */
function checkDestination(
  blob: IncomingMessage | undefined,
  { headers }: IncomingMessage,
  source: CopySource,
): void {
  if (blob === undefined || headers['if-none-match'] === '*') return;
  if (blob.headers['x-ms-blob-type'] !== source.blobType) {
    throw new Refusal(problems.invalidBlobType);
  }
  if (blob.headers['x-ms-lease-duration'] === 'fixed' && 'x-ms-lease-id' in headers) {
    throw new Refusal(problems.infiniteLeaseRequired);
  }
}

/** Makes the destination at full length and fills it in the background. */
async function startPages(call: BlobCall, source: CopySource): Promise<Copy> {
  const { azurite, path, request } = call;
  const { headers } = await callStore(azurite, path.account, {
    method: 'PUT',
    path: urlOf(path),
    headers: {
      ...source.properties,
      ...writeMetadata(call, source),
      'x-ms-blob-type': 'PageBlob',
      'x-ms-blob-content-length': source.sizeBytes,
      'content-length': 0,
    },
  });
  const { fault } = contextOf(request);
  const times = planTimes(call, source);
  const isPaced = times.mibPerSecond !== undefined || times.leastMs > 0;
  const turn = times.isInTurn ? azurite.copies.turnIn(path.account) : Promise.resolve();
  const copy = recordCopy(call, source, headers, isPaced);
  const job: CopyJob = {
    ...{ azurite, path, copy, source, turn, lease: leaseOf(request) },
    ...{ mibPerSecond: times.mibPerSecond, leastMs: times.leastMs },
    fault: fault?.kind === 'copy' ? fault.end : undefined,
  };
  if (job.fault === undefined && !isPaced && (await isSmallSibling(source))) {
    copy.wasRead = true;
    await runCopy(job);
  } else {
    copy.settled = runCopy(job);
  }
  return copy;
}

/** What the model says of a copy: one within its account moves no bytes, and takes its time all the same. */
function planTimes(
  { world, load, request }: BlobCall,
  { sibling, isAcrossRegions }: CopySource,
): Pick<CopyJob, 'mibPerSecond' | 'leastMs'> & { readonly isInTurn: boolean } {
  const { copyMiBPerSecond, blobs } = world.scenario.model ?? {};
  const ownCopyMs = sibling && load.drawOwnCopyMs(`copy ${request.url ?? ''}`);
  if (ownCopyMs !== undefined) {
    const isInTurn = blobs?.ownCopiesInTurn === true;
    return { mibPerSecond: undefined, leastMs: ownCopyMs, isInTurn };
  }
  const across = isAcrossRegions ? blobs?.copyAcrossMiBPerSecond : undefined;
  return {
    mibPerSecond: across ?? (copyMiBPerSecond === 0 ? undefined : copyMiBPerSecond),
    leastMs: 0,
    isInTurn: blobs?.copiesInTurn === true,
  };
}

/** Blobs that are no page blobs are copied at once: within their account by the store itself. */
async function copyWhole(call: BlobCall, source: CopySource): Promise<Copy> {
  const { azurite, path } = call;
  if (source.sibling === undefined && source.blobType !== 'PageBlob') {
    return await copyBlock(call, source);
  }
  const origin = source.sibling ?? path;
  const { headers } = await callStore(azurite, path.account, {
    method: 'PUT',
    path: urlOf(path),
    headers: {
      ...writeMetadata(call, source),
      // Only the path of this address is read.
      'x-ms-copy-source': `http://127.0.0.1/${origin.account}${urlOf(origin)}`,
      'content-length': 0,
    },
  });
  const copy = recordCopy(call, source, headers, true);
  endCopy(copy, 'success');
  return copy;
}

/** From another account a block blob is read and written anew. */
async function copyBlock(call: BlobCall, source: CopySource): Promise<Copy> {
  const { azurite, path } = call;
  if (source.blobType !== 'BlockBlob') throw new Refusal(problems.invalidBlobType);
  const body = await source.read({ start: 0, end: source.sizeBytes });
  const { headers } = await callStore(azurite, path.account, {
    method: 'PUT',
    path: urlOf(path),
    headers: {
      ...source.properties,
      ...writeMetadata(call, source),
      'x-ms-blob-type': 'BlockBlob',
      'content-length': body.length,
    },
    body,
  });
  const copy = recordCopy(call, source, headers, true);
  endCopy(copy, 'success');
  return copy;
}

/** Metadata and conditions of a destination; without any metadata given, it gets the source's. */
function writeMetadata({ request }: BlobCall, source: CopySource): Record<string, string> {
  const given = readMetadata(request);
  return {
    ...(Object.keys(given).length > 0 ? given : source.metadata),
    ...pickHeaders(request, kept),
  };
}

function recordCopy(
  { azurite, path, request }: BlobCall,
  source: CopySource,
  { etag = '', 'last-modified': lastModified = '' }: IncomingHttpHeaders,
  paced: boolean,
): Copy {
  const copy = newCopy({
    source: String(request.headers['x-ms-copy-source']),
    totalBytes: source.sizeBytes,
    startTag: { etag, lastModified },
    paced,
  });
  azurite.copies.set(path, copy);
  return copy;
}

async function isSmallSibling(source: CopySource): Promise<boolean> {
  if (source.sibling === undefined) return false;
  const ranges = await source.listRanges();
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0) <= AT_ONCE_BYTES;
}
