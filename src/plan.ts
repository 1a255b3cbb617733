import { fillBlobName } from './blob-name.ts';
import type { ClonePlan } from './clone/clone-plan.ts';
import { planDeletion, type DeletionPlan, type SourceParts } from './delete-source.ts';
import { findEarlier, judgeBlob, type Earlier, type KeptSnapshot } from './earlier.ts';
import type {
  BlobState,
  Disk,
  ListedSnapshot,
  OsType,
  StorageAccount,
  VirtualMachine,
} from './facts.ts';
import { MAX_SAS_DURATION_SECONDS, type CopyMethod, type Inputs, type Verify } from './inputs.ts';
import { sidecarUrl } from './copy/sidecar.ts';
import type { GuestOrder } from './guest/guest-order.ts';
import type { Lease } from './lease.ts';
import { planLocks, type PlannedLock } from './lock-names.ts';
import { EXPIRES_TAG, GENERALIZED_TAG, KEY_TAG, STATE_METADATA } from './marks.ts';
import { formatResourceId, requireResourceId } from './resource-id.ts';

/** The OS disk, or the data disk at a LUN. */
export type DiskKey = 'os' | number;

/** The workflow run that makes the image. */
export interface Run {
  readonly repository: string;
  readonly runId: string;
  readonly attempt: string;
  readonly job: string;
  /** The step, as the runner names it. */
  readonly action: string;
  readonly commit: string;
  /** Twelve random hex digits: no other step of any run has them. */
  readonly key: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** A VHD blob to be. */
export interface Replica {
  readonly disk: DiskKey;
  /** From 1, over all accounts. */
  readonly number: number;
  readonly account: StorageAccount;
  readonly container: string;
  readonly blobName: string;
  readonly url: string;
}

export interface DiskLayout {
  readonly key: DiskKey;
  readonly hyperVGeneration: 'V1' | 'V2' | undefined;
  /** `os`, or `lun0` and so on. */
  readonly label: string;
  readonly diskId: string;
  readonly diskName: string;
  readonly location: string;
  readonly sizeBytes: number;
  readonly caching: string;
  readonly snapshotId: string;
  readonly replicas: readonly Replica[];
}

/** Every name that the run would use. */
export interface Layout {
  readonly disks: readonly DiskLayout[];
}

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

/** What the copies will come to when every page holds data. */
export interface Expected {
  readonly bytes: number;
  readonly seconds: number;
  /** Calls to the resource manager that change something. */
  readonly changes: number;
  /** VHDs that are written, drafts of those that overwrite included. */
  readonly copies: number;
  /** Snapshots that are read. */
  readonly exports: number;
  /** Calls to the blob service. */
  readonly transactions: number;
}

/** One VHD serves so many nodes of a Batch pool: https://learn.microsoft.com/azure/batch/batch-custom-images */
export const nodesPerVhd: Readonly<Record<OsType, number>> = { Linux: 40, Windows: 20 };

/** Worst rate seen of a Copy Blob between regions, and the target of a single page blob, in bytes a second. */
const SLOW_COPY_BYTES_PER_SECOND = 7 * 1000 ** 2;
const PAGE_BLOB_BYTES_PER_SECOND = 60 * 1024 ** 2;
/** Put Page From URL takes at most 4 MiB: https://learn.microsoft.com/rest/api/storageservices/put-page-from-url */
const PIECE_BYTES = 4 * 1024 ** 2;
export const DAY_SECONDS = 24 * 3600;
const MAX_SNAPSHOT_NAME = 80;

/** How many OS VHDs the inputs ask for. */
export function countReplicas(copies: Inputs['copies'], osType: OsType): number {
  return copies.kind === 'replicas' ? copies.count : Math.ceil(copies.nodes / nodesPerVhd[osType]);
}

/** The data disks that the inputs choose, and the LUNs that the VM does not have. */
export function chooseDataDisks(
  choice: Inputs['dataDisks'],
  vm: VirtualMachine,
): { readonly luns: readonly number[]; readonly missing: readonly number[] } {
  const present = vm.dataDisks.map(({ lun }) => lun).sort((left, right) => left - right);
  if (choice === 'all') return { luns: present, missing: [] };
  if (choice === 'none') return { luns: [], missing: [] };
  return {
    luns: choice.filter((lun) => present.includes(lun)),
    missing: choice.filter((lun) => !present.includes(lun)),
  };
}

/**
 * Names everything: snapshots, and replicas spread evenly over the accounts in turn.
 * Data disks get one VHD each, in the first account.
 */
export function layOut(
  inputs: Inputs,
  vm: VirtualMachine,
  disks: ReadonlyMap<DiskKey, Disk>,
  accounts: readonly StorageAccount[],
  run: Run,
): Layout {
  const { luns } = chooseDataDisks(inputs.dataDisks, vm);
  const keys: readonly DiskKey[] = ['os', ...luns];
  const planned = keys.flatMap((key) => {
    const disk = disks.get(key);
    if (disk === undefined) return [];
    const count = key === 'os' ? countReplicas(inputs.copies, vm.osType) : 1;
    return [planDisk(key, disk, count, { inputs, vm, accounts, run })];
  });
  return { disks: planned };
}

interface LayoutFacts {
  readonly inputs: Inputs;
  readonly vm: VirtualMachine;
  readonly accounts: readonly StorageAccount[];
  readonly run: Run;
}

function planDisk(key: DiskKey, disk: Disk, count: number, facts: LayoutFacts): DiskLayout {
  const { inputs, vm, accounts, run } = facts;
  const label = diskLabel(key);
  const attached = key === 'os' ? vm.osDisk : vm.dataDisks.find(({ lun }) => lun === key);
  const { subscriptionId, resourceGroup } = requireResourceId(vm.id);
  const replicas = Array.from({ length: count }, (_, index) => index).flatMap((index) => {
    const account = accounts[index % accounts.length];
    if (account === undefined) return [];
    const number = index + 1;
    const parts = {
      vm: vm.name,
      run: run.runId,
      disk: label,
      replica: number,
      account: account.name,
    };
    const blobName = fillBlobName(inputs.blobName, parts);
    const url = `${account.blobEndpoint}/${inputs.container}/${encodeURIComponent(blobName)}`;
    return [{ disk: key, number, account, container: inputs.container, blobName, url }];
  });
  return {
    key,
    hyperVGeneration: disk.hyperVGeneration,
    label,
    diskId: disk.id,
    diskName: disk.name,
    location: disk.location,
    sizeBytes: disk.sizeBytes,
    caching: attached?.caching ?? 'None',
    snapshotId: formatResourceId({
      subscriptionId,
      resourceGroup: inputs.snapshotResourceGroup ?? resourceGroup,
      type: 'Microsoft.Compute/snapshots',
      name: snapshotName(vm.name, label, run.key),
    }),
    replicas,
  };
}

/** `os`, or `lun0` and so on. */
export function diskLabel(key: DiskKey): string {
  return key === 'os' ? 'os' : `lun${key}`;
}

/** At most 80 letters, digits, underscores and hyphens; the run's key at the end keeps names apart that are cut. */
function snapshotName(vm: string, label: string, key: string): string {
  const tail = `-${label}-${key}`;
  return vm.replace(/[^\w-]/g, '-').slice(0, MAX_SNAPSHOT_NAME - tail.length) + tail;
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
    removeExtensions: inputs.removeExtensions && vm.extensions.length > 0,
    deprovision: inputs.generalize === 'deprovision',
    powerOff: !isOff,
    deallocate: vm.powerState !== 'deallocated',
    generalize: inputs.generalize !== 'none',
    restart: false,
  };
}

