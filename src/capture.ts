import type { Azure } from './azure/session.ts';
import { isConflict, untilFree } from './busy.ts';
import { each, together } from './concurrency.ts';
import { transfer, type Outcome, type Source } from './copy/transfer.ts';
import { verifyReplica, verifySource } from './copy/verify.ts';
import { explain } from './errors.ts';
import type { Snapshot } from './facts.ts';
import type { Lease, Leases } from './lease.ts';
import type { DiskKey, Plan, PlannedDisk } from './plan.ts';
import type { Clock, Log } from './ports.ts';
import { requireResourceId } from './resource-id.ts';
import type { Timeline } from './timeline.ts';

/** What the sequence works with. */
export interface Rig {
  readonly azure: Pick<Azure, 'compute' | 'blobs'>;
  readonly leases: Leases;
  readonly log: Log;
  readonly clock: Clock;
  readonly timeline: Timeline;
  readonly signal: AbortSignal;
}

/** What has come of a capture so far. Failed replicas are among the outcomes; the others are right and stay. */
export interface Capture {
  readonly snapshots: { readonly disk: PlannedDisk; readonly snapshot: Snapshot }[];
  readonly outcomes: Outcome[];
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
  await using _ = leases;
  await using source = new SourceVm(plan, rig);
  await timeline.phase('Create containers', () => createContainers(plan, rig));
  if (plan.power.powerOff) await timeline.phase('Stop the VM', () => source.stop());
  const snapshots = await timeline.phase('Take snapshots', () => takeSnapshots(plan, source, rig));
  captured.snapshots.push(...snapshots);
  await timeline.phase('Copy', () =>
    together(
      signal,
      (linked) => source.settle(linked),
      (linked) => copyDisks(plan, snapshots, { ...rig, signal: linked }, captured.outcomes),
    ),
  );
  const succeeded = captured.outcomes.every(({ kind }) => kind === 'copied');
  if (plan.keepSnapshots && succeeded) for (const { lease } of snapshots) leases.keep(lease);
  await timeline.phase('Close', () => leases[Symbol.asyncDispose]());
}

