import type * as sdk from '@azure/arm-compute';
import type {
  AttachedDisk,
  Disk,
  ListedSnapshot,
  PowerState,
  Snapshot,
  VirtualMachine,
} from '../facts.ts';

const powerStates: readonly PowerState[] = [
  'starting',
  'running',
  'stopping',
  'stopped',
  'deallocating',
  'deallocated',
];

/** The facts of a VM that was read with its instance view. */
export function vmFromModel(vm: sdk.VirtualMachine): VirtualMachine {
  const osDisk = vm.storageProfile?.osDisk;
  const codes = (vm.instanceView?.statuses ?? []).map((status) => status.code?.toLowerCase() ?? '');
  const power = codes.find((code) => code.startsWith('powerstate/'))?.split('/')[1];
  return {
    id: vm.id ?? '',
    vmId: vm.vmId,
    name: vm.name ?? '',
    location: vm.location,
    size: vm.hardwareProfile?.vmSize ?? '',
    osType: osDisk?.osType === 'Windows' ? 'Windows' : 'Linux',
    powerState: powerStates.find((state) => state === power) ?? 'unknown',
    isGeneralized: codes.includes('osstate/generalized'),
    provisioningState: vm.provisioningState ?? 'unknown',
    agent: agentOf(vm.instanceView?.vmAgent?.statuses),
    allowsExtensions: vm.osProfile?.allowExtensionOperations !== false,
    adminUser: vm.osProfile?.adminUsername,
    tags: vm.tags ?? {},
    securityType: securityTypeOf(vm.securityProfile?.securityType),
    isEncryptedAtHost: vm.securityProfile?.encryptionAtHost === true,
    hyperVGeneration: generationOf(vm.instanceView?.hyperVGeneration),
    plan: planOf(vm.plan),
    scaleSetId: vm.virtualMachineScaleSet?.id,
    extensions: extensionsOf(vm),
    osDisk: {
      ...attachedDisk(osDisk ?? {}),
      isGuestEncrypted: osDisk?.encryptionSettings?.enabled === true,
      isEphemeral: osDisk?.diffDiskSettings?.option !== undefined,
    },
    dataDisks: (vm.storageProfile?.dataDisks ?? []).map((disk) => ({
      ...attachedDisk(disk),
      lun: disk.lun,
    })),
  };
}

/** The facts of a managed disk. */
export function diskFromModel(disk: sdk.Disk): Disk {
  return {
    id: disk.id ?? '',
    name: disk.name ?? '',
    location: disk.location,
    sku: disk.sku?.name ?? 'unknown',
    sizeBytes: disk.diskSizeBytes ?? (disk.diskSizeGB ?? 0) * 1024 ** 3,
    diskState: disk.diskState ?? 'unknown',
    hyperVGeneration: generationOf(disk.hyperVGeneration),
    isGuestEncrypted: disk.encryptionSettingsCollection?.enabled === true,
    encryptionSetId: disk.encryption?.diskEncryptionSetId,
    exportLimits: exportLimitsOf(disk),
    maxShares: disk.maxShares ?? 1,
    logicalSectorSizeBytes: disk.creationData?.logicalSectorSize ?? 512,
  };
}

/** The facts of a snapshot. */
export function snapshotFromModel(snapshot: sdk.Snapshot): Snapshot {
  return {
    id: snapshot.id ?? '',
    uniqueId: snapshot.uniqueId,
    tags: snapshot.tags ?? {},
  };
}

/** The facts of a snapshot in a list. */
export function listedSnapshotFromModel(snapshot: sdk.Snapshot): ListedSnapshot {
  return {
    ...snapshotFromModel(snapshot),
    timeCreated: snapshot.timeCreated?.toISOString(),
    diskState: snapshot.diskState,
    sourceId: snapshot.creationData?.sourceResourceId,
  };
}

function attachedDisk(disk: Partial<sdk.OSDisk> | sdk.DataDisk): AttachedDisk {
  return {
    name: disk.name ?? '',
    diskId: disk.managedDisk?.id,
    unmanagedUri: disk.vhd?.uri,
    caching: disk.caching ?? 'None',
    isGuestEncrypted: false,
  };
}

/** https://learn.microsoft.com/azure/virtual-machines/disks-restrict-import-export-overview */
function exportLimitsOf(disk: sdk.Disk): readonly string[] {
  const { networkAccessPolicy, publicNetworkAccess, dataAccessAuthMode } = disk;
  return [
    ...(networkAccessPolicy === 'DenyAll' || networkAccessPolicy === 'AllowPrivate'
      ? [`networkAccessPolicy ${networkAccessPolicy}`]
      : []),
    ...(publicNetworkAccess === 'Disabled' ? ['publicNetworkAccess Disabled'] : []),
    ...(dataAccessAuthMode === 'AzureActiveDirectory'
      ? ['dataAccessAuthMode AzureActiveDirectory']
      : []),
  ];
}

function agentOf(statuses: sdk.InstanceViewStatus[] | undefined): VirtualMachine['agent'] {
  const status = statuses?.[0];
  if (status === undefined) return 'unknown';
  return status.displayStatus === 'Ready' ? 'ready' : 'notReady';
}

function securityTypeOf(type: string | undefined): VirtualMachine['securityType'] {
  return type === 'TrustedLaunch' || type === 'ConfidentialVM' ? type : undefined;
}

function generationOf(generation: string | undefined): 'V1' | 'V2' | undefined {
  return generation === 'V1' || generation === 'V2' ? generation : undefined;
}

function planOf(plan: sdk.Plan | undefined): VirtualMachine['plan'] {
  if (plan?.name === undefined || plan.product === undefined || plan.publisher === undefined) {
    return undefined;
  }
  return { name: plan.name, product: plan.product, publisher: plan.publisher };
}

/** The instance view knows what runs; the resource list knows it also of a stopped VM. */
function extensionsOf(vm: sdk.VirtualMachine): readonly string[] {
  const running = (vm.instanceView?.extensions ?? []).map((extension) => extension.name ?? '');
  const listed = (vm.resources ?? []).map((extension) => extension.name ?? '');
  return [...new Set([...running, ...listed])].filter((name) => name !== '');
}
