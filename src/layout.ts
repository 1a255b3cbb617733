import { fillBlobName } from './blob-name.ts';
import type { Disk, OsType, StorageAccount, VirtualMachine } from './facts.ts';
import type { Inputs } from './inputs.ts';
import { formatResourceId, requireResourceId } from './resource-id.ts';
import type { Run } from './run.ts';

/** The OS disk, or the data disk at a LUN. */
export type DiskKey = 'os' | number;

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

/** A disk with the names of its snapshot and its VHDs. */
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

/** One VHD serves so many nodes of a Batch pool: https://learn.microsoft.com/azure/batch/batch-custom-images */
export const nodesPerVhd: Readonly<Record<OsType, number>> = { Linux: 40, Windows: 20 };

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
export function snapshotName(vm: string, label: string, key: string): string {
  const tail = `-${label}-${key}`;
  return vm.replace(/[^\w-]/g, '-').slice(0, MAX_SNAPSHOT_NAME - tail.length) + tail;
}
