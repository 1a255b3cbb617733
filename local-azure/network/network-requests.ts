import { ArmError } from '../arm/arm-error.ts';
import { listAt, readTags, requireLocation, textAt, valueAt } from '../arm/request-body.ts';
import { isSame, isSameLocation, nameOf } from '../arm/resource-id.ts';
import type { ArmResources } from '../arm/resource-store.ts';
import { uuidFrom } from '../arm/uuid.ts';
import { freeAddress, isWithin, readPrefix } from './address-prefix.ts';
import { networkTypes } from './network-resource.ts';
import type { NetworkParts, NetworkType } from './network-resource.ts';
import { ipConfigurations } from './references.ts';

type Properties = Readonly<Record<string, unknown>>;

interface Asked {
  readonly id: string;
  readonly location: string;
  readonly body: unknown;
  readonly resources: ArmResources;
}

const readers: Readonly<Record<NetworkType, (asked: Asked) => Properties>> = {
  [networkTypes.networkSecurityGroup]: readGroup,
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

/** The subnet with an ID, as its network has it. */
export function findSubnet(resources: ArmResources, id: string): Properties | undefined {
  const network = resources.get(id.replace(/\/subnets\/[^/]+$/i, ''));
  const found = listAt(network?.body.properties, 'subnets').find((one) =>
    isSame(textAt(one, 'id') ?? '', id),
  );
  return found as Properties | undefined;
}

function readGroup({ id, body }: Asked): Properties {
  const rules = listAt(body, 'properties', 'securityRules').map((rule) => {
    const name = textAt(rule, 'name') ?? '';
    const given = (valueAt(rule, 'properties') ?? {}) as Properties;
    for (const needed of ['protocol', 'access', 'direction', 'priority']) {
      if (valueAt(given, needed) === undefined) {
        throw badRequest(
          'SecurityRuleParameterValueMissing',
          `Required security rule parameter '${needed}' is missing for security rule '${name}'.`,
        );
      }
    }
    return {
      name,
      id: `${id}/securityRules/${name}`,
      properties: { provisioningState: 'Succeeded', ...given },
    };
  });
  const seen = new Map<string, string>();
  for (const { id: ruleId, name, properties } of rules) {
    const priority = Number(valueAt(properties, 'priority'));
    if (!(priority >= 100 && priority <= 4096)) {
      throw badRequest(
        'SecurityRuleInvalidPriority',
        `Security rule has invalid Priority. Value provided: ${priority} Allowed range 100-4096. Rule: ${name}.`,
      );
    }
    const key = `${priority} ${textAt(properties, 'direction')?.toLowerCase() ?? ''}`;
    const other = seen.get(key);
    if (other !== undefined) {
      throw badRequest(
        'SecurityRuleConflict',
        `Security rule ${ruleId} conflicts with rule ${other}. Rules cannot have the same Priority and Direction.`,
      );
    }
    seen.set(key, ruleId);
  }
  return { resourceGuid: uuidFrom(id), securityRules: rules, defaultSecurityRules: [] };
}

function readNetwork({ id, location, body, resources }: Asked): Properties {
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
    if (group !== undefined) requireThere(resources, group, { id, location });
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

function readInterface({ id, location, body, resources }: Asked): Properties {
  const group = textAt(body, 'properties', 'networkSecurityGroup', 'id');
  if (group !== undefined) requireThere(resources, group, { id, location });
  const asked = listAt(body, 'properties', 'ipConfigurations');
  if (asked.length === 0) {
    throw badRequest(
      'NetworkInterfaceMustHaveAtLeastOneIpConfiguration',
      `Network interface ${id} must have one or more IP configurations.`,
    );
  }
  const others = ipConfigurations(resources).filter((one) => !one.id.startsWith(`${id}/`));
  const taken = new Set(
    others.map(({ subnetId, address }) => `${subnetId.toLowerCase()} ${address}`),
  );
  const configurations = asked.map((one, index) => {
    const name = textAt(one, 'name') ?? `ipconfig${index}`;
    const subnetId = textAt(one, 'properties', 'subnet', 'id') ?? '';
    const subnet = findSubnet(resources, subnetId);
    requireThere(
      resources,
      subnet === undefined ? subnetId : subnetId.replace(/\/subnets\/.*$/i, ''),
      { id, location },
    );
    const publicId = textAt(one, 'properties', 'publicIPAddress', 'id');
    if (publicId !== undefined) requireFreeAddress(resources, publicId, { id, location }, others);
    return {
      name,
      id: `${id}/ipConfigurations/${name}`,
      properties: {
        provisioningState: 'Succeeded',
        privateIPAddress: chooseAddress(one, subnet ?? {}, subnetId, taken),
        privateIPAllocationMethod:
          textAt(one, 'properties', 'privateIPAllocationMethod') ?? 'Dynamic',
        subnet: { id: subnetId },
        ...(publicId === undefined ? {} : { publicIPAddress: { id: publicId } }),
        primary: index === 0,
        privateIPAddressVersion: 'IPv4',
      },
    };
  });
  const accelerated = valueAt(body, 'properties', 'enableAcceleratedNetworking') === true;
  return {
    resourceGuid: uuidFrom(id),
    ipConfigurations: configurations,
    dnsSettings: { dnsServers: [], appliedDnsServers: [] },
    enableAcceleratedNetworking: accelerated,
    enableIPForwarding: false,
    ...(group === undefined ? {} : { networkSecurityGroup: { id: group } }),
  };
}

function chooseAddress(
  asked: unknown,
  subnet: Properties,
  subnetId: string,
  taken: Set<string>,
): string {
  const key = subnetId.toLowerCase();
  const range = readPrefix(textAt(subnet, 'properties', 'addressPrefix') ?? '');
  const used = new Set(
    [...taken].filter((one) => one.startsWith(`${key} `)).map((one) => one.slice(key.length + 1)),
  );
  const fixed = textAt(asked, 'properties', 'privateIPAddress');
  const address = fixed ?? (range && freeAddress(range, used));
  if (address === undefined) {
    throw badRequest(
      'SubnetIsFull',
      `Subnet ${nameOf(subnetId)} with address prefix ${textAt(subnet, 'properties', 'addressPrefix') ?? ''} does not have enough capacity for 1 IP addresses.`,
    );
  }
  if (used.has(address)) {
    throw badRequest(
      'PrivateIPAddressInUse',
      `IP configuration is using the private IP address ${address} which is already allocated to another resource.`,
    );
  }
  taken.add(`${key} ${address}`);
  return address;
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

interface Referrer {
  readonly id: string;
  readonly location: string;
}

function requireThere(resources: ArmResources, id: string, { id: by, location }: Referrer): void {
  const found = resources.get(id);
  if (found !== undefined && isSameLocation(found.body.location, location)) return;
  throw badRequest(
    'InvalidResourceReference',
    `Resource ${id} referenced by resource ${by} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
  );
}

function requireFreeAddress(
  resources: ArmResources,
  id: string,
  by: Referrer,
  others: ReturnType<typeof ipConfigurations>,
): void {
  requireThere(resources, id, by);
  const user = others.find(({ publicAddressId }) => isSame(publicAddressId ?? '', id));
  if (user === undefined) return;
  throw badRequest(
    'PublicIPAddressInUse',
    `Resource ${by.id} is referencing public IP address ${id} that is already allocated to resource ${user.id}.`,
  );
}

function requirePrefix(prefix: string, name: string): NonNullable<ReturnType<typeof readPrefix>> {
  const range = readPrefix(prefix);
  if (range !== undefined) return range;
  throw badRequest(
    'InvalidCIDRNotation',
    `The address prefix ${prefix} in resource ${name} has an invalid CIDR notation.`,
  );
}

function badRequest(code: string, message: string): ArmError {
  return new ArmError(400, code, message);
}
