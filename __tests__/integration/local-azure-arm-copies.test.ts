import type { VirtualMachine, VirtualMachineInstanceView } from '@azure/arm-compute';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Scenario, ScenarioVirtualMachine } from '../../local-azure/scenario.ts';
import { startArm, type ArmListener } from '../support/arm-listener.ts';
import { quickly } from '../support/azure-clients.ts';
import { smallScenario, subscriptionId } from '../support/small-scenario.ts';

const group = `/subscriptions/${subscriptionId}/resourceGroups/images`;
const provider = `${group}/providers/Microsoft.Compute`;
const network = `${group}/providers/Microsoft.Network`;
const as = 'image-builder';
const location = 'westeurope';

const guest = { acts: [{ script: 'MARKER=(?<marker>\\w+)', output: ['@{marker} here'] }] };

let arm: ArmListener;

beforeEach(async () => {
  arm = await startArm(scenarioOf({}));
});

afterEach(() => {
  arm.resources.halt();
  arm.close();
});

function scenarioOf(
  vmChanges: Partial<ScenarioVirtualMachine>,
  changes: Partial<Scenario> = {},
): Scenario {
  const [vm] = smallScenario.virtualMachines ?? [];
  if (vm === undefined) throw new Error('The small scenario has no VM.');
  return {
    ...smallScenario,
    virtualMachines: [
      {
        ...vm,
        tags: { owner: 'me' },
        dataDisks: [{ lun: 2, name: 'builder-data', sizeGiB: 1 }],
        guest,
        ...vmChanges,
      },
    ],
    networks: [{ resourceGroup: 'images', name: 'copy' }],
    ...changes,
  };
}

async function restart(
  vmChanges: Partial<ScenarioVirtualMachine>,
  changes?: Partial<Scenario>,
): Promise<void> {
  arm.close();
  arm = await startArm(scenarioOf(vmChanges, changes));
}

/** Copies a disk of the source VM by way of a snapshot. */
async function copyDisk(source: string, copy: string, zones?: string[]): Promise<void> {
  const { snapshots, disks } = arm.client(as);
  const creationData = (sourceResourceId: string) => ({
    creationData: { createOption: 'Copy', sourceResourceId },
  });
  await snapshots.createOrUpdate(
    'images',
    `${copy}-snapshot`,
    { location, ...creationData(`${provider}/disks/${source}`) },
    quickly,
  );
  const disk = {
    location,
    ...(zones && { zones }),
    ...creationData(`${provider}/snapshots/${copy}-snapshot`),
  };
  await disks.createOrUpdate('images', copy, disk, quickly);
}

async function putNic(name = 'copy'): Promise<void> {
  const subnet = { id: `${network}/virtualNetworks/copy/subnets/default` };
  const body = {
    location,
    properties: { ipConfigurations: [{ name: 'one', properties: { subnet } }] },
  };
  const path = `${network}/networkInterfaces/${name}`;
  expect(await arm.send(path, { method: 'PUT', body, as })).toMatchObject({ status: 201 });
}

function managed(name: string) {
  return {
    managedDisk: { id: `${provider}/disks/${name}` },
    createOption: 'Attach',
    deleteOption: 'Delete',
  };
}

const copyOfBuilder: VirtualMachine = {
  location,
  tags: { run: '1' },
  hardwareProfile: { vmSize: 'Standard_D2s_v5' },
  storageProfile: {
    osDisk: { osType: 'Linux', ...managed('copy-os') },
    dataDisks: [{ lun: 2, caching: 'ReadOnly', ...managed('copy-data') }],
  },
  networkProfile: {
    networkInterfaces: [
      { id: `${network}/networkInterfaces/copy`, primary: true, deleteOption: 'Delete' },
    ],
  },
  diagnosticsProfile: { bootDiagnostics: { enabled: true } },
};

