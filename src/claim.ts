import type { SnapshotRequest } from './azure/compute.ts';
import { isEarlierMark, runMark } from './earlier.ts';
import { DAY_SECONDS } from './expected-work.ts';
import type { ListedSnapshot, VirtualMachine } from './facts.ts';
import type { Inputs } from './inputs.ts';
import { snapshotName, type Layout } from './layout.ts';
import { hash, type PlannedLock } from './lock-names.ts';
import { CLAIM_TAG, EXPIRES_TAG, KEY_TAG, LOCK_TAG } from './marks.ts';
import { formatResourceId, requireResourceId, type ResourceGroup } from './resource-id.ts';
import type { Run } from './run.ts';

/** How runs on one VM meet that share no container: whoever changes the VM puts a snapshot there that says so. */
export interface PlannedClaim {
  readonly vmId: string;
  /** Where the snapshots of other runs are looked for. */
  readonly groups: readonly ResourceGroup[];
  /** A snapshot of the OS disk; undefined for a run that changes nothing of the VM, which only looks. */
  readonly snapshot: SnapshotRequest | undefined;
}

/** The claim of another run on a VM, as the tags of its snapshot tell it. */
export interface ForeignClaim {
  readonly snapshotId: string;
  readonly key: string;
  /** `owner/repository/run/job/step/attempt`. */
  readonly mark: string;
  /** The lock blob whose lease lives as long as the run does. */
  readonly lockUrl: string;
  /** ISO 8601; from then on nobody holds it. */
  readonly expires: string;
}

/** What a claim is made of. */
export interface ClaimWishes {
  readonly inputs: Inputs;
  readonly vm: VirtualMachine;
  readonly layout: Layout;
  readonly run: Run;
  readonly locks: readonly PlannedLock[];
  /** The run stops, changes, generalizes or deletes the VM. */
  readonly isChanging: boolean;
  /** Those of the user, and of the run. */
  readonly tags: Readonly<Record<string, string>>;
}

/** The claim of a run. Its snapshot is tagged as every other one, so that a sweep takes what a dead run left. */
export function planClaim(wishes: ClaimWishes): PlannedClaim {
  const { inputs, vm, isChanging } = wishes;
  const ofVm = requireResourceId(vm.id);
  const { subscriptionId } = ofVm;
  const names = [inputs.snapshotResourceGroup ?? ofVm.resourceGroup, ofVm.resourceGroup];
  const groups = new Map(
    names.map((resourceGroup) => [resourceGroup.toLowerCase(), { subscriptionId, resourceGroup }]),
  );
  return {
    vmId: vm.id,
    groups: [...groups.values()],
    snapshot: isChanging ? claimSnapshot(wishes) : undefined,
  };
}

/** Claims on a VM that are neither this run's nor of an earlier attempt of it, which GitHub has ended. */
export function foreignClaims(
  listed: readonly ListedSnapshot[],
  vmId: string,
  run: Run,
): readonly ForeignClaim[] {
  return listed.flatMap(({ id, tags }): readonly ForeignClaim[] => {
    const [ofVm, job = '', action = ''] = (tags[CLAIM_TAG] ?? '').split('/');
    const key = tags[KEY_TAG];
    if (ofVm !== hash(vmId.toLowerCase()) || key === undefined || key === run.key) return [];
    const owner = `${tags['vm-to-vhd-owner'] ?? ''}/${tags['vm-to-vhd-run'] ?? ''}`;
    const mark = `${owner}/${job}/${action}/${tags['vm-to-vhd-attempt'] ?? ''}`;
    if (isEarlierMark(mark, run)) return [];
    const [lockUrl = '', expires = ''] = [tags[LOCK_TAG], tags[EXPIRES_TAG]];
    return [{ snapshotId: id, key, mark, lockUrl, expires }];
  });
}

const MAX_TAG_VALUE = 256;

function claimSnapshot({
  inputs,
  vm,
  layout,
  run,
  locks,
  tags,
}: ClaimWishes): SnapshotRequest | undefined {
  const osDisk = layout.disks.find(({ key }) => key === 'os');
  if (osDisk === undefined) return undefined;
  const { subscriptionId, resourceGroup } = requireResourceId(vm.id);
  const step = runMark(run).split('/').slice(-3, -1).join('/');
  return {
    id: formatResourceId({
      subscriptionId,
      resourceGroup: inputs.snapshotResourceGroup ?? resourceGroup,
      type: 'Microsoft.Compute/snapshots',
      name: snapshotName(vm.name, 'claim', run.key),
    }),
    diskId: osDisk.diskId,
    location: osDisk.location,
    sku: inputs.snapshotSku,
    tags: {
      ...tags,
      [CLAIM_TAG]: `${hash(vm.id.toLowerCase())}/${step}`.slice(0, MAX_TAG_VALUE),
      [EXPIRES_TAG]: expiryOf(tags[EXPIRES_TAG], run),
      [LOCK_TAG]: locks.find(({ isOfVm }) => isOfVm)?.url ?? '',
    },
  };
}

/** Unlike an export's it is never renewed, and who may not see the lock goes by it: a day at least. */
function expiryOf(expires: string | undefined, { startedAt }: Run): string {
  const least = new Date(Date.parse(startedAt) + DAY_SECONDS * 1000).toISOString();
  return expires !== undefined && expires > least ? expires : least;
}
