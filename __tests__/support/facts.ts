import type { Outcome } from '../../src/copy/outcome.ts';
import type {
  BatchAccount,
  BlobState,
  ContainerState,
  ListedSnapshot,
  Disk,
  Permission,
  StorageAccount,
  VirtualMachine,
} from '../../src/facts.ts';
import type { Inputs } from '../../src/inputs.ts';
import { layOut, type DiskKey, type Layout } from '../../src/layout.ts';
import { requiredPermissions } from '../../src/permissions.ts';
import { makePlan, type Plan, type PlannedReplica } from '../../src/plan.ts';
import type { Result } from '../../src/report/result.ts';
import type { Run } from '../../src/run.ts';
import { foundExtras, type Survey } from '../../src/survey.ts';
import { GIBIBYTE } from '../../src/units.ts';

/** The subscription of everything here. */
export const subscriptionId = '5b2c8e1f-40d7-4a96-8c35-1e9f7a6b0d24';
/** The resource group of everything here. */
export const group = `/subscriptions/${subscriptionId}/resourceGroups/images`;
/** When the run began. */
export const startedAt = Date.UTC(2026, 2, 1, 10);
/** The signature of the SAS of the tests; it may be found nowhere. */
export const signature = 'QmFzZTY0%2Bsecret%3D';
/** The SAS of a snapshot's export. */
export const sas = `https://md-export.blob.storage.azure.net/abc/def?sv=2018-03-28&sr=b&si=lease&sig=${signature}`;

/** Everything that a plan is made of. */
export interface World {
  readonly inputs: Inputs;
  readonly vm: VirtualMachine;
  readonly disks: ReadonlyMap<DiskKey, Disk>;
  readonly accounts: readonly StorageAccount[];
  /** Blobs that are there, by URL. */
  readonly existing: ReadonlyMap<string, BlobState>;
  readonly run: Run;
  /** Snapshots in the group, with `keep-partial`. */
  readonly kept?: readonly ListedSnapshot[];
}

/** A running Linux VM with an OS disk of 8 GiB and a data disk at LUN 2, and two accounts for three OS VHDs. */
export function worldOf(overrides: Partial<World> = {}): World {
  return {
    inputs: inputsOf(),
    vm: vmOf(),
    disks: new Map<DiskKey, Disk>([
      ['os', diskOf('builder-os')],
      [2, diskOf('builder-data', { sizeBytes: 4 * GIBIBYTE, hyperVGeneration: undefined })],
    ]),
    accounts: [accountOf('imageswe1'), accountOf('imageswe2')],
    existing: new Map(),
    run: runOf(),
    ...overrides,
  };
}

/** Inputs that ask for three OS VHDs and all data disks, over two accounts. */
export function inputsOf(overrides: Partial<Inputs> = {}): Inputs {
  return {
    identity: { kind: 'ambient' },
    environment: { kind: 'named', name: 'AzureCloud' },
    vm: { subscriptionId, resourceGroup: 'images', name: 'builder' },
    source: 'vm',
    copySubnet: undefined,
    copyOutbound: 'azure',
    deleteSource: 'none',
    sourcePower: 'deallocate',
    generalize: 'mark',
    deprovisionUser: true,
    deprovisionTimeoutInMinutes: 15,
    removeExtensions: false,
    dataDisks: 'all',
    storageAccounts: ['imageswe1', 'imageswe2'],
    container: 'vhds',
    blobName: '{vm}-{run}-{disk}-{replica}.vhd',
    copies: { kind: 'replicas', count: 3 },
    ifExists: 'fail',
    sasDurationInSeconds: undefined,
    snapshotSku: 'Standard_LRS',
    snapshotResourceGroup: undefined,
    keepSnapshots: false,
    copyMethod: 'auto',
    maxExports: 10,
    verify: 'checksums',
    keepPartial: false,
    batchAccount: undefined,
    planOnly: false,
    tags: { team: 'images' },
    ...overrides,
  };
}

