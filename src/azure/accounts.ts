import type { BlobService, StorageAccount } from '../facts.ts';
import type { ResourceManager } from './resource-manager.ts';

const API_VERSION = '2023-05-01';

/** Reads storage accounts: https://learn.microsoft.com/rest/api/storagerp/storage-accounts */
export interface Accounts {
  get(id: string, signal: AbortSignal): Promise<StorageAccount>;
  /** All accounts of a subscription. */
  list(subscriptionId: string, signal: AbortSignal): Promise<readonly StorageAccount[]>;
  /** https://learn.microsoft.com/rest/api/storagerp/blob-services/get-service-properties */
  blobService(accountId: string, signal: AbortSignal): Promise<BlobService>;
}

/** Storage accounts over the resource manager. */
export function createAccounts(resourceManager: ResourceManager): Accounts {
  return {
    async get(id, signal) {
      return accountFromModel((await resourceManager.get(id, API_VERSION, signal)) as Model);
    },
    async list(subscriptionId, signal) {
      const path = `/subscriptions/${subscriptionId}/providers/Microsoft.Storage/storageAccounts`;
      const models = (await resourceManager.list(path, API_VERSION, signal)) as readonly Model[];
      return models.map(accountFromModel);
    },
    async blobService(accountId, signal) {
      const path = `${accountId}/blobServices/default`;
      const model = (await resourceManager.get(path, API_VERSION, signal)) as BlobServiceModel;
      const retention = model.properties?.deleteRetentionPolicy;
      return { softDeleteDays: retention?.enabled === true ? (retention.days ?? 0) : 0 };
    },
  };
}

interface Model {
  readonly id?: string;
  readonly name?: string;
  readonly location?: string;
  readonly kind?: string;
  readonly sku?: { readonly name?: string };
  readonly properties?: {
    readonly primaryEndpoints?: { readonly blob?: string };
    readonly isHnsEnabled?: boolean;
    readonly allowedCopyScope?: string | null;
    readonly allowSharedKeyAccess?: boolean | null;
    readonly sasPolicy?: { readonly sasExpirationPeriod?: string } | null;
    readonly immutableStorageWithVersioning?: { readonly enabled?: boolean } | null;
    readonly provisioningState?: string;
  };
}

interface BlobServiceModel {
  readonly properties?: {
    readonly deleteRetentionPolicy?: { readonly enabled?: boolean; readonly days?: number };
  };
}

function accountFromModel(model: Model): StorageAccount {
  const properties = model.properties ?? {};
  return {
    id: model.id ?? '',
    name: model.name ?? '',
    location: model.location ?? '',
    kind: model.kind ?? '',
    sku: model.sku?.name ?? '',
    blobEndpoint: (properties.primaryEndpoints?.blob ?? '').replace(/\/$/, ''),
    isHnsEnabled: properties.isHnsEnabled === true,
    isImmutable: properties.immutableStorageWithVersioning?.enabled === true,
    allowedCopyScope: properties.allowedCopyScope ?? undefined,
    allowsSharedKey: properties.allowSharedKeyAccess !== false,
    sasPeriod: properties.sasPolicy?.sasExpirationPeriod,
    provisioningState: properties.provisioningState ?? 'Succeeded',
  };
}
