import type { BatchAccount } from '../facts.ts';
import type { ResourceManager } from './resource-manager.ts';

const API_VERSION = '2024-02-01';

/** Reads an account of Azure Batch: https://learn.microsoft.com/rest/api/batchmanagement/batch-account/get */
export async function batchAccountAt(
  resourceManager: ResourceManager,
  id: string,
  signal: AbortSignal,
): Promise<BatchAccount> {
  const model = (await resourceManager.get(id, API_VERSION, signal)) as Model;
  return {
    id: model.id ?? '',
    name: model.name ?? '',
    location: model.location ?? '',
    poolAllocationMode: model.properties?.poolAllocationMode ?? '',
  };
}

interface Model {
  readonly id?: string;
  readonly name?: string;
  readonly location?: string;
  readonly properties?: { readonly poolAllocationMode?: string };
}
