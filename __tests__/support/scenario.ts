import type {
  Scenario,
  ScenarioIdentity,
  ScenarioStorageAccount,
  ScenarioVirtualMachine,
} from '../../local-azure/scenario.ts';

export const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
export const TENANT = '99999999-8888-7777-6666-555555555555';
export const CLIENT = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
export const CLIENT_SECRET = 'Sup3r~Secret.Value_of-the-test';

/** What a test changes of the usual scenario. */
export interface ScenarioChanges {
  readonly vm?: Partial<ScenarioVirtualMachine>;
  readonly accounts?: readonly ScenarioStorageAccount[];
  readonly roleAssignments?: ScenarioIdentity['roleAssignments'];
  readonly scenario?: Partial<Scenario>;
}

/** A running Linux VM "builder" with two data disks, two storage accounts, and an identity with enough rights. */
export function buildScenario(changes: ScenarioChanges = {}): Scenario {
  return {
    tenantId: TENANT,
    subscriptions: [{ id: SUBSCRIPTION }],
    resourceGroups: [
      { name: 'images', location: 'westeurope' },
      { name: 'snapshots', location: 'westeurope' },
    ],
    virtualMachines: [
      {
        resourceGroup: 'images',
        name: 'builder',
        osType: 'Linux',
        osDisk: { name: 'builder-os', sizeGiB: 2, content: { seed: 1, dataMiB: 1 } },
        dataDisks: [
          { lun: 0, name: 'builder-data0', sizeGiB: 1, content: { seed: 2, dataMiB: 1 } },
          { lun: 5, name: 'builder-data5', sizeGiB: 1, content: { seed: 3, dataMiB: 1 } },
        ],
        ...changes.vm,
      },
    ],
    storageAccounts: changes.accounts ?? [
      { resourceGroup: 'images', name: 'imageswe1' },
      { resourceGroup: 'images', name: 'imageswe2' },
    ],
    identities: [
      {
        name: 'image-builder',
        clientId: CLIENT,
        clientSecret: CLIENT_SECRET,
        federatedCredentials: [
          {
            issuer: 'https://token.actions.githubusercontent.com',
            subject: 'repo:octo-org/images:ref:refs/heads/main',
            audience: 'api://AzureADTokenExchange',
          },
        ],
        roleAssignments: changes.roleAssignments ?? [
          { role: 'Contributor' },
          { role: 'Storage Blob Data Contributor' },
        ],
      },
    ],
    ...changes.scenario,
  };
}
