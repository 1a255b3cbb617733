import type { PlannedDisk } from '../plan.ts';
import type { DiskExport } from './disk-export.ts';

/** The snapshots of a disk, open for reading. */
export interface DiskSource {
  readonly disk: PlannedDisk;
  readonly first: DiskExport;
  /** Exports of further snapshots of the same disk, as they come; undefined for one that could not be had. */
  readonly more: readonly Promise<DiskExport | undefined>[];
  /** Of the first snapshot: what tells this state of the disk from every other. */
  readonly snapshotUniqueId: string;
}

/** One whose export was looked at: it is a right VHD with this footer. */
export interface CheckedSource extends DiskSource {
  readonly footer: Uint8Array;
}
