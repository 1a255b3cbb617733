import type { TokenCredential } from '@azure/core-auth';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { newPipeline, PageBlobClient, type BlobLeaseClient } from '@azure/storage-blob';
import { azureFailure } from '../errors.ts';
import { STORAGE_SCOPE } from './clouds.ts';
import { createStorageHttpClient, type BlobCalls } from './storage-http-client.ts';

/**
 * Verbs on the blobs whose leases are locks. They are page blobs, since premium accounts have no others.
 * https://learn.microsoft.com/rest/api/storageservices/lease-blob
 */
export interface LockBlobs {
  /** False when there is one already. A cancelled run does not give the request up. */
  create(url: string, metadata: Readonly<Record<string, string>>): Promise<boolean>;
  /** Takes the lease for a minute; who has it may take it again with the same ID. */
  acquire(url: string, leaseId: string, signal: AbortSignal): Promise<'held' | 'taken' | 'gone'>;
  /** For another minute; throws a 404, 409 or 412 when it is lost. */
  renew(url: string, leaseId: string, signal: AbortSignal): Promise<void>;
  /** Lets a lease that somebody holds end after so many seconds, in which it cannot be renewed. */
  break(url: string, seconds: number, signal: AbortSignal): Promise<void>;
  setMetadata(
    url: string,
    leaseId: string,
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Deletes it; done also when it is gone. Throws a 412 when the condition does not hold. */
  remove(url: string, condition: LockCondition, signal: AbortSignal): Promise<void>;
}

/** What a lock must still have to be deleted: this lease, or, without a lease, this ETag. */
export type LockCondition = { readonly leaseId: string } | { readonly etag: string };

/** How long a lease lives without being renewed; the most that Azure gives to one that ends by itself. */
export const LEASE_SECONDS = 60;

/** Lock blobs over the official SDK. */
export function createLockBlobs(
  credential: TokenCredential,
  httpClient: HttpClient,
  calls: BlobCalls,
): LockBlobs {
  const storageClient = createStorageHttpClient(httpClient, calls);
  const pipeline = newPipeline(credential, { httpClient: storageClient, audience: STORAGE_SCOPE });
  const blob = (url: string): PageBlobClient => new PageBlobClient(url, pipeline);
  const lease = (url: string, leaseId: string): BlobLeaseClient =>
    blob(url).getBlobLeaseClient(leaseId);

  return {
    async create(url, metadata) {
      try {
        await blob(url).create(512, {
          metadata: { ...metadata },
          conditions: { ifNoneMatch: '*' },
        });
        return true;
      } catch (error) {
        const { code = '' } = azureFailure(error);
        if (isThere.includes(code)) return false;
        throw error;
      }
    },
    async acquire(url, leaseId, signal) {
      try {
        await lease(url, leaseId).acquireLease(LEASE_SECONDS, { abortSignal: signal });
        return 'held';
      } catch (error) {
        const { code = '' } = azureFailure(error);
        if (isTaken.includes(code)) return 'taken';
        if (code === 'BlobNotFound') return 'gone';
        throw error;
      }
    },
    async renew(url, leaseId, signal) {
      await lease(url, leaseId).renewLease({ abortSignal: signal });
    },
    async break(url, seconds, signal) {
      try {
        await lease(url, '').breakLease(seconds, { abortSignal: signal });
      } catch (error) {
        if (![404, 409].includes(azureFailure(error).status ?? 0)) throw error;
      }
    },
    async setMetadata(url, leaseId, metadata, signal) {
      await blob(url).setMetadata(
        { ...metadata },
        { conditions: { leaseId }, abortSignal: signal },
      );
    },
    async remove(url, condition, signal) {
      const conditions = 'etag' in condition ? { ifMatch: condition.etag } : condition;
      const options = { conditions, deleteSnapshots: 'include' as const, abortSignal: signal };
      await blob(url).deleteIfExists(options);
    },
  };
}

/** What the creation of a blob that is there, leased or not, is refused with. */
const isThere = ['BlobAlreadyExists', 'LeaseIdMissing', 'ConditionNotMet'];
const isTaken = ['LeaseAlreadyPresent', 'LeaseIsBreakingAndCannotBeAcquired'];
