import type { ActionError } from '../errors.ts';
import type { PlannedReplica } from '../plan.ts';

/** What shows that a replica is right. A CRC-64 is that of the whole VHD: 16 lower-case hex digits. */
export type Proof =
  /** The service's CRC-64 of every piece, the same in all replicas, combined into that of the whole VHD. */
  | { readonly kind: 'checksums'; readonly crc64: string }
  /** Read back through the runner, and equal to the source, which was read back too. */
  | { readonly kind: 'read-back'; readonly crc64: string }
  /** Copy Blob gives no checksum: its status, and the length, footer and page ranges of the blob were looked at. */
  | { readonly kind: 'copy-status' };

/** A replica that this run made, or made whole. */
export interface Copied {
  readonly kind: 'copied';
  readonly replica: PlannedReplica;
  readonly etag: string;
  readonly lengthBytes: number;
  readonly method: 'page-ranges' | 'copy-blob';
  /** Of the Copy Blob that wrote it last. */
  readonly copyId: string | undefined;
  readonly seconds: number;
  /** Bytes that this run moved for it. */
  readonly movedBytes: number;
  /** Bytes that an earlier run had moved; they are not among `movedBytes`. */
  readonly resumedBytes: number;
  /** Requests that were made again. */
  readonly retries: number;
  /** Bytes of `movedBytes` that were read from exports of snapshots. */
  readonly fromExports: number;
  /** Bytes of `movedBytes` that were read from other replicas. */
  readonly fromReplicas: number;
  readonly proof: Proof;
}

/** What became of a replica. */
export type Outcome =
  | Copied
  /** It was there before, and passed the checks of its form. */
  | {
      readonly kind: 'adopted';
      readonly replica: PlannedReplica;
      readonly etag: string;
      readonly lengthBytes: number;
    }
  | { readonly kind: 'failed'; readonly replica: PlannedReplica; readonly error: ActionError };

/** What all copies of a run came to. */
export interface Traffic {
  /** Put Page From URL calls, also those that failed. */
  readonly putPages: number;
  /** All other calls on blobs. */
  readonly otherCalls: number;
  readonly movedBytes: number;
  /** Bytes of empty pages that were neither read nor written, over all replicas that page ranges finished. */
  readonly savedBytes: number;
  /** Bytes a second over time: at most 60 points, evenly apart except the last. `seconds` is the end of each. */
  readonly samples: readonly { readonly seconds: number; readonly bytesPerSecond: number }[];
}
