import { ActionError, explain, reasonOf } from '../errors.ts';
import type { CopyMethod } from '../inputs.ts';
import type { PlannedReplica } from '../plan.ts';
import { VHD_FOOTER_BYTES } from '../vhd.ts';
import { PageCopyRefused, type Broadcast } from './broadcast.ts';
import type { Tally } from './broadcast-node.ts';
import { CopyStalled } from './copy-blob.ts';
import type { DiskSource } from './disk-source.ts';
import type { Copied, Outcome } from './outcome.ts';
import { PieceCopy } from './piece-copy.ts';
import type { Pieces } from './pieces.ts';
import type { Prover } from './prover.ts';
import { ReplicaBlob, urlOf } from './replica-blob.ts';
import { WholeCopy, type WholeCopyRig } from './whole-copy.ts';

/** What copying the replicas of a disk needs. */
export interface CopyingRig extends WholeCopyRig {
  readonly copyMethod: CopyMethod;
  readonly outcomes: Outcome[];
}

/** A finished replica; one that overwrites is still under its draft's name. */
interface Written {
  readonly blob: ReplicaBlob;
  readonly outcome: Copied;
}

const NOTHING: Tally = {
  movedBytes: 0,
  resumedBytes: 0,
  retries: 0,
  fromExports: 0,
  fromReplicas: 0,
};

/** Makes the replicas of one disk, by its pieces or by Copy Blob, and says of each what became of it. */
export class DiskCopy {
  readonly #source: DiskSource;
  readonly #pieces: Pieces | undefined;
  readonly #broadcast: Broadcast | undefined;
  readonly #rig: CopyingRig;
  readonly #prover: Prover;
  readonly #whole: WholeCopy;
  readonly #drafts: Written[] = [];
  /** Which replicas were copied inside their account, and from which. */
  readonly #copiedFrom = new Map<string, string>();