/** What is there already: blobs by URL, and containers by the IDs of their accounts. */
export interface Present {
  readonly blobs: ReadonlyMap<string, BlobState>;
  readonly containers: ReadonlySet<string>;
  /** Snapshots that an earlier attempt may have kept. */
  readonly snapshots: readonly ListedSnapshot[];
  /** How the VM is copied, with `source: copy`. */
  readonly clone?: ClonePlan | undefined;
  /** What belongs to the VM, with `delete-source: vm`. */
  readonly sourceParts?: SourceParts | undefined;
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
      exports: kept ? [{ snapshotId: kept.id }] : planExports(inputs, vm, power, disk, run),
      kept,
    };
  });
  const deletion =
    sourceParts && !isDone
      ? planDeletion(sourceParts, new Set(layout.disks.map(({ key }) => key)))
      : undefined;
  const more =
    (power.removeExtensions ? vm.extensions.length - 1 : 0) +
    countCloneChanges(clone) +
    (deletion === undefined ? 0 : 1 + deletion.stages.flat().length);
  const expected = isDone ? NO_WORK : expectWork(disks, power, inputs.keepSnapshots, more);
  const sasDurationInSeconds = inputs.sasDurationInSeconds ?? defaultSasDuration(expected);
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
    },
    disks,
    earlier: earlier.reason,
    leftovers: isDone ? [] : planLeftovers(layout, existing, earlier, run),
    isDone,
    locks: isDone ? [] : planLocks(inputs, vm, layout, run),
    newContainers: isDone ? [] : findNewContainers(disks, containers),
    snapshotSku: inputs.snapshotSku,
    keepSnapshots: inputs.keepSnapshots,
    keepPartial: inputs.keepPartial,
    copyMethod: inputs.copyMethod,
    verify: inputs.verify,
    sasDurationInSeconds,
    tags: {
      ...inputs.tags,
      ...runTags(run, sasDurationInSeconds),
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
function planExports(
  inputs: Inputs,
  vm: VirtualMachine,
  power: PowerPlan,
  disk: DiskLayout,
  run: Run,
): PlannedDisk['exports'] {
  const isStill = vm.isGeneralized || inputs.sourcePower === 'deallocate';
  const isShared = inputs.copyMethod !== 'copy-blob' && isStill && !power.restart;
  const count = isShared ? Math.min(inputs.maxExports, disk.replicas.length) : 1;
  const first = requireResourceId(disk.snapshotId);
  const more = Array.from({ length: count - 1 }, (_, index) => {
    const label = `${disk.label}-${index + 2}`;
    const id = { ...first, name: snapshotName(vm.name, label, run.key) };
    return { snapshotId: formatResourceId(id) };
  });
  return [{ snapshotId: disk.snapshotId }, ...more];
}

/** Tags that tell whose a temporary resource is; nothing without them is ever deleted. */
export function runTags(run: Run, sasSeconds: number): Readonly<Record<string, string>> {
  const expires = Date.parse(run.startedAt) + sasSeconds * 1000;
  return {
    'vm-to-vhd-owner': run.repository,
    'vm-to-vhd-run': run.runId,
    'vm-to-vhd-attempt': run.attempt,
    [KEY_TAG]: run.key,
    [EXPIRES_TAG]: new Date(expires).toISOString(),
  };
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

/** Least time that a page blob of this size takes when every page holds data. */
export function copySeconds(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE_BLOB_BYTES_PER_SECOND);
}

const NO_WORK: Expected = {
  bytes: 0,
  seconds: 0,
  changes: 0,
  copies: 0,
  exports: 0,
  transactions: 0,
};

/** Everything that a copy is made of is made and deleted: two things for each disk, the VM, its interface and its network. */
function countCloneChanges(clone: ClonePlan | undefined): number {
  if (clone === undefined) return 0;
  const things = 2 * clone.disks.length + (clone.network === undefined ? 3 : 4);
  return 2 * things;
}

function expectWork(
  disks: readonly PlannedDisk[],
  power: PowerPlan,
  keepSnapshots: boolean,
  moreChanges: number,
): Expected {
  const copiesOf = ({ replicas }: PlannedDisk): number =>
    replicas.reduce((sum, { overwrite }) => sum + (overwrite === undefined ? 1 : 2), 0);
  const steps = Object.values(power).filter(Boolean).length;
  const exports = disks.reduce((sum, disk) => sum + disk.exports.length, 0);
  return {
    bytes: disks.reduce((sum, disk) => sum + disk.sizeBytes * copiesOf(disk), 0),
    seconds: Math.max(0, ...disks.map(leastSeconds)),
    changes: steps + exports * 4 - (keepSnapshots ? disks.length : 0) + moreChanges,
    copies: disks.reduce((sum, disk) => sum + copiesOf(disk), 0),
    exports,
    transactions: disks.reduce((sum, disk) => sum + leastCalls(disk), 0),
  };
}

/** Where reads and writes share what a blob carries, and every page holds data. */
function leastSeconds({ sizeBytes, replicas, exports }: PlannedDisk): number {
  const rounds = (2 * replicas.length) / (replicas.length + exports.length);
  return Math.ceil(copySeconds(sizeBytes) * Math.max(1, rounds));
}

/** One call for each piece, and about ten more for each VHD, when every page holds data. */
function leastCalls({ sizeBytes, replicas }: PlannedDisk): number {
  return replicas.length * (Math.ceil(sizeBytes / PIECE_BYTES) + 10);
}

/** Long enough for the slowest copy that was seen, and a day at least: an hour is what loses copies. */
function defaultSasDuration(expected: Expected): number {
  const slowest = Math.ceil(expected.bytes / SLOW_COPY_BYTES_PER_SECOND);
  return Math.min(Math.max(DAY_SECONDS, slowest), MAX_SAS_DURATION_SECONDS);
}
