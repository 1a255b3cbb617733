import type { CloneCompute } from './azure/clone-compute.ts';
import type { Network, NetworkInterface, PublicAddress } from './azure/network.ts';
import type { TemporaryResources } from './azure/temporary-resources.ts';
import { untilFree } from './busy.ts';
import type { CloneFacts } from './clone/clone-facts.ts';
import { ActionError, explain, listOf, reasonOf } from './errors.ts';
import type { DiskKey } from './layout.ts';
import type { Requirement } from './permissions.ts';
import type { Clock, Log } from './ports.ts';
import { requireResourceId, sameResource } from './resource-id.ts';

/** A VM with what belongs to it, as it is. */
export interface SourceParts {
  readonly facts: CloneFacts;
  readonly interfaces: readonly NetworkInterface[];
  readonly publicAddresses: readonly PublicAddress[];
}

/** What of a VM is deleted after its capture, and what is kept. */
export interface DeletionPlan {
  readonly vmId: string;
  readonly vmName: string;
  /** Azure's ID of the machine: another VM may get the same name. */
  readonly machine: string | undefined;
  /** In this order, each list at once, after the VM. */
  readonly stages: readonly (readonly string[])[];
  readonly kept: readonly { readonly id: string; readonly why: string }[];
  /** Why nothing may be deleted: the VM would take something with it that is to stay. */
  readonly refusals: readonly string[];
}

/**
 * Decides what is deleted with a VM: captured disks, interfaces that nothing else uses, and public addresses that
 * nothing but these use. A data disk that was not captured never goes.
 * https://learn.microsoft.com/azure/virtual-machines/delete
 */
export function planDeletion(
  { facts, interfaces, publicAddresses }: SourceParts,
  captured: ReadonlySet<DiskKey>,
): DeletionPlan {
  const disks = facts.disks.flatMap(({ key, diskId: id }) =>
    id === undefined ? [] : [{ key, id }],
  );
  const free = interfaces.filter(({ otherUses }) => otherUses.length === 0);
  const freed = publicAddresses.filter((address) => isFreed(address, free));
  const isOneOf = (id: string, all: readonly { readonly id: string }[]): boolean =>
    all.some((one) => sameResource(one.id, id));
  return {
    vmId: facts.id,
    vmName: facts.name,
    machine: facts.vmId,
    stages: [
      [
        ...disks.filter(({ key }) => captured.has(key)).map(({ id }) => id),
        ...free.map(({ id }) => id),
      ],
      freed.map(({ id }) => id),
    ],
    kept: [
      ...disks
        .filter(({ key }) => !captured.has(key))
        .map(({ id }) => ({ id, why: 'it was not captured' })),
      ...interfaces
        .filter(({ id }) => !isOneOf(id, free))
        .map(({ id, otherUses }) => ({ id, why: `"${otherUses[0] ?? ''}" uses it` })),
      ...publicAddresses
        .filter(({ id }) => !isOneOf(id, freed))
        .map((address) => ({ id: address.id, why: usesOf(address) })),
    ],
    refusals: [
      ...facts.disks
        .filter(({ key, isDeletedWithVm }) => isDeletedWithVm && !captured.has(key))
        .map(({ name }) => wouldGo(facts.name, `disk "${name}"`, 'it was not captured', 'disk')),
      ...facts.interfaces
        .filter(({ id, isDeletedWithVm }) => isDeletedWithVm && !isOneOf(id, free))
        .map(({ id }) => {
          const name = `interface "${requireResourceId(id).name}"`;
          return wouldGo(facts.name, name, 'something else uses it', 'interface');
        }),
    ],
  };
}

/** On one of these interfaces, and on nothing else. */
function isFreed({ usedBy, otherUses }: PublicAddress, free: readonly NetworkInterface[]): boolean {
  if (otherUses.length > 0 || usedBy === undefined) return false;
  return free.some(({ id }) => `${usedBy}/`.toLowerCase().startsWith(`${id}/`.toLowerCase()));
}

function usesOf({ usedBy, otherUses }: PublicAddress): string {
  return `"${otherUses[0] ?? usedBy ?? ''}" uses it`;
}

function wouldGo(vm: string, what: string, why: string, kind: string): string {
  return `Deleting VM "${vm}" would delete its ${what} too, and ${why}. Set the delete option of the ${kind} to "Detach" (az vm update) or leave "delete-source" out.`;
}

/** Lines for the plan: what is deleted, and what stays. */
export function describeDeletion({ vmName, stages, kept }: DeletionPlan): readonly string[] {
  const names = stages.flat().map((id) => `"${requireResourceId(id).name}"`);
  return [
    `After success VM "${vmName}" is deleted${names.length === 0 ? '' : ` with ${listOf(names)}`}.`,
    ...kept.map(({ id, why }) => `"${requireResourceId(id).name}" stays: ${why}.`),
  ];
}

