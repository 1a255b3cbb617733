import type { Compute, SnapshotRequest } from './azure/compute.ts';
import { isConflict } from './busy.ts';
import { each } from './concurrency.ts';
import { explain, reasonOf } from './errors.ts';
import type { Snapshot } from './facts.ts';
import type { Lease, Leases } from './lease.ts';
import type { Plan, PlannedDisk } from './plan.ts';
import type { Log } from './ports.ts';
import { requireResourceId } from './resource-id.ts';
import type { SourceVm } from './source-vm.ts';

/** What taking snapshots needs. */
export interface SnapshotRig {
  readonly azure: { readonly compute: Pick<Compute, 'createSnapshot' | 'tagSnapshot'> };
  readonly leases: Leases;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A disk's snapshot, and the lease that holds it. */
export interface TakenSnapshot {
  readonly disk: PlannedDisk;
  readonly snapshot: Snapshot;
  readonly lease: Lease;
}

/** Takes one of every disk. A 409 means that the disk is not free yet: then the snapshot waits for the deallocation. */
export async function takeSnapshots(
  plan: Plan,
  source: Pick<SourceVm, 'deallocate'>,
  { azure, leases, log, signal }: SnapshotRig,
): Promise<readonly TakenSnapshot[]> {
  return each(plan.disks, signal, async (disk, linked) => {
    const name = requireResourceId(disk.snapshotId).name;
    const lease: Lease = {
      kind: 'snapshot',
      id: disk.snapshotId,
      key: plan.run.key,
      ...(plan.keepPartial && { stays: true }),
    };
    const request = snapshotRequest(plan, disk, disk.snapshotId);
    const create = (): Promise<Snapshot> => azure.compute.createSnapshot(request, linked);
    try {
      if (disk.kept !== undefined) {
        const snapshot = await leases.hold(lease, () =>
          azure.compute.tagSnapshot(request.id, request.tags, linked),
        );
        log.info(`Snapshot "${name}" of an earlier attempt is taken up.`);
        return { disk, snapshot, lease };
      }
      const snapshot = await leases.hold(lease, () =>
        create().catch(async (error: unknown) => {
          if (!isConflict(error) || !plan.power.deallocate) throw error;
          await source.deallocate();
          return create();
        }),
      );
      log.info(`Snapshot "${name}" of disk "${disk.diskName}" is taken.`);
      return { disk, snapshot, lease };
    } catch (error) {
      throw explain(`Could not take snapshot "${name}" of disk "${disk.diskName}"`, error);
    }
  });
}

/** Of a disk, under the run's tags. */
export function snapshotRequest(plan: Plan, disk: PlannedDisk, id: string): SnapshotRequest {
  return {
    id,
    diskId: disk.diskId,
    location: disk.location,
    sku: plan.snapshotSku,
    tags: tagsOf(plan, disk),
  };
}

/** The run's tags, with the disk's. */
export function tagsOf(plan: Plan, disk: PlannedDisk): Readonly<Record<string, string>> {
  return { ...plan.tags, 'vm-to-vhd-disk': disk.label };
}

/** Puts a further tag on the first snapshots of the disks. One that is not to be had any more is left as it is. */
export async function markSnapshots(
  plan: Plan,
  snapshots: readonly TakenSnapshot[],
  mark: Readonly<Record<string, string>>,
  { azure, leases, log, signal }: SnapshotRig,
): Promise<void> {
  await each(snapshots, signal, async ({ disk, lease }, linked) => {
    if (!plan.keepSnapshots && !leases.holds(lease)) return;
    try {
      const tags = { ...tagsOf(plan, disk), ...mark };
      await azure.compute.tagSnapshot(disk.snapshotId, tags, linked);
    } catch (error) {
      linked.throwIfAborted();
      log.warn(
        `Snapshot "${requireResourceId(disk.snapshotId).name}" could not be marked, so that a sweep may take it: ${reasonOf(error)}`,
      );
    }
  });
}
