import type { BlobState, ResourceBody, World } from '../world.ts';
import type { ActiveGrant, ListedExports } from './grant-list.ts';

const types = [
  'Microsoft.Resources/resourceGroups',
  'Microsoft.Compute/virtualMachines',
  'Microsoft.Compute/disks',
  'Microsoft.Compute/snapshots',
  'Microsoft.Compute/images',
  'Microsoft.Compute/galleries',
  'Microsoft.Compute/galleries/images',
  'Microsoft.Compute/galleries/images/versions',
  'Microsoft.Network/networkSecurityGroups',
  'Microsoft.Network/virtualNetworks',
  'Microsoft.Network/publicIPAddresses',
  'Microsoft.Network/networkInterfaces',
  'Microsoft.Storage/storageAccounts',
  'Microsoft.Batch/batchAccounts',
];

/** Everything that is there, without signatures and keys. */
export interface State {
  /** Bodies by resource type. */
  readonly resources: Readonly<Record<string, readonly ResourceBody[]>>;
  /** What goes on in the VMs, by resource ID. */
  readonly guests: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly grants: readonly ActiveGrant[];
  readonly blobs: readonly BlobState[];
}

/** Reads the state of a world. */
export async function readState(
  world: World & { readonly exports: ListedExports },
): Promise<State> {
  const found = types.map(
    (type) => [type, world.resources.ofType(type).map(({ body }) => body)] as const,
  );
  return {
    resources: Object.fromEntries(found.filter(([, bodies]) => bodies.length > 0)),
    guests: Object.fromEntries(
      world.resources
        .ofType('Microsoft.Compute/virtualMachines')
        .map(({ id, unseen = {} }) => [id, unseen]),
    ),
    grants: world.exports.listActive(),
    blobs: await world.blobs.list(),
  };
}
