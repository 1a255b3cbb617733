import type { IncomingMessage } from 'node:http';
import { FOOTER_BYTES } from '../disks/vhd-footer.ts';
import { contextOf } from '../edge/call-context.ts';
import type { ByteRange, DiskExport } from '../world.ts';
import { isAcrossRegions, shareCopy } from './call-load.ts';
import { readMetadata, versionOf, type BlobCall } from './call.ts';
import { isPending, type BlobPath } from './copies.ts';
import { exportedRanges } from './exports.ts';
import { problems, Refusal, relaySourceProblem, type Problem } from './problems.ts';
import { openPlace, parseSource } from './source-access.ts';
import { findSourceProblem } from './source-conditions.ts';
import { findBlob, listPageRanges, readBlob } from './store-calls.ts';

/** What a copy reads. */
export interface CopySource {
  /** The blob in the same account, if that is what it is. */
  readonly sibling: BlobPath | undefined;
  readonly isAcrossRegions: boolean;
  readonly blobType: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: Date;
  readonly metadata: Readonly<Record<string, string>>;
  /** Content headers and sequence number, as Put Blob takes them. */
  readonly properties: Readonly<Record<string, string>>;
  /** Data ranges; only of a page blob. */
  readonly listRanges: () => Promise<readonly ByteRange[]>;
  /** Waits for the budgets that a copy of so many bytes draws on. */
  readonly share: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** Throws `SourceLost` once the source is not what it was, or its SAS is over. */
  readonly read: (range: ByteRange) => Promise<Buffer>;
}

type OpenedSource = Omit<CopySource, 'isAcrossRegions' | 'share'>;

/** Why a copy that has started cannot go on. */
export class SourceLost extends Error {}

const copiedProperties = {
  'content-type': 'x-ms-blob-content-type',
  'content-encoding': 'x-ms-blob-content-encoding',
  'content-language': 'x-ms-blob-content-language',
  'content-disposition': 'x-ms-blob-content-disposition',
  'cache-control': 'x-ms-blob-cache-control',
  'content-md5': 'x-ms-blob-content-md5',
  'x-ms-blob-sequence-number': 'x-ms-blob-sequence-number',
};

/** Checks and opens the source that a Copy Blob names; refuses as Azure does when it starts. */
export async function openCopySource(call: BlobCall): Promise<CopySource> {
  const source = await openSource(call);
  checkConditions(call.request, source);
  return source;
}

async function openSource(call: BlobCall): Promise<CopySource> {
  const place = await openPlace(call, parseSource(call));
  const opened =
    place.kind === 'export'
      ? exportSource(place.found, () => call.world.exports.isActive(place.found.policyId))
      : await openBlob(call, place.path);
  return {
    ...opened,
    isAcrossRegions: isAcrossRegions(call, place),
    share: (bytes, signal) => shareCopy(call, place, bytes, signal),
  };
}

function exportSource(found: DiskExport, isActive: () => boolean): OpenedSource {
  return {
    sibling: undefined,
    blobType: 'PageBlob',
    sizeBytes: found.image.sizeBytes + FOOTER_BYTES,
    etag: found.etag,
    lastModified: found.grantedAt,
    metadata: {},
    properties: { 'x-ms-blob-content-type': 'application/octet-stream' },
    listRanges: () => Promise.resolve(exportedRanges(found.image)),
    read: async ({ start, end }) => {
      if (!isActive()) throw endedSource();
      return found.image.read(start, end);
    },
  };
}

async function openBlob(
  { azurite, accountName, request }: BlobCall,
  path: BlobPath,
): Promise<OpenedSource> {
  const isSibling = path.account === accountName;
  const { fault } = contextOf(request);
  if (fault?.kind === 'source-modified') throw new Refusal(problems.sourceConditionNotMet);
  if (isPending(azurite.copies.get(path))) throw new Refusal(problems.pendingCopy);
  const message = await findBlob(azurite, path);
  if (message === undefined) {
    const problem = problems.blobNotFound;
    throw new Refusal(isSibling ? problem : relaySourceProblem(problem, versionOf(request)));
  }
  const { headers } = message;
  const etag = headers.etag ?? '';
  return {
    sibling: isSibling ? path : undefined,
    blobType: String(headers['x-ms-blob-type']),
    sizeBytes: Number(headers['content-length']),
    etag,
    lastModified: new Date(headers['last-modified'] ?? 0),
    metadata: readMetadata(message),
    properties: Object.fromEntries(
      Object.entries(copiedProperties).flatMap(([name, target]) => {
        const value = headers[name];
        return typeof value === 'string' ? [[target, value] as const] : [];
      }),
    ),
    listRanges: () => listPageRanges(azurite, path),
    read: async (range) => {
      try {
        return (await readBlob(azurite, path, range, { 'if-match': etag })).bytes;
      } catch (error) {
        throw error instanceof Refusal ? lostSource(error.problem) : error;
      }
    },
  };
}

/** What a copy finds whose SAS is over. */
export function endedSource(): SourceLost {
  return lostSource(problems.authenticationFailed);
}

function lostSource({ status, code }: Problem): SourceLost {
  return new SourceLost(`${status} ${code} "Copy failed when reading the source."`);
}

function checkConditions({ headers }: IncomingMessage, source: CopySource): void {
  if (findSourceProblem(headers, source)) throw new Refusal(problems.sourceConditionNotMet);
}
