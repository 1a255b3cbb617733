import type { Azure } from './azure/session.ts';
import { untilFree } from './busy.ts';
import { makeClone } from './clone/make-clone.ts';
import { each, together } from './concurrency.ts';
import { DiskExport, type ExportRig } from './copy/disk-export.ts';
import type { DiskSource } from './copy/disk-source.ts';
import type { Outcome, Traffic } from './copy/outcome.ts';
import { transfer } from './copy/transfer.ts';
import { verifyReplica } from './copy/verify.ts';
import { deleteSource } from './delete-source.ts';
import { ActionError, explain } from './errors.ts';
import type { Snapshot } from './facts.ts';
import { deprovision } from './guest/deprovision.ts';
import type { DiskKey } from './layout.ts';
import { closeInOrder, type Lease, type Leases } from './lease.ts';
import { GENERALIZED_TAG, KEPT_TAG } from './marks.ts';
import type { Plan, PlannedDisk } from './plan.ts';
import type { Clock, Log } from './ports.ts';
import { requireResourceId } from './resource-id.ts';
import { RunLocks } from './run-locks.ts';
import {
  markSnapshots,
  snapshotRequest,
  tagsOf,
  takeSnapshots,
  type TakenSnapshot,
} from './snapshots.ts';
import { SourceVm } from './source-vm.ts';
import type { Timeline } from './timeline.ts';
import { claimVm, requireUnclaimed } from './vm-claims.ts';

/** What the sequence works with. */
export interface Rig {
  readonly azure: Omit<Azure, 'cloud' | 'accounts' | 'batchAccount' | 'groupExists' | 'locks'>;
  readonly leases: Leases;
  readonly log: Log;
  readonly clock: Clock;
  readonly timeline: Timeline;
  readonly signal: AbortSignal;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Milliseconds that the runner was busy with this run so far. */
  readonly busyMs: () => number;
  /** 32 random hexadecimal digits. */
  readonly newMarker: () => string;
}

/** What has come of a capture so far. Failed replicas are among the outcomes; the others are right and stay. */
export interface Capture {
  readonly snapshots: { readonly disk: PlannedDisk; readonly snapshot: Snapshot }[];
  readonly outcomes: Outcome[];
  /** Once the copies have ended. */
  traffic: Traffic | undefined;
}

/**
 * The whole sequence: stop, snapshot, and then side by side deallocate and generalize, and grant, copy and verify.
 * Snapshots of all disks are taken before the first copy, so that they belong together. Whatever happens, the grants
 * are revoked, the snapshots deleted and unfinished blobs removed. What is finished is put into `captured` at once, so
 * that a run that fails later can still tell of it.
 */
export async function capture(plan: Plan, rig: Rig, captured: Capture): Promise<void> {
  if (plan.isDone) {
    captured.outcomes.push(...(await adoptBlobs(plan, rig)));
    return;
  }
  const { leases, timeline, signal } = rig;
  using locks = new RunLocks(plan, rig);
  await using _ = leases;
  await using source = new SourceVm(plan, rig, locks);
  if (plan.newContainers.length > 0) {
    await timeline.phase('Create containers', () => createContainers(plan, rig));
  }
  await timeline.phase('Lock', async () => {
    await locks.take();
    await claimVm(plan, rig);
    await source.requireUnchanged();
  });
  if (plan.leftovers.length > 0) {
    await timeline.phase('Remove what an earlier attempt left', () => removeLeftovers(plan, rig));
  }
  if (plan.clone !== undefined) {
    await locks.require('copy the VM');
    await makeClone(plan.clone, rig, () => requireUnclaimed(plan, rig));
  }
  await prepareGuest(plan, source, locks, rig);
  if (plan.power.powerOff) await timeline.phase('Stop the VM', () => source.stop());
  const snapshots = await timeline.phase('Take snapshots', async () => {
    await locks.require('take the snapshots');
    return takeSnapshots(plan, source, rig);
  });
  captured.snapshots.push(...snapshots);
  await timeline.phase('Copy', () =>
    together(
      signal,
      async (linked) => {
        await requireUnchanged(plan, { ...rig, signal: linked });
        await source.settle(linked);
        if (plan.keepPartial && plan.power.generalize) {
          await markSnapshots(plan, snapshots, { [GENERALIZED_TAG]: 'true' }, rig);
        }
      },
      async (linked) => {
        await copyDisks(plan, snapshots, { ...rig, signal: linked }, captured);
        if (isComplete(captured)) await closeSources(plan, snapshots, rig);
      },
    ),
  );
  if (isComplete(captured)) {
    if (plan.keepSnapshots) await keepSnapshots(plan, snapshots, rig);
    await deleteVm(plan, locks, rig);
  }
  await timeline.phase('Close', () => leases[Symbol.asyncDispose]());
}

