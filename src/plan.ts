import { planClaim, type PlannedClaim } from './claim.ts';
import type { ClonePlan } from './clone/clone-plan.ts';
import { sidecarUrl } from './copy/sidecar.ts';
import { planDeletion, type DeletionPlan, type SourceParts } from './delete-source.ts';
import { findEarlier, judgeBlob, type Earlier, type KeptSnapshot } from './earlier.ts';
import {
  countCloneChanges,
  defaultSasDuration,
  expectWork,
  NO_WORK,
  type Expected,
} from './expected-work.ts';
import type { BlobState, ListedSnapshot, StorageAccount, VirtualMachine } from './facts.ts';
import type { GuestOrder } from './guest/guest-order.ts';
import type { CopyMethod, Inputs, Verify } from './inputs.ts';
import { snapshotName, type DiskLayout, type Layout, type Replica } from './layout.ts';
import type { Lease } from './lease.ts';
import { planLocks, type PlannedLock } from './lock-names.ts';
import { GENERALIZED_TAG, STATE_METADATA } from './marks.ts';
import { formatResourceId, requireResourceId } from './resource-id.ts';
import { runTags, type Run } from './run.ts';

/** What happens to the VM, in this order. */
export interface PowerPlan {
  readonly removeExtensions: boolean;
  /** Its guest is deprovisioned. */
  readonly deprovision: boolean;
  readonly powerOff: boolean;
  readonly deallocate: boolean;
  readonly generalize: boolean;
  /** Started again after the snapshots. */
  readonly restart: boolean;
}

export interface PlannedReplica extends Replica {
  /** A blob of this name is there and is overwritten: copied beside it first, then swapped in. */
  readonly overwrite: { readonly etag: string; readonly draftUrl: string } | undefined;
  /** What an earlier attempt made of it, of the very same snapshot. */
  readonly earlier: { readonly kind: 'finished' | 'partial'; readonly etag: string } | undefined;
}

export type PlannedDisk = Omit<DiskLayout, 'replicas'> & {
  readonly replicas: readonly PlannedReplica[];
  /** Snapshots that are read side by side; the first is the disk's own, without which nothing goes. */
  readonly exports: readonly { readonly snapshotId: string }[];
  /** Its snapshot is there: an earlier attempt kept it. */
  readonly kept: KeptSnapshot | undefined;
};

export interface Plan {
  readonly run: Run;
  /** The source. */
  readonly vm: VirtualMachine;
  /** What is deprovisioned and captured: the source itself, or its copy. */
  readonly target: VirtualMachine;
  /** How the source is copied before, where it is. */
  readonly clone: ClonePlan | undefined;
  /** What is deleted when everything else has succeeded. */
  readonly deletion: DeletionPlan | undefined;
  readonly osDiskGeneration: 'V1' | 'V2' | undefined;
  /** Of the image, as Azure names it. */
  readonly osState: 'Generalized' | 'Specialized';
  readonly power: PowerPlan;
  /** How the guest is deprovisioned, where it is. */
  readonly guest: GuestOrder;
  readonly disks: readonly PlannedDisk[];
  /** What an earlier attempt left, and what becomes of it; undefined when there is nothing. */
  readonly earlier: string | undefined;
  /** What an earlier attempt left that is of no use any more: it is removed first. */
  readonly leftovers: readonly Lease[];
  /** Every blob is there already and `if-exists: skip` takes them as they are: nothing is to do. */
  readonly isDone: boolean;
  /** Taken before anything else is changed, in this order; none when nothing is to do. */
  readonly locks: readonly PlannedLock[];
  /** Made after the locks; undefined when nothing is to do. */
  readonly claim: PlannedClaim | undefined;
  /** Containers that are made first. */
  readonly newContainers: readonly {
    readonly account: StorageAccount;
    readonly container: string;
  }[];
  readonly snapshotSku: string;
  readonly keepSnapshots: boolean;
  readonly keepPartial: boolean;
  readonly copyMethod: CopyMethod;
  readonly verify: Verify;
  readonly sasDurationInSeconds: number;
  /** On every resource that is made. */
  readonly tags: Readonly<Record<string, string>>;
  readonly expected: Expected;
}

/** With `if-exists: skip`, whether every blob is there already, and none of them unfinished. */
export function isComplete(
  inputs: Inputs,
  layout: Layout,
  existing: ReadonlyMap<string, BlobState>,
): boolean {
  const replicas = layout.disks.flatMap((disk) => disk.replicas);
  return (
    inputs.ifExists === 'skip' &&
    replicas.length > 0 &&
    replicas.every(({ url }) => {
      const blob = existing.get(url);
      return blob !== undefined && blob.metadata[STATE_METADATA] !== 'copying';
    })
  );
}

