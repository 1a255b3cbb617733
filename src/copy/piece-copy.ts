import { ActionError } from '../errors.ts';
import type { Log } from '../ports.ts';
import { PageCopyRefused, type Broadcast } from './broadcast.ts';
import type { Tally } from './broadcast-node.ts';
import type { Crc64 } from './crc64.ts';
import type { DiskSource } from './disk-source.ts';
import { PieceLog } from './piece-log.ts';
import type { ProgressBook } from './progress.ts';
import type { Prover, Proven } from './prover.ts';
import type { ReplicaBlob, ReplicaRig } from './replica-blob.ts';
import { readSidecar, sidecarUrl, type SidecarOf } from './sidecar.ts';

/** What copying pieces needs. */
export interface PieceCopyRig extends ReplicaRig {
  readonly log: Log;
  readonly book: ProgressBook;
}

/** Copies the pieces that a replica's blob lacks, and keeps what has landed for a re-run where that is wished. */
export class PieceCopy {
  readonly #source: DiskSource;
  readonly #broadcast: Broadcast;
  readonly #prover: Prover;
  readonly #rig: PieceCopyRig;

  constructor(source: DiskSource, broadcast: Broadcast, prover: Prover, rig: PieceCopyRig) {
    this.#source = source;
    this.#broadcast = broadcast;
    this.#prover = prover;
    this.#rig = rig;
  }

  /** Copies, proves and lets complete, and gives what that gives. Throws PageCopyRefused where another method may do. */
  async run<T>(blob: ReplicaBlob, complete: (copied: Proven & Tally) => Promise<T>): Promise<T> {
    const { keepPartial, log } = this.#rig;
    const { pieces } = this.#broadcast;
    let pieceLog: PieceLog | undefined;
    try {
      const landed = await this.#prepare(blob);
      if (landed.size > 0) {
        log.info(`Blob "${blob.url}" has ${landed.size} of ${pieces.count} pieces already.`);
      }
      if (keepPartial && blob.replica.overwrite === undefined) {
        pieceLog = new PieceLog(blob.url, this.#of, landed, blob.copyingMetadata(), this.#rig);
        // The sidecar of an earlier attempt becomes this one's.
        if (blob.replica.earlier !== undefined) await pieceLog.save();
      }
      const tally = await this.#copy(blob, landed, pieceLog);
      const proven = await this.#prover.prove(blob.url, this.#broadcast.checksum());
      const written = await complete({ ...proven, ...tally });
      await pieceLog?.remove();
      return written;
    } catch (error) {
      const isWrong = error instanceof ActionError && error.code === 'verify';
      if (pieceLog === undefined || isWrong || error instanceof PageCopyRefused) {
        await blob.release();
        await pieceLog?.remove();
      } else {
        await pieceLog.save();
        await blob.leave();
      }
      throw error;
    }
  }

  get #of(): SidecarOf {
    return { snapshot: this.#source.snapshotUniqueId, pieces: this.#broadcast.pieces };
  }

  #copy(
    blob: ReplicaBlob,
    landed: ReadonlyMap<number, Crc64>,
    pieceLog: PieceLog | undefined,
  ): Promise<Tally> {
    const { book, clock } = this.#rig;
    const { pieces } = this.#broadcast;
    return this.#broadcast.copy({
      url: blob.url,
      region: blob.replica.account.location,
      landed,
      onLanded: (piece, crc) => {
        book.moved(blob.url, pieces.length(piece), clock.now());
        pieceLog?.add(piece, crc);
      },
    });
  }

  /** An empty page blob, or the one that an earlier attempt left. Gives what has landed in it, with the checksums. */
  async #prepare(blob: ReplicaBlob): Promise<ReadonlyMap<number, Crc64>> {
    const { earlier } = blob.replica;
    if (earlier?.kind !== 'partial') {
      await blob.create();
      return new Map();
    }
    const { blobs, signal } = this.#rig;
    const bytes = await blobs.readBlob(sidecarUrl(blob.url), signal);
    const recorded = bytes === undefined ? new Map<number, Crc64>() : readSidecar(bytes, this.#of);
    const landed = await this.#prover.keepLanded(blob.url, recorded);
    await blob.takeOver(earlier.etag);
    return landed;
  }
}
