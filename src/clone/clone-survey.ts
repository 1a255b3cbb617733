import type { Azure } from '../azure/session.ts';
import type { Subnet } from '../azure/network.ts';
import type { Lookup, Snapshot } from '../facts.ts';
import { gatherById, type Look } from '../look.ts';
import { requireResourceId } from '../resource-id.ts';
import type { Run } from '../run.ts';
import type { CloneFacts, Usage, VmSize } from './clone-facts.ts';
import { planClone, resourceIds, type ClonePlan, type CloneWishes } from './clone-plan.ts';

/** What was looked at before a VM is copied. */
export interface CloneSurvey {
  readonly facts: Lookup<CloneFacts>;
  /** Undefined where the VM could not be read. */
  readonly plan: ClonePlan | undefined;
  readonly size: Lookup<VmSize> | undefined;
  readonly usages: Lookup<readonly Usage[]> | undefined;
  /** The subnet that `copy-subnet` names. */
  readonly subnet: Lookup<Subnet> | undefined;
  /** By ID: names that ought to be free. */
  readonly names: ReadonlyMap<string, Lookup<unknown>>;
}

/** What a copy is asked for with. */
export interface CloneOrder {
  readonly vmId: string;
  readonly wishes: CloneWishes;
  /** The run's, which are put on everything. */
  readonly tags: Readonly<Record<string, string>>;
  readonly run: Run;
}

/** Reads what copying a VM takes, in parallel where it can, and plans the copy. Changes nothing. */
export async function surveyClone(
  { vmId, wishes, tags, run }: CloneOrder,
  azure: Pick<Azure, 'cloneCompute' | 'network' | 'temporaryResources' | 'compute'>,
  look: Look,
  signal: AbortSignal,
): Promise<CloneSurvey> {
  const { copySubnet } = wishes;
  const [facts, subnet] = await Promise.all([
    look(azure.cloneCompute.getFacts(vmId, signal)),
    copySubnet === undefined ? undefined : look(azure.network.getSubnet(copySubnet, signal)),
  ]);
  if (facts.kind !== 'found') {
    const nothing = { plan: undefined, size: undefined, usages: undefined };
    return { ...nothing, facts, subnet, names: new Map() };
  }
  const plan = planClone(facts.value, wishes, tags, run);
  const { subscriptionId } = requireResourceId(vmId);
  const { location, size: sizeName } = facts.value;
  const nameOf = (id: string): Promise<unknown> => azure.temporaryResources.tagsOf(id, signal);
  const snapshotOf = (id: string): Promise<Snapshot | undefined> =>
    azure.compute.getSnapshot(id, signal);
  const snapshotIds = plan.disks.map(({ snapshot }) => snapshot.id);
  const [size, usages, resources, snapshots] = await Promise.all([
    look(azure.cloneCompute.getSize(subscriptionId, location, sizeName, signal)),
    look(azure.cloneCompute.listUsages(subscriptionId, location, signal)),
    gatherById(resourceIds(plan), (id) => look(nameOf(id))),
    gatherById(snapshotIds, (id) => look<unknown>(snapshotOf(id))),
  ]);
  const names = new Map([...resources, ...snapshots]);
  return { facts, plan, size, usages, subnet, names };
}
