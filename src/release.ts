import type { Azure } from './azure/session.ts';
import type { BlobState } from './facts.ts';
import type { Lease, Release } from './lease.ts';

/** The tag, and the metadata name, that carry the key of the run that made a thing. */
export const KEY_TAG = 'vm-to-vhd-key';
export const KEY_METADATA = 'vmtovhd_key';

/** Closes leases in Azure: https://learn.microsoft.com/azure/virtual-machines/snapshot-copy-managed-disk and its like. */
export function createRelease({ compute, blobs }: Pick<Azure, 'compute' | 'blobs'>): Release {
  return async (lease, signal) => {
    switch (lease.kind) {
      case 'grant':
        if (await isOurs(lease, signal)) await compute.revokeAccess(lease.id, signal);
        return;
      case 'snapshot':
        if (await isOurs(lease, signal)) await compute.deleteSnapshot(lease.id, signal);
        return;
      case 'blob':
        await removeBlob(lease, signal);
        return;
      case 'stopped-vm':
        await startAgain(lease.id, signal);
        return;
    }
  };

  async function isOurs(lease: { id: string; key: string }, signal: AbortSignal): Promise<boolean> {
    const snapshot = await compute.getSnapshot(lease.id, signal);
    return snapshot?.tags[KEY_TAG] === lease.key;
  }

  /** A pending copy locks its blob, so it is aborted first; what is left has a length of zero. */
  async function removeBlob(lease: BlobLease, signal: AbortSignal): Promise<void> {
    const before = await blobs.blobState(lease.url, signal);
    if (!isOurBlob(lease, before)) return;
    if (before.copy?.status === 'pending') {
      await blobs.abortCopy(lease.url, before.copy.id, signal);
    }
    const after = await blobs.blobState(lease.url, signal);
    if (isOurBlob(lease, after)) await blobs.deleteBlob(lease.url, after.etag, signal);
  }

  async function startAgain(id: string, signal: AbortSignal): Promise<void> {
    const vm = await compute.getVm(id, signal);
    if (vm !== undefined && vm.powerState !== 'running') await compute.start(id, signal);
  }
}

type BlobLease = Extract<Lease, { kind: 'blob' }>;

/** Its metadata carries the run's key, or it is the destination of the run's own copy. */
function isOurBlob(lease: BlobLease, blob: BlobState | undefined): blob is BlobState {
  if (blob === undefined) return false;
  return (
    blob.metadata[KEY_METADATA] === lease.key ||
    (lease.copyId !== undefined && blob.copy?.id === lease.copyId)
  );
}
