import type { Azure } from '../azure/session.ts';
import type { ListedResource } from '../azure/temporary-resources.ts';
import { each } from '../concurrency.ts';
import { ActionError, explain, listOf } from '../errors.ts';
import type { ListedBlob, ListedSnapshot, StorageAccount } from '../facts.ts';
import { parseResourceId, resourceGroupId } from '../resource-id.ts';
import type { SweepInputs } from './inputs.ts';

/** Everything that is there, marked or not. */
export interface Surroundings {
  readonly snapshots: readonly ListedSnapshot[];
  readonly blobs: readonly ListedBlob[];
  /** VMs, disks and networks. */
  readonly resources: readonly ListedResource[];
  /** Why copies of VMs were not looked for, for a warning; undefined when they were. */
  readonly unseen?: string;
}

/** The part of Azure that is looked at. */
type Sight = Pick<Azure, 'compute' | 'blobs' | 'accounts' | 'temporaryResources'>;

/** Lists the snapshots, blobs and other resources that the sweep has to judge. Changes nothing; throws when a list cannot be had. */
export async function lookAround(
  inputs: SweepInputs,
  azure: Sight,
  signal: AbortSignal,
): Promise<Surroundings> {
  const accounts = await findAccounts(inputs, azure, signal);
  const snapshots = await listSnapshots(inputs, azure, signal);
  const resources = await listResources(inputs, azure, signal);
  const blobs = await each(accounts, signal, (account, linked) =>
    listBlobs(account, inputs.container, azure, linked),
  );
  return { snapshots, blobs: blobs.flat(), ...resources };
}

async function listSnapshots(
  inputs: SweepInputs,
  { compute }: Sight,
  signal: AbortSignal,
): Promise<readonly ListedSnapshot[]> {
  const { subscriptionId, resourceGroup } = inputs;
  try {
    return await compute.listSnapshots(subscriptionId, resourceGroup, signal);
  } catch (error) {
    throw explain(`Could not list the snapshots of ${placeOf(inputs)}`, error);
  }
}

/** A copy that is seen in part only is left alone: its parts are closed in an order. */
async function listResources(
  inputs: SweepInputs,
  { temporaryResources }: Sight,
  signal: AbortSignal,
): Promise<Pick<Surroundings, 'resources' | 'unseen'>> {
  const { subscriptionId, resourceGroup } = inputs;
  const scope =
    resourceGroup === undefined
      ? `/subscriptions/${subscriptionId}`
      : resourceGroupId({ subscriptionId, resourceGroup });
  try {
    const { resources, lacking } = await temporaryResources.list(scope, signal);
    if (lacking.length === 0) return { resources };
    const unseen = `Copies of VMs were not looked for: the identity lacks ${listOf(lacking)} on "${scope}". Grant it a role that has them (docs/permissions.md); what dead runs left of copies stays until then.`;
    return { resources: [], unseen };
  } catch (error) {
    throw explain(`Could not list the VMs, disks and networks of ${placeOf(inputs)}`, error);
  }
}

function placeOf({ subscriptionId, resourceGroup }: SweepInputs): string {
  return resourceGroup === undefined
    ? `subscription "${subscriptionId}"`
    : `resource group "${resourceGroup}" of subscription "${subscriptionId}"`;
}

async function listBlobs(
  { name, blobEndpoint }: StorageAccount,
  container: string,
  { blobs }: Sight,
  signal: AbortSignal,
): Promise<readonly ListedBlob[]> {
  try {
    return await blobs.listBlobs(blobEndpoint, container, signal);
  } catch (error) {
    const what = `container "${container}" in storage account "${name}"`;
    throw explain(`Could not list the blobs of ${what}`, error);
  }
}

/** Names are looked up in one list of the subscription; IDs are read one by one. */
async function findAccounts(
  { subscriptionId, storageAccounts }: SweepInputs,
  { accounts }: Sight,
  signal: AbortSignal,
): Promise<readonly StorageAccount[]> {
  const ids = storageAccounts.filter((asked) => parseResourceId(asked) !== undefined);
  const names = storageAccounts.filter((asked) => !ids.includes(asked));
  try {
    const byId = await each(ids, signal, (id, linked) => accounts.get(id, linked));
    const all = names.length === 0 ? [] : await accounts.list(subscriptionId, signal);
    const missing = names.filter((asked) => !all.some(({ name }) => name === asked));
    if (missing.length > 0) {
      const quoted = listOf(missing.map((name) => `"${name}"`));
      throw new ActionError(
        'input',
        `Subscription "${subscriptionId}" has no storage account ${quoted}, or it is not to be seen. Correct "storage-accounts", or give resource IDs.`,
      );
    }
    return [...byId, ...all.filter(({ name }) => names.includes(name))];
  } catch (error) {
    throw explain('Could not look up the storage accounts', error);
  }
}
