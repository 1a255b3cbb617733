import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { cutRanges } from '../disks/byte-ranges.ts';
import type { FaultAction } from '../scenario.ts';
import type { ByteRange } from '../world.ts';
import type { Azurite } from './azurite.ts';
import { endCopy, halfOf, newCopy, type BlobPath, type Copy } from './copies.ts';
import { endedSource, SourceLost, type CopySource } from './copy-source.ts';
import { deleteBlob, resizeBlob, writePages } from './store-calls.ts';

const PIECE_BYTES = 4 * 1024 * 1024;
const PIECES_IN_FLIGHT = 4;

/** How long a copy that nobody asks after stands still at its half. */
const FIRST_READ_TIMEOUT_MS = 2000;

/** What becomes of a copy once half of it is done. */
export type CopyEnd = Extract<FaultAction, { kind: 'copy' }>['end'];

/** A page blob of full length that is to be filled from its source. */
export interface CopyJob {
  readonly azurite: Azurite;
  readonly path: BlobPath;
  readonly copy: Copy;
  readonly source: CopySource;
  /** The header that names the destination's lease, or none. */
  readonly lease: Readonly<Record<string, string>>;
  /** Of data; undefined for as fast as it goes. */
  readonly mibPerSecond: number | undefined;
  /** Milliseconds that it takes at least. */
  readonly leastMs: number;
  /** Settled once it is this copy's turn in its account. */
  readonly turn: Promise<unknown>;
  readonly fault: CopyEnd | undefined;
}

/**
 * Copies the data ranges of the source and ends the copy. It never rejects. Without a pace it stands still at its half
 * until somebody reads its status, so that what happens to it there is the same in every run.
 */
export async function runCopy(job: CopyJob): Promise<void> {
  let current = job;
  try {
    await Promise.race([job.turn, aborted(job.copy.cancel.signal)]);
    const startedMs = performance.now();
    const pieces = cutRanges(await job.source.listRanges(), PIECE_BYTES);
    const half = Math.floor(pieces.length / 2);
    const pace = startPace(job);
    await copyPieces(job, pieces.slice(0, half), pace);
    if (!job.copy.wasRead) {
      await waitForRead(job.copy);
    }
    if (job.fault === 'replaced') {
      current = { ...job, copy: replaceCopy(job) };
    } else if (job.fault !== undefined) {
      await actOut(job, job.fault);
      return;
    }
    await copyPieces(current, pieces.slice(half), pace);
    await waitUntil(startedMs + job.leastMs, current.copy.cancel.signal);
    // The blob gets a new ETag when its copy is complete, also where there was nothing to write.
    await resizeBlob(job.azurite, job.path, job.copy.totalBytes, job.lease);
    endCopy(current.copy, 'success');
  } catch (error) {
    if (!current.copy.cancel.signal.aborted) {
      const description =
        error instanceof SourceLost ? error.message : '500 InternalServerError "Copy failed."';
      await emptyAndEnd(current, 'failed', description);
    }
  }
}

async function copyPieces(
  { azurite, path, copy, source, lease }: CopyJob,
  pieces: readonly ByteRange[],
  pace: (bytes: number) => Promise<void>,
): Promise<void> {
  const { signal } = copy.cancel;
  const isOwn = source.sibling !== undefined;
  const queue = pieces.values();
  let failed = false;
  const work = async () => {
    for (const piece of queue) {
      if (failed) return;
      signal.throwIfAborted();
      try {
        await writePages(azurite, path, piece.start, await source.read(piece), lease);
      } catch (error) {
        failed = true;
        throw error;
      }
      copy.doneBytes = Math.max(copy.doneBytes, piece.end);
      const bytes = piece.end - piece.start;
      await Promise.all([pace(bytes), isOwn ? undefined : source.share(bytes, signal)]);
    }
  };
  // Nothing may be written any more when this returns or throws.
  const results = await Promise.allSettled(Array.from({ length: PIECES_IN_FLIGHT }, work));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

/** Waits after each piece until the time is reached that its bytes take at the copy's pace. */
function startPace({ mibPerSecond, copy }: CopyJob): (bytes: number) => Promise<void> {
  if (mibPerSecond === undefined) return () => Promise.resolve();
  const startMs = performance.now();
  let doneBytes = 0;
  return async (bytes) => {
    doneBytes += bytes;
    const dueMs = startMs + (doneBytes / (mibPerSecond * 1024 * 1024)) * 1000;
    await waitUntil(dueMs, copy.cancel.signal);
  };
}

async function waitUntil(dueMs: number, signal: AbortSignal): Promise<void> {
  await wait(Math.max(0, dueMs - performance.now()), undefined, { signal });
}

/** Rejects when the signal comes. */
async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

async function waitForRead({ firstRead, cancel: { signal } }: Copy): Promise<void> {
  const timeout = new AbortController();
  const ended = AbortSignal.any([signal, timeout.signal]);
  await Promise.race([
    firstRead.promise,
    wait(FIRST_READ_TIMEOUT_MS, undefined, { signal: ended }),
  ]);
  timeout.abort();
  signal.throwIfAborted();
}

/** As if somebody had copied onto the blob once more. */
function replaceCopy({ azurite, path, copy, mibPerSecond }: CopyJob): Copy {
  const next = newCopy({ ...copy, paced: mibPerSecond !== undefined });
  next.settled = copy.settled;
  next.doneBytes = copy.doneBytes;
  azurite.copies.set(path, next);
  return next;
}

async function actOut(job: CopyJob, fault: Exclude<CopyEnd, 'replaced'>): Promise<void> {
  switch (fault) {
    case 'failed':
      await emptyAndEnd(job, 'failed', '500 InternalServerError "Copy failed."');
      return;
    case 'source-ended':
      throw endedSource();
    case 'aborted':
      await emptyAndEnd(job, 'aborted');
      return;
    case 'vanished':
      await deleteBlob(job.azurite, job.path, job.lease);
      job.azurite.copies.forget(job.path);
      return;
    case 'stalled':
      job.copy.doneBytes = halfOf(job.copy.totalBytes);
  }
}

/** Ends a copy as Azure ends one that did not come through: its blob stays, without its bytes. */
export async function emptyAndEnd(
  { azurite, path, copy, lease }: Pick<CopyJob, 'azurite' | 'path' | 'copy' | 'lease'>,
  status: 'failed' | 'aborted',
  description?: string,
): Promise<void> {
  // The store refuses when the blob's lease has changed hands; the copy is over all the same.
  await resizeBlob(azurite, path, 0, lease).catch(() => undefined);
  endCopy(copy, status, description);
}
