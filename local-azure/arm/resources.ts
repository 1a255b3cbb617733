import { requireSandbox } from '../guests/sandbox.ts';
import { readNetworkRequest } from '../network/network-requests.ts';
import { networkTypes } from '../network/network-resource.ts';
import type { NetworkType } from '../network/network-resource.ts';
import { addNetworkResource } from '../network/network-store.ts';
import type {
  Scenario,
  ScenarioDisk,
  ScenarioFreeDisk,
  ScenarioNetwork,
  ScenarioResourceGroup,
  ScenarioSnapshot,
  ScenarioVirtualMachine,
} from '../scenario.ts';
import type { DiskImages, Hosts, Resource } from '../world.ts';
import { batchAccountType, buildBatchAccount } from './batch-account.ts';
import { ManagedDisk } from './managed-disk.ts';
import type { BootableSystem, DiskParts, Platform } from './managed-disk.ts';
import { isSame } from './resource-id.ts';
import { createStore, resourceGroupType } from './resource-store.ts';
import type { ArmResources } from './resource-store.ts';
import { Snapshot } from './snapshot.ts';
import { buildStorageAccount } from './storage-account.ts';
import { uuidFrom } from './uuid.ts';
import { VirtualMachine } from './virtual-machine.ts';
import { modelOf } from './vm-model.ts';
import type { AttachedDisk, VirtualMachineParts } from './vm-state.ts';

interface Group {
  readonly id: string;
  readonly location: string;
}

interface Filling {
  readonly scenario: Scenario;
  readonly resources: ArmResources;
  readonly images: DiskImages;
  readonly now: Date;
}

/**
 * The resources of a scenario. Throws where it contradicts itself: a resource group or disk that
 * is named but not there.
 */
export async function createResources(
  scenario: Scenario,
  hosts: Hosts,
  images: DiskImages,
): Promise<ArmResources> {
  const resources = createStore(scenario.subscriptions);
  const filling: Filling = { scenario, resources, images, now: new Date() };
  for (const group of scenario.resourceGroups) {
    resources.put(buildResourceGroup(group, groupId(scenario, group)));
  }
  for (const vm of scenario.virtualMachines ?? []) await addVirtualMachine(filling, vm);
  for (const network of scenario.networks ?? []) addFreeNetwork(filling, network);
  for (const disk of scenario.disks ?? []) await addFreeDisk(filling, disk);
  for (const snapshot of scenario.snapshots ?? []) addSnapshot(filling, snapshot);
  for (const account of scenario.storageAccounts ?? []) {
    const group = findGroup(scenario, account.resourceGroup);
    const place = {
      id: `${group.id}/providers/Microsoft.Storage/storageAccounts/${account.name}`,
      location: account.location ?? group.location,
      timeCreated: filling.now,
    };
    resources.put(buildStorageAccount(account, place, hosts));
  }
  for (const account of scenario.batchAccounts ?? []) {
    const group = findGroup(scenario, account.resourceGroup);
    const id = `${group.id}/providers/${batchAccountType}/${account.name}`;
    const location = account.location ?? group.location;
    resources.put(buildBatchAccount(account, { id, location }));
  }
  return resources;
}

function groupId(scenario: Scenario, group: ScenarioResourceGroup): string {
  const subscriptionId = group.subscriptionId ?? scenario.subscriptions[0]?.id;
  if (subscriptionId === undefined) throw new Error('The scenario has no subscription.');
  return `/subscriptions/${subscriptionId}/resourceGroups/${group.name}`;
}

function findGroup(scenario: Scenario, name: string): Group {
  const group = scenario.resourceGroups.find((each) => isSame(each.name, name));
  if (group === undefined) throw new Error(`The scenario has no resource group "${name}".`);
  return { id: groupId(scenario, group), location: group.location };
}

function buildResourceGroup(scenario: ScenarioResourceGroup, id: string): Resource {
  return {
    id,
    body: {
      id,
      name: scenario.name,
      type: resourceGroupType,
      location: scenario.location,
      tags: { ...scenario.tags },
      properties: { provisioningState: 'Succeeded' },
    },
  };
}

async function addVirtualMachine(
  filling: Filling,
  scenario: ScenarioVirtualMachine,
): Promise<void> {
  if (scenario.guest?.root !== undefined) requireSandbox(scenario.guest.root);
  const group = findGroup(filling.scenario, scenario.resourceGroup);
  const networkGroup = findGroup(filling.scenario, scenario.networkGroup ?? scenario.resourceGroup);
  const location = scenario.location ?? group.location;
  const disks: AttachedDisk[] = [];
  const places = [
    { scenario: scenario.osDisk, place: 'os' as const },
    ...(scenario.dataDisks ?? []).map((disk) => ({ scenario: disk, place: disk.lun })),
  ];
  for (const { scenario: disk, place } of places) {
    const managed =
      disk.unmanagedUri === undefined
        ? await addDisk(filling, disk, {
            group: findGroup(filling.scenario, disk.resourceGroup ?? scenario.resourceGroup),
            location,
            osType: place === 'os' ? scenario.osType : undefined,
            hyperVGeneration: scenario.hyperVGeneration,
            securityType: place === 'os' ? scenario.securityType : undefined,
            ...(scenario.zone === undefined ? {} : { zones: [scenario.zone] }),
            ...(place === 'os' ? { system: systemOf(scenario), plan: scenario.plan } : {}),
          })
        : undefined;
    disks.push({ scenario: disk, place, disk: managed });
  }
  const vm = buildVirtualMachine(scenario, {
    id: `${group.id}/providers/Microsoft.Compute/virtualMachines/${scenario.name}`,
    interfaceId: `${networkGroup.id}/providers/Microsoft.Network/networkInterfaces/${scenario.name}-nic`,
    ...{ location, disks, timeCreated: filling.now },
  });
  for (const { disk } of disks) {
    if (disk !== undefined) disk.owner = vm;
  }
  filling.resources.put(vm);
  addNetwork(filling, scenario, networkGroup.id, location);
}

