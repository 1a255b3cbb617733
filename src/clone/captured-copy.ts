import type { VirtualMachine } from '../facts.ts';
import type { Plan } from '../plan.ts';
import { requireResourceId } from '../resource-id.ts';
import { copiedDiskIds, type ClonePlan } from './clone-plan.ts';

/**
 * The plan of a capture with a copy in the place of its source: what is deprovisioned, stopped and captured is the
 * copy. Snapshots and VHDs keep the names that they have after the source.
 */
export function planOfCopy(plan: Plan, clone: ClonePlan, copy: VirtualMachine): Plan {
  const ids = copiedDiskIds(clone);
  return {
    ...plan,
    vm: copy,
    disks: plan.disks.map((disk) => {
      const diskId = ids.get(disk.key);
      if (diskId === undefined) throw new Error(`Disk "${disk.label}" has no copy`);
      return { ...disk, diskId, diskName: requireResourceId(diskId).name };
    }),
  };
}