/** A run that only reads a VM has no claim of its own, so another one may have begun to change it since its look. */
async function requireUnchanged(plan: Plan, rig: Rig): Promise<void> {
  const isRead = plan.clone === undefined && plan.claim?.snapshot === undefined;
  if (isRead && !plan.vm.isGeneralized) await requireUnclaimed(plan, rig);
}

async function keepSnapshots(
  plan: Plan,
  snapshots: readonly TakenSnapshot[],
  rig: Rig,
): Promise<void> {
  for (const { lease } of snapshots) rig.leases.keep(lease);
  await markSnapshots(plan, snapshots, { [KEPT_TAG]: 'true' }, rig);
}

/** Nothing else loses data, so that other runs are looked for once more, whatever the locks say. */
async function deleteVm(plan: Plan, locks: RunLocks, rig: Rig): Promise<void> {
  const { deletion, disks, vm } = plan;
  if (deletion === undefined) return;
  await rig.timeline.phase('Delete the source VM', async () => {
    await locks.require(`delete VM "${vm.name}"`);
    await requireUnclaimed(plan, rig);
    await deleteSource(deletion, new Set(disks.map(({ key }) => key)), rig);
  });
}

function isComplete({ outcomes }: Capture): boolean {
  return outcomes.every(({ kind }) => kind !== 'failed');
}

const ofCopies: readonly Lease['kind'][] = ['blob', 'grant', 'snapshot'];

/** When everything is copied, nothing that was read from is needed any more, however long the VM still takes. */
async function closeSources(
  plan: Plan,
  snapshots: readonly TakenSnapshot[],
  { leases, timeline }: Rig,
): Promise<void> {
  const kept = new Set<Lease>(plan.keepSnapshots ? snapshots.map(({ lease }) => lease) : []);
  await timeline.aside('Close the snapshots', () =>
    leases.closeAll((lease) => ofCopies.includes(lease.kind) && !kept.has(lease)),
  );
}

/** Closing them is all that they are held for. */
async function removeLeftovers(plan: Plan, { leases, log }: Rig): Promise<void> {
  if (plan.earlier !== undefined) log.info(plan.earlier);
  await closeInOrder(plan.leftovers, async (lease) => {
    await leases.hold(lease, () => leases.release(lease));
  });
}

async function createContainers(plan: Plan, { azure, log, signal }: Rig): Promise<void> {
  await each(plan.newContainers, signal, async ({ account, container }, linked) => {
    const what = `container "${container}" in storage account "${account.name}"`;
    try {
      const made = await azure.blobs.createContainer(account.blobEndpoint, container, linked);
      if (made) log.info(`Made ${what}.`);
    } catch (error) {
      throw explain(`Could not make ${what}`, error);
    }
  });
}

/** What is done while the VM still runs. */
async function prepareGuest(
  { target, clone, power, guest }: Plan,
  source: SourceVm,
  locks: RunLocks,
  rig: Rig,
): Promise<void> {
  const { azure, timeline, log } = rig;
  if (target.guestRecord?.state === 'done') source.deprovisioned();
  if (power.removeExtensions || power.deprovision) await locks.require('change the guest');
  if (power.removeExtensions) {
    await timeline.phase('Remove extensions', async () => {
      // The agent of a VM works on one at a time.
      for (const name of target.extensions) await removeExtension(target.id, name, rig);
    });
  }
  if (!power.deprovision) return;
  if (clone === undefined && target.guestRecord === undefined) {
    log.info(
      `Point of no return: VM "${target.name}" (${target.vmId ?? target.id}) is deprovisioned now and marked generalized later. It never starts again.`,
    );
  }
  await timeline.phase('Deprovision the guest', () =>
    deprovision(target, guest, { ...rig, ...azure }),
  );
  source.deprovisioned();
}

async function removeExtension(
  vmId: string,
  name: string,
  { azure, log, signal }: Rig,
): Promise<void> {
  try {
    await azure.guests.removeExtension(vmId, name, signal);
    log.info(`Extension "${name}" is removed.`);
  } catch (error) {
    throw explain(`Could not remove extension "${name}"`, error);
  }
}

