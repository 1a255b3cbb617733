import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Scenario } from '../../local-azure/scenario.ts';
import { startArm } from '../support/arm-listener.ts';
import type { ArmListener } from '../support/arm-listener.ts';

const subscription = '/subscriptions/11111111-1111-4111-8111-111111111111';
const group = `${subscription}/resourceGroups/images`;
const compute = `${group}/providers/Microsoft.Compute`;
const vm = `${compute}/virtualMachines/builder`;
const osDisk = `${compute}/disks/builder-os`;
const fast = { updateIntervalInMs: 1 };

const azureTimed: Scenario = {
  tenantId: '22222222-2222-4222-8222-222222222222',
  subscriptions: [{ id: '11111111-1111-4111-8111-111111111111', name: 'Test' }],
  resourceGroups: [{ name: 'images', location: 'westeurope' }],
  virtualMachines: [
    {
      resourceGroup: 'images',
      name: 'builder',
      osType: 'Linux',
      tags: { role: 'builder' },
      osDisk: { name: 'builder-os', sizeGiB: 30 },
      dataDisks: [{ lun: 3, name: 'builder-data', sizeGiB: 4, sku: 'StandardSSD_LRS' }],
    },
  ],
  disks: [{ resourceGroup: 'images', name: 'free', sizeGiB: 1 }],
  storageAccounts: [{ resourceGroup: 'images', name: 'imageswe1', allowSharedKeyAccess: false }],
  identities: [
    { name: 'owner', clientId: 'owner-app', roleAssignments: [{ role: 'Owner' }] },
    { name: 'reader', clientId: 'reader-app', roleAssignments: [{ role: 'Reader' }] },
    {
      name: 'writer',
      clientId: 'writer-app',
      roleAssignments: [{ role: { actions: ['Microsoft.Compute/snapshots/*'] } }],
    },
    { name: 'nobody', clientId: 'nobody-app' },
  ],
};

const scenario: Scenario = { ...azureTimed, retryAfterSeconds: 0 };

let arm: ArmListener;

beforeEach(async () => {
  arm = await startArm(scenario);
});

afterEach(() => {
  arm.close();
});

function snapshotOf(disk: string, location = 'westeurope') {
  return {
    location,
    sku: { name: 'Standard_LRS' },
    tags: { run: '1' },
    creationData: { createOption: 'Copy', sourceResourceId: disk },
  };
}

function snapshotBody(disk: string, location = 'westeurope') {
  const { creationData, ...rest } = snapshotOf(disk, location);
  return { ...rest, properties: { creationData } };
}

async function powerStates(): Promise<readonly (string | undefined)[]> {
  const view = await arm.client().virtualMachines.instanceView('images', 'builder');
  return view.statuses?.map(({ code }) => code) ?? [];
}

function refusal(code: string, message: RegExp) {
  return expect.objectContaining({ code, message: expect.stringMatching(message) });
}