const NOTHING: PowerPlan = {
  removeExtensions: false,
  deprovision: false,
  powerOff: false,
  deallocate: false,
  generalize: false,
  restart: false,
};

/** What is done with the VM or its copy, given its state. A generalized one is past all of it. */
export function planPower(inputs: Inputs, vm: VirtualMachine): PowerPlan {
  if (inputs.source === 'copy') {
    return { ...NOTHING, deprovision: true, powerOff: true, deallocate: true, generalize: true };
  }
  if (vm.isGeneralized || inputs.sourcePower === 'keep') {
    return NOTHING;
  }
  const isOff = vm.powerState === 'stopped' || vm.powerState === 'deallocated';
  if (inputs.sourcePower === 'restart') {
    return { ...NOTHING, powerOff: !isOff, restart: !isOff };
  }
  return {
    // Those that are left have no agent to be removed by.
    removeExtensions:
      inputs.removeExtensions && vm.extensions.length > 0 && vm.guestRecord === undefined,
    deprovision: inputs.generalize === 'deprovision' && vm.guestRecord?.state !== 'done',
    powerOff: !isOff,
    deallocate: vm.powerState !== 'deallocated',
    generalize: inputs.generalize !== 'none',
    restart: false,
  };
}

/** Whether a run stops, changes, generalizes or deletes the VM, and so claims it. */
export function isChanging(inputs: Inputs, vm: VirtualMachine): boolean {
  const power = planPower(inputs, vm);
  return (
    inputs.deleteSource === 'vm' || (inputs.source === 'vm' && Object.values(power).some(Boolean))
  );
}

/** What some runs do beyond the capture. */
export interface Extras {
  /** How the VM is copied, with `source: copy`. */
  readonly clone?: ClonePlan | undefined;
  /** What belongs to the VM, with `delete-source: vm`. */
  readonly sourceParts?: SourceParts | undefined;
}

/** What is there already: blobs by URL, and containers by the IDs of their accounts. */
export interface Present extends Extras {
  readonly blobs: ReadonlyMap<string, BlobState>;
  readonly containers: ReadonlySet<string>;
  /** Snapshots that an earlier attempt may have kept. */
  readonly snapshots: readonly ListedSnapshot[];
}

/** The plan of a run that passed its checks. */
export function makePlan(
  inputs: Inputs,
  vm: VirtualMachine,
  layout: Layout,
  { blobs: existing, containers, snapshots, clone, sourceParts }: Present,
  run: Run,
): Plan {
  const isDone = isComplete(inputs, layout, existing);
  const power = isDone ? NOTHING : planPower(inputs, vm);
  const earlier = findEarlier(vm, layout, snapshots, run);
  const copied = new Map(
    clone?.disks.map(({ key, disk: { id } }) => [
      key,
      { diskId: id, diskName: requireResourceId(id).name },
    ]),
  );
  const disks = layout.disks.map((disk): PlannedDisk => {
    const kept = earlier.snapshots.get(disk.key);
    return {
      ...disk,
      ...copied.get(disk.key),
      snapshotId: kept?.id ?? disk.snapshotId,
      replicas: disk.replicas.map((replica) => planReplica(replica, existing, kept, run)),
      exports: kept ? [{ snapshotId: kept.id }] : planExports(inputs, vm, disk, run),
      kept,
    };
  });
  const deletion =
    sourceParts && !isDone
      ? planDeletion(sourceParts, new Set(layout.disks.map(({ key }) => key)))
      : undefined;
  const isClaimed = isChanging(inputs, vm);
  const more =
    (power.removeExtensions ? vm.extensions.length - 1 : 0) +
    countCloneChanges(clone) +
    (deletion === undefined ? 0 : 1 + deletion.stages.flat().length) +
    (isClaimed ? 2 : 0);
  const expected = isDone ? NO_WORK : expectWork(disks, power, inputs.keepSnapshots, more);
  const sasDurationInSeconds = inputs.sasDurationInSeconds ?? defaultSasDuration(expected);
  const locks = isDone ? [] : planLocks(inputs, vm, layout, run);
  const tags = { ...inputs.tags, ...runTags(run, sasDurationInSeconds) };
  return {
    run,
    vm,
    target: clone === undefined ? vm : cloneOf(vm, clone),
    clone: isDone ? undefined : clone,
    deletion,
    osDiskGeneration: disks.find(({ key }) => key === 'os')?.hyperVGeneration,
    osState: inputs.generalize === 'none' && !vm.isGeneralized ? 'Specialized' : 'Generalized',
    power,
    guest: {
      deprovisionUser: inputs.deprovisionUser,
      timeoutSeconds: inputs.deprovisionTimeoutInMinutes * 60,
      allowsDomainMember: inputs.source !== 'copy' || inputs.copySubnet !== undefined,
      notMachine: clone === undefined ? undefined : vm.vmId,
    },
    disks,
    earlier: earlier.reason,
    leftovers: isDone ? [] : planLeftovers(layout, existing, earlier, run),
    isDone,
    locks,
    claim: isDone
      ? undefined
      : planClaim({ inputs, vm, layout, run, locks, isChanging: isClaimed, tags }),
    newContainers: isDone ? [] : findNewContainers(disks, containers),
    snapshotSku: inputs.snapshotSku,
    keepSnapshots: inputs.keepSnapshots,
    keepPartial: inputs.keepPartial,
    copyMethod: inputs.copyMethod,
    verify: inputs.verify,
    sasDurationInSeconds,
    tags: {
      ...tags,
      ...(vm.isGeneralized && { [GENERALIZED_TAG]: 'true' }),
    },
    expected,
  };
}