/** The running VM "builder". */
export function vmOf(overrides: Partial<VirtualMachine> = {}): VirtualMachine {
  const attached = { unmanagedUri: undefined, isGuestEncrypted: false };
  return {
    id: `${group}/providers/Microsoft.Compute/virtualMachines/builder`,
    vmId: '3c1f0d2e-7a89-4b56-9c0d-1e2f3a4b5c6d',
    name: 'builder',
    location: 'westeurope',
    size: 'Standard_D2ds_v5',
    osType: 'Linux',
    powerState: 'running',
    isGeneralized: false,
    provisioningState: 'Succeeded',
    agent: 'ready',
    allowsExtensions: true,
    adminUser: 'azureuser',
    tags: {},
    securityType: undefined,
    isEncryptedAtHost: false,
    hyperVGeneration: 'V2',
    plan: undefined,
    extensions: [],
    scaleSetId: undefined,
    osDisk: {
      ...attached,
      name: 'builder-os',
      diskId: diskIdOf('builder-os'),
      caching: 'ReadWrite',
      isEphemeral: false,
    },
    dataDisks: [
      {
        ...attached,
        name: 'builder-data',
        diskId: diskIdOf('builder-data'),
        caching: 'ReadOnly',
        lun: 2,
      },
    ],
    ...overrides,
  };
}

/** A managed disk that fits. */
export function diskOf(name: string, overrides: Partial<Disk> = {}): Disk {
  return {
    id: diskIdOf(name),
    name,
    location: 'westeurope',
    sku: 'Premium_LRS',
    sizeBytes: 8 * GIBIBYTE,
    diskState: 'Attached',
    hyperVGeneration: 'V2',
    isGuestEncrypted: false,
    encryptionSetId: undefined,
    exportLimits: [],
    maxShares: 1,
    logicalSectorSizeBytes: 512,
    ...overrides,
  };
}

/** A storage account that has page blobs. */
export function accountOf(name: string, overrides: Partial<StorageAccount> = {}): StorageAccount {
  return {
    id: `${group}/providers/Microsoft.Storage/storageAccounts/${name}`,
    name,
    location: 'westeurope',
    kind: 'StorageV2',
    sku: 'Standard_LRS',
    blobEndpoint: `https://${name}.blob.core.windows.net`,
    isHnsEnabled: false,
    isImmutable: false,
    allowedCopyScope: undefined,
    allowsSharedKey: true,
    sasPeriod: undefined,
    provisioningState: 'Succeeded',
    ...overrides,
  };
}

/** A container that keeps nothing from being changed. */
export function containerOf(overrides: Partial<ContainerState> = {}): ContainerState {
  return { hasImmutabilityPolicy: false, hasLegalHold: false, ...overrides };
}

/** A Batch account whose pools take the VHDs of the storage accounts here. */
export function batchAccountOf(overrides: Partial<BatchAccount> = {}): BatchAccount {
  return {
    id: `${group}/providers/Microsoft.Batch/batchAccounts/pools`,
    name: 'pools',
    location: 'westeurope',
    poolAllocationMode: 'UserSubscription',
    ...overrides,
  };
}

/** A finished VHD of the OS disk. */
export function blobOf(url: string, overrides: Partial<BlobState> = {}): BlobState {
  return {
    url,
    etag: '"0x1"',
    blobType: 'PageBlob',
    lengthBytes: 8 * GIBIBYTE + 512,
    metadata: {},
    isLeased: false,
    copy: undefined,
    ...overrides,
  };
}

/** A workflow run. */
export function runOf(overrides: Partial<Run> = {}): Run {
  return {
    repository: 'octo-org/images',
    runId: '1234',
    attempt: '1',
    job: 'build',
    action: 'capture',
    commit: 'c0ffee',
    key: '0123456789ab',
    startedAt: new Date(startedAt).toISOString(),
    ...overrides,
  };
}

