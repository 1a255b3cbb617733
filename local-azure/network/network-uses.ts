import { isAtOrUnder, isSame, nameOf } from '../arm/resource-id.ts';
import type { ArmResources } from '../arm/resource-store.ts';
import { badRequest } from './named-resources.ts';
import { networkTypes } from './network-resource.ts';
import type { NetworkResource } from './network-resource.ts';
import { ipConfigurations, usersOfGroup, vmOfInterface } from './references.ts';

/**
 * 400 for a resource that another one uses and that is to be deleted, in the words that users report.
 * https://learn.microsoft.com/troubleshoot/azure/virtual-network/virtual-network-troubleshoot-cannot-delete-vnet
 */
export function requireUnused(resources: ArmResources, { id, type }: NetworkResource): void {
  switch (type) {
    case networkTypes.networkInterface:
      requireFreeInterface(resources, id);
      break;
    case networkTypes.networkSecurityGroup:
      requireFreeGroup(resources, id);
      break;
    case networkTypes.publicAddress:
      requireFreeAddress(resources, id);
      break;
    case networkTypes.virtualNetwork:
      requireEmptySubnets(resources, id);
      break;
  }
}

function requireFreeInterface(resources: ArmResources, id: string): void {
  const vm = vmOfInterface(resources, id);
  if (vm === undefined) return;
  throw badRequest(
    'NicInUse',
    `Network Interface ${id} is used by existing resource ${vm.id}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`,
  );
}

function requireFreeGroup(resources: ArmResources, id: string): void {
  const { interfaces, subnets } = usersOfGroup(resources, id);
  const users = [...interfaces, ...subnets];
  if (users.length === 0) return;
  throw badRequest(
    'InUseNetworkSecurityGroupCannotBeDeleted',
    `Network security group ${id} cannot be deleted because it is in use by the following resources: ${users.join(', ')}. In order to delete the Network security group, remove the association with the resource(s). To learn how to do this, see aka.ms/deletensg.`,
  );
}

function requireFreeAddress(resources: ArmResources, id: string): void {
  const user = ipConfigurations(resources).find((one) => isSame(one.publicAddressId ?? '', id));
  if (user === undefined) return;
  throw badRequest(
    'PublicIPAddressCannotBeDeleted',
    `Public IP address ${id} can not be deleted since it is still allocated to resource ${user.id}. In order to delete the public IP, disassociate/detach the Public IP address from the resource.  To learn how to do this, see aka.ms/deletepublicip.`,
  );
}

function requireEmptySubnets(resources: ArmResources, id: string): void {
  const user = ipConfigurations(resources).find(({ subnetId }) => isAtOrUnder(subnetId, id));
  if (user === undefined) return;
  throw badRequest(
    'InUseSubnetCannotBeDeleted',
    `Subnet ${nameOf(user.subnetId)} is in use by ${user.id} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.`,
  );
}
