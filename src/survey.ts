import type { Azure } from './azure/session.ts';
import { surveyClone, type CloneSurvey } from './clone/clone-survey.ts';
import type { VmSize } from './clone/clone-facts.ts';
import { lookAtSource, planDeletion, type SourceParts } from './delete-source.ts';
import { DAY_SECONDS } from './expected-work.ts';
import type {
  BatchAccount,
  BlobService,
  BlobState,
  ContainerState,
  Disk,
  ListedSnapshot,
  Lock,
  Lookup,
  Permission,
  Snapshot,
  StorageAccount,
  VirtualMachine,
} from './facts.ts';
import { findLinuxRecord } from './guest/linux-record.ts';
import type { Inputs } from './inputs.ts';
import { chooseDataDisks, layOut, type DiskKey, type Layout } from './layout.ts';
import { createLook, gather, gatherById, type Look } from './look.ts';
import { requiredPermissions } from './permissions.ts';
import { planPower, type Extras } from './plan.ts';
import {
  formatResourceId,
  isAtOrUnder,
  parseResourceId,
  resourceGroupId,
  sameResource,
} from './resource-id.ts';
import { runTags, type Run } from './run.ts';

/** What was looked at before anything is touched. */
export interface Survey {
  /** The run that looks. */
  readonly run: Run;
  readonly vm: Lookup<VirtualMachine>;
  /** Of a Linux guest that is to be deprovisioned, what its serial console shows. */
  readonly serialConsole?: Lookup<string>;
  readonly disks: ReadonlyMap<DiskKey, Lookup<Disk>>;
  readonly accounts: readonly {
    readonly asked: string;
    readonly account: Lookup<StorageAccount>;
  }[];
  /** The group that the snapshots go to, when it is not the VM's. */
  readonly snapshotGroup: { readonly id: string; readonly exists: Lookup<boolean> } | undefined;
  /** Names, as far as the VM, its disks and accounts are there. */
  readonly layout: Layout;
  /** By account ID. */
  readonly containers: ReadonlyMap<string, Lookup<ContainerState>>;
  /** By account ID. */
  readonly blobServices: ReadonlyMap<string, Lookup<BlobService>>;
  /** By URL. */
  readonly blobs: ReadonlyMap<string, Lookup<BlobState>>;
  /** By ID: names that ought to be free. */
  readonly snapshots: ReadonlyMap<string, Lookup<Snapshot>>;
  /** With `keep-partial`, what is in the snapshots' group: an earlier attempt may have kept some. */
  readonly kept: Lookup<readonly ListedSnapshot[]> | undefined;
  /** By scope. */
  readonly permissions: ReadonlyMap<string, Lookup<readonly Permission[]>>;
  /** The account that `batch-account` names. */
  readonly batchAccount: Lookup<BatchAccount> | undefined;
  /** The size of the VM, with `batch-account`. */
  readonly vmSize: Lookup<VmSize> | undefined;
  /** By the scope that was asked for what is on it and above: the VM, its disks and what is deleted with it, and the snapshots' group elsewhere. */
  readonly locks: ReadonlyMap<string, Lookup<readonly Lock[]>>;
  /** What a copy of the VM would meet, where one is asked for. */
  readonly clone?: CloneSurvey;
  /** What belongs to the VM, where it is to be deleted. */
  readonly sourceParts?: Lookup<SourceParts>;
}

/** Reads everything that the checks and the plan need, in parallel where it can. Changes nothing. */
export async function takeSurvey(
  inputs: Inputs,
  azure: Azure,
  run: Run,
  signal: AbortSignal,
): Promise<Survey> {
  const look = createLook(signal);
  const readLocks = (scope: string): Promise<Lookup<readonly Lock[]>> =>
    look(azure.locks(scope, signal));
  const vmId = formatResourceId({ ...inputs.vm, type: 'Microsoft.Compute/virtualMachines' });
  const [
    { vm, disks, serialConsole },
    accounts,
    snapshotGroup,
    batchAccount,
    locks,
    sourceParts,
    clone,
  ] = await Promise.all([
    surveySource(vmId, inputs, azure, look, signal),
    surveyAccounts(inputs, azure, look, signal),
    surveySnapshotGroup(inputs, azure, look, signal),
    surveyBatchAccount(inputs, azure, look, signal),
    gatherById(lockScopes(vmId, inputs), readLocks),
    inputs.deleteSource === 'vm' ? look(lookAtSource(vmId, { azure, signal })) : undefined,
    inputs.source === 'copy' ? surveyCopy(vmId, inputs, azure, look, run, signal) : undefined,
  ]);
  const used = foundAccounts(accounts);
  const layout =
    vm.kind === 'found' ? layOut(inputs, vm.value, foundDisks(disks), used, run) : { disks: [] };
  const extras = foundExtras({ clone, sourceParts });
  const needed = vm.kind === 'found' ? requiredPermissions(inputs, vm.value, layout, extras) : [];
  const scopes = new Set(needed.map(({ scope }) => scope));
  const [destinations, snapshots, kept, permissions, partLocks, vmSize] = await Promise.all([
    surveyDestinations(inputs, azure, look, { layout, accounts: used, signal }),
    gatherById(
      layout.disks.map(({ snapshotId }) => snapshotId),
      (id) => look(azure.compute.getSnapshot(id, signal)),
    ),
    surveyKept(inputs, azure, look, run, signal),
    gatherById(scopes, (scope) => look(azure.permissions(scope, signal))),
    gatherById(lockedParts(layout, extras.sourceParts), readLocks),
    vm.kind === 'found' ? surveySize(vm.value, inputs, azure, look, signal) : undefined,
  ]);
  return {
    ...{ run, vm, disks, accounts, snapshotGroup, layout, snapshots, kept, permissions },
    ...{ batchAccount, vmSize, locks: new Map([...locks, ...partLocks]) },
    ...destinations,
    ...(serialConsole && { serialConsole }),
    ...(clone && { clone }),
    ...(sourceParts && { sourceParts }),
  };
}

