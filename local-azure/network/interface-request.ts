import { listAt, textAt, valueAt } from '../arm/request-body.ts';
import { nameOf } from '../arm/resource-id.ts';
import { uuidFrom } from '../arm/uuid.ts';
import { freeAddress, readPrefix } from './address-prefix.ts';
import { badRequest, findSubnet, requireNamed, requireUnusedAddress } from './named-resources.ts';
import type { Asked } from './named-resources.ts';
import { ipConfigurations } from './references.ts';

type Properties = Readonly<Record<string, unknown>>;

/** The properties of a network interface; it gets addresses of its subnets. */
export function readInterface(asked: Asked): Properties {
  const { id, body, resources } = asked;
  const group = textAt(body, 'properties', 'networkSecurityGroup', 'id');
  if (group !== undefined) requireNamed(asked, group);
  const configurations = listAt(body, 'properties', 'ipConfigurations');
  if (configurations.length === 0) {
    throw badRequest(
      'NetworkInterfaceMustHaveAtLeastOneIpConfiguration',
      `Network interface ${id} must have one or more IP configurations.`,
    );
  }
  const others = ipConfigurations(resources).filter((one) => !one.id.startsWith(`${id}/`));
  const taken = new Set(others.map(({ subnetId, address }) => keyOf(subnetId, address)));
  const accelerated = valueAt(body, 'properties', 'enableAcceleratedNetworking') === true;
  return {
    resourceGuid: uuidFrom(id),
    ipConfigurations: configurations.map((one, index) =>
      readConfiguration(asked, one, index, taken),
    ),
    dnsSettings: { dnsServers: [], appliedDnsServers: [] },
    enableAcceleratedNetworking: accelerated,
    enableIPForwarding: false,
    ...(group === undefined ? {} : { networkSecurityGroup: { id: group } }),
  };
}

function readConfiguration(
  asked: Asked,
  given: unknown,
  index: number,
  taken: Set<string>,
): Properties {
  const name = textAt(given, 'name') ?? `ipconfig${index}`;
  const subnetId = textAt(given, 'properties', 'subnet', 'id') ?? '';
  const subnet = findSubnet(asked.resources, subnetId);
  // A subnet is where its network is.
  requireNamed(asked, subnetId, subnet && subnetId.replace(/\/subnets\/.*$/i, ''));
  const publicId = textAt(given, 'properties', 'publicIPAddress', 'id');
  if (publicId !== undefined) requireUnusedAddress(asked, publicId);
  return {
    name,
    id: `${asked.id}/ipConfigurations/${name}`,
    properties: {
      provisioningState: 'Succeeded',
      privateIPAddress: chooseAddress(given, subnet ?? {}, subnetId, taken),
      privateIPAllocationMethod:
        textAt(given, 'properties', 'privateIPAllocationMethod') ?? 'Dynamic',
      subnet: { id: subnetId },
      ...(publicId === undefined ? {} : { publicIPAddress: { id: publicId } }),
      primary: index === 0,
      privateIPAddressVersion: 'IPv4',
    },
  };
}

function chooseAddress(
  given: unknown,
  subnet: Properties,
  subnetId: string,
  taken: Set<string>,
): string {
  const prefix = textAt(subnet, 'properties', 'addressPrefix') ?? '';
  const range = readPrefix(prefix);
  const isTaken = (one: string): boolean => taken.has(keyOf(subnetId, one));
  const address =
    textAt(given, 'properties', 'privateIPAddress') ?? (range && freeAddress(range, isTaken));
  if (address === undefined) {
    throw badRequest(
      'SubnetIsFull',
      `Subnet ${nameOf(subnetId)} with address prefix ${prefix} does not have enough capacity for 1 IP addresses.`,
    );
  }
  if (isTaken(address)) {
    throw badRequest(
      'PrivateIPAddressInUse',
      `IP configuration is using the private IP address ${address} which is already allocated to another resource.`,
    );
  }
  taken.add(keyOf(subnetId, address));
  return address;
}

function keyOf(subnetId: string, address: string): string {
  return `${subnetId.toLowerCase()} ${address}`;
}