async function create(body: VirtualMachine = copyOfBuilder): Promise<VirtualMachine> {
  return await arm.client(as).virtualMachines.createOrUpdate('images', 'copy', body, quickly);
}

async function prepare(): Promise<void> {
  await copyDisk('builder-os', 'copy-os');
  await copyDisk('builder-data', 'copy-data');
  await putNic();
}

async function view(): Promise<VirtualMachineInstanceView> {
  return await arm.client(as).virtualMachines.instanceView('images', 'copy');
}

async function exists(path: string): Promise<boolean> {
  return (await arm.send(path, { as })).status === 200;
}

describe('a copy of a VM', () => {
  test('is made of copied disks, and its agent reports for itself after a while', async () => {
    await restart({ guest: { ...guest, bootSeconds: 40 } });
    await prepare();
    const { virtualMachines } = arm.client(as);
    const source = await virtualMachines.get('images', 'builder');
    const copy = await create();
    expect(copy).toMatchObject({
      tags: { run: '1' },
      provisioningState: 'Succeeded',
      diagnosticsProfile: { bootDiagnostics: { enabled: true } },
      networkProfile: copyOfBuilder.networkProfile,
      storageProfile: {
        osDisk: {
          osType: 'Linux',
          createOption: 'Attach',
          deleteOption: 'Delete',
          name: 'copy-os',
        },
        dataDisks: [{ lun: 2, caching: 'ReadOnly', name: 'copy-data', deleteOption: 'Delete' }],
      },
    });
    expect(copy.osProfile).toBeUndefined();
    expect(copy.vmId).not.toBe(source.vmId);
    const agents = [await view(), await view(), await view()].map(
      ({ vmAgent, computerName }) =>
        `${computerName ?? ''} ${vmAgent?.statuses?.[0]?.displayStatus ?? ''}`,
    );
    expect(agents).toEqual(['builder Not Ready', 'builder Not Ready', 'builder Ready']);
    const input = { commandId: 'RunShellScript', script: ['MARKER=7a'] };
    const { value } = await virtualMachines.runCommand('images', 'copy', input, quickly);
    expect(value?.[0]?.message).toContain('@7a here');
    expect(await virtualMachines.get('images', 'builder')).toEqual(source);
    const nic = await arm.send(`${network}/networkInterfaces/copy`, { as });
    expect(nic.body).toMatchObject({ properties: { virtualMachine: { id: copy.id } } });
  });

  test('takes away what it is to take away, and leaves the rest', async () => {
    await prepare();
    const [data] = copyOfBuilder.storageProfile?.dataDisks ?? [];
    await create({
      ...copyOfBuilder,
      storageProfile: {
        ...copyOfBuilder.storageProfile,
        dataDisks: [{ lun: 2, createOption: 'Attach', managedDisk: data?.managedDisk ?? {} }],
      },
    });
    const { virtualMachines, disks } = arm.client(as);
    await expect(disks.delete('images', 'copy-os', quickly)).rejects.toMatchObject({
      code: 'OperationNotAllowed',
    });
    await virtualMachines.delete('images', 'copy', { ...quickly, forceDeletion: true });
    expect(await exists(`${provider}/virtualMachines/copy`)).toBe(false);
    expect(await exists(`${provider}/disks/copy-os`)).toBe(false);
    expect(await exists(`${network}/networkInterfaces/copy`)).toBe(false);
    expect(await disks.get('images', 'copy-data')).toMatchObject({ diskState: 'Unattached' });
    await disks.delete('images', 'copy-data', quickly);
    const again = await arm.send(`${provider}/virtualMachines/copy`, { method: 'DELETE', as });
    expect(again.status).toBe(204);
  });

  test('changes its tags, by PATCH and by the same PUT', async () => {
    await prepare();
    await create();
    const { virtualMachines } = arm.client(as);
    await virtualMachines.update('images', 'copy', { tags: { run: '2' } }, quickly);
    expect((await virtualMachines.get('images', 'copy')).tags).toEqual({ run: '2' });
    expect((await create()).tags).toEqual({ run: '1' });
    const fewer = { ...copyOfBuilder.storageProfile, dataDisks: [] };
    await expect(create({ ...copyOfBuilder, storageProfile: fewer })).rejects.toMatchObject({
      code: 'PropertyChangeNotAllowed',
    });
  });

  test('without a data disk that the system needs hangs in its boot', async () => {
    await restart({ guest: { needsLuns: [2] } });
    await prepare();
    const storageProfile = { ...copyOfBuilder.storageProfile, dataDisks: [] };
    await create({ ...copyOfBuilder, storageProfile });
    for (let index = 0; index < 9; index += 1) {
      expect((await view()).vmAgent?.statuses?.[0]?.displayStatus).toBe('Not Ready');
    }
    expect(
      arm.resources.virtualMachine(`${provider}/virtualMachines/copy`)?.guest.serial,
    ).toContain('emergency mode');
  });

  test('keeps the zone, the security, the plan, the licence and the controller', async () => {
    const plan = { name: 'p', product: 'o', publisher: 'q' };
    const security = {
      securityType: 'TrustedLaunch',
      secureBoot: false,
      encryptionAtHost: true,
    } as const;
    await restart({
      ...security,
      zone: '2',
      plan,
      licenseType: 'RHEL_BYOS',
      diskController: 'NVMe',
    });
    const { virtualMachines, disks } = arm.client(as);
    const source = await virtualMachines.get('images', 'builder');
    expect(source).toMatchObject({ zones: ['2'], plan, licenseType: 'RHEL_BYOS' });
    expect(await disks.get('images', 'builder-os')).toMatchObject({
      zones: ['2'],
      purchasePlan: plan,
    });
    await copyDisk('builder-os', 'copy-os', ['2']);
    await copyDisk('builder-data', 'copy-data', ['2']);
    await putNic();
    const { zones, securityProfile, licenseType } = source;
    const kept = {
      ...{ zones, plan, securityProfile, licenseType },
      storageProfile: { ...copyOfBuilder.storageProfile, diskControllerType: 'NVMe' },
    } as VirtualMachine;
    const copy = await create({ ...copyOfBuilder, ...kept });
    expect(copy).toMatchObject({
      ...{ zones: ['2'], plan, licenseType: 'RHEL_BYOS' },
      securityProfile: {
        securityType: 'TrustedLaunch',
        encryptionAtHost: true,
        uefiSettings: { secureBootEnabled: false, vTpmEnabled: true },
      },
      storageProfile: { diskControllerType: 'NVMe' },
    });
  });
});