describe('virtual machines', () => {
  test('a running VM shows its disks, agent and power state', async () => {
    const found = await arm.client().virtualMachines.get('IMAGES', 'Builder', {
      expand: 'instanceView',
    });
    expect(found).toMatchObject({
      id: vm,
      location: 'westeurope',
      tags: { role: 'builder' },
      storageProfile: {
        osDisk: { osType: 'Linux', diskSizeGB: 30, managedDisk: { id: osDisk } },
        dataDisks: [{ lun: 3, caching: 'None', diskSizeGB: 4 }],
      },
      instanceView: {
        vmAgent: { statuses: [{ displayStatus: 'Ready' }] },
        statuses: [{ code: 'ProvisioningState/succeeded' }, { code: 'PowerState/running' }],
      },
    });
    const disk = await arm.client().disks.get('images', 'builder-os');
    expect(disk).toMatchObject({
      diskState: 'Attached',
      managedBy: vm,
      diskSizeBytes: 30 * 2 ** 30,
    });
  });

  test('a deallocated VM shows neither size nor SKU of its disks, and no agent', async () => {
    await arm.client().virtualMachines.deallocate('images', 'builder', fast);
    const found = await arm.client().virtualMachines.get('images', 'builder', {
      expand: 'instanceView',
    });
    expect(found.storageProfile?.osDisk?.managedDisk).toEqual({ id: osDisk });
    expect(found.storageProfile?.osDisk?.diskSizeGB).toBeUndefined();
    expect(found.instanceView?.vmAgent).toBeUndefined();
    const disk = await arm.client().disks.get('images', 'builder-os');
    expect(disk.diskState).toBe('Reserved');
  });

  test('an operation is found running once and then done', async () => {
    await arm.client().virtualMachines.powerOff('images', 'builder', fast);
    expect(arm.calls).toEqual([
      'POST /virtualMachines/builder/powerOff',
      'GET /locations/westeurope/operations',
      'GET /locations/westeurope/operations',
      'GET /locations/westeurope/operations?monitor',
    ]);
    expect(await powerStates()).toContain('PowerState/stopped');
  });

  test('the transition shows while an operation runs', async () => {
    const started = await arm.send(`${vm}/deallocate`, { method: 'POST' });
    expect(started.status).toBe(202);
    expect(started.headers.get('azure-asyncnotification')).toBe('Enabled');
    expect(started.headers.get('azure-asyncoperation')).toContain(
      started.headers.get('x-ms-request-id'),
    );
    expect(await powerStates()).toEqual(['ProvisioningState/updating', 'PowerState/deallocating']);
  });

  test('generalize is for a VM that does not run, and it never starts again', async () => {
    const { virtualMachines } = arm.client();
    await expect(virtualMachines.generalize('images', 'builder')).rejects.toEqual(
      refusal(
        'OperationNotAllowed',
        /'generalize' is not allowed on VM 'builder' since the VM is running/,
      ),
    );
    await virtualMachines.deallocate('images', 'builder', fast);
    await virtualMachines.generalize('images', 'builder');
    expect(await powerStates()).toEqual([
      'OSState/generalized',
      'ProvisioningState/succeeded',
      'PowerState/deallocated',
    ]);
    await expect(virtualMachines.start('images', 'builder', fast)).rejects.toEqual(
      refusal(
        'OperationNotAllowed',
        /'Start VM' is not allowed on VM 'builder' since the VM is generalized/,
      ),
    );
  });

  test('a deallocated VM is not powered off, but deallocated again and started', async () => {
    const { virtualMachines } = arm.client();
    await virtualMachines.deallocate('images', 'builder', fast);
    await expect(virtualMachines.powerOff('images', 'builder', fast)).rejects.toEqual(
      refusal('OperationNotAllowed', /'powerOff' is not allowed/),
    );
    await virtualMachines.deallocate('images', 'builder', fast);
    await virtualMachines.start('images', 'builder', fast);
    expect(await powerStates()).toContain('PowerState/running');
  });

  test('an operation that fails leaves the power state as it was', async () => {
    arm.fault = { kind: 'fail-operation', code: 'InternalExecutionError', message: 'An error.' };
    await expect(
      arm.client().virtualMachines.deallocate('images', 'builder', fast),
    ).rejects.toThrow('InternalExecutionError. An error.');
    expect(await powerStates()).toContain('PowerState/running');
  });
});

