import type { ClonePlan } from './clone/clone-plan.ts';
import { MAX_SAS_DURATION_SECONDS } from './inputs.ts';
import type { PlannedDisk, PowerPlan } from './plan.ts';

/** What the copies will come to when every page holds data. */
export interface Expected {
  readonly bytes: number;
  readonly seconds: number;
  /** Calls to the resource manager that change something. */
  readonly changes: number;
  /** VHDs that are written, drafts of those that overwrite included. */
  readonly copies: number;
  /** Snapshots that are read. */
  readonly exports: number;
  /** Calls to the blob service. */
  readonly transactions: number;
}

/** Worst rate seen of a Copy Blob between regions, and the target of a single page blob, in bytes a second. */
const SLOW_COPY_BYTES_PER_SECOND = 7 * 1000 ** 2;
const PAGE_BLOB_BYTES_PER_SECOND = 60 * 1024 ** 2;
/** Put Page From URL takes at most 4 MiB: https://learn.microsoft.com/rest/api/storageservices/put-page-from-url */
const PIECE_BYTES = 4 * 1024 ** 2;
/** The least that a SAS lives for by default. */
export const DAY_SECONDS = 24 * 3600;

/** Least time of so many VHDs from so many exports, where reads and writes share what a blob carries, and every page holds data. */
export function copySeconds(sizeBytes: number, replicas: number, exports: number): number {
  const rounds = Math.max(1, (2 * replicas) / (replicas + exports));
  return Math.ceil(Math.ceil(sizeBytes / PAGE_BLOB_BYTES_PER_SECOND) * rounds);
}

/** Of a run that finds every VHD there. */
export const NO_WORK: Expected = {
  bytes: 0,
  seconds: 0,
  changes: 0,
  copies: 0,
  exports: 0,
  transactions: 0,
};

/** Everything that a copy is made of is made and deleted: two things for each disk, the VM, its interface and its network. */
export function countCloneChanges(clone: ClonePlan | undefined): number {
  if (clone === undefined) return 0;
  const things = 2 * clone.disks.length + (clone.network === undefined ? 3 : 4);
  return 2 * things;
}

/** What a plan comes to; `moreChanges` are those beside the VM's power and the snapshots. */
export function expectWork(
  disks: readonly PlannedDisk[],
  power: PowerPlan,
  keepSnapshots: boolean,
  moreChanges: number,
): Expected {
  const copiesOf = ({ replicas }: PlannedDisk): number =>
    replicas.reduce((sum, { overwrite }) => sum + (overwrite === undefined ? 1 : 2), 0);
  const steps = Object.values(power).filter(Boolean).length;
  const exports = disks.reduce((sum, disk) => sum + disk.exports.length, 0);
  return {
    bytes: disks.reduce((sum, disk) => sum + disk.sizeBytes * copiesOf(disk), 0),
    seconds: Math.max(
      0,
      ...disks.map(({ sizeBytes, replicas, exports }) =>
        copySeconds(sizeBytes, replicas.length, exports.length),
      ),
    ),
    changes: steps + exports * 4 - (keepSnapshots ? disks.length : 0) + moreChanges,
    copies: disks.reduce((sum, disk) => sum + copiesOf(disk), 0),
    exports,
    transactions: disks.reduce((sum, disk) => sum + leastCalls(disk), 0),
  };
}

/** One call for each piece, and about ten more for each VHD, when every page holds data. */
function leastCalls({ sizeBytes, replicas }: PlannedDisk): number {
  return replicas.length * (Math.ceil(sizeBytes / PIECE_BYTES) + 10);
}

/** Long enough for the slowest copy that was seen, and a day at least: an hour is what loses copies. */
export function defaultSasDuration(expected: Expected): number {
  const slowest = Math.ceil(expected.bytes / SLOW_COPY_BYTES_PER_SECOND);
  return Math.min(Math.max(DAY_SECONDS, slowest), MAX_SAS_DURATION_SECONDS);
}