/** The names that a run in this world uses. */
export function layoutOf({ inputs, vm, disks, accounts, run }: World): Layout {
  return layOut(inputs, vm, disks, accounts, run);
}

/** The plan of a run in this world. */
export function planOf(world: World): Plan {
  const { existing, kept = [] } = world;
  const present = { blobs: existing, containers: new Set<string>(), snapshots: kept };
  return makePlan(world.inputs, world.vm, layoutOf(world), present, world.run);
}

const everything: Permission = {
  actions: ['*'],
  notActions: [],
  dataActions: ['*'],
  notDataActions: [],
};

/** What a survey of a world finds, where the identity may do everything. */
export function surveyOf(world: World, overrides: Partial<Survey> = {}): Survey {
  const { inputs, vm, disks, accounts, existing } = world;
  const layout = layoutOf(world);
  const found = <T>(value: T): { kind: 'found'; value: T } => ({ kind: 'found', value });
  const needed = requiredPermissions(inputs, vm, layout, foundExtras(overrides));
  const scopes = needed.map(({ scope }) => scope);
  return {
    run: world.run,
    kept: world.kept && found(world.kept),
    vm: found(vm),
    disks: new Map([...disks].map(([key, disk]) => [key, found(disk)])),
    accounts: accounts.map((account) => ({ asked: account.name, account: found(account) })),
    snapshotGroup: undefined,
    layout,
    containers: new Map(accounts.map(({ id }) => [id, found(containerOf())])),
    blobServices: new Map(accounts.map(({ id }) => [id, found({ softDeleteDays: 0 })])),
    blobs: new Map([...existing].map(([url, blob]) => [url, found(blob)])),
    snapshots: new Map(
      layout.disks.map(({ snapshotId }) => [snapshotId, { kind: 'missing' as const }]),
    ),
    permissions: new Map(scopes.map((scope) => [scope, found([everything])])),
    locks: new Map([[vm.id, found([])]]),
    batchAccount: undefined,
    vmSize: undefined,
    ...overrides,
  };
}

/** All VHDs of a plan, in their order. */
export function replicasOf(plan: Plan): readonly PlannedReplica[] {
  return plan.disks.flatMap((disk) => disk.replicas);
}

/** A replica that is copied. */
export function copied(replica: PlannedReplica): Outcome {
  const lengthBytes = 8 * GIBIBYTE + 512;
  return {
    kind: 'copied',
    replica,
    etag: '"0x2"',
    lengthBytes,
    method: 'page-ranges',
    copyId: undefined,
    seconds: 64,
    movedBytes: 3 * GIBIBYTE,
    resumedBytes: 0,
    retries: 0,
    fromExports: 2 * GIBIBYTE,
    fromReplicas: GIBIBYTE,
    proof: { kind: 'checksums', crc64: '0123456789abcdef' },
  };
}

/** A run whose replicas are all copied; the failures are told by the overrides. */
export function resultOf(plan: Plan, overrides: Partial<Result> = {}): Result {
  const outcomes = replicasOf(plan).map(copied);
  const snapshots = plan.disks.map((disk) => ({
    disk,
    snapshot: {
      id: disk.snapshotId,
      uniqueId: `unique-${disk.label}`,
      tags: plan.tags,
      diskState: 'ReadyToUpload',
    },
  }));
  const phases = [
    { name: 'Sign in', startedAt, endedAt: startedAt + 500, succeeded: true },
    { name: 'Copy', startedAt: startedAt + 500, endedAt: startedAt + 64_500, succeeded: true },
  ];
  const capture = { snapshots, outcomes, traffic: undefined };
  return {
    plan,
    capture,
    findings: [],
    phases,
    leaks: [],
    permissions: [],
    missing: [],
    failure: undefined,
    ...overrides,
  };
}

function diskIdOf(name: string): string {
  return `${group}/providers/Microsoft.Compute/disks/${name}`;
}
