import type { BlobState, ListedSnapshot, VirtualMachine } from './facts.ts';
import type { DiskKey, DiskLayout, Layout } from './layout.ts';
import {
  CLAIM_TAG,
  GENERALIZED_TAG,
  KEPT_TAG,
  KEY_METADATA,
  KEY_TAG,
  RUN_METADATA,
  SNAPSHOT_METADATA,
  STATE_METADATA,
} from './marks.ts';
import { requireResourceId } from './resource-id.ts';
import type { Run } from './run.ts';

/** A snapshot that an earlier attempt of this workflow run kept for the next one. */
export interface KeptSnapshot {
  readonly id: string;
  readonly uniqueId: string;
  /** Of the attempt that took it. */
  readonly key: string;
}

/** What an earlier attempt left, and whether this one goes on with it. */
export interface Earlier {
  /** The snapshots to go on with, one for each disk; empty when everything is copied anew. */
  readonly snapshots: ReadonlyMap<DiskKey, KeptSnapshot>;
  /** Kept snapshots that are of no use any more. */
  readonly stale: readonly KeptSnapshot[];
  /** Why so, as a sentence; undefined when there was nothing. */
  readonly reason: string | undefined;
}

/** A blob that an earlier attempt of this workflow run made. */
export interface EarlierBlob {
  /** `finished` and `partial` are of the snapshot that this attempt goes on with; `stale` is of another one. */
  readonly kind: 'finished' | 'partial' | 'stale';
  readonly isComplete: boolean;
  readonly key: string;
  readonly etag: string;
}

const NOTHING: Earlier = { snapshots: new Map(), stale: [], reason: undefined };

/** The mark of a run on its blobs: tells the next attempt of the same workflow run whose they are. */
export function runMark(run: Run): string {
  return `${stepMark(run)}${run.attempt}`;
}

/** Jobs of a matrix share everything but the disks and names that they work on. */
function stepMark({ repository, runId, job, action }: Run): string {
  return `${repository}/${runId}/${job}/${action}/`;
}

/**
 * Finds what to go on with. A VM that was generalized when its snapshots were taken, or by the run that took them,
 * cannot have run since; of any other one everything is copied anew, because an image must not mix two moments.
 */
export function findEarlier(
  vm: VirtualMachine,
  layout: Layout,
  listed: readonly ListedSnapshot[],
  run: Run,
): Earlier {
  const disks = new Set(layout.disks.map(({ diskId }) => diskId.toLowerCase()));
  const left = listed.filter(
    ({ tags, sourceId = '' }) => isEarlier(tags, run) && disks.has(sourceId.toLowerCase()),
  );
  const isClaim = ({ tags }: ListedSnapshot): boolean => tags[CLAIM_TAG] !== undefined;
  const claims = left.filter(isClaim).flatMap(keptFrom);
  const ours = left.filter((snapshot) => !isClaim(snapshot));
  const { snapshots, stale, reason } = judgeKept(vm, layout, ours);
  return { snapshots, stale: [...stale, ...claims], reason };
}

/** Of snapshots that were taken to be copied from. */
function judgeKept(vm: VirtualMachine, layout: Layout, ours: readonly ListedSnapshot[]): Earlier {
  const byKey = Map.groupBy(ours, ({ tags }) => tags[KEY_TAG] ?? '');
  const attempts = [...byKey.values()].sort((left, right) => attemptOf(right) - attemptOf(left));
  const kept = ours.flatMap(keptFrom);
  if (kept.length === 0) return NOTHING;
  const isStill = ours.every(({ tags }) => tags[GENERALIZED_TAG] === 'true');
  if (!vm.isGeneralized || !isStill) {
    const reason = `VM "${vm.name}" may have run since the snapshots that an earlier attempt kept: everything is copied anew.`;
    return { snapshots: new Map(), stale: kept, reason };
  }
  for (const attempt of attempts) {
    const snapshots = new Map(
      layout.disks.flatMap((disk) => {
        const found = attempt.find((snapshot) => isOf(snapshot, disk));
        return found === undefined ? [] : keptFrom(found).map((one) => [disk.key, one] as const);
      }),
    );
    if (snapshots.size < layout.disks.length) continue;
    const ids = new Set([...snapshots.values()].map(({ id }) => id));
    const stale = kept.filter(({ id }) => !ids.has(id));
    const reason = `Going on with the snapshots of attempt ${attemptOf(attempt)}: only what is missing is copied.`;
    return { snapshots, stale, reason };
  }
  const reason =
    'The snapshots that an earlier attempt kept are not those of all disks: everything is copied anew.';
  return { snapshots: new Map(), stale: kept, reason };
}

