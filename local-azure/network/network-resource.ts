import type { ArmResources } from '../arm/resource-store.ts';
import { nameOf } from '../arm/resource-id.ts';
import type { Resource, ResourceBody } from '../world.ts';

/** The types of Microsoft.Network that there are. */
export const networkTypes = {
  networkSecurityGroup: 'Microsoft.Network/networkSecurityGroups',
  virtualNetwork: 'Microsoft.Network/virtualNetworks',
  networkInterface: 'Microsoft.Network/networkInterfaces',
  publicAddress: 'Microsoft.Network/publicIPAddresses',
} as const;

export type NetworkType = (typeof networkTypes)[keyof typeof networkTypes];

/** What a resource of a network is made of. */
export interface NetworkParts {
  readonly id: string;
  readonly type: NetworkType;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly sku?: Readonly<Record<string, string>> | undefined;
  readonly zones?: readonly string[] | undefined;
  /** Its own properties; what refers to it is worked out when it is shown. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A resource of a network: a security group, a virtual network, an interface or a public address. */
export class NetworkResource implements Resource {
  readonly id: string;
  readonly type: NetworkType;
  readonly location: string;
  parts: NetworkParts;
  provisioningState: 'Updating' | 'Succeeded' | 'Failed' | 'Deleting' = 'Succeeded';
  readonly #links: (resource: NetworkResource) => Readonly<Record<string, unknown>>;

  /** `links` tells the properties that follow from other resources. */
  constructor(
    parts: NetworkParts,
    links: (resource: NetworkResource) => Readonly<Record<string, unknown>>,
  ) {
    this.parts = parts;
    this.id = parts.id;
    this.type = parts.type;
    this.location = parts.location;
    this.#links = links;
  }

  get body(): ResourceBody {
    const { sku, zones, tags, properties } = this.parts;
    return {
      name: nameOf(this.id),
      id: this.id,
      etag: 'W/"00000000-0000-4000-8000-000000000001"',
      type: this.type,
      location: this.location,
      tags: { ...tags },
      ...(sku === undefined ? {} : { sku }),
      ...(zones === undefined ? {} : { zones }),
      properties: {
        provisioningState: this.provisioningState,
        ...properties,
        ...this.#links(this),
      },
    };
  }
}

/** The resources of one of the types, of all that there are. */
export function ofNetworkType(
  resources: ArmResources,
  type: NetworkType,
): readonly NetworkResource[] {
  return resources.ofType(type).filter((one) => one instanceof NetworkResource);
}