function systemOf({ guest = {}, agent = 'ready', name }: ScenarioVirtualMachine): BootableSystem {
  return { guest, agent, computerName: name };
}

/** Each VM is in a network of its own. */
function addNetwork(
  { resources }: Filling,
  { name, publicAddress = false }: ScenarioVirtualMachine,
  groupPath: string,
  location: string,
): void {
  const idOf = (type: NetworkType, suffix: string): string =>
    `${groupPath}/providers/${type}/${name}-${suffix}`;
  const add = (type: NetworkType, suffix: string, properties: unknown): void => {
    const body = { location, properties };
    addNetworkResource(resources, readNetworkRequest(type, idOf(type, suffix), body, resources));
  };
  const networkId = idOf(networkTypes.virtualNetwork, 'vnet');
  add(networkTypes.virtualNetwork, 'vnet', {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
    subnets: [{ name: 'default', properties: { addressPrefix: '10.0.0.0/24' } }],
  });
  if (publicAddress) add(networkTypes.publicAddress, 'ip', {});
  const publicIPAddress = { id: idOf(networkTypes.publicAddress, 'ip') };
  add(networkTypes.networkInterface, 'nic', {
    ipConfigurations: [
      {
        name: 'ipconfig1',
        properties: {
          subnet: { id: `${networkId}/subnets/default` },
          ...(publicAddress ? { publicIPAddress } : {}),
        },
      },
    ],
  });
}

function addFreeNetwork({ scenario, resources }: Filling, given: ScenarioNetwork): void {
  const group = findGroup(scenario, given.resourceGroup);
  const { addressPrefix = '10.1.0.0/16', tags = {} } = given;
  const { subnets = [{ name: 'default', addressPrefix: '10.1.0.0/24' }] } = given;
  const id = `${group.id}/providers/${networkTypes.virtualNetwork}/${given.name}`;
  const body = {
    location: given.location ?? group.location,
    tags,
    properties: {
      addressSpace: { addressPrefixes: [addressPrefix] },
      subnets: subnets.map(({ name, ...properties }) => ({ name, properties })),
    },
  };
  const parts = readNetworkRequest(networkTypes.virtualNetwork, id, body, resources);
  addNetworkResource(resources, parts);
}

function buildVirtualMachine(
  scenario: ScenarioVirtualMachine,
  place: Pick<VirtualMachineParts, 'id' | 'location' | 'disks' | 'timeCreated'> & {
    readonly interfaceId: string;
  },
): VirtualMachine {
  const { interfaceId, ...rest } = place;
  return new VirtualMachine({
    ...rest,
    vmId: uuidFrom(place.id),
    model: modelOf(scenario, interfaceId),
    guest: scenario.guest ?? { bootSeconds: 0 },
    extensions: scenario.extensions ?? [],
    tags: scenario.tags ?? {},
    beginning: {
      powerState: scenario.powerState ?? 'running',
      provisioningState: scenario.provisioningState ?? 'Succeeded',
      isGeneralized: scenario.generalized ?? false,
      isStoppedFromInside: scenario.stoppedFromInside ?? false,
      agent: scenario.agent ?? 'ready',
    },
  });
}

async function addFreeDisk(filling: Filling, scenario: ScenarioFreeDisk): Promise<void> {
  const group = findGroup(filling.scenario, scenario.resourceGroup);
  await addDisk(filling, scenario, {
    group,
    location: group.location,
    osType: scenario.osType,
    hyperVGeneration: undefined,
    securityType: undefined,
  });
}

async function addDisk(
  { images, resources, now }: Filling,
  scenario: ScenarioDisk,
  place: Platform &
    Pick<DiskParts, 'location' | 'zones' | 'system' | 'plan'> & { readonly group: Group },
): Promise<ManagedDisk> {
  const image = await images.open(
    scenario.content,
    scenario.name,
    scenario.sizeGiB === undefined ? undefined : scenario.sizeGiB * 2 ** 30,
  );
  const id = `${place.group.id}/providers/Microsoft.Compute/disks/${scenario.name}`;
  const { group: _group, ...rest } = place;
  const disk = new ManagedDisk({
    ...rest,
    ...{ id, scenario, image },
    timeCreated: now,
  });
  resources.put(disk);
  return disk;
}

function addSnapshot({ scenario, resources, now }: Filling, given: ScenarioSnapshot): void {
  const source = resources.disk(given.sourceDiskId);
  if (source === undefined) {
    throw new Error(
      `Snapshot "${given.name}" names the disk ${given.sourceDiskId}, which is not there.`,
    );
  }
  const group = findGroup(scenario, given.resourceGroup);
  const id = `${group.id}/providers/Microsoft.Compute/snapshots/${given.name}`;
  const snapshot = new Snapshot({
    ...{ id, source, sku: 'Standard_LRS', tags: given.tags ?? {}, incremental: false },
    uniqueId: uuidFrom(id),
    timeCreated: now,
  });
  snapshot.isMade = true;
  snapshot.provisioningState = 'Succeeded';
  resources.put(snapshot);
}
