import type { ComputeManagementClient } from '@azure/arm-compute';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Scenario, ScenarioPolicy } from '../../local-azure/scenario.ts';
import { TokenBuckets } from '../../local-azure/arm/token-buckets.ts';
import { computePath, connectArm, connectCompute, quickly } from '../support/azure-clients.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { smallScenario, subscriptionId } from '../support/small-scenario.ts';

const vm = `${computePath}/virtualMachines/builder`;

let azure: LocalAzure;
let compute: ComputeManagementClient;
let arm: ReturnType<typeof connectArm>;

beforeAll(async () => {
  azure = await startLocalAzure(smallScenario);
  useLocalAzure(azure);
  compute = connectCompute();
  arm = connectArm();
});

async function statuses(count: number, path: string): Promise<readonly number[]> {
  const found: number[] = [];
  while (found.length < count) found.push((await arm('GET', path)).status);
  return found;
}

/** Calls until it is told to come back later. */
async function untilRefused(path: string): ReturnType<typeof arm> {
  const answer = await arm('GET', path);
  return answer.status === 429 ? answer : await untilRefused(path);
}

describe('tokens', () => {
  test('come back with time, up to what the bucket holds', () => {
    let now = 0;
    const buckets = new TokenBuckets(() => now);
    const take = () => buckets.take('vm', { capacity: 2, perMinute: 4 });
    expect([take(), take(), take()]).toEqual([{ left: 1 }, { left: 0 }, { waitSeconds: 15 }]);
    now += 5000;
    expect(take()).toEqual({ waitSeconds: 10 });
    now += 10_000;
    expect(take()).toEqual({ left: 0 });
    now += 3_600_000;
    expect(take()).toEqual({ left: 1 });
  });

  test('are counted for every VM and every group of calls', async () => {
    await azure.reset(smallScenario);
    const first = await arm('GET', vm);
    expect(first.header('x-ms-ratelimit-remaining-resource')).toBe(
      'Microsoft.Compute/LowCostGetSubscriptionMaximum;23999,Microsoft.Compute/LowCostGetResource;35',
    );
    const second = await arm('GET', `${vm}/instanceView`);
    expect(second.header('x-ms-ratelimit-remaining-resource')).toContain('LowCostGetResource;34');
    const stopped = await arm('POST', `${vm}/deallocate`);
    expect(stopped.header('x-ms-ratelimit-remaining-resource')).toContain('DeleteVMResource;11');
    const generalized = await arm('POST', `${vm}/powerOff`);
    expect(generalized.status).toBe(409);
    expect(generalized.header('x-ms-ratelimit-remaining-resource')).toContain(
      'UpdateVMResource;11',
    );
  });

  test('do not run out where the scenario does not throttle', async () => {
    await azure.reset(smallScenario);
    expect(new Set(await statuses(60, vm))).toEqual(new Set([200]));
    const last = await arm('GET', vm);
    expect(last.header('x-ms-ratelimit-remaining-resource')).toContain('LowCostGetResource;0');
  });

  test('that are spent are answered with 429 in the form of the compute service', async () => {
    await azure.reset({ ...smallScenario, throttling: true });
    const found = await statuses(60, vm);
    expect(found.slice(0, 36)).toEqual(Array<number>(36).fill(200));
    expect(found).toContain(429);
    const refused = await untilRefused(vm);
    expect(refused.json).toEqual({
      code: 'OperationNotAllowed',
      message:
        'The server rejected the request because too many requests have been received for this subscription.',
      details: [
        {
          code: 'TooManyRequests',
          target: 'LowCostGet',
          message: JSON.stringify({ operationGroup: 'LowCostGet' }),
        },
      ],
    });
    expect(Number(refused.header('retry-after'))).toBeGreaterThan(0);
    expect((await arm('POST', `${vm}/deallocate`)).status).toBe(202);
  });
});

describe('policies', () => {
  const snapshot = {
    location: 'westeurope',
    creationData: { createOption: 'Copy', sourceResourceId: `${computePath}/disks/builder-os` },
  };

  function withPolicy(policy: ScenarioPolicy): Scenario {
    return { ...smallScenario, policies: [policy] };
  }

  beforeEach(async () => {
    await azure.reset(withPolicy({ name: 'no-snapshots', types: ['Microsoft.Compute/snapshots'] }));
  });

  test('that deny a type name the policy and what was denied', async () => {
    const denied = await arm('PUT', `${computePath}/snapshots/s1`, {
      location: 'westeurope',
      properties: { creationData: snapshot.creationData },
    });
    expect(denied.status).toBe(403);
    expect(denied.header('x-ms-failure-cause')).toBe('gateway');
    const assignment = `/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/policyAssignments/no-snapshots`;
    expect(denied.json).toMatchObject({
      error: {
        code: 'RequestDisallowedByPolicy',
        target: 's1',
        message: expect.stringContaining(
          "Resource 's1' was disallowed by policy. Policy identifiers: '[{",
        ),
        additionalInfo: [
          {
            type: 'PolicyViolation',
            info: { policyAssignmentId: assignment, policyDefinitionEffect: 'deny' },
          },
        ],
      },
    });
    expect((await azure.state()).resources).not.toHaveProperty(['Microsoft.Compute/snapshots']);
    expect((await arm('GET', vm)).status).toBe(200);
  });

  test('that require a tag let through what has it, when made and when changed', async () => {
    await azure.reset(withPolicy({ name: 'owner', requiredTag: 'Owner' }));
    const { snapshots } = compute;
    const make = (tags: Record<string, string>) =>
      snapshots.createOrUpdate('images', 's1', { ...snapshot, tags }, quickly);
    await expect(make({ team: 'a' })).rejects.toMatchObject({ code: 'RequestDisallowedByPolicy' });
    await make({ owner: 'a' });
    await expect(
      snapshots.update('images', 's1', { tags: { team: 'a' } }, quickly),
    ).rejects.toMatchObject({ code: 'RequestDisallowedByPolicy' });
    expect((await snapshots.get('images', 's1')).tags).toEqual({ owner: 'a' });
  });

  test('count in their scope only', async () => {
    const scope = `/subscriptions/${subscriptionId}/resourceGroups/others`;
    await azure.reset(withPolicy({ name: 'elsewhere', scope }));
    const made = await compute.snapshots.createOrUpdate('images', 's1', snapshot, quickly);
    expect(made.provisioningState).toBe('Succeeded');
  });
});