describe('snapshots', () => {
  test('a snapshot is made, exported, closed and deleted', async () => {
    const { snapshots } = arm.client();
    const made = await snapshots.createOrUpdate('images', 's1', snapshotOf(osDisk), fast);
    expect(made).toMatchObject({
      provisioningState: 'Succeeded',
      diskState: 'Unattached',
      diskSizeGB: 30,
      sku: { name: 'Standard_LRS', tier: 'Standard' },
      tags: { run: '1' },
    });
    const access = { access: 'Read', durationInSeconds: 3600 };
    const { accessSAS } = await snapshots.grantAccess('images', 's1', access, fast);
    expect(accessSAS).toMatch(/^https:\/\/md-/);
    expect(await snapshots.get('images', 's1')).toMatchObject({ diskState: 'ActiveSAS' });
    await expect(snapshots.delete('images', 's1', fast)).rejects.toEqual(
      refusal('OperationNotAllowed', /active shared access signature/),
    );
    await expect(snapshots.grantAccess('images', 's1', access, fast)).rejects.toEqual(
      refusal('Conflict', /active shared access signature/),
    );
    await snapshots.revokeAccess('images', 's1', fast);
    await snapshots.revokeAccess('images', 's1', fast);
    expect(arm.exports.isActive('policy-1')).toBe(false);
    await snapshots.delete('images', 's1', fast);
    await expect(snapshots.get('images', 's1')).rejects.toEqual(
      refusal(
        'ResourceNotFound',
        /'Microsoft.Compute\/snapshots\/s1' under resource group 'images'/,
      ),
    );
    await snapshots.delete('images', 's1', fast);
    expect(arm.calls.at(-1)).toBe('DELETE /snapshots/s1');
  });

  test('a SAS that has ended frees the snapshot', async () => {
    const { snapshots } = arm.client();
    await snapshots.createOrUpdate('images', 's1', snapshotOf(osDisk), fast);
    await snapshots.grantAccess('images', 's1', { access: 'Read', durationInSeconds: 1 }, fast);
    arm.exports.endAll();
    expect(await snapshots.get('images', 's1')).toMatchObject({ diskState: 'Unattached' });
    await snapshots.delete('images', 's1', fast);
  });

  test('the answer to the PUT shows a snapshot in the making', async () => {
    const put = await arm.send(`${compute}/snapshots/s1`, {
      method: 'PUT',
      body: snapshotBody(osDisk),
    });
    expect(put.status).toBe(202);
    expect(put.body).toMatchObject({ properties: { provisioningState: 'Updating' } });
    expect(put.body).not.toMatchObject({ properties: { diskSizeBytes: expect.anything() } });
    const poll = put.headers.get('azure-asyncoperation') ?? '';
    expect(poll.length).toBeGreaterThan(2500);
    expect((await arm.send(poll)).body).toMatchObject({ status: 'InProgress' });
    expect((await arm.send(poll)).body).toMatchObject({
      status: 'Succeeded',
      properties: {
        output: { properties: { creationData: { sourceUniqueId: expect.any(String) } } },
      },
    });
  });

  test('a snapshot that fails stays behind as Failed', async () => {
    arm.fault = { kind: 'fail-operation', code: 'InternalExecutionError', message: 'An error.' };
    const { snapshots } = arm.client();
    await expect(
      snapshots.createOrUpdate('images', 's1', snapshotOf(osDisk), fast),
    ).rejects.toThrow('InternalExecutionError. An error.');
    expect(await snapshots.get('images', 's1')).toMatchObject({ provisioningState: 'Failed' });
    await snapshots.delete('images', 's1', fast);
  });

  test('snapshots are listed and their tags replaced', async () => {
    const { snapshots } = arm.client();
    await snapshots.createOrUpdate('images', 's1', snapshotOf(osDisk), fast);
    await snapshots.update('images', 's1', { tags: { keep: 'yes' } }, fast);
    const names: unknown[] = [];
    for await (const each of snapshots.listByResourceGroup('images')) names.push(each.tags);
    for await (const each of snapshots.list()) names.push(each.name);
    expect(names).toEqual([{ keep: 'yes' }, 's1']);
  });

  const longName = 'x'.repeat(81);
  test.each([
    ['a source in another region', 's1', snapshotBody(osDisk, 'eastus'), 404, 'NotFound'],
    ['a source that is missing', 's1', snapshotBody(`${osDisk}x`), 404, 'NotFound'],
    ['a name that is too long', longName, snapshotBody(osDisk), 400, 'InvalidParameter'],
    ['a name with a bad character', 'a%20b', snapshotBody(osDisk), 400, 'InvalidParameter'],
    ['a body without a location', 's1', { properties: {} }, 400, 'LocationRequired'],
    [
      'an unknown SKU',
      's1',
      { ...snapshotBody(osDisk), sku: { name: 'Gold' } },
      400,
      'InvalidParameter',
    ],
  ])('refuses %s', async (_name, snapshot, body, status, code) => {
    const put = await arm.send(`${compute}/snapshots/${snapshot}`, { method: 'PUT', body });
    expect(put).toMatchObject({ status, body: { error: { code } } });
    expect(arm.resources.ofType('Microsoft.Compute/snapshots')).toEqual([]);
  });

  test('a snapshot does not change its source', async () => {
    const { snapshots } = arm.client();
    await snapshots.createOrUpdate('images', 's1', snapshotOf(osDisk), fast);
    await snapshots.createOrUpdate('images', 's1', snapshotOf(osDisk), fast);
    await expect(
      snapshots.createOrUpdate('images', 's1', snapshotOf(`${compute}/disks/free`), fast),
    ).rejects.toEqual(expect.objectContaining({ statusCode: 409 }));
  });

  test.each([0, 5_184_001, 1.5, 'ten', undefined])('refuses a duration of %s', async (seconds) => {
    const granted = await arm.send(`${compute}/disks/free/beginGetAccess`, {
      method: 'POST',
      body: { access: 'Read', durationInSeconds: seconds },
    });
    expect(granted).toMatchObject({ status: 400, body: { error: { code: 'InvalidParameter' } } });
  });

  test('a disk is exported only while no running VM has it', async () => {
    const { disks, virtualMachines } = arm.client();
    const access = { access: 'Read', durationInSeconds: 60 };
    await expect(disks.grantAccess('images', 'builder-os', access, fast)).rejects.toEqual(
      refusal('Conflict', /disk builder-os is currently attached to running VM/),
    );
    await virtualMachines.deallocate('images', 'builder', fast);
    await disks.grantAccess('images', 'builder-os', access, fast);
    await expect(virtualMachines.start('images', 'builder', fast)).rejects.toEqual(
      refusal('OperationNotAllowed', /shared access signature outstanding for disk builder-os/),
    );
    await disks.revokeAccess('images', 'builder-os', fast);
    await virtualMachines.start('images', 'builder', fast);
  });
});

