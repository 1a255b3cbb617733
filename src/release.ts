import type { LockCondition } from './azure/lock-blobs.ts';
import type { Azure } from './azure/session.ts';
import { isConflict, untilFree } from './busy.ts';
import { createResourceRemoval } from './clone/remove-resource.ts';
import { ActionError, azureFailure } from './errors.ts';
import type { BlobState, VirtualMachine } from './facts.ts';
import { hasStartedSince } from './guest/linux-record.ts';
import { lockLeaseId, type Lease, type Release } from './lease.ts';
import { KEY_METADATA, KEY_TAG, STATE_METADATA } from './marks.ts';
import type { Clock, Log } from './ports.ts';

const LOCK_TRIES = 4;
const LOCK_PAUSE_MS = 1_000;
/** A VM that is being deallocated cannot be marked, and takes minutes at times. */
const MARK_PAUSES_MS = [2_000, 4_000, 8_000, 15_000, 30_000, 30_000, 30_000, 30_000];

/** Closes leases in Azure. */
export function createRelease(
  {
    compute,
    guests,
    blobs,
    lockBlobs,
    temporaryResources,
  }: Pick<Azure, 'compute' | 'guests' | 'blobs' | 'lockBlobs' | 'temporaryResources'>,
  clock: Clock,
  log: Log,
): Release {
  const removeResource = createResourceRemoval(temporaryResources, clock);
  return async (lease, signal, onSent) => {
    switch (lease.kind) {
      case 'grant':
        if (await isOurs(lease, signal)) await compute.revokeAccess(lease.id, signal, onSent);
        return;
      case 'snapshot':
      case 'claim':
        if ((await isOurs(lease, signal)) || isNamedByKey(lease)) {
          await deleteSnapshot(lease.id, signal);
        }
        return;
      case 'blob':
        await removeBlob(lease, signal);
        return;
      case 'lock':
        await removeLock(lease, signal);
        return;
      case 'resource':
        await removeResource(lease, signal);
        return;
      case 'stopped-vm':
        await startAgain(lease.id, signal);
        return;
      case 'deprovisioned-vm':
        await untilFree(
          () => markGeneralized(lease, signal),
          () => Promise.resolve(),
          { clock, signal, pausesMs: MARK_PAUSES_MS },
        );
        return;
    }
  };

  /** A snapshot of this name that does not carry the run's key is told, not touched. */
  async function isOurs(lease: { id: string; key: string }, signal: AbortSignal): Promise<boolean> {
    const snapshot = await compute.getSnapshot(lease.id, signal);
    if (snapshot === undefined) return false;
    if (snapshot.tags[KEY_TAG] === lease.key) return true;
    throw new ActionError('azure', `it does not carry the tag "${KEY_TAG}" of this run.`);
  }

  /**
   * A grant that was still under way when it was revoked comes after all, and then holds the snapshot. One that is busy
   * refuses the revoking too; the next deletion tells.
   */
  async function deleteSnapshot(id: string, signal: AbortSignal): Promise<void> {
    await untilFree(
      () => compute.deleteSnapshot(id, signal),
      () => compute.revokeAccess(id, signal).catch(() => undefined),
      { clock, signal, isBusy: (error) => isConflict(error) && !isLocked(error) },
    );
  }

  /** A pending copy locks its blob, so it is aborted first; what is left has a length of zero. */
  async function removeBlob(lease: BlobLease, signal: AbortSignal): Promise<void> {
    const before = await blobs.blobState(lease.url, signal);
    if (!isUnfinished(lease, before)) return;
    if (lease.swap !== undefined) await requireSwapped(lease, lease.swap, signal);
    if (before.copy?.status === 'pending') {
      await blobs.abortCopy(lease.url, before.copy.id, signal);
    }
    const after = await blobs.blobState(lease.url, signal);
    if (isUnfinished(lease, after)) await blobs.deleteBlob(lease.url, after.etag, signal);
  }

  /** The draft may go when the blob in whose place it comes was never touched, or is whole again. */
  async function requireSwapped(
    { url, key }: BlobLease,
    swap: { url: string; etag: string },
    signal: AbortSignal,
  ): Promise<void> {
    const blob = await blobs.blobState(swap.url, signal);
    const isUntouched = blob?.etag === swap.etag;
    const isWhole =
      blob?.metadata[KEY_METADATA] === key &&
      blob.metadata[STATE_METADATA] === 'complete' &&
      blob.copy?.status !== 'pending';
    if (isUntouched || isWhole) return;
    throw new ActionError(
      'copy',
      `blob "${swap.url}" is not whole, and the finished VHD "${url}" is kept to put in its place.`,
    );
  }

  /** Who has the lease is the owner. Where it has ended, or another run has the lock by now, the blob tells whose it is. */
  async function removeLock({ url, key }: LockLease, signal: AbortSignal): Promise<void> {
    const leaseId = lockLeaseId(key);
    let condition: LockCondition = { leaseId };
    for (let tries = 1; ; tries += 1) {
      try {
        await lockBlobs.remove(url, condition, signal);
        return;
      } catch (error) {
        const isChanged = [409, 412].includes(azureFailure(error).status ?? 0);
        if (!isChanged || tries === LOCK_TRIES) throw error;
      }
      if (tries > 1) await clock.sleep(LOCK_PAUSE_MS, signal);
      const blob = await blobs.blobState(url, signal);
      if (blob?.metadata[KEY_METADATA] !== key) return;
      condition = blob.isLeased ? { leaseId } : { etag: blob.etag };
    }
  }

  async function startAgain(id: string, signal: AbortSignal): Promise<void> {
    const vm = await compute.getVm(id, signal);
    if (vm !== undefined && vm.powerState !== 'running') await compute.start(id, signal);
  }

  /**
   * Deallocated before, since a VM that its guest powered off cannot be marked and costs as it is. Whoever starts it, or
   * makes it anew, or works on it by now, has it.
   * https://learn.microsoft.com/azure/virtual-machines/generalize
   */
  async function markGeneralized(lease: DeprovisionedLease, signal: AbortSignal): Promise<void> {
    const { id } = lease;
    const vm = await compute.getVm(id, signal);
    if (vm === undefined || vm.isGeneralized || vm.vmId !== lease.vmId) return;
    const { name, powerState } = vm;
    const other = await whyNotOurs(lease, vm, signal);
    if (other !== undefined) {
      log.warn(
        `VM "${name}" is not marked generalized: ${other} since its guest was deprovisioned.`,
      );
      return;
    }
    if (!['deallocated', 'deallocating'].includes(powerState)) await compute.deallocate(id, signal);
    await compute.generalize(id, signal);
    log.info(`VM "${name}" is marked generalized: the next run goes on from there.`);
  }

  /** Linux was off when its guest was done; Windows runs until it is stopped. */
  async function whyNotOurs(
    { key, locks }: DeprovisionedLease,
    vm: VirtualMachine,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    for (const url of locks) {
      const lock = await blobs.blobState(url, signal);
      const isOurs = lock === undefined || lock.metadata[KEY_METADATA] === key;
      if (!isOurs) return 'another run took it up';
    }
    if (vm.osType !== 'Linux') return undefined;
    if (vm.powerState === 'running' || vm.powerState === 'starting') return 'it was started';
    const shown = await guests.serialLog(vm.id, signal).catch(() => undefined);
    signal.throwIfAborted();
    return hasStartedSince(shown ?? '', vm) ? 'it was started' : undefined;
  }
}

/** A lock of the resource manager, which no waiting lifts. */
function isLocked(error: unknown): boolean {
  return azureFailure(error).code === 'ScopeLocked';
}

type LockLease = Extract<Lease, { kind: 'lock' }>;
type DeprovisionedLease = Extract<Lease, { kind: 'deprovisioned-vm' }>;
type BlobLease = Extract<Lease, { kind: 'blob' }>;

/**
 * The key in its name makes it the run's. One that was just made may not be found yet, and is deleted all the same: a
 * deletion of what is not there is none. https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
 */
function isNamedByKey({ id, key }: { readonly id: string; readonly key: string }): boolean {
  return id.endsWith(`-${key}`);
}

/**
 * Its metadata carries the run's key, or it is the destination of the run's own copy; and it is not complete, unless
 * it is a draft.
 */
function isUnfinished(lease: BlobLease, blob: BlobState | undefined): blob is BlobState {
  if (blob === undefined) return false;
  if (blob.metadata[STATE_METADATA] === 'complete' && lease.swap === undefined) return false;
  return (
    blob.metadata[KEY_METADATA] === lease.key ||
    (lease.copyId !== undefined && blob.copy?.id === lease.copyId)
  );
}
