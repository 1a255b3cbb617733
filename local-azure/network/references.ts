import { listAt, textAt } from '../arm/request-body.ts';
import { isAtOrUnder, isSame } from '../arm/resource-id.ts';
import type { ArmResources } from '../arm/resource-store.ts';
import { VirtualMachine } from '../arm/virtual-machine.ts';
import { networkTypes, ofNetworkType } from './network-resource.ts';
import type { NetworkResource } from './network-resource.ts';

/** An IP configuration of a network interface. */
export interface IpConfiguration {
  readonly id: string;
  readonly subnetId: string;
  readonly address: string;
  readonly publicAddressId: string | undefined;
}

/** The IP configurations of all network interfaces. */
export function ipConfigurations(resources: ArmResources): readonly IpConfiguration[] {
  return ofNetworkType(resources, networkTypes.networkInterface).flatMap(({ parts }) =>
    listAt(parts.properties, 'ipConfigurations').map((one) => ({
      id: textAt(one, 'id') ?? '',
      subnetId: textAt(one, 'properties', 'subnet', 'id') ?? '',
      address: textAt(one, 'properties', 'privateIPAddress') ?? '',
      publicAddressId: textAt(one, 'properties', 'publicIPAddress', 'id'),
    })),
  );
}

/** The VM that has a network interface. */
export function vmOfInterface(resources: ArmResources, id: string): VirtualMachine | undefined {
  return resources
    .ofType('Microsoft.Compute/virtualMachines')
    .filter((one) => one instanceof VirtualMachine)
    .find(({ parts }) => parts.model.interfaces.some((one) => isSame(one.id, id)));
}

/** What has a security group: interfaces and subnets, by ID. */
export function usersOfGroup(
  resources: ArmResources,
  id: string,
): { readonly interfaces: readonly string[]; readonly subnets: readonly string[] } {
  const has = (value: unknown): boolean =>
    isSame(textAt(value, 'networkSecurityGroup', 'id') ?? '', id);
  return {
    interfaces: ofNetworkType(resources, networkTypes.networkInterface)
      .filter(({ parts }) => has(parts.properties))
      .map((one) => one.id),
    subnets: ofNetworkType(resources, networkTypes.virtualNetwork)
      .flatMap(({ parts }) => listAt(parts.properties, 'subnets'))
      .filter((subnet) => has((subnet as { readonly properties?: unknown }).properties))
      .map((subnet) => textAt(subnet, 'id') ?? ''),
  };
}

/** The properties of a resource that follow from others. */
export function linksOf(
  resources: ArmResources,
  { id, type, parts }: NetworkResource,
): Readonly<Record<string, unknown>> {
  switch (type) {
    case networkTypes.networkInterface: {
      const vm = vmOfInterface(resources, id);
      return vm === undefined ? {} : { virtualMachine: { id: vm.id } };
    }
    case networkTypes.publicAddress: {
      const user = ipConfigurations(resources).find((one) => isSame(one.publicAddressId ?? '', id));
      return user === undefined ? {} : { ipConfiguration: { id: user.id } };
    }
    case networkTypes.networkSecurityGroup: {
      const { interfaces, subnets } = usersOfGroup(resources, id);
      return { ...toLinks('networkInterfaces', interfaces), ...toLinks('subnets', subnets) };
    }
    case networkTypes.virtualNetwork: {
      const used = ipConfigurations(resources).filter(({ subnetId }) => isAtOrUnder(subnetId, id));
      const subnets = listAt(parts.properties, 'subnets');
      return { subnets: subnets.map((subnet) => linkSubnet(subnet, used)) };
    }
  }
}

function linkSubnet(subnet: unknown, used: readonly IpConfiguration[]): unknown {
  const { properties, ...head } = subnet as { readonly properties: object };
  const ids = used
    .filter(({ subnetId }) => isSame(subnetId, textAt(subnet, 'id') ?? ''))
    .map(({ id }) => id);
  return { ...head, properties: { ...properties, ...toLinks('ipConfigurations', ids) } };
}

/** Nothing is shown of what is not there. */
function toLinks(name: string, ids: readonly string[]): Readonly<Record<string, unknown>> {
  return ids.length === 0 ? {} : { [name]: ids.map((id) => ({ id })) };
}
