import type { ArmResources } from '../arm/resource-store.ts';
import { NetworkResource } from './network-resource.ts';
import type { NetworkParts } from './network-resource.ts';
import { linksOf } from './references.ts';

/** Puts a resource of the scenario, or of a request, into the store. */
export function addNetworkResource(resources: ArmResources, parts: NetworkParts): NetworkResource {
  const resource = new NetworkResource(parts, (one) => linksOf(resources, one));
  resources.put(resource);
  return resource;
}