describe('polling', () => {
  test('a changed poll URL is refused, and Location answers 202 until the end', async () => {
    const started = await arm.send(`${vm}/powerOff`, { method: 'POST' });
    const location = started.headers.get('location') ?? '';
    const changed = location.replace('monitor=true', 'monitor=True');
    expect(await arm.send(changed)).toMatchObject({ status: 403 });
    expect(await arm.send(location)).toMatchObject({ status: 202, body: undefined });
    expect(await arm.send(location)).toMatchObject({ status: 200, body: undefined });
  });

  test('Retry-After is what the scenario says, or what Azure sends', async () => {
    const started = await arm.send(`${vm}/powerOff`, { method: 'POST' });
    expect(started.headers.get('retry-after')).toBe('0');
    arm.close();
    arm = await startArm(azureTimed);
    const stopped = await arm.send(`${vm}/powerOff`, { method: 'POST' });
    expect(stopped.headers.get('retry-after')).toBe(null);
    const deallocated = await arm.send(`${vm}/deallocate`, { method: 'POST' });
    expect(deallocated.headers.get('retry-after')).toBe('10');
  });

  test('a modelled duration is waited for', async () => {
    arm.close();
    arm = await startArm({ ...scenario, model: { operationMs: { powerOff: 40 } } });
    const startedMs = performance.now();
    await arm.client().virtualMachines.powerOff('images', 'builder', fast);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(39);
  });
});

