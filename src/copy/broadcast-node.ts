import type { ActionError } from '../errors.ts';
import type { Crc64 } from './crc64.ts';
import type { DiskExport } from './disk-export.ts';
import type { Lane } from './lane.ts';
import type { NodeId } from './schedule/schedule.ts';

/** A page blob that is there, empty or with what landed before. */
export interface Target {
  readonly url: string;
  readonly region: string;
  /** Pieces that are there already, with their checksums. */
  readonly landed: ReadonlyMap<number, Crc64>;
  readonly onLanded: (piece: number, crc: Crc64) => void;
}

/** What copying the pieces of one replica came to. Bytes. */
export interface Tally {
  movedBytes: number;
  resumedBytes: number;
  retries: number;
  fromExports: number;
  fromReplicas: number;
}

/** A source that holds everything. */
export interface ExportNode {
  readonly kind: 'export';
  readonly id: NodeId;
  readonly source: DiskExport;
  readonly read: Lane;
  inFlight: number;
  isRenewing: boolean;
  /** Since the last piece that it gave. */
  renewals: number;
}

/** A destination, and a source of what it holds. */
export interface ReplicaNode {
  readonly kind: 'replica';
  readonly id: NodeId;
  readonly target: Target;
  readonly read: Lane;
  readonly write: Lane;
  readonly tally: Tally;
  readonly settled: PromiseWithResolvers<Tally>;
  inFlight: number;
  /** Why it is given up: told when nothing is in flight to it any more. */
  failure: ActionError | undefined;
}

export type Node = ExportNode | ReplicaNode;

/** Tells the failure of a replica once nothing is in flight to it that could still be written. */
export function settle({ failure, inFlight, settled }: ReplicaNode): void {
  if (failure !== undefined && inFlight === 0) settled.reject(failure);
}
