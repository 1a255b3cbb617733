import { beforeAll, expect, test } from '@jest/globals';
import { expectNothingLeft, runAction } from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario, SUBSCRIPTION } from '../support/scenario.ts';

const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/images/providers`;
const diskEncryptionSetId = `${group}/Microsoft.Compute/diskEncryptionSets/keys`;
const inputs = { 'storage-accounts': 'imageswe1', 'data-disks': 'none' };

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
});

async function warningsOf(
  scenario: ReturnType<typeof buildScenario>,
  more: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  await azure.reset(scenario);
  const run = await runAction(azure, { ...inputs, ...more });
  expect(run.main.exitCode).toBe(0);
  await expectNothingLeft(azure);
  return run.main.log.split('\n').filter((line) => line.startsWith('##[warning]'));
}

test('a run whose disk and account are told apart goes on with a warning for each', async () => {
  const warnings = await warningsOf(
    buildScenario({
      accounts: [
        { resourceGroup: 'images', name: 'imageswe1', sku: 'Premium_LRS', blobSoftDeleteDays: 7 },
      ],
      vm: {
        osDisk: {
          name: 'builder-os',
          sizeGiB: 2,
          properties: {
            encryption: { type: 'EncryptionAtRestWithCustomerKey', diskEncryptionSetId },
            networkAccessPolicy: 'DenyAll',
            publicNetworkAccess: 'Disabled',
            dataAccessAuthMode: 'AzureActiveDirectory',
          },
        },
      },
    }),
  );
  expect(warnings).toEqual([
    expect.stringContaining(`customer-managed keys of "${diskEncryptionSetId}"`),
    expect.stringContaining(
      'Disk "builder-os" limits its export (networkAccessPolicy DenyAll, publicNetworkAccess Disabled and dataAccessAuthMode AzureActiveDirectory)',
    ),
    expect.stringContaining('Storage account "imageswe1" is "Premium_LRS"'),
    expect.stringContaining('keeps deleted blobs for 7 days (soft delete)'),
  ]);
});

test('what the run can do with, but who uses its VHDs should know, is noted without a warning', async () => {
  const account = {
    resourceGroup: 'images',
    name: 'imageswe1',
    allowSharedKeyAccess: false,
    properties: { sasPolicy: { sasExpirationPeriod: '1.00:00:00', expirationAction: 'Log' } },
  };
  await azure.reset(buildScenario({ accounts: [account], vm: { encryptionAtHost: true } }));
  const run = await runAction(azure, inputs);
  expect(run.main.exitCode).toBe(0);
  const lines = run.main.log.split('\n');
  expect(lines).toContainEqual(expect.stringMatching(/^VM "builder" is encrypted at its host/));
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^Storage account "imageswe1" refuses account keys, .* and wants SAS of at most 1\.00:00:00/,
    ),
  );
  expect(run.main.log).not.toContain('##[warning]');
  expect(run.main.summary).toContain('| note | VM "builder" is encrypted at its host');
});

test('locks on the account and on other groups are no reason to say anything', async () => {
  const account = `${group}/Microsoft.Storage/storageAccounts/imageswe1`;
  const other = `/subscriptions/${SUBSCRIPTION}/resourceGroups/snapshots`;
  const locks = [
    { scope: account, level: 'ReadOnly' as const },
    { scope: account, level: 'CanNotDelete' as const },
    { scope: other, level: 'ReadOnly' as const },
  ];
  expect(await warningsOf(buildScenario({ scenario: { locks } }))).toEqual([]);
});

test('a Batch account whose pools take the VHDs is told how many nodes these serve', async () => {
  const pools = { resourceGroup: 'images', name: 'pools' } as const;
  const batchAccounts = [{ ...pools, poolAllocationMode: 'UserSubscription' as const }];
  const more = { 'batch-account': `${group}/Microsoft.Batch/batchAccounts/pools`, replicas: '2' };
  const vm = { size: 'Standard_D2ds_v5' };
  expect(await warningsOf(buildScenario({ vm, scenario: { batchAccounts } }), more)).toEqual([
    expect.stringContaining('2 VHDs serve pools of at most 80 nodes (40 Linux nodes each)'),
  ]);
});

test('a VM without a temporary disk is no good model for nodes of a pool', async () => {
  const pools = { resourceGroup: 'images', name: 'pools' } as const;
  const batchAccounts = [{ ...pools, poolAllocationMode: 'UserSubscription' as const }];
  const more = {
    'batch-account': `${group}/Microsoft.Batch/batchAccounts/pools`,
    'pool-nodes': '40',
  };
  const vm = { size: 'Standard_D2s_v5' };
  expect(await warningsOf(buildScenario({ vm, scenario: { batchAccounts } }), more)).toEqual([
    expect.stringContaining('size "Standard_D2s_v5", which has no temporary disk'),
  ]);
});