interface TakenSnapshot {
  readonly disk: PlannedDisk;
  readonly snapshot: Snapshot;
  readonly lease: Lease;
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

/** A 409 means that the disk is not free yet: then the snapshot waits for the deallocation. */
async function takeSnapshots(
  plan: Plan,
  source: SourceVm,
  { azure, leases, log, signal }: Rig,
): Promise<readonly TakenSnapshot[]> {
  return each(plan.disks, signal, async (disk, linked) => {
    const name = requireResourceId(disk.snapshotId).name;
    const lease: Lease = { kind: 'snapshot', id: disk.snapshotId, key: plan.run.key };
    const request = {
      id: disk.snapshotId,
      diskId: disk.diskId,
      location: disk.location,
      sku: plan.snapshotSku,
      tags: { ...plan.tags, 'vm-to-vhd-disk': disk.label },
    };
    const create = (): Promise<Snapshot> => azure.compute.createSnapshot(request, linked);
    try {
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

async function copyDisks(
  plan: Plan,
  snapshots: readonly TakenSnapshot[],
  rig: Rig,
  outcomes: Outcome[],
): Promise<void> {
  const { azure, timeline, signal } = rig;
  const sources = await timeline.aside('Grant read access', () =>
    each(snapshots, signal, (taken, linked) => openSource(plan, taken, { ...rig, signal: linked })),
  );
  const copying = { ...rig, blobs: azure.blobs, runKey: plan.run.key };
  await timeline.aside('Copy the VHDs', () => transfer(sources, copying, outcomes));
}

async function openSource(
  plan: Plan,
  { disk, snapshot }: TakenSnapshot,
  { azure, leases, log, clock, signal }: Rig,
): Promise<Source> {
  const { name } = requireResourceId(disk.snapshotId);
  const lease: Lease = { kind: 'grant', id: disk.snapshotId, key: plan.run.key };
  const seconds = plan.sasDurationInSeconds;
  const endsAt = clock.now() + seconds * 1000;
  let sas: string;
  try {
    sas = await leases.hold(lease, async () =>
      maskSas(await grantAnew(azure.compute, disk.snapshotId, seconds, { clock, signal }), log),
    );
  } catch (error) {
    throw explain(`Could not get read access to snapshot "${name}"`, error);
  }
  const footer = await verifySource(azure.blobs, sas, disk, signal);
  const snapshotUniqueId = snapshot.uniqueId ?? '';
  return { disk, sas, endsAt, snapshotUniqueId, footer };
}

/**
 * A snapshot that is open already (the answer to a first grant was lost) is closed and opened again: whether Azure
 * gives the same SAS a second time is not documented.
 */
async function grantAnew(
  compute: Azure['compute'],
  snapshotId: string,
  seconds: number,
  waiting: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string> {
  return untilFree(
    () => compute.grantRead(snapshotId, seconds, waiting.signal),
    () => compute.revokeAccess(snapshotId, waiting.signal),
    waiting,
  );
}

/** Masks a SAS whole, and its signature as it stands in the URL and decoded. */
function maskSas(sas: string, log: Log): string {
  log.mask(sas);
  const raw = /[?&]sig=([^&]+)/.exec(sas)?.[1];
  if (raw !== undefined) {
    log.mask(raw);
    log.mask(decodeURIComponent(raw));
  }
  return sas;
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

/** The VM's way down: stopped before the snapshots, then deallocated and generalized, or started again. */
class SourceVm implements AsyncDisposable {
  readonly #plan: Plan;
  readonly #rig: Rig;
  #stopped: Lease | undefined;
  #deallocation: Promise<void> | undefined;
  #isBilled = false;

  constructor(plan: Plan, rig: Rig) {
    this.#plan = plan;
    this.#rig = rig;
  }

  /** Stops it; one that is to run again afterwards is held by a lease. */
  async stop(): Promise<void> {
    const { vm, power } = this.#plan;
    const { azure, leases, signal } = this.#rig;
    const stop = (): Promise<void> => azure.compute.powerOff(vm.id, signal);
    this.#isBilled = power.deallocate;
    await this.#step('stop', 'is stopped', async () => {
      if (!power.restart) return stop();
      this.#stopped = { kind: 'stopped-vm', id: vm.id };
      return leases.hold(this.#stopped, stop);
    });
  }

  /** Deallocates it; several callers wait for the same operation. */
  deallocate(): Promise<void> {
    const { azure, signal, timeline } = this.#rig;
    this.#deallocation ??= timeline.aside('Deallocate the VM', () =>
      this.#step('deallocate', 'is deallocated', async () => {
        await azure.compute.deallocate(this.#plan.vm.id, signal);
        this.#isBilled = false;
      }),
    );
    return this.#deallocation;
  }

  /** Brings it to its final state. */
  async settle(signal: AbortSignal): Promise<void> {
    const { vm, power } = this.#plan;
    const { azure, timeline, leases } = this.#rig;
    if (this.#stopped !== undefined) {
      const stopped = this.#stopped;
      await timeline.aside('Start the VM again', () =>
        this.#step('start', 'runs again', () => azure.compute.start(vm.id, signal)),
      );
      leases.keep(stopped);
    }
    if (power.deallocate) await this.deallocate();
    signal.throwIfAborted();
    if (power.generalize) {
      await timeline.aside('Mark the VM generalized', () =>
        this.#step('generalize', 'is generalized: it cannot be started again', () =>
          azure.compute.generalize(vm.id, signal),
        ),
      );
    }
  }

  /** A run that ends between the two says that the VM was stopped but still costs. */
  [Symbol.asyncDispose](): Promise<void> {
    const { id, name } = this.#plan.vm;
    if (this.#isBilled) {
      this.#rig.log.warn(
        `VM "${name}" was stopped and is billed until it is deallocated: az vm deallocate --ids "${id}"`,
      );
    }
    return Promise.resolve();
  }

  async #step(verb: string, done: string, task: () => Promise<void>): Promise<void> {
    const { name } = this.#plan.vm;
    try {
      await task();
      this.#rig.log.info(`VM "${name}" ${done}.`);
    } catch (error) {
      throw explain(`Could not ${verb} VM "${name}"`, error);
    }
  }
}