/** The rights that a deletion needs beyond those that looking has used already. */
export function deletionRequirements({ vmId, stages }: DeletionPlan): readonly Requirement[] {
  return [vmId, ...stages.flat()].map((scope) => ({
    ...{ scope, kind: 'action' as const },
    name: `${requireResourceId(scope).type}/delete`,
  }));
}

/** What deleting a VM needs. */
export interface DeletionRig {
  readonly azure: {
    readonly cloneCompute: Pick<CloneCompute, 'getFacts'>;
    readonly network: Pick<Network, 'getInterface' | 'getPublicAddress'>;
    readonly temporaryResources: Pick<TemporaryResources, 'delete'>;
  };
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Reads a VM with what belongs to it; undefined when there is no such VM. */
export async function lookAtSource(
  vmId: string,
  { azure, signal }: Pick<DeletionRig, 'azure' | 'signal'>,
): Promise<SourceParts | undefined> {
  const facts = await azure.cloneCompute.getFacts(vmId, signal);
  if (facts === undefined) return undefined;
  const interfaces = await findAll(
    facts.interfaces.map(({ id }) => id),
    (id) => azure.network.getInterface(id, signal),
  );
  const publicAddresses = await findAll(
    interfaces.flatMap(({ publicAddressIds }) => publicAddressIds),
    (id) => azure.network.getPublicAddress(id, signal),
  );
  return { facts, interfaces, publicAddresses };
}

async function findAll<T>(
  ids: readonly string[],
  get: (id: string) => Promise<T | undefined>,
): Promise<readonly T[]> {
  const all = await Promise.all(ids.map(get));
  return all.filter((one) => one !== undefined);
}

/**
 * Deletes a VM whose capture succeeded, and what the plan names. It is looked at once more: what does not belong to it
 * any more stays, and a VM that would take something with it that is to stay is left as it is. Throws one sentence
 * that names what could not be deleted.
 */
export async function deleteSource(
  plan: DeletionPlan,
  captured: ReadonlySet<DiskKey>,
  rig: DeletionRig,
): Promise<void> {
  const { vmName } = plan;
  const parts = await lookAtSource(plan.vmId, rig).catch((error: unknown) => {
    throw explain(`VM "${vmName}" is captured, but could not be looked at to delete it`, error);
  });
  if (parts === undefined) {
    rig.log.warn(`VM "${vmName}" was deleted by somebody else; what belonged to it is left alone.`);
    return;
  }
  const now = planDeletion(parts, captured);
  const change = changeOf(plan, now);
  if (change !== undefined) {
    throw new ActionError('refused', `VM "${vmName}" is captured, but not deleted: ${change}`);
  }
  try {
    await remove(plan.vmId, rig);
    rig.log.info(`VM "${vmName}" is deleted.`);
  } catch (error) {
    throw explain(`VM "${vmName}" is captured, but could not be deleted`, error);
  }
  const stages = now.stages.map((stage) => stage.filter((id) => isAmong(id, plan.stages.flat())));
  await removeParts(vmName, stages, rig);
}

/** Why a VM is not what the plan was made for any more. */
function changeOf(plan: DeletionPlan, now: DeletionPlan): string | undefined {
  if (plan.machine !== now.machine) return 'another VM has its name now.';
  const [refusal] = now.refusals;
  if (refusal !== undefined) return refusal;
  const added = now.stages.flat().find((id) => !isAmong(id, plan.stages.flat()));
  if (added === undefined) return undefined;
  return `"${requireResourceId(added).name}" was given to it meanwhile.`;
}

function isAmong(id: string, ids: readonly string[]): boolean {
  return ids.some((one) => sameResource(one, id));
}

async function removeParts(
  vmName: string,
  stages: DeletionPlan['stages'],
  rig: DeletionRig,
): Promise<void> {
  const failures: string[] = [];
  const left: string[] = [];
  for (const stage of stages) {
    await Promise.all(
      stage.map(async (id) => {
        try {
          await remove(id, rig);
          rig.log.info(`"${requireResourceId(id).name}" is deleted.`);
        } catch (error) {
          rig.signal.throwIfAborted();
          failures.push(`"${id}" is left: ${reasonOf(error)}`);
          left.push(`"${id}"`);
        }
      }),
    );
  }
  if (failures.length === 0) return;
  throw new ActionError(
    'azure',
    `VM "${vmName}" is captured and deleted, but not all that belonged to it. ${failures.join(' ')} Delete it with: az resource delete --ids ${left.join(' ')}`,
  );
}

async function remove(id: string, { azure, clock, signal }: DeletionRig): Promise<void> {
  await untilFree(
    () => azure.temporaryResources.delete(id, signal),
    () => Promise.resolve(),
    { clock, signal },
  );
}
