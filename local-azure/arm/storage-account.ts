import type { ScenarioStorageAccount } from '../scenario.ts';
import type { Hosts, Resource } from '../world.ts';
import { tierOf } from './managed-disk.ts';

/** A storage account in the shape of its GET. */
export function buildStorageAccount(
  scenario: ScenarioStorageAccount,
  place: { readonly id: string; readonly location: string; readonly timeCreated: Date },
  hosts: Hosts,
): Resource {
  const sku = scenario.sku ?? 'Standard_LRS';
  return {
    id: place.id,
    body: {
      sku: { name: sku, tier: tierOf(sku) },
      kind: scenario.kind ?? 'StorageV2',
      id: place.id,
      name: scenario.name,
      type: 'Microsoft.Storage/storageAccounts',
      location: place.location,
      tags: { ...scenario.tags },
      properties: {
        ...buildSettings(scenario),
        ...buildDates(place.timeCreated),
        provisioningState: 'Succeeded',
        primaryEndpoints: buildEndpoints(scenario.name, hosts),
        primaryLocation: place.location,
        statusOfPrimary: 'available',
        ...scenario.properties,
      },
    },
  };
}

function buildSettings(scenario: ScenarioStorageAccount): Record<string, unknown> {
  return {
    ...(scenario.isHnsEnabled === undefined ? {} : { isHnsEnabled: scenario.isHnsEnabled }),
    ...(scenario.allowSharedKeyAccess === undefined
      ? {}
      : { allowSharedKeyAccess: scenario.allowSharedKeyAccess }),
    ...(scenario.allowedCopyScope === undefined
      ? {}
      : { allowedCopyScope: scenario.allowedCopyScope }),
    allowCrossTenantReplication: false,
    privateEndpointConnections: [],
    minimumTlsVersion: 'TLS1_2',
    allowBlobPublicAccess: false,
    networkAcls: {
      ipv6Rules: [],
      bypass: 'AzureServices',
      virtualNetworkRules: [],
      ipRules: [],
      defaultAction: scenario.networkDefaultAction ?? 'Allow',
    },
    supportsHttpsTrafficOnly: true,
    accessTier: 'Hot',
  };
}

function buildDates(created: Date): Record<string, unknown> {
  const time = created.toISOString();
  const service = { keyType: 'Account', enabled: true, lastEnabledTime: time };
  return {
    keyCreationTime: { key1: time, key2: time },
    encryption: { services: { file: service, blob: service }, keySource: 'Microsoft.Storage' },
    creationTime: time,
  };
}

function buildEndpoints(account: string, hosts: Hosts): Record<string, string> {
  const services = ['queue', 'table', 'file'] as const;
  return {
    blob: `https://${hosts.blobHost(account)}/`,
    ...Object.fromEntries(
      services.map((service) => [service, `https://${account}.${service}.${hosts.storageSuffix}/`]),
    ),
  };
}
