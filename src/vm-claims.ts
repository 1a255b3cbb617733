import type { Azure } from './azure/session.ts';
import { untilFree } from './busy.ts';
import { foreignClaims, type ForeignClaim } from './claim.ts';
import { holderOf } from './earlier.ts';
import { ActionError, azureFailure, explain } from './errors.ts';
import type { ListedSnapshot } from './facts.ts';
import type { Lease, Leases } from './lease.ts';
import { KEY_METADATA } from './marks.ts';
import type { Plan } from './plan.ts';
import type { Clock, Log } from './ports.ts';
import { requireResourceId, type ResourceGroup } from './resource-id.ts';

/** What looking for claims needs. */
export interface LookRig {
  readonly azure: {
    readonly compute: Pick<Azure['compute'], 'createSnapshot' | 'listSnapshots'>;
    readonly blobs: Pick<Azure['blobs'], 'blobState'>;
  };
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What claiming a VM needs. */
export interface ClaimRig extends LookRig {
  readonly leases: Leases;
}

/** The part of a plan that says which claim is made, and whose. */
export type ClaimPlan = Pick<Plan, 'vm' | 'run' | 'claim' | 'disks'>;

/** So long another run that claimed at the same moment has to take its claim back. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 5_000;
const UNTOUCHED = 'Nothing was stopped or copied.';

interface Rival {
  readonly claim: ForeignClaim;
  /** Its lock could be looked at, and is held. */
  readonly isSeen: boolean;
}

/**
 * Says that this run works on the VM, and makes sure that no other one does. Every run claims first and looks then, so
 * that of two at least one sees the other. Of those that see each other the one with the smallest key stays; no run
 * goes on before it has seen none. The claim ends with the leases. Throws by the name of the other run.
 */
export async function claimVm(plan: ClaimPlan, rig: ClaimRig): Promise<void> {
  const { claim, run, vm } = plan;
  if (claim === undefined) return;
  const [present] = await rivals(plan, rig);
  if (present !== undefined) throw refusal(plan, present, UNTOUCHED);
  const { snapshot } = claim;
  if (snapshot === undefined) return;
  const { azure, leases, clock, signal } = rig;
  const lease: Lease = { kind: 'claim', id: snapshot.id, key: run.key };
  try {
    await leases.hold(lease, () =>
      untilFree(
        () => azure.compute.createSnapshot(snapshot, signal),
        () => Promise.resolve(),
        { clock, signal },
      ),
    );
  } catch (error) {
    const { name } = requireResourceId(snapshot.id);
    throw explain(`Could not claim VM "${vm.name}" by snapshot "${name}" of its OS disk`, error);
  }
  const startedAt = clock.now();
  for (;;) {
    const found = await rivals(plan, rig);
    const [first] = found;
    if (first === undefined) return;
    const isToYield = found.some(({ claim: { key } }) => key < run.key);
    if (isToYield || clock.now() - startedAt > PATIENCE_MS) throw refusal(plan, first, UNTOUCHED);
    await clock.sleep(RETRY_MS, signal);
  }
}

/** Throws by the name of a run that works on the VM since. */
export async function requireUnclaimed(plan: ClaimPlan, rig: LookRig): Promise<void> {
  const [first] = await rivals(plan, rig);
  if (first !== undefined) throw refusal(plan, first, 'This run goes no further.');
}

/** The claims of other runs that live, as far as this one may see it. */
async function rivals(plan: ClaimPlan, rig: LookRig): Promise<readonly Rival[]> {
  const { claim, run } = plan;
  if (claim === undefined) return [];
  const lists = await Promise.all(
    claim.groups.map((group, index) => list(plan, group, index === 0, rig)),
  );
  const found: Rival[] = [];
  for (const foreign of foreignClaims(lists.flat(), claim.vmId, run)) {
    const state = await stateOf(foreign, plan, rig);
    if (state !== 'dead') found.push({ claim: foreign, isSeen: state === 'alive' });
  }
  return found;
}

/** The group of the VM need not be open to who keeps snapshots elsewhere. */
async function list(
  { vm }: ClaimPlan,
  { subscriptionId, resourceGroup }: ResourceGroup,
  isOwn: boolean,
  { azure, log, signal }: LookRig,
): Promise<readonly ListedSnapshot[]> {
  try {
    return await azure.compute.listSnapshots(subscriptionId, resourceGroup, signal);
  } catch (error) {
    signal.throwIfAborted();
    const failed = explain(
      `Could not list the snapshots of resource group "${resourceGroup}" to see whether another run works on VM "${vm.name}"`,
      error,
    );
    const isRefused = [403, 404].includes(azureFailure(error).status ?? 0);
    if (isOwn || !isRefused) throw failed;
    log.debug(failed.reason);
    return [];
  }
}

/** By the lock that lives as long as its run; by the expiry where this run may not look at that. */
async function stateOf(
  { key, lockUrl, expires }: ForeignClaim,
  { disks }: ClaimPlan,
  { azure, clock, log, signal }: LookRig,
): Promise<'alive' | 'dead' | 'unknown'> {
  const known = disks.flatMap(({ replicas }) => replicas.map(({ url }) => url));
  if (isOfSameService(lockUrl, known)) {
    try {
      const blob = await azure.blobs.blobState(lockUrl, signal);
      return blob?.isLeased === true && blob.metadata[KEY_METADATA] === key ? 'alive' : 'dead';
    } catch (error) {
      signal.throwIfAborted();
      log.debug(explain(`Could not look at the lock "${lockUrl}"`, error).reason);
    }
  }
  return Date.parse(expires) <= clock.now() ? 'dead' : 'unknown';
}

/** The token for storage is shown to no host that somebody wrote into a tag, but to Azure's own. */
function isOfSameService(url: string, known: readonly string[]): boolean {
  const service = (address: string): string | undefined => {
    const { protocol, host } = URL.parse(address) ?? {};
    return protocol === 'https:' ? host?.slice(host.indexOf('.')) : undefined;
  };
  const services = known.map(service);
  return service(url) !== undefined && services.includes(service(url));
}

function refusal({ vm }: ClaimPlan, { claim, isSeen }: Rival, so: string): ActionError {
  const { snapshotId, mark, lockUrl, expires } = claim;
  const next = isSeen
    ? 'Run again when that run has ended; the claim of a dead one counts for nothing after a minute.'
    : `This run may not see whether that one still lives (its lock is "${lockUrl}"): run again when it has ended; if it is dead, after ${expires}, or delete the snapshot: az snapshot delete --ids "${snapshotId}"`;
  return new ActionError(
    'refused',
    `VM "${vm.name}" is worked on by ${holderOf(mark)}, which claims it by snapshot "${requireResourceId(snapshotId).name}". ${so} ${next}`,
  );
}