describe('the gateway', () => {
  test.each([
    ['no API version', `${vm}?x=1`, 400, 'MissingApiVersionParameter'],
    ['an unknown subscription', '/subscriptions/none', 404, 'SubscriptionNotFound'],
    ['an unknown group', vm.replace('images', 'none'), 404, 'ResourceGroupNotFound'],
    ['an unknown VM', `${vm}x`, 404, 'ResourceNotFound'],
    ['an unknown disk', `${osDisk}x`, 404, 'ResourceNotFound'],
    ['an unknown type', `${compute}/gadgets/one`, 404, 'InvalidResourceType'],
  ])('answers %s', async (_name, path, status, code) => {
    expect(await arm.send(path)).toMatchObject({ status, body: { error: { code } } });
  });

  test('asks for a token it knows', async () => {
    const answer = await arm.send(vm, { as: 'stranger' });
    expect(answer).toMatchObject({
      status: 401,
      body: { error: { code: 'InvalidAuthenticationToken' } },
    });
    expect(answer.headers.get('www-authenticate')).toContain(scenario.tenantId);
  });

  test('refuses an action without the right, and a snapshot of a disk without it', async () => {
    const denied = await arm.send(`${vm}/deallocate`, { method: 'POST', as: 'reader' });
    expect(denied).toMatchObject({
      status: 403,
      body: {
        error: {
          code: 'AuthorizationFailed',
          message: `The client 'reader-app' with object id 'reader-app' does not have authorization to perform action 'Microsoft.Compute/virtualMachines/deallocate/action' over scope '${vm}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
        },
      },
    });
    const linked = await arm.send(`${compute}/snapshots/s1`, {
      ...{ method: 'PUT', as: 'writer' },
      body: snapshotBody(osDisk),
    });
    expect(linked).toMatchObject({
      status: 403,
      body: { error: { code: 'LinkedAuthorizationFailed' } },
    });
  });

  test('locks refuse what their level says', async () => {
    arm.close();
    arm = await startArm({
      ...scenario,
      snapshots: [{ resourceGroup: 'images', name: 's0', sourceDiskId: osDisk }],
      locks: [
        { scope: group, level: 'CanNotDelete', name: 'keep' },
        { scope: vm, level: 'ReadOnly' },
      ],
    });
    const locked = { status: 409, body: { error: { code: 'ScopeLocked' } } };
    const s0 = `${compute}/snapshots/s0`;
    expect(await arm.send(s0, { method: 'DELETE' })).toMatchObject(locked);
    expect(await arm.send(`${vm}/deallocate`, { method: 'POST' })).toMatchObject(locked);
    const access = { access: 'Read', durationInSeconds: 60 };
    const granted = await arm.send(`${s0}/beginGetAccess`, { method: 'POST', body: access });
    expect(granted.status).toBe(202);
    const list = await arm.send(`${vm}/providers/Microsoft.Authorization/locks`);
    expect(list.body).toMatchObject({
      value: [
        { name: 'keep', properties: { level: 'CanNotDelete' } },
        { type: 'Microsoft.Authorization/locks' },
      ],
    });
  });

  test('subscriptions, groups, accounts, permissions and endpoints are told', async () => {
    const bodyOf = async (path: string) => (await arm.send(path)).body;
    expect(await bodyOf('/subscriptions')).toMatchObject({ value: [{ displayName: 'Test' }] });
    expect((await arm.send('/subscriptions', { as: 'nobody' })).body).toMatchObject({ value: [] });
    expect(await bodyOf(subscription)).toMatchObject({ state: 'Enabled' });
    expect(await bodyOf(`${subscription}/resourcegroups`)).toMatchObject({
      value: [{ id: group, location: 'westeurope' }],
    });
    expect(await bodyOf(group)).toMatchObject({ type: 'Microsoft.Resources/resourceGroups' });
    const accounts = `${subscription}/providers/Microsoft.Storage/storageAccounts`;
    expect(await bodyOf(accounts)).toMatchObject({
      value: [
        {
          kind: 'StorageV2',
          properties: {
            allowSharedKeyAccess: false,
            primaryEndpoints: { blob: 'https://imageswe1.blob.core.windows.net/' },
          },
        },
      ],
    });
    expect(await bodyOf(`${vm}/providers/Microsoft.Authorization/permissions`)).toEqual({
      value: [{ actions: ['*'], notActions: [], dataActions: [], notDataActions: [] }],
    });
    expect(await bodyOf(`${subscription}/providers/Microsoft.Compute`)).toMatchObject({
      registrationState: 'Registered',
    });
    const endpoints = '/metadata/endpoints?api-version=2022-09-01';
    expect((await arm.send(endpoints, { as: '' })).body).toMatchObject({
      authentication: { loginEndpoint: 'https://login.microsoftonline.com' },
      suffixes: { storage: 'core.windows.net' },
    });
  });
});
