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
  const toReferences = (ids: readonly string[]) => ids.map((one) => ({ id: one }));
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
      return {
        ...(interfaces.length === 0 ? {} : { networkInterfaces: toReferences(interfaces) }),
        ...(subnets.length === 0 ? {} : { subnets: toReferences(subnets) }),
      };
    }
    case networkTypes.virtualNetwork: {
      const all = ipConfigurations(resources).filter(({ subnetId }) => isAtOrUnder(subnetId, id));
      return {
        subnets: listAt(parts.properties, 'subnets').map((subnet) => {
          const used = all.filter(({ subnetId }) => isSame(subnetId, textAt(subnet, 'id') ?? ''));
          const { properties, ...head } = subnet as { readonly properties: object };
          const ids = toReferences(used.map((one) => one.id));
          return {
            ...head,
            properties: { ...properties, ...(ids.length === 0 ? {} : { ipConfigurations: ids }) },
          };
        }),
      };
    }
  }
}