describe('a copy is refused', () => {
  const trusted = { securityProfile: { securityType: 'TrustedLaunch' } };
  const osDisk = (name: string) => ({ osType: 'Linux' as const, ...managed(name) });

  test.each<[string, Partial<VirtualMachine>, number, string, RegExp]>([
    [
      'with a disk of another VM',
      { storageProfile: { osDisk: osDisk('builder-os') } },
      409,
      'ConflictingUserInput',
      /already owned by VM .*builder/,
    ],
    [
      'with a missing disk',
      { storageProfile: { osDisk: osDisk('none') } },
      404,
      'NotFound',
      /none/,
    ],
    ['in a zone where its disks are not', { zones: ['1'] }, 400, 'BadRequest', /not in zone '1'/],
    [
      'in another region',
      { location: 'northeurope' },
      400,
      'InvalidResourceReference',
      /networkInterfaces\/copy/,
    ],
    ['with another security type', trusted, 400, 'BadRequest', /Security type of VM/],
    [
      'with a size for the first generation',
      { hardwareProfile: { vmSize: 'Standard_A2_v2' } },
      400,
      'BadRequest',
      /cannot boot Hypervisor Generation '2'/,
    ],
    ['without a size', { hardwareProfile: {} }, 400, 'InvalidParameter', /vmSize/],
    [
      'with an OS profile',
      { osProfile: { computerName: 'x' } },
      400,
      'InvalidParameter',
      /osProfile/,
    ],
    ['without an interface', { networkProfile: {} }, 400, 'InvalidParameter', /networkInterfaces/],
    [
      'with an interface of another VM',
      {
        networkProfile: { networkInterfaces: [{ id: `${network}/networkInterfaces/builder-nic` }] },
      },
      400,
      'NicInUse',
      /virtualMachines\/builder/,
    ],
    [
      'with a missing interface',
      { networkProfile: { networkInterfaces: [{ id: `${network}/networkInterfaces/none` }] } },
      400,
      'InvalidResourceReference',
      /none/,
    ],
    [
      'with an image',
      { storageProfile: { osDisk: { osType: 'Linux', createOption: 'FromImage' } } },
      400,
      'InvalidParameter',
      /createOption/,
    ],
  ])('%s', async (_name, changes, statusCode, code, message) => {
    await prepare();
    await expect(create({ ...copyOfBuilder, ...changes })).rejects.toMatchObject({
      ...{ statusCode, code },
      message: expect.stringMatching(message),
    });
    expect(await exists(`${provider}/virtualMachines/copy`)).toBe(false);
  });

  test('without the plan that its disk has', async () => {
    await restart({ plan: { name: 'p', product: 'o', publisher: 'q' } });
    await prepare();
    await expect(create()).rejects.toMatchObject({ code: 'VMMarketplaceInvalidInput' });
  });

  test('while a SAS of its disk is out', async () => {
    await prepare();
    const access = { access: 'Read', durationInSeconds: 3600 };
    await arm.client(as).disks.grantAccess('images', 'copy-os', access, quickly);
    await expect(create()).rejects.toMatchObject({ statusCode: 409, code: 'OperationNotAllowed' });
  });

  test.each<[string, Partial<Scenario>, RegExp]>([
    [
      'beyond the quota of the family',
      { capacity: { familyCores: 3 } },
      /exceeding approved standardDSv5Family Cores quota.*Current Limit: 3, Current Usage: 2, Additional Required: 2/,
    ],
    ['beyond the quota of the region', { capacity: { cores: 3 } }, /Total Regional Cores quota/],
    [
      'in a size that is not there',
      { capacity: { unavailableSizes: ['Standard_D2s_v5'] } },
      /Standard_D2s_v5' is currently not available/,
    ],
    [
      'by a policy',
      { policies: [{ name: 'no-vms', types: ['Microsoft.Compute/virtualMachines'] }] },
      /was disallowed by policy/,
    ],
  ])('%s', async (_name, changes, message) => {
    await restart({}, changes);
    await prepare();
    await expect(create()).rejects.toThrow(message);
  });

  test('for want of room, when its operation ends: the failed VM stays', async () => {
    const fails = { code: 'AllocationFailed', message: 'Allocation failed.' };
    await restart({}, { capacity: { fails } });
    await prepare();
    await expect(create()).rejects.toThrow(/AllocationFailed/);
    expect((await arm.client(as).virtualMachines.get('images', 'copy')).provisioningState).toBe(
      'Failed',
    );
  });

  test('to who may not change the disk', async () => {
    const actions = ['Microsoft.Compute/virtualMachines/*'];
    const identity = { name: as, clientId: as, roleAssignments: [{ role: { actions } }] };
    await restart({}, { identities: [identity] });
    await expect(create()).rejects.toMatchObject({
      statusCode: 403,
      code: 'LinkedAuthorizationFailed',
    });
  });
});

