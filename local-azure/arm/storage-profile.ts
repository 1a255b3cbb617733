import type { AttachedDisk, VirtualMachineState } from './vm-state.ts';

/** The disks of a VM as its model lists them; a deallocated VM shows neither size nor SKU. */
export function buildStorageProfile(vm: VirtualMachineState): Record<string, unknown> {
  const isDeallocated = vm.powerState === 'deallocated';
  const { disks, model } = vm.parts;
  return {
    osDisk: {
      osType: model.osType,
      ...(disks.find(({ place }) => place === 'os')?.scenario.ephemeral === true
        ? { diffDiskSettings: { option: 'Local' } }
        : {}),
      ...describeDisk(
        disks.find(({ place }) => place === 'os'),
        isDeallocated,
      ),
    },
    dataDisks: disks
      .filter(({ place }) => place !== 'os')
      .map((attached) => ({ lun: attached.place, ...describeDisk(attached, isDeallocated) })),
    ...(model.diskController === undefined ? {} : { diskControllerType: model.diskController }),
  };
}

function describeDisk(
  attached: AttachedDisk | undefined,
  isDeallocated: boolean,
): Record<string, unknown> {
  if (attached === undefined) return {};
  const { scenario, disk, place, createOption, deleteOption } = attached;
  return {
    name: scenario.name,
    createOption: createOption ?? (place === 'os' ? 'FromImage' : 'Attach'),
    ...(disk === undefined ? { vhd: { uri: scenario.unmanagedUri } } : {}),
    caching: scenario.caching ?? (place === 'os' ? 'ReadWrite' : 'None'),
    ...(disk === undefined
      ? {}
      : {
          managedDisk: isDeallocated
            ? { id: disk.id }
            : { storageAccountType: disk.sku, id: disk.id },
        }),
    deleteOption: deleteOption ?? 'Detach',
    ...(isDeallocated && disk !== undefined
      ? {}
      : { diskSizeGB: disk?.sizeGiB ?? scenario.sizeGiB ?? 30 }),
    ...(place === 'os' ? {} : { toBeDetached: false }),
  };
}