/** What a blob of an earlier attempt is worth to this one; undefined for a blob that is none. */
export function judgeBlob(
  blob: BlobState,
  snapshot: KeptSnapshot | undefined,
  run: Run,
): EarlierBlob | undefined {
  const { metadata, etag } = blob;
  if (!isEarlierMark(metadata[RUN_METADATA], run)) return undefined;
  const isComplete = metadata[STATE_METADATA] === 'complete';
  const isSame = snapshot !== undefined && metadata[SNAPSHOT_METADATA] === snapshot.uniqueId;
  const same = isComplete ? 'finished' : 'partial';
  const key = metadata[KEY_METADATA] ?? '';
  return { kind: isSame ? same : 'stale', isComplete, key, etag };
}

/** The parts of a mark; undefined for what is none. */
export function readRunMark(
  mark: string,
): Pick<Run, 'repository' | 'runId' | 'job' | 'action' | 'attempt'> | undefined {
  const parts = mark.split('/');
  const [runId, job, action, attempt] = parts.slice(-4);
  const repository = parts.slice(0, -4).join('/');
  if (!repository || !runId || !job || !action || !attempt) return undefined;
  return { repository, runId, job, action, attempt };
}

/** Whether a mark is of an earlier attempt of the same step. */
export function isEarlierMark(mark: string | undefined, run: Run): boolean {
  const prefix = stepMark(run);
  return (
    mark?.startsWith(prefix) === true && Number(mark.slice(prefix.length)) < Number(run.attempt)
  );
}

function isEarlier(tags: ListedSnapshot['tags'], run: Run): boolean {
  return (
    tags['vm-to-vhd-owner'] === run.repository &&
    tags['vm-to-vhd-run'] === run.runId &&
    Number(tags['vm-to-vhd-attempt']) < Number(run.attempt) &&
    tags[KEY_TAG] !== undefined &&
    tags[KEPT_TAG] !== 'true'
  );
}

/** The disk's own snapshot, not a further one that was only taken to be read beside it. */
function isOf({ id, tags, sourceId }: ListedSnapshot, disk: DiskLayout): boolean {
  return (
    sourceId?.toLowerCase() === disk.diskId.toLowerCase() &&
    tags['vm-to-vhd-disk'] === disk.label &&
    // The key in the name is that of the attempt that took it; the tag is of the last one that had it.
    requireResourceId(id)
      .name.replace(/-[^-]+$/, '')
      .endsWith(`-${disk.label}`)
  );
}

function keptFrom({ id, uniqueId, tags }: ListedSnapshot): readonly KeptSnapshot[] {
  const key = tags[KEY_TAG];
  return uniqueId === undefined || key === undefined ? [] : [{ id, uniqueId, key }];
}

function attemptOf(snapshots: readonly ListedSnapshot[]): number {
  return Math.max(...snapshots.map(({ tags }) => Number(tags['vm-to-vhd-attempt'])));
}

/** Who a mark names, for a message. */
export function holderOf(mark: string | undefined): string {
  const parts = readRunMark(mark ?? '');
  if (parts === undefined) return 'another run';
  const { repository, runId, attempt, job } = parts;
  return `run ${runId} of "${repository}" (attempt ${attempt}, job "${job}")`;
}
