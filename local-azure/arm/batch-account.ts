import type { ScenarioBatchAccount } from '../scenario.ts';
import type { Resource } from '../world.ts';

/** The resource type of an account of Azure Batch. */
export const batchAccountType = 'Microsoft.Batch/batchAccounts';

/** An account of Azure Batch in the shape of its GET. */
export function buildBatchAccount(
  scenario: ScenarioBatchAccount,
  place: { readonly id: string; readonly location: string },
): Resource {
  const { name, tags, poolAllocationMode = 'BatchService' } = scenario;
  const accountEndpoint = `${name}.${place.location}.batch.azure.com`;
  return {
    id: place.id,
    body: {
      id: place.id,
      name,
      type: batchAccountType,
      location: place.location,
      tags: { ...tags },
      identity: { type: 'None' },
      properties: {
        accountEndpoint,
        provisioningState: 'Succeeded',
        poolAllocationMode,
        // An account with pools in its own subscription has that one's quota.
        ...(poolAllocationMode === 'BatchService' && {
          dedicatedCoreQuota: 20,
          lowPriorityCoreQuota: 20,
        }),
        poolQuota: 20,
        activeJobAndJobScheduleQuota: 20,
        publicNetworkAccess: 'Enabled',
      },
    },
  };
}
