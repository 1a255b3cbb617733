import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Scenario } from '../../local-azure/scenario.ts';
import { findCrossProblems } from '../../local-azure/cross-checks.ts';
import { startArm, type ArmListener } from '../support/arm-listener.ts';

const subscriptionId = '11111111-1111-4111-8111-111111111111';
const group = `/subscriptions/${subscriptionId}/resourceGroups/images`;
const pools = `${group}/providers/Microsoft.Batch/batchAccounts/pools`;
const version = '?api-version=2024-02-01';

const scenario: Scenario = {
  tenantId: '22222222-2222-4222-8222-222222222222',
  subscriptions: [{ id: subscriptionId }],
  resourceGroups: [{ name: 'images', location: 'westeurope' }],
  batchAccounts: [
    { resourceGroup: 'images', name: 'pools', poolAllocationMode: 'UserSubscription' },
    { resourceGroup: 'images', name: 'plain', location: 'northeurope', tags: { team: 'images' } },
  ],
  identities: [
    { name: 'owner', clientId: 'owner-app', roleAssignments: [{ role: 'Owner' }] },
    { name: 'nobody', clientId: 'nobody-app' },
  ],
};

let arm: ArmListener;

beforeAll(async () => {
  arm = await startArm(scenario);
});

afterAll(() => {
  arm.close();
});

test('a Batch account shows where its pools are', async () => {
  const { status, body } = await arm.send(`${pools.toUpperCase()}${version}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    id: pools,
    name: 'pools',
    type: 'Microsoft.Batch/batchAccounts',
    location: 'westeurope',
    properties: {
      provisioningState: 'Succeeded',
      poolAllocationMode: 'UserSubscription',
      accountEndpoint: 'pools.westeurope.batch.azure.com',
    },
  });
  // The quota of cores is that of the subscription.
  expect(body).not.toHaveProperty('properties.dedicatedCoreQuota');
});

test("one of Batch's own subscription has quotas of its own", async () => {
  const { body } = await arm.send(`${pools.replace('pools', 'plain')}${version}`);
  expect(body).toMatchObject({
    location: 'northeurope',
    tags: { team: 'images' },
    properties: { poolAllocationMode: 'BatchService', dedicatedCoreQuota: 20 },
  });
});

test.each([
  ['that is not there', `${pools}2`, 'owner', 404, 'ResourceNotFound'],
  ['without the right to read it', pools, 'nobody', 403, 'AuthorizationFailed'],
])('one %s is refused', async (_name, id, as, status, code) => {
  expect(await arm.send(`${id}${version}`, { as })).toMatchObject({
    status,
    body: { error: { code } },
  });
});

test('its resource group and its name are checked', () => {
  const batchAccounts = ['images', 'images', 'elsewhere'].map((resourceGroup) => ({
    resourceGroup,
    name: 'pools',
  }));
  expect(findCrossProblems({ ...scenario, batchAccounts })).toEqual([
    '/batchAccounts/2/resourceGroup: no such resource group: elsewhere',
    '/batchAccounts/1/name: Batch account images/pools is there twice',
  ]);
});
