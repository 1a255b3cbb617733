import type { TokenCredential } from '@azure/core-auth';
import type { HttpClient } from '@azure/core-rest-pipeline';
import {
  AnonymousCredential,
  BlobClient,
  BlockBlobClient,
  ContainerClient,
  newPipeline,
  type BlobGetPropertiesResponse,
  type BlobItem,
} from '@azure/storage-blob';
import { azureFailure } from '../errors.ts';
import type { BlobState, ContainerState, CopyState, ListedBlob } from '../facts.ts';
import { STORAGE_SCOPE } from './clouds.ts';
import { createStorageHttpClient, type BlobCalls } from './storage-http-client.ts';

/** A Copy Blob to start. */
export interface CopyRequest {
  /** A snapshot's SAS, or a blob of the destination's own account. */
  readonly source: string;
  readonly destination: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The ETag of the blob that is overwritten; without it the name must be free. */
  readonly overwriteEtag?: string;
}

/** Verbs on containers and blobs, authorized by Entra tokens alone. URLs are bare; only sources carry a SAS. */
export interface Blobs {
  /** Undefined when there is none. */
  containerState(
    endpoint: string,
    container: string,
    signal: AbortSignal,
  ): Promise<ContainerState | undefined>;
  /** True when it was made just now, false when it was there. */
  createContainer(endpoint: string, container: string, signal: AbortSignal): Promise<boolean>;
  /** Undefined when there is none. */
  blobState(url: string, signal: AbortSignal): Promise<BlobState | undefined>;
  /** All blobs of a container, with their metadata; none when there is no container. */
  listBlobs(endpoint: string, name: string, signal: AbortSignal): Promise<readonly ListedBlob[]>;
  /** Returns the copy ID; the copy itself goes on in Azure. A cancelled run does not give the request up. */
  startCopy(request: CopyRequest): Promise<string>;
  /** Done also when there is no pending copy. Leaves a blob of length zero. */
  abortCopy(url: string, copyId: string, signal: AbortSignal): Promise<void>;
  /** Puts a small block blob there; with `isNew` only where there is none. */
  writeBlob(
    blob: {
      readonly url: string;
      readonly bytes: Uint8Array;
      readonly metadata: Readonly<Record<string, string>>;
      readonly isNew: boolean;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** The bytes of a small blob; undefined when there is none. */
  readBlob(url: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Returns the new ETag. With an ETag, the blob must still have that one. */
  setMetadata(
    url: string,
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
    etag?: string,
  ): Promise<string>;
  /** Deletes the blob if it still has this ETag; done also when it is gone. */
  deleteBlob(url: string, etag: string, signal: AbortSignal): Promise<void>;
  /** The last bytes of a blob, and its length. The URL of an export carries its SAS. */
  readTail(
    url: string,
    count: number,
    signal: AbortSignal,
  ): Promise<{ bytes: Uint8Array; lengthBytes: number }>;
}

/** Blobs over the official SDK. */
export function createBlobs(
  credential: TokenCredential,
  httpClient: HttpClient,
  calls: BlobCalls,
): Blobs {
  const storageClient = createStorageHttpClient(httpClient, calls);
  const options = { httpClient: storageClient, audience: STORAGE_SCOPE };
  const pipeline = newPipeline(credential, options);
  const anonymous = newPipeline(new AnonymousCredential(), { httpClient: storageClient });
  const container = (endpoint: string, name: string): ContainerClient =>
    new ContainerClient(`${endpoint}/${encodeURIComponent(name)}`, pipeline);
  const blob = (url: string): BlobClient => new BlobClient(url, pipeline);

  return {
    async containerState(endpoint, name, signal) {
      try {
        const properties = await container(endpoint, name).getProperties({ abortSignal: signal });
        return {
          hasImmutabilityPolicy: properties.hasImmutabilityPolicy === true,
          hasLegalHold: properties.hasLegalHold === true,
        };
      } catch (error) {
        if (azureFailure(error).status === 404) return undefined;
        throw error;
      }
    },
    async createContainer(endpoint, name, signal) {
      const answer = await container(endpoint, name).createIfNotExists({ abortSignal: signal });
      return answer.succeeded;
    },
    async blobState(url, signal) {
      try {
        return stateOf(url, await blob(url).getProperties({ abortSignal: signal }));
      } catch (error) {
        if (azureFailure(error).status === 404) return undefined;
        throw error;
      }
    },
    async listBlobs(endpoint, name, signal) {
      const client = container(endpoint, name);
      const options = { includeMetadata: true, includeCopy: true, abortSignal: signal };
      try {
        const listed: ListedBlob[] = [];
        for await (const item of client.listBlobsFlat(options)) {
          const path = item.name.split('/').map(encodeURIComponent).join('/');
          listed.push(listedFrom(`${client.url}/${path}`, item));
        }
        return listed;
      } catch (error) {
        if (azureFailure(error).status === 404) return [];
        throw error;
      }
    },
    async startCopy({ source, destination, metadata, overwriteEtag }) {
      const conditions =
        overwriteEtag === undefined ? { ifNoneMatch: '*' } : { ifMatch: overwriteEtag };
      const options = { metadata: { ...metadata }, conditions };
      const poller = await blob(destination).beginCopyFromURL(source, options);
      // Its polling is not used: it knows no "aborted", and does not see a copy that another one replaced.
      poller.stopPolling();
      const { copyId = '' } = poller.getOperationState() as { copyId?: string };
      return copyId;
    },
    async abortCopy(url, copyId, signal) {
      try {
        await blob(url).abortCopyFromURL(copyId, { abortSignal: signal });
      } catch (error) {
        const { code, status } = azureFailure(error);
        if (code !== 'NoPendingCopyOperation' && status !== 404) throw error;
      }
    },
    async writeBlob({ url, bytes, metadata, isNew }, signal) {
      await new BlockBlobClient(url, pipeline).upload(bytes, bytes.length, {
        metadata: { ...metadata },
        abortSignal: signal,
        ...(isNew && { conditions: { ifNoneMatch: '*' } }),
      });
    },
    async readBlob(url, signal) {
      try {
        return await blob(url).downloadToBuffer(0, undefined, { abortSignal: signal });
      } catch (error) {
        if (azureFailure(error).status === 404) return undefined;
        throw error;
      }
    },
    async setMetadata(url, metadata, signal, etag) {
      const answer = await blob(url).setMetadata(
        { ...metadata },
        { abortSignal: signal, ...(etag !== undefined && { conditions: { ifMatch: etag } }) },
      );
      return answer.etag ?? '';
    },
    async deleteBlob(url, etag, signal) {
      const conditions = { ifMatch: etag };
      await blob(url).deleteIfExists({
        conditions,
        deleteSnapshots: 'include',
        abortSignal: signal,
      });
    },
    async readTail(url, count, signal) {
      const client = new BlobClient(url, new URL(url).search === '' ? pipeline : anonymous);
      const { contentLength = 0 } = await client.getProperties({ abortSignal: signal });
      const offset = Math.max(0, contentLength - count);
      if (contentLength === 0) return { bytes: new Uint8Array(), lengthBytes: 0 };
      const bytes = await client.downloadToBuffer(offset, contentLength - offset, {
        abortSignal: signal,
      });
      return { bytes, lengthBytes: contentLength };
    },
  };
}

function stateOf(url: string, properties: BlobFacts): BlobState {
  return {
    url,
    etag: properties.etag ?? '',
    blobType: properties.blobType ?? 'unknown',
    lengthBytes: properties.contentLength ?? 0,
    metadata: properties.metadata ?? {},
    isLeased: properties.leaseStatus === 'locked',
    copy: copyStateOf(properties),
  };
}

function listedFrom(url: string, { name, properties, metadata = {} }: BlobItem): ListedBlob {
  return {
    ...stateOf(url, { ...properties, metadata }),
    name,
    // A list gives it without the quotes that every other answer and every condition has.
    etag: `"${properties.etag.replaceAll('"', '')}"`,
    lastModified: properties.lastModified.toISOString(),
    copiedFrom: properties.copySource?.replace(/\?.*$/, ''),
  };
}

/** What properties and lists of blobs tell alike. */
type BlobFacts = Pick<
  BlobGetPropertiesResponse,
  | 'etag'
  | 'blobType'
  | 'contentLength'
  | 'metadata'
  | 'leaseStatus'
  | 'copyId'
  | 'copyStatus'
  | 'copyStatusDescription'
  | 'copyProgress'
>;

/** The copy source, which carries the SAS, is left behind here. */
function copyStateOf(properties: BlobFacts): CopyState | undefined {
  if (properties.copyId === undefined) return undefined;
  const [copied = 0] = (properties.copyProgress ?? '').split('/').map(Number);
  return {
    id: properties.copyId,
    status: properties.copyStatus ?? 'unknown',
    description: properties.copyStatusDescription,
    copiedBytes: copied,
  };
}
