import pLimit from 'p-limit';
import type { Blobs } from '../azure/blobs.ts';
import type { Pages } from '../azure/pages.ts';
import type { BlobCalls } from '../azure/storage-http-client.ts';
import { together } from '../concurrency.ts';
import { explain, reasonOf } from '../errors.ts';
import type { ByteRange } from '../facts.ts';
import type { CopyMethod, Verify } from '../inputs.ts';
import type { Leases } from '../lease.ts';
import type { PlannedDisk } from '../plan.ts';
import type { Clock, Log } from '../ports.ts';
import type { Run } from '../run.ts';
import { VHD_FOOTER_BYTES } from '../vhd.ts';
import { Broadcast } from './broadcast.ts';
import type { StallWatch } from './copy-blob.ts';
import { DiskCopy, type CopyingRig } from './disk-copy.ts';
import type { DiskExport } from './disk-export.ts';
import type { DiskSource } from './disk-source.ts';
import { Gate } from './gate.ts';
import { copyByMembers, NEAR_AT_ONCE } from './members.ts';
import type { Copied, Outcome, Traffic } from './outcome.ts';
import { cutPieces, type Pieces } from './pieces.ts';
import { ProgressBook, renderProgress } from './progress.ts';
import { Prover } from './prover.ts';
import { readRanges } from './ranges.ts';
import { urlOf } from './replica-blob.ts';
import { verifySource } from './verify.ts';

/** What copying needs. */
export interface TransferRig {
  readonly blobs: Blobs;
  readonly pages: Pages;
  readonly blobCalls: Readonly<BlobCalls>;
  readonly leases: Leases;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly runKey: string;
  readonly run: Run;
  readonly keepPartial: boolean;
  readonly copyMethod: CopyMethod;
  readonly verify: Verify;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Milliseconds that the runner was busy with this run so far. */
  readonly busyMs: () => number;
}

type Shared = CopyingRig & TransferRig & { readonly gate: Gate };

const PROGRESS_INTERVAL_MS = 5_000;

/**
 * Makes every replica of every disk, and puts what became of each into `outcomes` at once. One failed replica does not
 * stop the others; what it left is removed. Rejects only when the run is cancelled.
 */
export async function transfer(
  sources: readonly DiskSource[],
  rig: TransferRig,
  outcomes: Outcome[],
): Promise<Traffic> {
  const startedAt = rig.clock.now();
  const book = new ProgressBook(startedAt);
  for (const { disk } of sources) {
    for (const replica of disk.replicas) book.expect(urlOf(replica), disk.sizeBytes, startedAt);
  }
  const gate = new Gate();
  const over = new AbortController();
  const shared = { ...rig, book, gate, outcomes, watches: new Map<string, StallWatch>() };
  const telling = tellProgress(shared, AbortSignal.any([rig.signal, over.signal]));
  try {
    // Nothing is under way any more when the leases are closed.
    const ended = await Promise.allSettled(sources.map((source) => copyDisk(source, shared)));
    rig.signal.throwIfAborted();
    for (const disk of ended) if (disk.status === 'rejected') throw disk.reason;
  } finally {
    over.abort();
    await telling;
  }
  const now = rig.clock.now();
  rig.log.info(`Copied: ${renderProgress(book.summary(now))}`);
  return trafficOf(outcomes, rig.blobCalls, book.samples(now));
}

function trafficOf(
  outcomes: readonly Outcome[],
  { putPages, others }: Readonly<BlobCalls>,
  samples: Traffic['samples'],
): Traffic {
  const copied = outcomes.filter((outcome) => outcome.kind === 'copied');
  const sum = (bytesOf: (outcome: Copied) => number): number =>
    copied.reduce((total, outcome) => total + bytesOf(outcome), 0);
  return {
    putPages,
    otherCalls: others,
    movedBytes: sum(({ movedBytes }) => movedBytes),
    savedBytes: sum(({ method, lengthBytes, movedBytes, resumedBytes }) =>
      method === 'page-ranges' ? lengthBytes - movedBytes - resumedBytes : 0,
    ),
    samples,
  };
}

async function tellProgress(
  { book, gate, clock, log }: Shared,
  signal: AbortSignal,
): Promise<void> {
  const isTime = (): Promise<boolean> =>
    clock.sleep(PROGRESS_INTERVAL_MS, signal).then(
      () => true,
      () => false,
    );
  while (await isTime()) {
    book.inFlight(gate.inFlight);
    log.info(`Copying: ${renderProgress(book.summary(clock.now()))}`);
  }
}

