import { listOf } from '../errors.ts';
import type { Lock } from '../facts.ts';
import { countExports, isChanging, isComplete, planPower } from '../plan.ts';
import { isAtOrUnder, requireResourceId, resourceGroupId, sameResource } from '../resource-id.ts';
import { foundBlobs } from '../survey.ts';
import { locksOn, nameLock } from './locks.ts';
import { reasonOf } from './lookups.ts';
import type { Facts, Rule } from './rule.ts';

const locking =
  'https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources';

/** Rules on locks. Those on storage accounts have none: they do not reach blobs. */
export const lockRules: readonly Rule[] = [
  {
    id: 'lock-on-vm',
    about: 'No lock forbids what is done to the VM.',
    level: 'refusal',
    source: locking,
    look: lookAtVmLocks,
  },
  {
    id: 'lock-on-disks',
    about: 'No lock forbids snapshots of the disks.',
    level: 'refusal',
    source: locking,
    look: lookAtDiskLocks,
  },
  {
    id: 'lock-on-snapshots',
    about: 'No lock forbids the snapshots, or their deletion.',
    level: 'refusal',
    source: locking,
    look: lookAtSnapshotLocks,
  },
  {
    id: 'locks-unknown',
    about: 'The locks can be read.',
    level: 'warning',
    source: 'https://learn.microsoft.com/rest/api/resources/management-locks/list-by-scope',
    look: ({ survey, vm }) =>
      [...survey.locks].flatMap(([scope, locks]) =>
        vm !== undefined && locks.kind === 'failed'
          ? [
              `The locks on "${scope}" cannot be read, so they were not checked beforehand: ${reasonOf(locks)}. Grant the identity "Microsoft.Authorization/locks/read" (docs/permissions.md).`,
            ]
          : [],
      ),
  },
];

/** ReadOnly forbids what is done by POST: stopping, deallocating, generalizing and starting. */
function lookAtVmLocks({ survey, inputs, layout, vm }: Facts): readonly string[] {
  if (vm === undefined || inputs.source === 'copy') return [];
  if (isComplete(inputs, layout, foundBlobs(survey.blobs))) return [];
  const power = planPower(inputs, vm);
  const steps = [
    ...(power.powerOff ? ['stopped'] : []),
    ...(power.deallocate ? ['deallocated'] : []),
    ...(power.generalize ? ['marked generalized'] : []),
    ...(power.restart ? ['started again'] : []),
  ];
  if (steps.length === 0) return [];
  return locksOn(vm.id, survey)
    .filter(({ level }) => level === 'ReadOnly')
    .map(
      (lock) =>
        `${nameLock(lock)} keeps VM "${vm.name}" from being ${listOf(steps)}. Remove it for the run (az lock delete).`,
    );
}

/** ReadOnly forbids to read a disk out (beginGetAccess), which a snapshot of it does. */
function lookAtDiskLocks({ survey, inputs, layout }: Facts): readonly string[] {
  if (isComplete(inputs, layout, foundBlobs(survey.blobs))) return [];
  const held = layout.disks.flatMap(({ diskId, diskName, snapshotId }) => {
    const group = resourceGroupId(requireResourceId(snapshotId));
    return (
      locksOn(diskId, survey)
        // One that the snapshots are under as well is told with them.
        .filter(({ level, scope }) => level === 'ReadOnly' && !isAtOrUnder(group, scope))
        .map((lock) => ({ lock: nameLock(lock), diskName }))
    );
  });
  return [...Map.groupBy(held, ({ lock }) => lock)].map(([lock, disks]) => {
    const names = disks.map(({ diskName }) => `"${diskName}"`);
    const which = names.length === 1 ? 'disk' : 'disks';
    return `${lock} keeps ${which} ${listOf(names)} from being snapshot. Remove it for the run (az lock delete).`;
  });
}

/** ReadOnly forbids to make snapshots, CanNotDelete to delete them afterwards. */
function lookAtSnapshotLocks({ survey, inputs, layout, vm }: Facts): readonly string[] {
  const [disk] = layout.disks;
  if (
    vm === undefined ||
    disk === undefined ||
    isComplete(inputs, layout, foundBlobs(survey.blobs))
  )
    return [];
  const place = requireResourceId(disk.snapshotId);
  const group = resourceGroupId(place);
  // Those of a copy, the claim, and all but the first of a disk are deleted even so.
  const isMany = layout.disks.some((one) => countExports(inputs, vm, one) > 1);
  const mayKeep = inputs.source === 'vm' && !isChanging(inputs, vm) && !isMany;
  const isCleared = !inputs.keepSnapshots || !mayKeep;
  return locksOn(group, survey)
    .filter(({ level }) => level === 'ReadOnly' || isCleared)
    .map((lock) => {
      const end = lock.level === 'ReadOnly' ? 'made' : 'deleted afterwards';
      return `${nameLock(lock)} keeps snapshots in resource group "${place.resourceGroup}" from being ${end}. ${waysAround(lock, group, mayKeep)}`;
    });
}

function waysAround({ scope, level }: Lock, group: string, mayKeep: boolean): string {
  const ways = [
    ...(sameResource(scope, group)
      ? ['name a group without a lock in "snapshot-resource-group"']
      : []),
    ...(level === 'ReadOnly' || !mayKeep ? [] : ['set "keep-snapshots: true"']),
  ];
  return ['Remove it for the run (az lock delete)', ...ways].join(', or ') + '.';
}
