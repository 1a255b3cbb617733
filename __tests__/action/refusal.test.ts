import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Scenario } from '../../local-azure/scenario.ts';
import { changesIn, expectNoSecrets, runAction } from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, SUBSCRIPTION } from '../support/scenario.ts';

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
});

const account = { resourceGroup: 'images', name: 'imageswe1' } as const;
const oneAccount = { 'storage-accounts': 'imageswe1' };
const blobData = { role: 'Storage Blob Data Contributor' };
const osDisk = { name: 'builder-os', sizeGiB: 2 };
const groups = `/subscriptions/${SUBSCRIPTION}/resourceGroups`;
const batchAccountId = `${groups}/images/providers/Microsoft.Batch/batchAccounts/pools`;
const vmId = `${groups}/images/providers/Microsoft.Compute/virtualMachines/builder`;

interface Case {
  readonly name: string;
  readonly scenario?: Scenario;
  readonly inputs?: Readonly<Record<string, string>>;
  /** What the one error line says: the object, the reason, the remedy. */
  readonly says: readonly string[];
}

const cases: readonly Case[] = [
  {
    name: 'a VM that does not exist',
    inputs: { 'vm-name': 'bilder' },
    says: ['VM "bilder" in resource group "images"', 'does not exist', 'Check "vm-name"'],
  },
  {
    name: 'a storage account that does not exist',
    inputs: { 'storage-accounts': 'imageswe1,nosuch' },
    says: ['Storage account "nosuch"', 'does not exist', 'Check "storage-accounts"'],
  },
  {
    name: 'a LUN that does not exist',
    inputs: { 'data-disks': '0,7' },
    says: ['VM "builder" has no data disk at LUN "7": it has 0 and 5', 'Correct "data-disks"'],
  },
  {
    name: 'a snapshot group that does not exist',
    inputs: { 'snapshot-resource-group': 'nowhere' },
    says: ['Resource group "nowhere" for the snapshots does not exist'],
  },
  {
    name: 'two replicas that would get the same blob name',
    inputs: { 'blob-name': '{vm}-{disk}.vhd', replicas: '3', 'data-disks': 'none' },
    says: ['https://imageswe1.blob.core.windows.net/vhds/builder-os.vhd', '{replica}'],
  },
  {
    name: 'a destination blob that exists',
    scenario: buildScenario({
      accounts: [
        {
          ...account,
          containers: [{ name: 'vhds', blobs: [{ name: 'x-os.vhd', type: 'PageBlob' }] }],
        },
      ],
    }),
    inputs: { ...oneAccount, 'blob-name': 'x-{disk}.vhd' },
    says: ['Blob "https://imageswe1.blob.core.windows.net/vhds/x-os.vhd" exists', '"if-exists"'],
  },
  {
    name: 'a set of which only some blobs exist, with if-exists skip',
    scenario: buildScenario({
      accounts: [
        {
          ...account,
          containers: [{ name: 'vhds', blobs: [{ name: 'x-os.vhd', type: 'PageBlob' }] }],
        },
      ],
    }),
    inputs: { ...oneAccount, 'blob-name': 'x-{disk}.vhd', 'if-exists': 'skip' },
    says: ['x-os.vhd" exists, but other VHDs of the set do not', '"if-exists: overwrite"'],
  },
  {
    name: 'a block blob that would be overwritten',
    scenario: buildScenario({
      accounts: [
        {
          ...account,
          containers: [
            { name: 'vhds', blobs: [{ name: 'x-os.vhd', type: 'BlockBlob', text: 'notes' }] },
          ],
        },
      ],
    }),
    inputs: { ...oneAccount, 'blob-name': 'x-{disk}.vhd', 'if-exists': 'overwrite' },
    says: ['is of type "BlockBlob"', 'Delete it first'],
  },
  {
    name: 'a running VM with generalize none',
    inputs: { generalize: 'none' },
    says: ['VM "builder" is running', 'only crash-consistent', '"source-power: restart"'],
  },
  {
    name: 'an unmanaged disk',
    scenario: buildScenario({
      vm: {
        osDisk: { ...osDisk, unmanagedUri: 'https://old.blob.core.windows.net/vhds/os.vhd' },
        dataDisks: [],
      },
    }),
    says: ['Disk "builder-os" of VM "builder" is unmanaged', 'az vm convert'],
  },
  {
    name: 'an ephemeral OS disk',
    scenario: buildScenario({ vm: { osDisk: { ...osDisk, ephemeral: true } } }),
    says: ['VM "builder" has an ephemeral OS disk', 'managed OS disk'],
  },
  {
    name: 'a confidential VM',
    scenario: buildScenario({ vm: { securityType: 'ConfidentialVM' } }),
    says: ['VM "builder" is a confidential VM'],
  },
  {
    name: 'an encrypted disk',
    scenario: buildScenario({
      vm: {
        osDisk: { ...osDisk, properties: { encryptionSettingsCollection: { enabled: true } } },
      },
    }),
    says: ['Disk "builder-os" is encrypted by Azure Disk Encryption', 'az vm encryption disable'],
  },
  {
    name: 'an account without page blobs',
    scenario: buildScenario({ accounts: [{ ...account, kind: 'BlockBlobStorage' }] }),
    inputs: oneAccount,
    says: ['Storage account "imageswe1" has the kind "BlockBlobStorage"', 'StorageV2'],
  },
  {
    name: 'an account with a hierarchical namespace',
    scenario: buildScenario({ accounts: [{ ...account, isHnsEnabled: true }] }),
    inputs: oneAccount,
    says: ['Storage account "imageswe1" has a hierarchical namespace'],
  },
  {
    name: 'an account that takes copies of its own tenant only',
    scenario: buildScenario({ accounts: [{ ...account, allowedCopyScope: 'AAD' }] }),
    inputs: oneAccount,
    says: ['takes copies from "AAD" sources only'],
  },
  {
    name: 'an account behind a firewall',
    scenario: buildScenario({ accounts: [{ ...account, networkDefaultAction: 'Deny' }] }),
    inputs: oneAccount,
    says: ['Container "vhds" of storage account "imageswe1" cannot be read', 'firewall'],
  },
  {
    name: 'a VM under a read-only lock',
    scenario: buildScenario({ scenario: { locks: [{ scope: vmId, level: 'ReadOnly' }] } }),
    says: ['(ReadOnly)', 'VM "builder" from being stopped, deallocated and marked generalized'],
  },
  {
    name: 'a group of the snapshots under a lock against deletion',
    scenario: buildScenario({
      scenario: {
        locks: [{ scope: `${groups}/snapshots`, level: 'CanNotDelete', name: 'keep' }],
      },
    }),
    inputs: { 'snapshot-resource-group': 'snapshots' },
    says: ['Lock "keep" (CanNotDelete)', 'deleted afterwards', '"snapshot-resource-group"'],
  },
  {
    name: 'a subscription under a lock against deletion',
    scenario: buildScenario({
      scenario: {
        locks: [{ scope: `/subscriptions/${SUBSCRIPTION}`, level: 'CanNotDelete', name: 'all' }],
      },
    }),
    says: ['Lock "all" (CanNotDelete)', 'snapshots in resource group "images"'],
  },
  {
    name: 'a disk in a group of its own under a read-only lock of its own',
    scenario: buildScenario({
      vm: { osDisk: { ...osDisk, resourceGroup: 'snapshots' } },
      scenario: {
        locks: [
          {
            scope: `${groups}/snapshots/providers/Microsoft.Compute/disks/builder-os`,
            level: 'ReadOnly',
            name: 'mine',
          },
        ],
      },
    }),
    says: ['Lock "mine" (ReadOnly)', 'keeps disk "builder-os" from being snapshot'],
  },
  {
    name: 'a VM that is to be deleted with an interface and an address whose group is under a lock',
    scenario: buildScenario({
      vm: { networkGroup: 'snapshots', publicAddress: true },
      scenario: {
        locks: [{ scope: `${groups}/snapshots`, level: 'CanNotDelete', name: 'net' }],
      },
    }),
    inputs: { 'delete-source': 'vm' },
    says: [
      `Lock "net" (CanNotDelete) on "${groups}/snapshots" keeps "builder-nic" and "builder-ip" from being deleted. Remove it, or leave "delete-source" out.`,
    ],
  },
  {
    name: 'a VM that is to be deleted with an address under a read-only lock of its own',
    scenario: buildScenario({
      vm: { publicAddress: true },
      scenario: {
        locks: [
          {
            scope: `${groups}/images/providers/Microsoft.Network/publicIPAddresses/builder-ip`,
            level: 'ReadOnly',
            name: 'fixed',
          },
        ],
      },
    }),
    inputs: { 'delete-source': 'vm' },
    says: ['Lock "fixed" (ReadOnly)', 'keeps "builder-ip" from being deleted'],
  },
  {
    name: 'a container under a legal hold',
    scenario: buildScenario({
      accounts: [{ ...account, containers: [{ name: 'vhds', hasLegalHold: true }] }],
    }),
    inputs: oneAccount,
    says: ['Container "vhds" of storage account "imageswe1" is under a legal hold', '"container"'],
  },
  {
    name: 'a Batch account that does not exist',
    inputs: { 'batch-account': batchAccountId, 'pool-nodes': '80' },
    says: [`Batch account "${batchAccountId}" does not exist`, '"batch-account"'],
  },
  {
    name: "a Batch account with pools in Batch's subscription",
    scenario: buildScenario({
      scenario: { batchAccounts: [{ resourceGroup: 'images', name: 'pools' }] },
    }),
    inputs: { 'batch-account': batchAccountId, 'pool-nodes': '80' },
    says: ['Batch account "pools" has the pool allocation mode "BatchService"'],
  },
  {
    name: 'a VM that hibernates',
    scenario: buildScenario({
      vm: {
        powerState: 'deallocated',
        osDisk: { name: 'builder-os', sizeGiB: 1, properties: { diskState: 'Frozen' } },
      },
    }),
    inputs: { generalize: 'mark', 'data-disks': 'none' },
    says: ['Disk "builder-os" is frozen: VM "builder" hibernates', 'Start the VM'],
  },
  {
    name: 'an account with version-level immutability',
    scenario: buildScenario({
      accounts: [{ ...account, properties: { immutableStorageWithVersioning: { enabled: true } } }],
    }),
    inputs: oneAccount,
    says: ['Storage account "imageswe1" has version-level immutability', 'another account'],
  },
  {
    name: 'an identity without the right to write blobs',
    scenario: buildScenario({ roleAssignments: [{ role: 'Contributor' }] }),
    says: ['containers/blobs/write (data action)', 'Grant it "Storage Blob Data Contributor"'],
  },
  {
    name: 'an identity that may read but not snapshot',
    scenario: buildScenario({ roleAssignments: [{ role: 'Reader' }, blobData] }),
    says: [
      'Microsoft.Compute/snapshots/write',
      'Microsoft.Compute/virtualMachines/deallocate/action',
      'docs/permissions.md',
    ],
  },
  {
    name: 'an identity that may not list storage accounts',
    scenario: buildScenario({
      roleAssignments: [{ role: 'Virtual Machine Contributor' }, blobData].map((assignment) => ({
        ...assignment,
        scope: vmId,
      })),
    }),
    says: ['Storage account "imageswe1"', 'AuthorizationFailed', 'resource IDs'],
  },
];