/** The disks that were found. */
export function foundDisks(disks: Survey['disks']): ReadonlyMap<DiskKey, Disk> {
  return new Map(
    [...disks].flatMap(([key, disk]) => (disk.kind === 'found' ? [[key, disk.value]] : [])),
  );
}

/** The accounts that were found. */
export function foundAccounts(accounts: Survey['accounts']): readonly StorageAccount[] {
  return accounts.flatMap(({ account }) => (account.kind === 'found' ? [account.value] : []));
}

/** IDs of the accounts whose container is there. */
export function foundContainers(containers: Survey['containers']): ReadonlySet<string> {
  return new Set(
    [...containers].flatMap(([id, container]) => (container.kind === 'found' ? [id] : [])),
  );
}

/** The blobs that were found, by URL. */
export function foundBlobs(blobs: Survey['blobs']): ReadonlyMap<string, BlobState> {
  return new Map(
    [...blobs].flatMap(([url, blob]) => (blob.kind === 'found' ? [[url, blob.value]] : [])),
  );
}

/** What the run does beyond the capture, as far as it could be looked at. */
export function foundExtras({
  clone,
  sourceParts,
}: {
  readonly clone?: Survey['clone'] | undefined;
  readonly sourceParts?: Survey['sourceParts'] | undefined;
}): Extras {
  return {
    clone: clone?.plan,
    sourceParts: sourceParts?.kind === 'found' ? sourceParts.value : undefined,
  };
}

async function surveySource(
  vmId: string,
  inputs: Inputs,
  azure: Azure,
  look: Look,
  signal: AbortSignal,
): Promise<Pick<Survey, 'vm' | 'disks' | 'serialConsole'>> {
  const vm = await look(azure.compute.getVm(vmId, signal));
  if (vm.kind !== 'found') return { vm, disks: new Map() };
  const { luns } = chooseDataDisks(inputs.dataDisks, vm.value);
  const ids = new Map<DiskKey, string>();
  if (vm.value.osDisk.diskId !== undefined) ids.set('os', vm.value.osDisk.diskId);
  for (const { lun, diskId } of vm.value.dataDisks) {
    if (diskId !== undefined && luns.includes(lun)) ids.set(lun, diskId);
  }
  const [disks, serialConsole] = await Promise.all([
    gather(ids, (id) => look(azure.compute.getDisk(id, signal))),
    surveyConsole(vm.value, inputs, azure, look, signal),
  ]);
  const record =
    serialConsole?.kind === 'found' ? findLinuxRecord(serialConsole.value, vm.value) : undefined;
  return {
    vm: record === undefined ? vm : { ...vm, value: { ...vm.value, guestRecord: record } },
    disks,
    ...(serialConsole && { serialConsole }),
  };
}

/** A guest that is to be deprovisioned may be so already, or be at it, by a run that was cut off. */
async function surveyConsole(
  vm: VirtualMachine,
  inputs: Inputs,
  azure: Azure,
  look: Look,
  signal: AbortSignal,
): Promise<Survey['serialConsole']> {
  const isAsked = vm.osType === 'Linux' && planPower(inputs, vm).deprovision;
  if (!isAsked || inputs.source === 'copy') return undefined;
  return look(azure.guests.serialLog(vm.id, signal));
}

