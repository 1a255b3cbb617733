import type { CloneCompute } from '../azure/clone-compute.ts';
import type { Compute } from '../azure/compute.ts';
import type { Network } from '../azure/network.ts';
import { untilFree, type Persistence } from '../busy.ts';
import { each, together } from '../concurrency.ts';
import { ActionError, azureFailure, explain } from '../errors.ts';
import type { VirtualMachine } from '../facts.ts';
import type { Lease, Leases } from '../lease.ts';
import { requireResourceId } from '../resource-id.ts';
import type { Timeline } from '../timeline.ts';
import { awaitAgent, couldNotLook, type AgentRig } from './await-agent.ts';
import type { ClonePlan, PlannedCopy } from './clone-plan.ts';

/** What making a copy of a VM needs. */
export interface CloneRig extends AgentRig {
  readonly azure: AgentRig['azure'] & {
    readonly compute: Pick<Compute, 'getVm' | 'createSnapshot'>;
    readonly cloneCompute: CloneCompute;
    readonly network: Network;
  };
  readonly leases: Leases;
  readonly timeline: Timeline;
}

/**
 * Makes a copy of a VM and waits until its agent reports. The source VM is only read from. Everything is held by the
 * leases before it is made; who disposes of them ends the copy. `onRead` comes when the source has been read.
 */
export async function makeClone(
  plan: ClonePlan,
  rig: CloneRig,
  onRead = (): Promise<void> => Promise.resolve(),
): Promise<VirtualMachine> {
  const { azure, timeline, log, signal } = rig;
  for (const note of plan.notes) log.info(note);
  await timeline.phase('Copy the VM', async () => {
    await together(
      signal,
      (linked) => copyDisks(plan, { ...rig, signal: linked }, onRead),
      (linked) => makeNetwork(plan, { ...rig, signal: linked }),
    );
    await makeVm(plan, rig);
  });
  await timeline.phase('Wait until the copy has started', () => awaitAgent(plan, rig));
  const vm = await azure.compute.getVm(plan.vm.id, signal).catch(couldNotLook(plan.vm.id));
  if (vm !== undefined) return vm;
  const { name } = requireResourceId(plan.vm.id);
  throw new ActionError(
    'azure',
    `The copy "${name}" was deleted by somebody else: see in the activity log of its resource group who did, and run again.`,
  );
}

/** All snapshots are taken before the first disk is made, so that they are near each other in time. */
async function copyDisks(
  plan: ClonePlan,
  rig: CloneRig,
  onRead: () => Promise<void>,
): Promise<void> {
  const { log, signal } = rig;
  await each(plan.disks, signal, (copy, linked) =>
    takeSnapshot(plan, copy, { ...rig, signal: linked }),
  );
  await together(signal, onRead, (linked) =>
    each(plan.disks, linked, (copy, linkedToo) =>
      makeDisk(plan, copy, { ...rig, signal: linkedToo }),
    ),
  );
  log.info(`The disks of VM "${plan.source.name}" are copied (${plan.disks.length}).`);
}

async function takeSnapshot(
  { key }: ClonePlan,
  { name, snapshot }: PlannedCopy,
  { azure, leases, clock, signal }: CloneRig,
): Promise<void> {
  const lease: Lease = { kind: 'snapshot', id: snapshot.id, key };
  try {
    await leases.hold(lease, () =>
      whenFree(() => azure.compute.createSnapshot(snapshot, signal), { clock, signal }),
    );
  } catch (error) {
    throw explain(`Could not take snapshot "${nameOf(snapshot.id)}" of disk "${name}"`, error);
  }
}

async function makeDisk(
  plan: ClonePlan,
  { name, disk }: PlannedCopy,
  { azure, leases, clock, signal }: CloneRig,
): Promise<void> {
  try {
    await leases.hold(leaseOn(plan, disk.id), () =>
      whenFree(() => azure.cloneCompute.createDisk(disk, signal), { clock, signal }),
    );
  } catch (error) {
    throw explain(`Could not make disk "${nameOf(disk.id)}" as a copy of disk "${name}"`, error);
  }
}

/** What is copied may be worked on by somebody else. */
function whenFree<T>(task: () => Promise<T>, when: Persistence): Promise<T> {
  return untilFree(task, () => Promise.resolve(), when);
}

/** The security group and the network side by side, then the interface, which is in both. */
async function makeNetwork(plan: ClonePlan, rig: CloneRig): Promise<void> {
  const { securityGroup, network, networkInterface } = plan;
  const { azure, leases, log, signal } = rig;
  await together(
    signal,
    (linked) =>
      named('network security group', securityGroup.id, () =>
        leases.hold(leaseOn(plan, securityGroup.id), () =>
          azure.network.createSecurityGroup(securityGroup, linked),
        ),
      ),
    async (linked) => {
      if (network === undefined) return;
      await named('virtual network', network.id, () =>
        leases.hold(leaseOn(plan, network.id), () =>
          azure.network.createVirtualNetwork(network, linked),
        ),
      );
    },
  );
  await named('network interface', networkInterface.id, () =>
    leases.hold(leaseOn(plan, networkInterface.id), () =>
      azure.network.createInterface(networkInterface, signal),
    ),
  );
  log.info('The network of the copy is there.');
}

async function named(what: string, id: string, make: () => Promise<void>): Promise<void> {
  try {
    await make();
  } catch (error) {
    throw explain(`Could not make ${what} "${nameOf(id)}"`, error);
  }
}

const noCapacity =
  'Azure has no room for this size there now: run again later, or capture the VM itself ("source: vm").';
const noPlan =
  'Accept the terms of its Marketplace plan in this subscription (az vm image terms accept) and run again.';

/** What helps against refusals of a VM: https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/error-messages-for-azure-vms */
const remedies: Readonly<Record<string, string>> = {
  SkuNotAvailable: noCapacity,
  AllocationFailed: noCapacity,
  ZonalAllocationFailed: noCapacity,
  OverconstrainedAllocationRequest: noCapacity,
  OverconstrainedZonalAllocationRequest: noCapacity,
  QuotaExceeded:
    'Ask for a larger quota of the family or the region, or capture the VM itself ("source: vm").',
  MarketplacePurchaseEligibilityFailed: noPlan,
  ResourcePurchaseValidationFailed: noPlan,
  VMMarketplaceInvalidInput: noPlan,
};

async function makeVm(plan: ClonePlan, { azure, leases, log, signal }: CloneRig): Promise<void> {
  const { vm, source } = plan;
  try {
    await leases.hold(leaseOn(plan, vm.id), () => azure.cloneCompute.createVm(vm, signal));
    log.info(`VM "${nameOf(vm.id)}" is made as a copy of VM "${source.name}".`);
  } catch (error) {
    throw explain(
      `Could not make VM "${nameOf(vm.id)}" as a copy of VM "${source.name}"`,
      error,
      remedyFor(error),
    );
  }
}

/** A quota that is used up is told as an operation that is not allowed. */
function remedyFor(error: unknown): string | undefined {
  const { code = '', message } = azureFailure(error);
  if (code === 'OperationNotAllowed' && /quota/i.test(message)) return remedies['QuotaExceeded'];
  return remedies[code];
}

function leaseOn({ key }: ClonePlan, id: string): Lease {
  return { kind: 'resource', id, key };
}

function nameOf(id: string): string {
  return requireResourceId(id).name;
}
