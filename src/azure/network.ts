import { found, type Patience } from './compute-clients.ts';
import type { ChangeOptions, ResourceManager } from './resource-manager.ts';

/** A rule of a network security group; it is for all sources and all ports of a source. */
export interface SecurityRule {
  readonly name: string;
  readonly direction: 'Inbound' | 'Outbound';
  readonly access: 'Allow' | 'Deny';
  /** From 100; the lowest that fits decides. */
  readonly priority: number;
  readonly protocol: 'Tcp' | '*';
  /** A service tag, an address range or `*`. */
  readonly destination: string;
  readonly port: string;
}

interface NetworkRequest {
  readonly id: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
}

export type SecurityGroupRequest = NetworkRequest & { readonly rules: readonly SecurityRule[] };

/** A virtual network with one subnet. */
export type VirtualNetworkRequest = NetworkRequest & {
  readonly addressPrefix: string;
  readonly subnetName: string;
  /**
   * Whether the subnet has Azure's own way out. It is always said: newer API versions have another default.
   * https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access
   */
  readonly hasOutbound: boolean;
};

/** A network interface without a public address. */
export type InterfaceRequest = NetworkRequest & {
  readonly subnetId: string;
  readonly securityGroupId: string;
};

/** A network interface as it is. */
export interface NetworkInterface {
  readonly id: string;
  readonly vmId: string | undefined;
  /** What else uses it, such as a private endpoint. */
  readonly otherUses: readonly string[];
  readonly publicAddressIds: readonly string[];
}

/** A public IP address as it is. */
export interface PublicAddress {
  readonly id: string;
  /** The IP configuration that it is on. */
  readonly usedBy: string | undefined;
  /** What else uses it, such as a NAT gateway. */
  readonly otherUses: readonly string[];
}

/** A subnet as far as a network interface needs it. */
export interface Subnet {
  readonly id: string;
  /** Of its virtual network. */
  readonly location: string;
}

/** Verbs on networks: https://learn.microsoft.com/rest/api/virtualnetwork */
export interface Network {
  createSecurityGroup(request: SecurityGroupRequest, signal: AbortSignal): Promise<void>;
  createVirtualNetwork(request: VirtualNetworkRequest, signal: AbortSignal): Promise<void>;
  createInterface(request: InterfaceRequest, signal: AbortSignal): Promise<void>;
  /** Undefined when there is none. */
  getInterface(id: string, signal: AbortSignal): Promise<NetworkInterface | undefined>;
  getPublicAddress(id: string, signal: AbortSignal): Promise<PublicAddress | undefined>;
  getSubnet(id: string, signal: AbortSignal): Promise<Subnet | undefined>;
}

export const NETWORK_API_VERSION = '2024-05-01';
export const networkPatience: Patience = {
  deadlineMs: 10 * 60_000,
  intervalMs: 2_000,
  firstPauseMs: 1_000,
};

/** Networks over the resource manager. */
export function createNetwork(resourceManager: ResourceManager): Network {
  const put = async (
    { id, location, tags }: NetworkRequest,
    properties: unknown,
    signal: AbortSignal,
  ): Promise<void> => {
    const options: ChangeOptions = {
      ...{ apiVersion: NETWORK_API_VERSION, patience: networkPatience, signal },
    };
    await resourceManager.put(id, { location, tags, properties }, options);
  };
  const get = async <T>(id: string, signal: AbortSignal): Promise<T | undefined> =>
    (await found(resourceManager.get(id, NETWORK_API_VERSION, signal))) as T | undefined;

  return {
    async createSecurityGroup(request, signal) {
      await put(request, { securityRules: request.rules.map(securityRule) }, signal);
    },
    async createVirtualNetwork(request, signal) {
      const { addressPrefix, subnetName: name, hasOutbound: defaultOutboundAccess } = request;
      const subnet = { name, properties: { addressPrefix, defaultOutboundAccess } };
      const addressSpace = { addressPrefixes: [addressPrefix] };
      await put(request, { addressSpace, subnets: [subnet] }, signal);
    },
    async createInterface(request, signal) {
      const { subnetId, securityGroupId } = request;
      const ipConfiguration = {
        name: 'primary',
        properties: { subnet: { id: subnetId }, privateIPAllocationMethod: 'Dynamic' },
      };
      const networkSecurityGroup = { id: securityGroupId };
      await put(request, { ipConfigurations: [ipConfiguration], networkSecurityGroup }, signal);
    },
    async getInterface(id, signal) {
      const model = await get<InterfaceModel>(id, signal);
      return model && interfaceFromModel(model);
    },
    async getPublicAddress(id, signal) {
      const model = await get<PublicAddressModel>(id, signal);
      return model && publicAddressFromModel(model);
    },
    async getSubnet(id, signal) {
      const [networkId = ''] = id.split(/\/subnets\//i);
      const [subnet, network] = await Promise.all([
        get<Reference>(id, signal),
        get<{ readonly location?: string }>(networkId, signal),
      ]);
      return subnet && network && { id: subnet.id ?? id, location: network.location ?? '' };
    },
  };
}

function securityRule(rule: SecurityRule): unknown {
  const { name, direction, access, priority, protocol, destination, port } = rule;
  return {
    name,
    properties: {
      ...{ direction, access, priority, protocol },
      ...{ sourceAddressPrefix: '*', sourcePortRange: '*' },
      ...{ destinationAddressPrefix: destination, destinationPortRange: port },
    },
  };
}

interface Reference {
  readonly id?: string;
}

interface InterfaceModel extends Reference {
  readonly properties?: {
    readonly virtualMachine?: Reference;
    readonly privateEndpoint?: Reference;
    readonly privateLinkService?: Reference;
    readonly ipConfigurations?: readonly {
      readonly properties?: {
        readonly publicIPAddress?: Reference;
        readonly loadBalancerBackendAddressPools?: readonly Reference[];
        readonly loadBalancerInboundNatRules?: readonly Reference[];
        readonly applicationGatewayBackendAddressPools?: readonly Reference[];
      };
    }[];
  };
}

interface PublicAddressModel extends Reference {
  readonly properties?: {
    readonly ipConfiguration?: Reference;
    readonly natGateway?: Reference;
    readonly linkedPublicIPAddress?: Reference;
  };
}

function interfaceFromModel({ id = '', properties = {} }: InterfaceModel): NetworkInterface {
  const configurations = (properties.ipConfigurations ?? []).map((one) => one.properties ?? {});
  const others = [
    properties.privateEndpoint,
    properties.privateLinkService,
    ...configurations.flatMap((one) => [
      ...(one.loadBalancerBackendAddressPools ?? []),
      ...(one.loadBalancerInboundNatRules ?? []),
      ...(one.applicationGatewayBackendAddressPools ?? []),
    ]),
  ];
  return {
    id,
    vmId: properties.virtualMachine?.id,
    otherUses: idsOf(others),
    publicAddressIds: idsOf(configurations.map(({ publicIPAddress }) => publicIPAddress)),
  };
}

function publicAddressFromModel({ id = '', properties = {} }: PublicAddressModel): PublicAddress {
  const { ipConfiguration, natGateway, linkedPublicIPAddress } = properties;
  return {
    id,
    usedBy: ipConfiguration?.id,
    otherUses: idsOf([natGateway, linkedPublicIPAddress]),
  };
}

function idsOf(references: readonly (Reference | undefined)[]): readonly string[] {
  return references.flatMap((reference) => reference?.id ?? []);
}
