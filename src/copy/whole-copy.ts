import { ActionError, azureFailure, describe } from '../errors.ts';
import type { PlannedReplica } from '../plan.ts';
import type { Log } from '../ports.ts';
import { VHD_FOOTER_BYTES } from '../vhd.ts';
import { CopyStalled, followCopy, SourceEnded, startCopy, type StallWatch } from './copy-blob.ts';
import type { DiskSource } from './disk-source.ts';
import type { ProgressBook } from './progress.ts';
import type { ReplicaBlob, ReplicaRig } from './replica-blob.ts';

/** What copying whole VHDs needs. */
export interface WholeCopyRig extends ReplicaRig {
  readonly log: Log;
  readonly book: ProgressBook;
  /** By account, of all disks of the run. */
  readonly watches: Map<string, StallWatch>;
}

/** A SAS that ends during a Copy Blob is granted anew so often. */
const MAX_RESTARTS = 3;

/** Copies whole VHDs of one disk by Copy Blob, from its snapshot or inside an account. */
export class WholeCopy {
  readonly #source: DiskSource;
  readonly #rig: WholeCopyRig;
  /** Begins the progress of a replica anew. */
  readonly #expect: (replica: PlannedReplica) => void;

  constructor(source: DiskSource, rig: WholeCopyRig, expect: (replica: PlannedReplica) => void) {
    this.#source = source;
    this.#rig = rig;
    this.#expect = expect;
  }

  /**
   * Copies into a replica's blob and returns the copy ID. A copy from the snapshot that dies with its SAS begins anew
   * with the next one. Throws CopyStalled, with the copy aborted, when nothing moves any more.
   */
  async run(blob: ReplicaBlob, near: string | undefined): Promise<string> {
    const { first } = this.#source;
    for (let restarts = 0; ; restarts += 1) {
      const { sas } = first;
      try {
        const run = (): Promise<string> => this.#runOnce(blob, near, restarts > 0);
        return await (near === undefined ? first.lend(run) : run());
      } catch (error) {
        const isEnded = error instanceof SourceEnded || (restarts > 0 && isRefused(error));
        if (!isEnded || restarts === MAX_RESTARTS) throw error;
        this.#rig.log.info(`${error.message} It begins anew.`);
        this.#expect(blob.replica);
        if (near === undefined) await first.renew(sas);
      }
    }
  }

  /** Copies a finished draft over the blob that it replaces, in its account. */
  async swap(blob: ReplicaBlob): Promise<string> {
    const { replica } = blob;
    const request = {
      source: blob.url,
      destination: replica.url,
      metadata: blob.copyingMetadata('account'),
      ...(replica.overwrite !== undefined && { overwriteEtag: replica.overwrite.etag }),
    };
    const copyId = await startCopy(request, this.#rig);
    await followCopy(replica.url, copyId, this.#rig, this.#watchOf(replica), () => undefined);
    return copyId;
  }

  async #runOnce(blob: ReplicaBlob, near: string | undefined, isRestart: boolean): Promise<string> {
    const { blobs, book, clock, signal } = this.#rig;
    const start = async (): Promise<string> => this.#start(blob, near, isRestart);
    let copyId: string;
    if (isRestart) {
      copyId = await start();
      blob.restarted(copyId);
    } else {
      copyId = await blob.hold(start);
    }
    const lengthBytes = this.#source.disk.sizeBytes + VHD_FOOTER_BYTES;
    try {
      await followCopy(blob.url, copyId, this.#rig, this.#watchOf(blob.replica), (bytes) => {
        book.reached(blob.url, bytes, lengthBytes, clock.now());
      });
    } catch (error) {
      if (error instanceof CopyStalled) await blobs.abortCopy(blob.url, copyId, signal);
      throw error;
    }
    return copyId;
  }

  /** Copy Blob from a finished replica of the account moves no data between accounts; where it is refused, the snapshot serves. */
  async #start(blob: ReplicaBlob, near: string | undefined, isRestart: boolean): Promise<string> {
    const { blobs, log, signal } = this.#rig;
    const before = isRestart ? await blobs.blobState(blob.url, signal) : undefined;
    const request = {
      destination: blob.url,
      metadata: blob.copyingMetadata(near === undefined ? 'snapshot' : 'account'),
      ...(before !== undefined && { overwriteEtag: before.etag }),
    };
    if (near !== undefined) {
      try {
        return await startCopy({ ...request, source: near }, this.#rig);
      } catch (error) {
        signal.throwIfAborted();
        log.info(`${describe(error)} It is copied from the snapshot instead.`);
      }
    }
    return startCopy({ ...request, source: this.#source.first.sas }, this.#rig);
  }

  #watchOf({ account }: PlannedReplica): StallWatch {
    const { watches, clock } = this.#rig;
    const watch = watches.get(account.id) ?? { movedAt: clock.now() };
    watches.set(account.id, watch);
    return watch;
  }
}

/** The SAS has ended between the end of one copy and the start of the next. */
function isRefused(error: unknown): error is ActionError {
  return (
    error instanceof ActionError && azureFailure(error.cause).code === 'CannotVerifyCopySource'
  );
}
