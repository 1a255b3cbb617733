import { resourceIds, type ClonePlan } from '../clone/clone-plan.ts';
import { describeDeletion } from '../delete-source.ts';
import { listOf } from '../errors.ts';
import type { Plan, PlannedDisk } from '../plan.ts';
import { requireResourceId } from '../resource-id.ts';
import { formatBytes, formatCount, formatSeconds } from '../units.ts';

/** The plan as lines for the log: every step and every name. */
export function renderPlan(plan: Plan): readonly string[] {
  const { vm, power, expected } = plan;
  if (plan.isDone) return [`Plan for VM "${vm.name}": every VHD is there already.`];
  const steps = [
    ...(power.removeExtensions ? [`remove its extensions (${listOf(vm.extensions)})`] : []),
    ...(power.deprovision ? [`deprovision its guest (${guestOf(plan)})`] : []),
    ...(power.powerOff ? ['stop it'] : []),
    ...(power.deallocate ? ['deallocate it'] : []),
    ...(power.generalize ? ['mark it generalized (it can never start again)'] : []),
    ...(power.restart ? ['start it again after the snapshots'] : []),
  ];
  const { clone, deletion } = plan;
  const claimed = plan.claim?.snapshot;
  const of =
    clone === undefined
      ? ''
      : ` copy it as "${plan.target.name}", which is temporary, and with the copy:`;
  return [
    `Plan for VM "${vm.name}" (${vm.powerState}):${of} ${steps.length === 0 ? 'leave it as it is' : steps.join(', ')}.`,
    ...(clone?.notes ?? []),
    ...(clone === undefined
      ? []
      : [`The copy takes ${listOf(temporaryNames(clone))}, which are deleted at the end.`]),
    ...plan.disks.flatMap((disk) => [
      `Disk "${disk.diskName}" (${disk.label}, ${formatBytes(disk.sizeBytes)}) through ${snapshotsOf(disk, plan.keepSnapshots)} to:`,
      ...disk.replicas.map(
        ({ url, overwrite }) => `  ${url}${overwrite === undefined ? '' : ' (overwritten)'}`,
      ),
    ]),
    `${methods[plan.copyMethod]}; ${proofOf(plan)}.`,
    `${formatCount(expected.changes, 'change')} by the resource manager and ${expected.copies} copies; at most ${formatBytes(expected.bytes)} to copy, at least ${formatSeconds(expected.seconds)} when every page holds data; the SAS live for ${formatSeconds(plan.sasDurationInSeconds)}.`,
    costsOf(plan),
    ...(claimed === undefined
      ? []
      : [
          `VM "${vm.name}" is claimed by snapshot "${requireResourceId(claimed.id).name}" of its OS disk, which is deleted at the end.`,
        ]),
    ...(deletion === undefined ? [] : describeDeletion(deletion)),
  ];
}

function temporaryNames(clone: ClonePlan): readonly string[] {
  const snapshots = clone.disks.map(({ snapshot }) => snapshot.id);
  return [...resourceIds(clone), ...snapshots].map((id) => `"${requireResourceId(id).name}"`);
}

function guestOf({ vm, guest }: Plan): string {
  const minutes = `within ${formatSeconds(guest.timeoutSeconds)}`;
  if (vm.osType === 'Windows') return `Sysprep, ${minutes}`;
  return `waagent${guest.deprovisionUser ? '+user' : ', users stay'}, ${minutes}`;
}

/** Of several snapshots of a disk only the first outlives the run. */
function snapshotsOf({ exports }: PlannedDisk, isKept: boolean): string {
  const [first = '', ...others] = exports.map(
    ({ snapshotId }) => `"${requireResourceId(snapshotId).name}"`,
  );
  if (others.length === 0) return `snapshot ${first}${isKept ? ', which is kept,' : ''}`;
  return `snapshots ${listOf([`${first}${isKept ? ' (which is kept)' : ''}`, ...others])}`;
}

const methods: Readonly<Record<Plan['copyMethod'], string>> = {
  auto: 'Copied by page ranges, or by Copy Blob where that is cheaper or page ranges are refused',
  'page-ranges': 'Copied by page ranges only',
  'copy-blob': 'Copied by Copy Blob only',
};

function proofOf({ copyMethod, verify }: Plan): string {
  if (verify === 'full') return 'proven by reading source and VHDs back through the runner';
  return copyMethod === 'copy-blob'
    ? 'proven by copy status, length, footer and page ranges, since Copy Blob gives no checksums'
    : 'proven by the checksums of the storage service';
}

/** What will be on the bill, as far as the plan knows. */
function costsOf({ vm, clone, disks, expected, claim }: Plan): string {
  const bytes = disks.reduce((sum, disk) => sum + disk.sizeBytes * disk.replicas.length, 0);
  const regions = new Set(
    disks.flatMap(({ replicas }) => replicas.map(({ account }) => account.location)),
  );
  regions.delete(vm.location);
  return [
    `Costs: ${formatCount(expected.transactions, 'transaction')} on blobs when every page holds data and none is repeated`,
    `${formatBytes(bytes)} of page blobs at most`,
    `${formatCount(expected.exports, 'snapshot')} as long as needed`,
    ...(claim?.snapshot === undefined ? [] : ['one more while the run lasts']),
    ...(clone === undefined
      ? []
      : [`a second VM with ${formatCount(clone.disks.length, 'disk')} while the run lasts`]),
    ...(regions.size === 0 ? [] : [`traffic from ${vm.location} to ${listOf([...regions])}`]),
  ]
    .join(', ')
    .concat('.');
}
