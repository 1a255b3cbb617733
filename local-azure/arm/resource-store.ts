import { removeRoot } from '../guests/copied-root.ts';
import type { ScenarioSubscription } from '../scenario.ts';
import type { Resource, Resources } from '../world.ts';
import { ManagedDisk } from './managed-disk.ts';
import { isAtOrUnder, isSame, toKey } from './resource-id.ts';
import { Snapshot } from './snapshot.ts';
import { VirtualMachine } from './virtual-machine.ts';

/** The resources as Azure Resource Manager keeps them: found by ID, listed by scope, changed. */
export interface ArmResources extends Resources {
  readonly subscriptions: readonly ScenarioSubscription[];
  virtualMachine(id: string): VirtualMachine | undefined;
  disk(id: string): ManagedDisk | undefined;
  snapshot(id: string): Snapshot | undefined;
  /** Resources of a type at or under a scope, in the order in which they were made. */
  list(scope: string, type: string): readonly Resource[];
  /** Resources of every type at or under a scope. */
  under(scope: string): readonly Resource[];
  put(resource: Resource): void;
  /** Removes a resource, unless another one has taken its place. */
  remove(resource: Resource): void;
  /** Ends what runs in the VMs. */
  halt(): void;
}

/** Resource type of a resource group, as its own GET gives it. */
export const resourceGroupType = 'Microsoft.Resources/resourceGroups';

/** An empty store for the resources of some subscriptions. */
export function createStore(subscriptions: readonly ScenarioSubscription[]): ArmResources {
  const kept = new Map<string, Resource>();
  const ofType = (type: string): readonly Resource[] =>
    [...kept.values()].filter((resource) => isSame(resource.type ?? resource.body.type, type));
  const find = (id: string): Resource | undefined => kept.get(toKey(id));
  return {
    subscriptions,
    get: find,
    ofType,
    account: (name) =>
      ofType('Microsoft.Storage/storageAccounts').find(({ body }) => isSame(body.name, name)),
    virtualMachine: (id) => {
      const found = find(id);
      return found instanceof VirtualMachine ? found : undefined;
    },
    disk: (id) => {
      const found = find(id);
      return found instanceof ManagedDisk ? found : undefined;
    },
    snapshot: (id) => {
      const found = find(id);
      return found instanceof Snapshot ? found : undefined;
    },
    list: (scope, type) => ofType(type).filter(({ id }) => isAtOrUnder(id, scope)),
    under: (scope) => [...kept.values()].filter(({ id }) => isAtOrUnder(id, scope)),
    put: (resource) => kept.set(toKey(resource.id), resource),
    halt: () => {
      for (const vm of kept.values()) {
        if (!(vm instanceof VirtualMachine)) continue;
        vm.guest.halt('preempted');
        removeRoot(vm.parts.guest.root);
      }
    },
    remove: (resource) => {
      if (find(resource.id) === resource) kept.delete(toKey(resource.id));
    },
  };
}
