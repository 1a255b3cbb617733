import type { Scenario } from '../../local-azure/scenario.ts';

export const tenantId = '0d6f1a2b-7c3e-4f58-9a1d-2b3c4d5e6f70';
export const subscriptionId = '5b2c8e1f-40d7-4a96-8c35-1e9f7a6b0d24';
export const clientId = '8f4e2d1c-6b5a-4938-a7c6-d5e4f3a2b1c0';
export const clientSecret = 'a secret of the tests';
export const audience = 'api://AzureADTokenExchange';

/** One VM with a small OS disk, one storage account, one identity that may do everything and prove itself in every way. */
export const smallScenario: Scenario = {
  tenantId,
  subscriptions: [{ id: subscriptionId }],
  resourceGroups: [{ name: 'images', location: 'westeurope' }],
  virtualMachines: [
    {
      resourceGroup: 'images',
      name: 'builder',
      osType: 'Linux',
      osDisk: { name: 'builder-os', sizeGiB: 1, content: { seed: 1, dataMiB: 4 } },
    },
  ],
  storageAccounts: [{ resourceGroup: 'images', name: 'imageswe1' }],
  identities: [
    {
      name: 'image-builder',
      clientId,
      clientSecret,
      managedIdentity: true,
      federatedCredentials: [
        {
          issuer: 'https://token.actions.githubusercontent.com',
          subject: 'repo:octo-org/images:ref:refs/heads/main',
          audience,
        },
      ],
      roleAssignments: [{ role: 'Contributor' }, { role: 'Storage Blob Data Contributor' }],
    },
  ],
};