describe('refuses before anything is changed', () => {
  test.each(cases)('$name', async ({ scenario, inputs, says }) => {
    await azure.reset(scenario ?? buildScenario());
    const run = await runAction(azure, inputs);
    expect(run.main.exitCode).toBe(1);
    const errors = run.main.log.split('\n').filter((line) => line.startsWith('##[error]'));
    expect(errors).toHaveLength(1);
    for (const part of says) expect(errors[0]).toContain(part);
    expect(errors[0]).toContain('Nothing was changed.');
    expect(run.main.summary).toContain('failed');
    expect(await changesIn(azure)).toEqual([]);
    expect(run.main.outputs['vhd-uris']).toBeUndefined();
    expectNoSecrets(run);
  });

  test('and lists every reason at once', async () => {
    await azure.reset(
      buildScenario({
        vm: { osDisk: { ...osDisk, ephemeral: true } },
        accounts: [{ ...account, isHnsEnabled: true }],
      }),
    );
    const run = await runAction(azure, { ...oneAccount, 'data-disks': '9', 'vm-name': 'builder' });
    expect(run.main.log).toMatch(/##\[error\]\d reasons not to begin/);
    for (const part of ['ephemeral', 'hierarchical namespace', 'LUN "9"']) {
      expect(run.main.log).toContain(part);
    }
    expect(await changesIn(azure)).toEqual([]);
  });

  test('wrong inputs, all in one error, without a single call', async () => {
    await azure.reset(buildScenario());
    const run = await runAction(azure, {
      container: 'My_VHDs',
      'keep-snapshots': 'yes',
      'blob-name': 'a/{disk}',
      generalize: 'maybe',
    });
    expect(run.main.exitCode).toBe(1);
    for (const part of ['"container"', '"keep-snapshots"', '"blob-name"', '"generalize"']) {
      expect(run.main.log).toContain(`Input ${part}`);
    }
    expect(await azure.calls()).toEqual([]);
  });
});