/** Names are looked up in one list of the VM's subscription; IDs are read one by one. */
async function surveyAccounts(
  inputs: Inputs,
  azure: Azure,
  look: Look,
  signal: AbortSignal,
): Promise<Survey['accounts']> {
  const isId = (asked: string): boolean => parseResourceId(asked) !== undefined;
  const list = inputs.storageAccounts.some((asked) => !isId(asked))
    ? await look(azure.accounts.list(inputs.vm.subscriptionId, signal))
    : undefined;
  return Promise.all(
    inputs.storageAccounts.map(async (asked) => {
      if (isId(asked)) return { asked, account: await look(azure.accounts.get(asked, signal)) };
      if (list?.kind !== 'found') return { asked, account: list ?? { kind: 'missing' as const } };
      const value = list.value.find(({ name }) => name === asked);
      const account: Lookup<StorageAccount> =
        value === undefined ? { kind: 'missing' } : { kind: 'found', value };
      return { asked, account };
    }),
  );
}

async function surveyDestinations(
  inputs: Inputs,
  azure: Azure,
  look: Look,
  asked: {
    readonly layout: Layout;
    readonly accounts: readonly StorageAccount[];
    readonly signal: AbortSignal;
  },
): Promise<Pick<Survey, 'containers' | 'blobServices' | 'blobs'>> {
  const { layout, accounts, signal } = asked;
  const replicas = layout.disks.flatMap((disk) => disk.replicas);
  const byId = new Map(accounts.map((account) => [account.id, account]));
  const [containers, blobServices, blobs] = await Promise.all([
    gather(byId, ({ blobEndpoint }) =>
      look(azure.blobs.containerState(blobEndpoint, inputs.container, signal)),
    ),
    gatherById(byId.keys(), (id) => look(azure.accounts.blobService(id, signal))),
    gatherById(
      replicas.map(({ url }) => url),
      (url) => look(azure.blobs.blobState(url, signal)),
    ),
  ]);
  return { containers, blobServices, blobs };
}

/** A first attempt has none before it. */
async function surveyKept(
  inputs: Inputs,
  azure: Azure,
  look: Look,
  run: Run,
  signal: AbortSignal,
): Promise<Survey['kept']> {
  if (!inputs.keepPartial || run.attempt === '1') return undefined;
  const { subscriptionId } = inputs.vm;
  const group = inputs.snapshotResourceGroup ?? inputs.vm.resourceGroup;
  return look(azure.compute.listSnapshots(subscriptionId, group, signal));
}

/** What a copy takes is left alone by a sweep for a day at least. */
function surveyCopy(
  vmId: string,
  inputs: Inputs,
  azure: Azure,
  look: Look,
  run: Run,
  signal: AbortSignal,
): Promise<CloneSurvey> {
  const tags = { ...inputs.tags, ...runTags(run, inputs.sasDurationInSeconds ?? DAY_SECONDS) };
  return surveyClone({ vmId, wishes: inputs, tags, run }, azure, look, signal);
}

/** The disks, and what else of the VM is to be deleted: each may have a lock, or a group with one, of its own. */
function lockedParts(layout: Layout, parts: SourceParts | undefined): readonly string[] {
  const disks = layout.disks.map(({ diskId }) => diskId);
  if (parts === undefined) return disks;
  const captured = new Set(layout.disks.map(({ key }) => key));
  const deleted = planDeletion(parts, captured).stages.flat();
  return [...disks, ...deleted.filter((id) => !disks.some((disk) => sameResource(disk, id)))];
}

/** What is above the VM is above the snapshots too when they are in its group. */
function lockScopes(vmId: string, inputs: Inputs): readonly string[] {
  const resourceGroup = inputs.snapshotResourceGroup ?? inputs.vm.resourceGroup;
  const group = resourceGroupId({ ...inputs.vm, resourceGroup });
  return isAtOrUnder(vmId, group) ? [vmId] : [vmId, group];
}

async function surveySnapshotGroup(
  inputs: Inputs,
  azure: Azure,
  look: Look,
  signal: AbortSignal,
): Promise<Survey['snapshotGroup']> {
  if (inputs.snapshotResourceGroup === undefined) return undefined;
  const id = resourceGroupId({ ...inputs.vm, resourceGroup: inputs.snapshotResourceGroup });
  return { id, exists: await look(azure.groupExists(id, signal)) };
}

async function surveySize(
  { location, size }: VirtualMachine,
  { batchAccount, vm: { subscriptionId } }: Inputs,
  azure: Azure,
  look: Look,
  signal: AbortSignal,
): Promise<Survey['vmSize']> {
  if (batchAccount === undefined) return undefined;
  return look(azure.cloneCompute.getSize(subscriptionId, location, size, signal));
}

async function surveyBatchAccount(
  inputs: Inputs,
  azure: Azure,
  look: Look,
  signal: AbortSignal,
): Promise<Survey['batchAccount']> {
  if (inputs.batchAccount === undefined) return undefined;
  return look(azure.batchAccount(inputs.batchAccount, signal));
}