describe('capacity', () => {
  test('tells cores and sizes', async () => {
    await restart({}, { capacity: { familyCores: 8, unavailableSizes: ['Standard_B2s'] } });
    const usages: unknown[] = [];
    for await (const usage of arm.client(as).usage.list(location)) usages.push(usage);
    expect(usages).toContainEqual({
      ...{ unit: 'Count', currentValue: 2, limit: 8 },
      name: { value: 'standardDSv5Family', localizedValue: 'standardDSv5Family vCPUs' },
    });
    const path = `/subscriptions/${subscriptionId}/providers/Microsoft.Compute/skus`;
    const filter = encodeURIComponent(`location eq '${location}'`);
    const { body } = await arm.send(`${path}?api-version=2021-07-01&$filter=${filter}`, { as });
    expect(body).toMatchObject({
      value: expect.arrayContaining([
        expect.objectContaining({
          name: 'Standard_D2s_v5',
          family: 'standardDSv5Family',
          restrictions: [],
        }),
        expect.objectContaining({
          name: 'Standard_B2s',
          restrictions: [expect.objectContaining({ reasonCode: 'NotAvailableForSubscription' })],
        }),
      ]),
    });
  });
});

describe('a list of resources', () => {
  async function list(path: string, filter: string): Promise<readonly string[]> {
    const query = `api-version=2024-03-01&$filter=${encodeURIComponent(filter)}`;
    const { body } = await arm.send(`${path}/resources?${query}`, { as });
    const { value } = body as { readonly value: readonly { readonly id: string }[] };
    return value.map(({ id }) => id.split('/').slice(-2).join('/'));
  }

  test('is of those with a tag', async () => {
    await prepare();
    await create();
    const copy = ['virtualMachines/copy'];
    expect(await list(group, "tagName eq 'run' and tagValue eq '1'")).toEqual(copy);
    expect(await list(`/subscriptions/${subscriptionId}`, "tagName eq 'RUN'")).toEqual(copy);
    expect(await list(group, "tagName eq 'run' and tagValue eq '2'")).toEqual([]);
    const type = "resourceType eq 'Microsoft.Network/networkInterfaces'";
    expect(await list(group, type)).toEqual([
      'networkInterfaces/builder-nic',
      'networkInterfaces/copy',
    ]);
    const path = `${group}/resources?api-version=2024-03-01&$filter=name`;
    expect(await arm.send(path, { as })).toMatchObject({ status: 400 });
  });
});