async function copyDisk(source: DiskSource, rig: Shared): Promise<void> {
  let pieces: Pieces | undefined;
  let footer: Uint8Array;
  try {
    [pieces, footer] = await together(
      rig.signal,
      (signal) => findPieces(source, { ...rig, signal }),
      (signal) => verifySource(rig.blobs, source.first, source.disk, signal),
    );
  } catch (error) {
    failAll(source, error, rig);
    return;
  }
  const prover = new Prover({ ...source, footer }, pieces, rig);
  if (pieces === undefined || rig.copyMethod === 'copy-blob') {
    await copyWhole(new DiskCopy(source, pieces, undefined, prover, rig), source);
    return;
  }
  using broadcast = new Broadcast(pieces, rig);
  broadcast.addExport(source.first, source.disk.location);
  const over = new AbortController();
  const beside = { ...rig, signal: AbortSignal.any([rig.signal, over.signal]) };
  for (const more of source.more) void join(more, broadcast, source, beside);
  try {
    await copyByMembers(new DiskCopy(source, pieces, broadcast, prover, rig), source.disk, rig);
  } finally {
    over.abort();
  }
}

/** A further export begins to serve as soon as it is there. Never throws: one that cannot be judged is left out. */
async function join(
  more: Promise<DiskExport | undefined>,
  broadcast: Broadcast,
  source: DiskSource,
  rig: Shared,
): Promise<void> {
  const opened = await more;
  if (opened === undefined || rig.signal.aborted) return;
  const isLike = await isSame(opened, broadcast.pieces, source, rig);
  if (isLike) broadcast.addExport(opened, source.disk.location);
}

/** A disk that cannot be read at all does not stop the others. */
function failAll({ disk }: DiskSource, reason: unknown, rig: Shared): void {
  rig.signal.throwIfAborted();
  const error = explain(`Could not copy disk "${disk.diskName}"`, reason);
  rig.log.warn(error.message);
  for (const replica of disk.replicas) {
    rig.book.failed(urlOf(replica));
    rig.outcomes.push({ kind: 'failed', replica, error });
  }
}

/**
 * Whether a further snapshot has data where the first has: one of a disk that was written to in between would mix two
 * moments. Never throws: a snapshot that cannot be judged is left out.
 */
async function isSame(
  opened: DiskExport,
  pieces: Pieces,
  { disk }: DiskSource,
  rig: Shared,
): Promise<boolean> {
  try {
    const isEqual = (await readPieces(opened, disk, rig)).equals(pieces);
    rig.signal.throwIfAborted();
    if (isEqual) return true;
    rig.log.warn(
      `Snapshot "${opened.name}" of disk "${disk.diskName}" is not like the first one and is not read: the disk was written to in between.`,
    );
  } catch (error) {
    if (!rig.signal.aborted) {
      rig.log.info(`Snapshot "${opened.name}" is not read: ${reasonOf(error)}`);
    }
  }
  return false;
}

async function readPieces(
  from: DiskExport,
  { sizeBytes }: PlannedDisk,
  rig: Shared,
): Promise<Pieces> {
  const read = (window: ByteRange, signal: AbortSignal): Promise<readonly ByteRange[]> =>
    from.read((sas) => rig.pages.list(sas, window, signal));
  const lengthBytes = sizeBytes + VHD_FOOTER_BYTES;
  return cutPieces(await readRanges(read, lengthBytes, rig), lengthBytes);
}

/** The pieces of a disk; undefined where page ranges are refused and Copy Blob has to do. */
async function findPieces(source: DiskSource, rig: Shared): Promise<Pieces | undefined> {
  const { disk, first } = source;
  try {
    return await readPieces(first, disk, rig);
  } catch (error) {
    rig.signal.throwIfAborted();
    const failed = explain(
      `Could not list the pages of disk "${disk.diskName}"`,
      error,
      'Set "copy-method: auto", so that it is copied by Copy Blob, and run again.',
    );
    if (rig.copyMethod === 'page-ranges') throw failed;
    rig.log.info(`${failed.reason} Whole VHDs are copied by Copy Blob instead.`);
    return undefined;
  }
}

/** All by Copy Blob: the first of each account from the snapshot, the others of the account from that one. */
async function copyWhole(copy: DiskCopy, { disk }: DiskSource): Promise<void> {
  const groups = Map.groupBy(disk.replicas, ({ account }) => account.id.toLowerCase());
  await Promise.all(
    [...groups.values()].map(async ([lead, ...others]) => {
      if (lead === undefined) return;
      const near = await copy.byCopyBlob(lead, undefined);
      const limit = pLimit(NEAR_AT_ONCE);
      await limit.map(others, (replica) => copy.byCopyBlob(replica, near));
    }),
  );
  await copy.finish();
}
