import type * as sdk from '@azure/arm-compute';
import type { AgentReport, CloneDisk, CloneFacts, Usage, VmSize } from '../clone/clone-facts.ts';
import { vmFromModel } from './compute-models.ts';

/** The facts of a VM that was read with its instance view, and of its managed disks by lower-case ID. */
export function cloneFactsFromModels(
  vm: sdk.VirtualMachine,
  disks: ReadonlyMap<string, sdk.Disk>,
): CloneFacts {
  const { id, vmId, name, location, size, osType, powerState, isGeneralized, plan } =
    vmFromModel(vm);
  const { securityType, encryptionAtHost, uefiSettings } = vm.securityProfile ?? {};
  const { osDisk, dataDisks = [], diskControllerType } = vm.storageProfile ?? {};
  return {
    ...{ id, vmId, name, location, size, osType, powerState, isGeneralized, plan },
    sizeProperties: sizePropertiesOf(vm.hardwareProfile?.vmSizeProperties),
    zones: vm.zones ?? [],
    securityType,
    secureBoot: uefiSettings?.secureBootEnabled,
    vTpm: uefiSettings?.vTpmEnabled,
    encryptionAtHost,
    diskController: diskControllerType,
    licenseType: vm.licenseType,
    disks: [
      cloneDiskFrom('os', osDisk ?? {}, disks),
      ...dataDisks
        .toSorted((left, right) => left.lun - right.lun)
        .map((disk) => cloneDiskFrom(disk.lun, disk, disks)),
    ],
    interfaces: (vm.networkProfile?.networkInterfaces ?? []).map(({ id = '', deleteOption }) => ({
      id,
      isDeletedWithVm: deleteOption === 'Delete',
    })),
    notCarried: notCarriedOf(vm),
    edgeZone: vm.extendedLocation?.name,
  };
}

/** What the agent of a VM that was read with its instance view told last. */
export function agentReportFromModel(vm: sdk.VirtualMachine): AgentReport {
  const { vmId, powerState } = vmFromModel(vm);
  const status = vm.instanceView?.vmAgent?.statuses?.[0];
  return {
    vmId,
    powerState,
    isReady: status?.displayStatus === 'Ready',
    reportedAt: status?.time?.getTime(),
    madeAt: vm.timeCreated?.getTime(),
  };
}

/** A size of VMs from the list of what Compute offers; undefined for anything else in it. */
export function vmSizeFromModel(sku: sdk.ResourceSku): VmSize | undefined {
  if (sku.resourceType !== 'virtualMachines') return undefined;
  const capability = (asked: string) => sku.capabilities?.find(({ name }) => name === asked)?.value;
  return {
    name: sku.name ?? '',
    family: sku.family ?? '',
    vCpus: Number(capability('vCPUs') ?? 0),
    hasTemporaryDisk: capability('MaxResourceVolumeMB') !== '0',
    restrictions: (sku.restrictions ?? []).map((restriction) => ({
      reason: restriction.reasonCode ?? 'Restricted',
      zones: restriction.type === 'Zone' ? (restriction.restrictionInfo?.zones ?? []) : [],
    })),
  };
}

/** How much of a quota is used. */
export function usageFromModel({ name, currentValue, limit }: sdk.Usage): Usage {
  return { name: name.value ?? '', used: currentValue, limit };
}

function sizePropertiesOf(
  properties: sdk.VMSizeProperties | undefined,
): CloneFacts['sizeProperties'] {
  if (properties === undefined) return undefined;
  const { vCPUsAvailable: vCpusAvailable, vCPUsPerCore: vCpusPerCore } = properties;
  return { vCpusAvailable, vCpusPerCore };
}

function cloneDiskFrom(
  key: CloneDisk['key'],
  attached: Partial<sdk.OSDisk> | sdk.DataDisk,
  disks: ReadonlyMap<string, sdk.Disk>,
): CloneDisk {
  const diskId = attached.managedDisk?.id;
  const disk = disks.get((diskId ?? '').toLowerCase());
  const { diskEncryptionSetId: setId, type = 'EncryptionAtRestWithCustomerKey' } =
    disk?.encryption ?? {};
  return {
    ...{ key, diskId },
    name: attached.name ?? '',
    caching: attached.caching ?? 'None',
    isDeletedWithVm: attached.deleteOption === 'Delete',
    sku: disk?.sku?.name ?? 'Standard_LRS',
    zones: disk?.zones ?? [],
    isGuestEncrypted: disk?.encryptionSettingsCollection?.enabled === true,
    encryption: setId === undefined ? undefined : { type, setId },
  };
}

function notCarriedOf(vm: sdk.VirtualMachine): readonly string[] {
  const parts: readonly (readonly [boolean, string])[] = [
    [vm.identity !== undefined, 'identities'],
    [vm.userData !== undefined, 'user data'],
    [(vm.resources ?? []).length > 0, 'extensions'],
    [vm.availabilitySet !== undefined, 'the availability set'],
    [vm.virtualMachineScaleSet !== undefined, 'the scale set'],
    [vm.proximityPlacementGroup !== undefined, 'the proximity placement group'],
    [vm.host !== undefined || vm.hostGroup !== undefined, 'the dedicated host'],
    [vm.capacityReservation !== undefined, 'the capacity reservation'],
    [vm.priority !== undefined && vm.priority !== 'Regular', 'the Spot priority'],
    [vm.additionalCapabilities?.hibernationEnabled === true, 'hibernation'],
    [vm.applicationProfile !== undefined, 'gallery applications'],
  ];
  return parts.flatMap(([isThere, name]) => (isThere ? [name] : []));
}