describe('extensions', () => {
  test('are listed and deleted while the agent runs', async () => {
    await restart({ extensions: ['Monitor', 'Backup'] });
    const { virtualMachineExtensions, virtualMachines } = arm.client(as);
    const { value } = await virtualMachineExtensions.list('images', 'builder');
    expect(value?.map(({ name }) => name)).toEqual(['Monitor', 'Backup']);
    await virtualMachineExtensions.delete('images', 'builder', 'Monitor', quickly);
    const vm = await virtualMachines.get('images', 'builder', { expand: 'instanceView' });
    expect(vm.resources?.map(({ name }) => name)).toEqual(['Backup']);
    expect(vm.instanceView?.extensions?.map(({ name }) => name)).toEqual(['Backup']);
    await expect(
      virtualMachineExtensions.get('images', 'builder', 'Monitor'),
    ).rejects.toMatchObject({ statusCode: 404 });
    await virtualMachines.deallocate('images', 'builder', quickly);
    await expect(
      virtualMachineExtensions.delete('images', 'builder', 'Backup', quickly),
    ).rejects.toMatchObject({ statusCode: 409, code: 'OperationNotAllowed' });
  });

  test('are not deleted without the agent', async () => {
    await restart({ extensions: ['Monitor'], agent: 'notReady' });
    const { virtualMachineExtensions } = arm.client(as);
    await expect(
      virtualMachineExtensions.delete('images', 'builder', 'Monitor', quickly),
    ).rejects.toThrow(/VMAgentStatusCommunicationError/);
    expect((await virtualMachineExtensions.get('images', 'builder', 'Monitor')).name).toBe(
      'Monitor',
    );
  });
});
