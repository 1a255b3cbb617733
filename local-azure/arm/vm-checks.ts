import { vmOfInterface } from '../network/references.ts';
import { ArmError, operationNotAllowed, sourceNotFound } from './arm-error.ts';
import type { Arm } from './call.ts';
import type { ManagedDisk } from './managed-disk.ts';
import { isSame, isSameLocation, nameOf } from './resource-id.ts';
import type { DiskAttachment, VmRequest } from './vm-request.ts';

/** The disks that a VM would have, in the order of the request; an ArmError for those that it cannot have. */
export function requireDisks(
  arm: Arm,
  vmId: string,
  request: VmRequest,
): readonly { readonly asked: DiskAttachment; readonly disk: ManagedDisk }[] {
  return request.disks.map((asked) => {
    const disk = arm.world.resources.disk(asked.diskId);
    if (disk === undefined) throw sourceNotFound(nameOf(asked.diskId));
    requirePlace(disk, request);
    requireFree(disk, vmId);
    if (asked.place === 'os') requireSystem(disk, vmId, request);
    return { asked, disk };
  });
}

/** An ArmError for interfaces that a VM cannot have. */
export function requireInterfaces(arm: Arm, vmId: string, request: VmRequest): void {
  const { resources } = arm.world;
  for (const { id } of request.interfaces) {
    const found = resources.get(id);
    if (found === undefined || !isSameLocation(found.body.location, request.location)) {
      throw new ArmError(
        400,
        'InvalidResourceReference',
        `Resource ${id} referenced by resource ${vmId} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
      );
    }
    const user = vmOfInterface(resources, id);
    if (user === undefined || isSame(user.id, vmId)) continue;
    throw new ArmError(
      400,
      'NicInUse',
      `Network Interface ${id} is used by existing resource ${user.id}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`,
    );
  }
}

function requirePlace({ id, location, zones }: ManagedDisk, request: VmRequest): void {
  if (!isSameLocation(location, request.location)) {
    throw badRequest(
      `Disk ${id} cannot be attached to the VM because it is not in location '${request.location}'.`,
    );
  }
  const [zone] = request.zones;
  const [diskZone] = zones;
  if (zone === diskZone) return;
  throw badRequest(
    zone === undefined
      ? `Disk ${id} cannot be attached to the VM because the VM is not in zone '${diskZone ?? ''}'.`
      : `Disk ${id} cannot be attached to the VM because it is not in zone '${zone}'.`,
  );
}

function requireFree(disk: ManagedDisk, vmId: string): void {
  const name = nameOf(disk.id);
  if (disk.owner !== undefined && !isSame(disk.owner.id, vmId)) {
    throw new ArmError(
      409,
      'ConflictingUserInput',
      `Disk '${disk.id}' cannot be attached as the disk is already owned by VM '${disk.owner.id}'.`,
    );
  }
  if (!disk.access.isTaken) return;
  throw operationNotAllowed(
    `There is an active shared access signature outstanding for disk ${name}. Call EndGetAccess before attaching this disk.`,
  );
}

function requireSystem(disk: ManagedDisk, vmId: string, request: VmRequest): void {
  const { osType, securityType, hyperVGeneration = 'V2' } = disk.platform;
  if (osType !== undefined && osType !== request.osType) {
    throw badRequest(`The OS type of disk ${disk.id} is ${osType}, not ${request.osType}.`);
  }
  if (securityType !== request.securityType) {
    throw badRequest(
      'Security type of VM is not compatible with the security type of attached OS Disk.',
    );
  }
  // Sizes of the A series boot the first generation only: https://learn.microsoft.com/azure/virtual-machines/generation-2
  if (/^Standard_A\d/.test(request.size) && hyperVGeneration === 'V2') {
    throw badRequest(
      `The selected VM size '${request.size}' cannot boot Hypervisor Generation '2'. If this was a Create operation please check that the Hypervisor Generation of the Image matches the Hypervisor Generation of the selected VM Size.`,
    );
  }
  if (disk.plan === undefined || request.plan !== undefined) return;
  throw new ArmError(
    400,
    'VMMarketplaceInvalidInput',
    `Creating a virtual machine from Marketplace image or a custom image sourced from a Marketplace image requires Plan information in the request. VM: '${vmId}'.`,
  );
}

function badRequest(message: string): ArmError {
  return new ArmError(400, 'BadRequest', message);
}
