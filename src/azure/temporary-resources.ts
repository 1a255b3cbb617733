import { azureFailure } from '../errors.ts';
import { requireResourceId } from '../resource-id.ts';
import { found, vmPatience, diskPatience, type Patience } from './compute-clients.ts';
import { NETWORK_API_VERSION, networkPatience } from './network.ts';
import type { ResourceManager } from './resource-manager.ts';

/** A temporary resource that some run may have made. */
export interface ListedResource {
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Looks at and deletes what a copy of a VM is made of, by resource ID. */
export interface TemporaryResources {
  /** Undefined when there is no such resource. */
  tagsOf(id: string, signal: AbortSignal): Promise<Readonly<Record<string, string>> | undefined>;
  /** Done also when there is none any more. */
  delete(id: string, signal: AbortSignal): Promise<void>;
  /** All resources of these types in a subscription, or in one of its resource groups, as far as the identity may. */
  list(scope: string, signal: AbortSignal): Promise<ResourceList>;
}

/** What was listed. */
export interface ResourceList {
  readonly resources: readonly ListedResource[];
  /** Rights whose want kept resources of their types from being listed. */
  readonly lacking: readonly string[];
}

interface Kind {
  readonly type: string;
  readonly apiVersion: string;
  readonly patience: Patience;
  readonly query?: Readonly<Record<string, string>>;
}

const network = { apiVersion: NETWORK_API_VERSION, patience: networkPatience };
const kinds: readonly Kind[] = [
  {
    type: 'Microsoft.Compute/virtualMachines',
    apiVersion: '2024-03-01',
    patience: vmPatience,
    // A forced deletion may leave the disks attached for some minutes.
    query: { forceDeletion: 'false' },
  },
  { type: 'Microsoft.Compute/disks', apiVersion: '2023-10-02', patience: diskPatience },
  { type: 'Microsoft.Network/networkInterfaces', ...network },
  { type: 'Microsoft.Network/virtualNetworks', ...network },
  { type: 'Microsoft.Network/networkSecurityGroups', ...network },
  { type: 'Microsoft.Network/publicIPAddresses', ...network },
];
/** A run makes no public address. */
const madeKinds = kinds.filter(({ type }) => !type.endsWith('/publicIPAddresses'));

/** Temporary resources over the resource manager. */
export function createTemporaryResources(resourceManager: ResourceManager): TemporaryResources {
  return {
    async tagsOf(id, signal) {
      const { apiVersion } = kindOf(id);
      const model = await found(resourceManager.get(id, apiVersion, signal));
      return model === undefined ? undefined : ((model as Model).tags ?? {});
    },
    async delete(id, signal) {
      const { apiVersion, patience, query = {} } = kindOf(id);
      await resourceManager.delete(id, { apiVersion, patience, query, signal });
    },
    async list(scope, signal) {
      const lists = await Promise.all(
        madeKinds.map(({ type, apiVersion }) =>
          permitted(resourceManager.list(`${scope}/providers/${type}`, apiVersion, signal)),
        ),
      );
      const models = lists.flatMap((list) => list ?? []) as readonly Model[];
      return {
        resources: models.map(({ id = '', tags = {} }) => ({ id, tags })),
        lacking: madeKinds.flatMap(({ type }, index) =>
          lists[index] === undefined ? [`${type}/read`] : [],
        ),
      };
    },
  };
}

/** Undefined instead of a 403. */
async function permitted<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (azureFailure(error).status === 403) return undefined;
    throw error;
  }
}

interface Model {
  readonly id?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

function kindOf(id: string): Kind {
  const { type } = requireResourceId(id);
  const kind = kinds.find((known) => known.type.toLowerCase() === type.toLowerCase());
  if (kind === undefined) throw new Error(`Not a resource of a copy: "${id}"`);
  return kind;
}