  /** Without `broadcast` everything goes by Copy Blob; without `pieces` page ranges are not compared. */
  constructor(
    source: DiskSource,
    pieces: Pieces | undefined,
    broadcast: Broadcast | undefined,
    prover: Prover,
    rig: CopyingRig,
  ) {
    this.#source = source;
    this.#pieces = pieces;
    this.#broadcast = broadcast;
    this.#rig = rig;
    this.#prover = prover;
    this.#whole = new WholeCopy(source, rig, (replica) => {
      this.#expect(replica);
    });
    for (const replica of source.disk.replicas) this.#expect(replica);
  }

  /** Copies a replica piece by piece. Returns the URL that others may be copied from; undefined when it failed. */
  byPieces(replica: PlannedReplica): Promise<string | undefined> {
    if (replica.earlier?.kind === 'finished') return this.#adopt(replica);
    return this.#make(replica, async (blob, startedAt) => {
      if (this.#broadcast === undefined) return this.#copyBlob(blob, undefined, startedAt);
      try {
        return await this.#copyPieces(blob, this.#broadcast, startedAt);
      } catch (error) {
        if (!(error instanceof PageCopyRefused) || this.#rig.copyMethod !== 'auto') throw error;
        this.#rig.log.info(`${error.message} It is copied by Copy Blob instead.`);
        await blob.release();
        this.#expect(replica);
        return this.#copyBlob(
          new ReplicaBlob(replica, this.#source, this.#rig),
          undefined,
          startedAt,
        );
      }
    });
  }

  /** Copies a replica by Copy Blob, from a finished one of its account where there is one. */
  byCopyBlob(replica: PlannedReplica, near: string | undefined): Promise<string | undefined> {
    if (replica.earlier?.kind === 'finished') return this.#adopt(replica);
    if (replica.earlier?.kind === 'partial' && this.#broadcast) return this.byPieces(replica);
    return this.#make(replica, async (blob, startedAt) => {
      try {
        await this.#removePartial(replica);
        return await this.#copyBlob(blob, near, startedAt);
      } catch (error) {
        if (this.#broadcast === undefined || !(error instanceof CopyStalled)) throw error;
        this.#rig.log.info(`${error.message} It is copied piece by piece instead.`);
        await blob.release();
        this.#expect(replica);
        const anew = new ReplicaBlob(replica, this.#source, this.#rig);
        return this.#copyPieces(anew, this.#broadcast, startedAt);
      }
    });
  }

  /**
   * Puts the drafts in the place of what they overwrite, and fails replicas that turned out to differ, with those that
   * were copied from them. In a run that is cancelled it only says so.
   */
  async finish(): Promise<void> {
    const disputes = this.#disputes();
    const { outcomes, signal } = this.#rig;
    const wrong = outcomes.flatMap((outcome, index) => {
      const error = disputes.get(urlOf(outcome.replica));
      if (outcome.kind !== 'copied' || error === undefined) return [];
      outcomes[index] = { kind: 'failed', replica: outcome.replica, error };
      return [{ outcome, error }];
    });
    if (signal.aborted) return;
    await Promise.all(
      this.#drafts.map(async (written) => {
        const error = disputes.get(written.blob.url);
        await (error === undefined ? this.#swapIn(written) : this.#discard(written, error));
      }),
    );
    for (const { outcome, error } of wrong) await this.#remove(outcome, error);
  }

  /** What is wrong, by URL: replicas that differ from the others, and those that were copied from one of them. */
  #disputes(): ReadonlyMap<string, ActionError> {
    const own = new Map(this.#broadcast?.disputes.map(({ url, error }) => [url, error]));
    const inherited = [...this.#copiedFrom].flatMap(([url, near]) => {
      const error = own.get(near);
      const message = `Blob "${url}" was copied from one that is wrong. ${error?.message ?? ''}`;
      return error === undefined ? [] : [[url, new ActionError('verify', message)] as const];
    });
    return new Map([...own, ...inherited]);
  }

  /** What an earlier attempt copied by its pieces is of no use to a Copy Blob. */
  async #removePartial({ url, earlier }: PlannedReplica): Promise<void> {
    const { blobs, signal } = this.#rig;
    if (earlier?.kind === 'partial') await blobs.deleteBlob(url, earlier.etag, signal);
  }

  async #make(
    replica: PlannedReplica,
    copy: (blob: ReplicaBlob, startedAt: number) => Promise<Written>,
  ): Promise<string | undefined> {
    const { clock, log, signal, book, outcomes } = this.#rig;
    const blob = new ReplicaBlob(replica, this.#source, this.#rig);
    try {
      signal.throwIfAborted();
      const written = await copy(blob, clock.now());
      book.done(blob.url);
      if (replica.overwrite === undefined) {
        written.blob.keep();
        outcomes.push(written.outcome);
      } else {
        this.#drafts.push(written);
      }
      return blob.url;
    } catch (error) {
      const failed = explain(`Could not copy blob "${blob.url}"`, error);
      if (!signal.aborted) log.warn(failed.message);
      book.failed(blob.url);
      outcomes.push({ kind: 'failed', replica, error: failed });
      return undefined;
    }
  }

  /** A finished one of an earlier attempt, of the very same snapshot. */
  async #adopt(replica: PlannedReplica): Promise<string | undefined> {
    const { book, outcomes, log, signal } = this.#rig;
    try {
      const { lengthBytes } = await this.#prover.prove(replica.url);
      const etag = replica.earlier?.etag ?? '';
      outcomes.push({ kind: 'adopted', replica, etag, lengthBytes });
      book.done(replica.url);
      log.info(`Blob "${replica.url}" was finished by an earlier attempt.`);
      return replica.url;
    } catch (error) {
      const failed = explain(`Could not take up blob "${replica.url}"`, error);
      if (!signal.aborted) log.warn(failed.message);
      book.failed(replica.url);
      outcomes.push({ kind: 'failed', replica, error: failed });
      return undefined;
    }
  }

  #copyPieces(blob: ReplicaBlob, broadcast: Broadcast, startedAt: number): Promise<Written> {
    const pieceCopy = new PieceCopy(this.#source, broadcast, this.#prover, this.#rig);
    return pieceCopy.run(blob, (copied) =>
      this.#complete(blob, { ...copied, method: 'page-ranges', copyId: undefined }, startedAt),
    );
  }

  async #copyBlob(
    blob: ReplicaBlob,
    near: string | undefined,
    startedAt: number,
  ): Promise<Written> {
    try {
      if (near !== undefined) this.#copiedFrom.set(blob.url, near);
      const copyId = await this.#whole.run(blob, near);
      const proven = await this.#prover.prove(blob.url);
      const movedBytes = this.#bytesToMove;
      const from = near === undefined ? 'fromExports' : 'fromReplicas';
      const tally = { ...NOTHING, movedBytes, [from]: movedBytes };
      return await this.#complete(
        blob,
        { ...proven, method: 'copy-blob', copyId, ...tally },
        startedAt,
      );
    } catch (error) {
      await blob.release();
      throw error;
    }
  }

  async #complete(
    blob: ReplicaBlob,
    copied: Omit<Copied, 'kind' | 'replica' | 'seconds' | 'etag'>,
    startedAt: number,
  ): Promise<Written> {
    const etag = await blob.complete(blob.url, copied.proof);
    const seconds = (this.#rig.clock.now() - startedAt) / 1000;
    const outcome: Copied = { kind: 'copied', replica: blob.replica, etag, seconds, ...copied };
    return { blob, outcome };
  }

  /**
   * Puts a finished draft in the place of the blob that it overwrites, and removes the draft. From the moment that the
   * old blob may be gone, the draft stays until the new one is whole.
   */
  async #swapIn({ blob, outcome }: Written): Promise<void> {
    const { signal, outcomes } = this.#rig;
    const { replica } = blob;
    try {
      signal.throwIfAborted();
      const copyId = await this.#whole.swap(blob);
      const proven = await this.#prover.prove(replica.url);
      const etag = await blob.complete(replica.url, proven.proof);
      await blob.release();
      outcomes.push({ ...outcome, ...proven, copyId, etag });
    } catch (error) {
      const failed = explain(`Could not overwrite blob "${replica.url}"`, error);
      await blob.release();
      outcomes.push({ kind: 'failed', replica, error: failed });
    }
  }

  /** A draft that was done already when it turned out to differ: what it was to overwrite stays. */
  async #discard({ blob }: Written, error: ActionError): Promise<void> {
    this.#rig.log.warn(error.message);
    await blob.release();
    this.#rig.outcomes.push({ kind: 'failed', replica: blob.replica, error });
  }

  /** Removes a replica that was done already when it turned out to differ; one that was changed since is left there. */
  async #remove({ replica, etag }: Copied, error: ActionError): Promise<void> {
    const { blobs, signal, log } = this.#rig;
    log.warn(error.message);
    try {
      await blobs.deleteBlob(replica.url, etag, signal);
    } catch (failure) {
      signal.throwIfAborted();
      log.warn(
        `Blob "${replica.url}" was not removed: ${reasonOf(failure)} Do not use it; delete it.`,
      );
    }
  }

  #expect(replica: PlannedReplica): void {
    const { book, clock } = this.#rig;
    book.expect(urlOf(replica), this.#bytesToMove, clock.now());
  }

  get #bytesToMove(): number {
    return this.#pieces?.bytes ?? this.#source.disk.sizeBytes + VHD_FOOTER_BYTES;
  }
}
