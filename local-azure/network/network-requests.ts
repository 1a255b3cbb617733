import { listAt, readTags, requireLocation, textAt, valueAt } from '../arm/request-body.ts';
import { nameOf } from '../arm/resource-id.ts';
import type { ArmResources } from '../arm/resource-store.ts';
import { uuidFrom } from '../arm/uuid.ts';
import { isWithin, readPrefix } from './address-prefix.ts';
import { readInterface } from './interface-request.ts';
import { badRequest, requireNamed } from './named-resources.ts';
import type { Asked } from './named-resources.ts';
import { networkTypes } from './network-resource.ts';
import type { NetworkParts, NetworkType } from './network-resource.ts';
import { readGroup } from './security-group-request.ts';

type Properties = Readonly<Record<string, unknown>>;

const readers: Readonly<Record<NetworkType, (asked: Asked) => Properties>> = {
  [networkTypes.networkSecurityGroup]: ({ id, body }) => readGroup(id, body),
  [networkTypes.virtualNetwork]: readNetwork,
  [networkTypes.networkInterface]: readInterface,
  [networkTypes.publicAddress]: readPublicAddress,
};

/** Reads what a PUT asks for; an ArmError for what Azure refuses. */
export function readNetworkRequest(
  type: NetworkType,
  id: string,
  body: unknown,
  resources: ArmResources,
): NetworkParts {
  const location = requireLocation(body);
  const sku = valueAt(body, 'sku');
  const zones = listAt(body, 'zones').map(String);
  return {
    ...{ id, type, location, tags: readTags(body) ?? {} },
    sku:
      type === networkTypes.publicAddress
        ? { name: textAt(sku, 'name') ?? 'Standard', tier: textAt(sku, 'tier') ?? 'Regional' }
        : undefined,
    zones: zones.length === 0 ? undefined : zones,
    properties: readers[type]({ id, location, body, resources }),
  };
}

function readNetwork(asked: Asked): Properties {
  const { id, body } = asked;
  const prefixes = listAt(body, 'properties', 'addressSpace', 'addressPrefixes').map(String);
  const space = prefixes.map((prefix) => requirePrefix(prefix, nameOf(id)));
  const subnets = listAt(body, 'properties', 'subnets').map((subnet) => {
    const name = textAt(subnet, 'name') ?? '';
    const given = (valueAt(subnet, 'properties') ?? {}) as Properties;
    const range = requirePrefix(
      textAt(given, 'addressPrefix') ?? String(listAt(given, 'addressPrefixes')[0]),
      name,
    );
    if (!space.some((outer) => isWithin(range, outer))) {
      throw badRequest(
        'NetcfgInvalidSubnet',
        `Subnet '${name}' is not valid in virtual network '${nameOf(id)}'.`,
      );
    }
    const group = textAt(given, 'networkSecurityGroup', 'id');
    if (group !== undefined) requireNamed(asked, group);
    return {
      name,
      id: `${id}/subnets/${name}`,
      properties: { provisioningState: 'Succeeded', ...given },
    };
  });
  return {
    resourceGuid: uuidFrom(id),
    addressSpace: { addressPrefixes: prefixes },
    subnets,
    virtualNetworkPeerings: [],
    enableDdosProtection: false,
  };
}

function readPublicAddress({ id, body }: Asked): Properties {
  const host = (Number.parseInt(uuidFrom(id).slice(0, 4), 16) % 254) + 1;
  return {
    resourceGuid: uuidFrom(id),
    // An address for documentation, RFC 5737.
    ipAddress: `203.0.113.${host}`,
    publicIPAddressVersion: 'IPv4',
    publicIPAllocationMethod: textAt(body, 'properties', 'publicIPAllocationMethod') ?? 'Static',
    idleTimeoutInMinutes: 4,
    ipTags: [],
  };
}

function requirePrefix(prefix: string, name: string): NonNullable<ReturnType<typeof readPrefix>> {
  const range = readPrefix(prefix);
  if (range !== undefined) return range;
  throw badRequest(
    'InvalidCIDRNotation',
    `The address prefix ${prefix} in resource ${name} has an invalid CIDR notation.`,
  );
}
