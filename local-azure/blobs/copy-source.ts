import type { IncomingMessage } from 'node:http';
import { FOOTER_BYTES } from '../disks/vhd-footer.ts';
import type { ByteRange, DiskExport } from '../world.ts';
import { authorize } from './access.ts';
import { readMetadata, versionOf, type BlobCall } from './call.ts';
import { isPending, type BlobPath } from './copies.ts';
import { exportedRanges } from './exports.ts';
import { splitPath } from './operations.ts';
import { cannotVerifySource, problems, Refusal, type Problem } from './problems.ts';
import { findBlob, listPageRanges, readBlob } from './store-calls.ts';

/** What a copy reads. */
export interface CopySource {
  /** The blob in the same account, if that is what it is. */
  readonly sibling: BlobPath | undefined;
  readonly blobType: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: Date;
  readonly metadata: Readonly<Record<string, string>>;
  /** Content headers and sequence number, as Put Blob takes them. */
  readonly properties: Readonly<Record<string, string>>;
  /** Data ranges; only of a page blob. */
  readonly listRanges: () => Promise<readonly ByteRange[]>;
  /** Throws `SourceLost` once the source is not what it was, or its SAS is over. */
  readonly read: (range: ByteRange) => Promise<Buffer>;
}

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
  const url = parseSource(call.request);
  const source = await openSource(call, url);
  checkConditions(call.request, source);
  return source;
}

async function openSource(call: BlobCall, url: URL): Promise<CopySource> {
  const { world, accountName } = call;
  if (world.hosts.serviceOf(url.hostname) === 'export') {
    return openExport(call, url);
  }
  if (world.hosts.accountOf(url.hostname) === accountName && !url.searchParams.has('sig')) {
    return openSibling(call, url);
  }
  throw new Refusal(refuseStranger(call.request, url));
}

function parseSource({ headers }: IncomingMessage): URL {
  const value = headers['x-ms-copy-source'];
  const url = typeof value === 'string' && value.length <= 2048 ? URL.parse(value) : undefined;
  if (!url) throw new Refusal(problems.invalidHeaderValue);
  return url;
}

/** Exports belong to accounts of Microsoft's own tenant, which a copy scope shuts out. */
function openExport({ world, account }: BlobCall, url: URL): CopySource {
  if (typeof account.body.properties['allowedCopyScope'] === 'string') {
    throw new Refusal(problems.authorizationFailure);
  }
  const found = world.exports.open(url);
  if (found === 'missing') {
    throw new Refusal(cannotVerifySource(404, problems.resourceNotFound.message));
  }
  if (found === 'refused') {
    throw new Refusal(cannotVerifySource(403, problems.authenticationFailed.message));
  }
  return exportSource(found, () => world.exports.isActive(found.policyId));
}

function exportSource(found: DiskExport, isActive: () => boolean): CopySource {
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
      if (!isActive()) throw lostSource(problems.authenticationFailed);
      return found.image.read(start, end);
    },
  };
}

/** A blob of the same account is read with the caller's own rights. */
async function openSibling(call: BlobCall, url: URL): Promise<CopySource> {
  const { azurite, account, accountName, principal } = call;
  const [container, blob] = splitPath(url.pathname);
  const permission = { isData: true, action: 'containers/blobs/read' };
  await authorize(principal, account, { container, permission }, () => Promise.resolve(true));
  const path = { account: accountName, container, name: blob };
  if (isPending(azurite.copies.get(path))) throw new Refusal(problems.pendingCopy);
  const message = await findBlob(azurite, path);
  if (message === undefined || url.searchParams.has('snapshot')) {
    throw new Refusal(problems.blobNotFound);
  }
  const { headers } = message;
  const etag = headers.etag ?? '';
  return {
    sibling: path,
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
    read: (range) =>
      readBlob(azurite, path, range, etag).catch((error: unknown) => {
        throw error instanceof Refusal ? lostSource(error.problem) : error;
      }),
  };
}

/** Seen from another account, a private blob without a SAS; the words changed with service version 2020-10-02. */
function refuseStranger(request: IncomingMessage, url: URL): Problem {
  if (url.searchParams.has('sig')) {
    return cannotVerifySource(403, problems.authenticationFailed.message);
  }
  return (versionOf(request) ?? '') >= '2020-10-02'
    ? cannotVerifySource(401, 'Could not verify the copy source within the specified time.')
    : cannotVerifySource(404, problems.resourceNotFound.message);
}

function lostSource({ status, code }: Problem): SourceLost {
  return new SourceLost(`${status} ${code} "Copy failed when reading the source."`);
}

function checkConditions({ headers }: IncomingMessage, { etag, lastModified }: CopySource): void {
  const valueOf = (name: string) => headers[`x-ms-source-if-${name}`];
  const timeOf = (name: string) => Date.parse(String(valueOf(name)));
  const match = valueOf('match');
  const noneMatch = valueOf('none-match');
  // HTTP dates count whole seconds.
  const changed = Math.floor(lastModified.getTime() / 1000) * 1000;
  const fails =
    (match !== undefined && match !== '*' && match !== etag) ||
    (noneMatch !== undefined && (noneMatch === '*' || noneMatch === etag)) ||
    changed > timeOf('unmodified-since') ||
    changed <= timeOf('modified-since');
  if (fails) throw new Refusal(problems.sourceConditionNotMet);
}
