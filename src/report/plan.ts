import type { Plan } from '../plan.ts';
import { requireResourceId } from '../resource-id.ts';
import { formatBytes, formatSeconds } from '../units.ts';

/** The plan as lines for the log: every step and every name. */
export function renderPlan(plan: Plan): readonly string[] {
  const { vm, power, expected } = plan;
  if (plan.isDone) return [`Plan for VM "${vm.name}": every VHD is there already.`];
  const steps = [
    ...(power.powerOff ? ['stop it'] : []),
    ...(power.deallocate ? ['deallocate it'] : []),
    ...(power.generalize ? ['mark it generalized (it can never start again)'] : []),
    ...(power.restart ? ['start it again after the snapshots'] : []),
  ];
  return [
    `Plan for VM "${vm.name}" (${vm.powerState}): ${steps.length === 0 ? 'leave it as it is' : steps.join(', ')}.`,
    ...plan.disks.flatMap((disk) => [
      `Disk "${disk.diskName}" (${disk.label}, ${formatBytes(disk.sizeBytes)}) through snapshot "${requireResourceId(disk.snapshotId).name}"${plan.keepSnapshots ? ', which is kept,' : ''} to:`,
      ...disk.replicas.map(
        ({ url, overwrite }) => `  ${url}${overwrite === undefined ? '' : ' (overwritten)'}`,
      ),
    ]),
    `${expected.changes} changes by the resource manager and ${expected.copies} copies; at most ${formatBytes(expected.bytes)} to copy, at least ${formatSeconds(expected.seconds)} when every page holds data; the SAS live for ${formatSeconds(plan.sasDurationInSeconds)}.`,
  ];
}