async function copyDisks(
  plan: Plan,
  snapshots: readonly TakenSnapshot[],
  rig: Rig,
  captured: Capture,
): Promise<void> {
  const { azure, timeline, signal } = rig;
  const ended = new AbortController();
  const beside = { ...rig, signal: AbortSignal.any([signal, ended.signal]) };
  const more = new Map(snapshots.map(({ disk }) => [disk, openMore(plan, disk, beside)]));
  try {
    const sources = await timeline.aside('Grant read access', () =>
      each(snapshots, signal, async (taken, linked): Promise<DiskSource> => {
        const first = await openFirst(plan, taken, { ...rig, signal: linked });
        return { ...first, more: more.get(taken.disk) ?? [] };
      }),
    );
    const { copyMethod, verify, keepPartial, run } = plan;
    const copying = { ...rig, ...azure, copyMethod, verify, keepPartial, run, runKey: run.key };
    captured.traffic = await timeline.aside('Copy the VHDs', () =>
      transfer(sources, copying, captured.outcomes),
    );
  } finally {
    // What comes after the copies is of no use any more, but it must be there when everything is closed.
    ended.abort();
    await Promise.all([...more.values()].flat());
  }
}

function exportRig(plan: Plan, disk: PlannedDisk, rig: Rig): ExportRig {
  const { sasDurationInSeconds, run } = plan;
  const tags = tagsOf(plan, disk);
  return { ...rig, compute: rig.azure.compute, runKey: run.key, sasDurationInSeconds, tags };
}

async function openFirst(
  plan: Plan,
  { disk, snapshot }: TakenSnapshot,
  rig: Rig,
): Promise<Omit<DiskSource, 'more'>> {
  const first = await DiskExport.open(disk.snapshotId, exportRig(plan, disk, rig));
  return { disk, first, snapshotUniqueId: snapshot.uniqueId ?? '' };
}

/** Further snapshots only make it quicker: they come when they come, and are left out when they cannot be had. */
function openMore(
  plan: Plan,
  disk: PlannedDisk,
  rig: Rig,
): readonly Promise<DiskExport | undefined>[] {
  const { azure, leases, log, clock, signal } = rig;
  const open = async (snapshotId: string): Promise<DiskExport> => {
    const lease: Lease = { kind: 'snapshot', id: snapshotId, key: plan.run.key };
    const request = snapshotRequest(plan, disk, snapshotId);
    signal.throwIfAborted();
    await leases.hold(lease, () =>
      untilFree(
        () => azure.compute.createSnapshot(request, signal),
        () => Promise.resolve(),
        { clock, signal },
      ),
    );
    signal.throwIfAborted();
    const vm = await azure.compute.getVm(plan.target.id, signal);
    if (vm?.powerState === 'running' || vm?.powerState === 'starting') {
      throw new ActionError('copy', `VM "${plan.target.name}" was started meanwhile.`);
    }
    return DiskExport.open(snapshotId, exportRig(plan, disk, rig));
  };
  const others = disk.exports.filter(({ snapshotId }) => snapshotId !== disk.snapshotId);
  return others.map(({ snapshotId }) =>
    open(snapshotId).catch((error: unknown) => {
      const { name } = requireResourceId(snapshotId);
      const failed = explain(`Could not take snapshot "${name}" of disk "${disk.diskName}"`, error);
      if (!signal.aborted) log.info(`${failed.reason} The other snapshots of the disk serve.`);
      return undefined;
    }),
  );
}

/** With `if-exists: skip` and every blob there, the blobs are checked and taken as they are. */
async function adoptBlobs(
  plan: Plan,
  { azure, timeline, signal, log }: Rig,
): Promise<readonly Outcome[]> {
  const replicas = plan.disks.flatMap((disk) =>
    disk.replicas.map((replica) => ({ disk, replica })),
  );
  return timeline.phase('Check the VHDs that are there', async () => {
    log.info('Every VHD is there already; nothing is captured.');
    const footers = new Map<DiskKey, Uint8Array>();
    return each(replicas, signal, async ({ disk, replica }, linked): Promise<Outcome> => {
      const first = footers.get(disk.key);
      const found = await verifyReplica(azure.blobs, replica.url, disk, first, linked);
      footers.set(disk.key, first ?? found.footer);
      const { etag, lengthBytes } = found;
      return { kind: 'adopted', replica, etag, lengthBytes };
    });
  });
}
