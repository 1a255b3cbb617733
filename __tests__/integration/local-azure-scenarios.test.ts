import { readFile, readdir } from 'node:fs/promises';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { beforeAll, expect, test } from '@jest/globals';
import { checkScenario } from '../../local-azure/load-scenario.ts';
import type { FaultRule, Scenario } from '../../local-azure/scenario.ts';
import { useLocalAzure } from '../../local-azure/child.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';

const folder = new URL('../../local-azure/scenarios/', import.meta.url);
const quickly = { updateIntervalInMs: 10 };
const names = (await readdir(folder)).map((file) => file.replace(/\.json$/, ''));
const scenarios = new Map(
  await Promise.all(names.map(async (name) => [name, await readScenario(name)] as const)),
);

let azure: LocalAzure;
let scenario: Scenario;
let credential: ClientSecretCredential;
let compute: ComputeManagementClient;

beforeAll(async () => {
  azure = await startLocalAzure(scenarioOf('one-vm'));
  useLocalAzure(azure);
});

async function readScenario(name: string): Promise<Scenario> {
  const file = new URL(`${name}.json`, folder);
  return checkScenario(JSON.parse(await readFile(file, 'utf8')) as unknown);
}

function scenarioOf(name: string): Scenario {
  const found = scenarios.get(name);
  if (found === undefined) throw new Error(`There is no scenario ${name}.`);
  return found;
}

/** Starts anew with a scenario, and signs in as its identity. */
async function begin(name: string): Promise<void> {
  scenario = scenarioOf(name);
  await azure.reset(scenario);
  const { clientId = '', clientSecret = '' } = scenario.identities?.[0] ?? {};
  const retryOptions = { maxRetries: 0 };
  credential = new ClientSecretCredential(scenario.tenantId, clientId, clientSecret);
  compute = new ComputeManagementClient(credential, scenario.subscriptions[0]?.id ?? '', {
    retryOptions,
  });
}

function blobsOf(
  account: string,
  by: ClientSecretCredential | StorageSharedKeyCredential = credential,
): BlobServiceClient {
  return new BlobServiceClient(`https://${account}.blob.core.windows.net`, by, {
    retryOptions: { maxTries: 1 },
  });
}

async function snapshotOf(
  group: string,
  vmName: string,
  options: { readonly into?: string; readonly location?: string } = {},
): Promise<string | undefined> {
  const vm = await compute.virtualMachines.get(group, vmName);
  const sourceResourceId = vm.storageProfile?.osDisk?.managedDisk?.id ?? '';
  const { into = group, location = vm.location } = options;
  const body = { location, creationData: { createOption: 'Copy', sourceResourceId } };
  return (await compute.snapshots.createOrUpdate(into, 'snapshot', body, quickly)).id;
}