/** The copy as it will be: it runs, under a name of its own, and has no extensions. */
function cloneOf(vm: VirtualMachine, { vm: { id } }: ClonePlan): VirtualMachine {
  const { name } = requireResourceId(id);
  return { ...vm, id, name, vmId: undefined, powerState: 'running', extensions: [] };
}

/**
 * One export serves about as much as one VHD takes, so each replica has one of its own, as far as the inputs allow.
 * Those of a VM that runs on, or runs again soon, would differ from each other.
 */
export function countExports(inputs: Inputs, vm: VirtualMachine, disk: DiskLayout): number {
  const isStill = vm.isGeneralized || inputs.sourcePower === 'deallocate';
  const isShared = inputs.copyMethod !== 'copy-blob' && isStill;
  return isShared ? Math.min(inputs.maxExports, disk.replicas.length) : 1;
}

function planExports(
  inputs: Inputs,
  vm: VirtualMachine,
  disk: DiskLayout,
  run: Run,
): PlannedDisk['exports'] {
  const count = countExports(inputs, vm, disk);
  const first = requireResourceId(disk.snapshotId);
  const more = Array.from({ length: count - 1 }, (_, index) => {
    const label = `${disk.label}-${index + 2}`;
    const id = { ...first, name: snapshotName(vm.name, label, run.key) };
    return { snapshotId: formatResourceId(id) };
  });
  return [{ snapshotId: disk.snapshotId }, ...more];
}

function findNewContainers(
  disks: readonly PlannedDisk[],
  present: ReadonlySet<string>,
): Plan['newContainers'] {
  const wanted = new Map(
    disks.flatMap((disk) =>
      disk.replicas.map(({ account, container }) => [account.id, { account, container }]),
    ),
  );
  return [...wanted.values()].filter(({ account }) => !present.has(account.id));
}

function planReplica(
  replica: Replica,
  existing: ReadonlyMap<string, BlobState>,
  kept: KeptSnapshot | undefined,
  run: Run,
): PlannedReplica {
  const old = existing.get(replica.url);
  const earlier = old && judgeBlob(old, kept, run);
  if (earlier?.kind === 'finished' || earlier?.kind === 'partial') {
    const { kind, etag } = earlier;
    return { ...replica, overwrite: undefined, earlier: { kind, etag } };
  }
  // An unfinished one of an earlier attempt is removed before anything is copied.
  if (old === undefined || (earlier?.isComplete === false && !isSwapped(old))) {
    return { ...replica, overwrite: undefined, earlier: undefined };
  }
  const draftName = replica.blobName.replace(/\.vhd$/, `.draft-${run.key}.vhd`);
  const draftUrl = `${replica.account.blobEndpoint}/${replica.container}/${encodeURIComponent(draftName)}`;
  return { ...replica, overwrite: { etag: old.etag, draftUrl }, earlier: undefined };
}

/** A draft was put in its place, but the run died before it could say so: it may be the only VHD under that name. */
function isSwapped(blob: BlobState | undefined): boolean {
  return blob?.copy?.status === 'success';
}

/** Unfinished blobs of another snapshot than the one to go on with, and snapshots that nothing goes on with. */
function planLeftovers(
  layout: Layout,
  existing: ReadonlyMap<string, BlobState>,
  { snapshots, stale }: Earlier,
  run: Run,
): readonly Lease[] {
  const blobs = layout.disks.flatMap((disk) =>
    disk.replicas.flatMap(({ url }): readonly Lease[] => {
      const old = existing.get(url);
      const earlier = old && judgeBlob(old, snapshots.get(disk.key), run);
      if (earlier?.kind !== 'stale' || earlier.isComplete || isSwapped(old)) return [];
      const { key } = earlier;
      return [
        { kind: 'blob', url, key },
        { kind: 'blob', url: sidecarUrl(url), key },
      ];
    }),
  );
  return [...blobs, ...stale.map(({ id, key }): Lease => ({ kind: 'snapshot', id, key }))];
}