test('the examples of docs/local-azure.md are sound', async () => {
  const page = await readFile(new URL('../../docs/local-azure.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^```json\n(.*?)^```/gms)].map(
    ([, json = '']) => JSON.parse(json) as unknown,
  );
  const [written, guest, faults] = examples;
  await azure.reset(checkScenario(written));
  expect((await azure.state()).resources).toMatchObject({
    'Microsoft.Compute/virtualMachines': [{ name: 'builder' }],
  });
  await azure.setFaults(faults as readonly FaultRule[]);
  const [vm] = checkScenario(written).virtualMachines ?? [];
  const virtualMachines = [{ ...vm, ...(guest as object) }];
  expect(checkScenario({ ...(written as object), virtualMachines })).toMatchObject({
    virtualMachines: [{ guest: { acts: [{ output: ['@{marker} started'] }] } }],
  });
  expect(examples).toHaveLength(3);
});

test.each(names)('the scenario %s starts with all that it names', async (name) => {
  await begin(name);
  const { resources } = await azure.state();
  const namesOf = (type: string) => (resources[type] ?? []).map((body) => body.name).sort();
  const named = (list: readonly { readonly name: string }[] = []) =>
    list.map((one) => one.name).sort();
  expect(namesOf('Microsoft.Resources/resourceGroups')).toEqual(named(scenario.resourceGroups));
  expect(namesOf('Microsoft.Compute/virtualMachines')).toEqual(named(scenario.virtualMachines));
  expect(namesOf('Microsoft.Storage/storageAccounts')).toEqual(named(scenario.storageAccounts));
});

test('the Windows pool has a VM with a 127 GiB disk and five accounts with a container', async () => {
  await begin('windows-pool-200');
  const vm = await compute.virtualMachines.get('images', 'node-template', {
    expand: 'instanceView',
  });
  expect(vm.storageProfile).toMatchObject({
    osDisk: { osType: 'Windows', diskSizeGB: 127 },
    dataDisks: [{ lun: 0, diskSizeGB: 64 }],
  });
  const accounts = scenario.storageAccounts ?? [];
  expect(accounts).toHaveLength(5);
  for (const { name } of accounts) {
    expect(await blobsOf(name).getContainerClient('vhds').exists()).toBe(true);
  }
});

test('two regions refuse a snapshot in the region that its disk is not in', async () => {
  await begin('two-regions');
  const elsewhere = { into: 'images-ne', location: 'northeurope' };
  await expect(snapshotOf('images-we', 'builder', elsewhere)).rejects.toMatchObject({
    statusCode: 404,
  });
  expect(await snapshotOf('images-we', 'builder')).toContain('/images-we/');
  const { resources } = await azure.state();
  expect(resources['Microsoft.Storage/storageAccounts']).toMatchObject([
    { location: 'westeurope' },
    { location: 'northeurope' },
  ]);
});

test('the locked-down accounts refuse keys, and callers whom the firewall keeps out', async () => {
  await begin('locked-down');
  const anyKey = new StorageSharedKeyCredential('nokeyswe1', Buffer.alloc(64).toString('base64'));
  await expect(
    blobsOf('nokeyswe1', anyKey).getContainerClient('vhds').create(),
  ).rejects.toMatchObject({ statusCode: 403, code: 'KeyBasedAuthenticationNotPermitted' });
  const behindFirewall = blobsOf('firewallwe1').getContainerClient('vhds');
  await expect(behindFirewall.create()).rejects.toMatchObject({
    statusCode: 403,
    code: 'AuthorizationFailure',
  });
  const container = blobsOf('nokeyswe1').getContainerClient('vhds');
  await container.create();
  expect(await container.exists()).toBe(true);
});

test('the locked-down identity has no right that the permissions page does not name', async () => {
  const page = await readFile(new URL('../../docs/permissions.md', import.meta.url), 'utf8');
  const named = JSON.parse(/^```json\n(.*?)^```/ms.exec(page)?.[1] ?? '') as {
    readonly Actions: readonly string[];
    readonly DataActions: readonly string[];
  };
  const assigned = scenarioOf('locked-down').identities?.[0]?.roleAssignments ?? [];
  const rights = assigned.flatMap(({ role }) =>
    typeof role === 'string' ? [role] : [...(role.actions ?? []), ...(role.dataActions ?? [])],
  );
  expect([...named.Actions, ...named.DataActions]).toEqual(expect.arrayContaining(rights));
  expect(rights).toContain('Microsoft.Compute/snapshots/write');
});

test('the locked-down identity may capture, but not into an account that takes copies of its own tenant only, nor start a VM', async () => {
  await begin('locked-down');
  await snapshotOf('images', 'builder');
  const request = { access: 'Read', durationInSeconds: 3600 };
  const { accessSAS = '' } = await compute.snapshots.grantAccess(
    'images',
    'snapshot',
    request,
    quickly,
  );
  const copyInto = async (account: string) => {
    const container = blobsOf(account).getContainerClient('vhds');
    await container.create();
    const vhd = container.getPageBlobClient('builder.vhd');
    const poller = await vhd.beginCopyFromURL(accessSAS, { intervalInMs: 10 });
    return (await poller.pollUntilDone()).copyStatus;
  };
  expect(await copyInto('nokeyswe1')).toBe('success');
  await expect(copyInto('owntenantwe1')).rejects.toMatchObject({ statusCode: 403 });
  const forbidden = { statusCode: 403, code: 'AuthorizationFailed' };
  await expect(compute.virtualMachines.start('images', 'builder', quickly)).rejects.toMatchObject(
    forbidden,
  );
});
