import pLimit, { type LimitFunction } from 'p-limit';
import type { Blobs } from '../azure/blobs.ts';
import { describe, explain, type ActionError } from '../errors.ts';
import type { Lease, Leases } from '../lease.ts';
import {
  DISK_METADATA,
  EXPIRES_METADATA,
  KEY_METADATA,
  SNAPSHOT_METADATA,
  STATE_METADATA,
} from '../marks.ts';
import type { PlannedDisk, PlannedReplica } from '../plan.ts';
import type { Clock, Log } from '../ports.ts';
import { followCopy, startCopy, type CopyRig } from './copy-blob.ts';
import { renderProgress, summarizeProgress, type CopyProgress } from './progress.ts';
import { verifyReplica } from './verify.ts';

/** The snapshot of a disk, open for reading. */
export interface Source {
  readonly disk: PlannedDisk;
  /** A secret. */
  readonly sas: string;
  /** Milliseconds since 1970 when the SAS ends; its URL does not tell. */
  readonly endsAt: number;
  readonly snapshotUniqueId: string;
  readonly footer: Uint8Array;
}

/** What became of a replica. */
export type Outcome =
  | {
      readonly kind: 'copied';
      readonly replica: PlannedReplica;
      readonly etag: string;
      readonly lengthBytes: number;
      readonly copyId: string;
      readonly seconds: number;
    }
  /** It was there before, and passed the checks of its form. */
  | {
      readonly kind: 'adopted';
      readonly replica: PlannedReplica;
      readonly etag: string;
      readonly lengthBytes: number;
    }
  | { readonly kind: 'failed'; readonly replica: PlannedReplica; readonly error: ActionError };

/** What copying needs. */
export interface TransferRig {
  readonly blobs: Blobs;
  readonly leases: Leases;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly runKey: string;
}

/** Copies that are followed at once: one small request every few seconds each. */
const COPIES_AT_ONCE = 64;
const PROGRESS_INTERVAL_MS = 10_000;
const NEAR_COPY_LIMIT_MS = 24 * 3600 * 1000;

/**
 * Makes every replica of every disk by Copy Blob: the first of each account from the snapshot, the others of the
 * account from that one, which moves no data between accounts. What became of each is put into `outcomes` at once.
 * One failed replica does not stop the others; what it left is removed. Rejects only when the run is cancelled.
 */
export async function transfer(
  sources: readonly Source[],
  rig: TransferRig,
  outcomes: Outcome[],
): Promise<void> {
  const board = new ProgressBoard(sources, rig);
  const limit = pLimit(COPIES_AT_ONCE);
  await Promise.all(
    sources.flatMap((source) =>
      byAccount(source.disk.replicas).map((replicas) =>
        copyIntoAccount(source, replicas, { ...rig, board, limit, outcomes }),
      ),
    ),
  );
  rig.signal.throwIfAborted();
  board.print();
}

interface CopyingRig extends TransferRig {
  readonly board: ProgressBoard;
  readonly limit: LimitFunction;
  readonly outcomes: Outcome[];
}

async function copyIntoAccount(
  source: Source,
  replicas: readonly PlannedReplica[],
  rig: CopyingRig,
): Promise<void> {
  const [first, ...others] = replicas;
  if (first === undefined) return;
  const lead = await rig.limit(() => copyReplica(source, first, undefined, rig));
  const near = lead.outcome.kind === 'copied' ? targetOf(first) : undefined;
  const rest = await Promise.all(
    others.map((replica) => rig.limit(() => copyReplica(source, replica, near, rig))),
  );
  const drafts = [lead, ...rest].filter((written) => written.draft !== undefined);
  await Promise.all(
    drafts.map((written) =>
      rig.limit(async () => {
        rig.outcomes.push(await swapIn(source, written, rig));
      }),
    ),
  );
}

/** A replica that is written; one that overwrites is still under its draft's name, held by a lease. */
type Written =
  | { readonly outcome: Outcome; readonly draft: undefined }
  | { readonly outcome: Copied; readonly draft: { lease: BlobLease } };

type BlobLease = Extract<Lease, { kind: 'blob' }>;
type Copied = Extract<Outcome, { kind: 'copied' }>;

/** Copies one replica, from the account's own finished one when it is given; the snapshot stands in for it. */
async function copyReplica(
  source: Source,
  replica: PlannedReplica,
  near: string | undefined,
  rig: CopyingRig,
): Promise<Written> {
  const url = targetOf(replica);
  const startedAt = rig.clock.now();
  const held: { lease: BlobLease } = { lease: { kind: 'blob', url, key: rig.runKey } };
  try {
    rig.signal.throwIfAborted();
    const copyId = await rig.leases.hold(held.lease, () => startReplica(source, url, near, rig));
    amend(held, { copyId }, rig);
    const copyRig = copyRigOf(source, near, rig);
    await followCopy(url, copyId, copyRig, (bytes) => {
      rig.board.report(url, bytes);
    });
    const metadata = completeMetadata(source, replica, near, rig);
    const { lengthBytes, etag } = await completeReplica(source, url, metadata, rig);
    rig.board.finish(url);
    const seconds = (rig.clock.now() - startedAt) / 1000;
    const outcome = { kind: 'copied', replica, etag, lengthBytes, copyId, seconds } as const;
    if (replica.overwrite !== undefined) return { outcome, draft: held };
    rig.leases.keep(held.lease);
    rig.outcomes.push(outcome);
    return { outcome, draft: undefined };
  } catch (error) {
    const failed = explain(`Could not copy blob "${url}"`, error);
    if (!rig.signal.aborted) rig.log.warn(failed.message);
    await rig.leases.release(held.lease);
    const outcome = { kind: 'failed', replica, error: failed } as const;
    rig.outcomes.push(outcome);
    return { outcome, draft: undefined };
  }
}

/** Copy Blob from a finished replica of the account moves no data between accounts; where it is refused, the snapshot serves. */
async function startReplica(
  source: Source,
  url: string,
  near: string | undefined,
  rig: CopyingRig,
): Promise<string> {
  const request = { destination: url, metadata: copyingMetadata(source, near, rig) };
  if (near !== undefined) {
    try {
      return await startCopy({ ...request, source: near }, copyRigOf(source, near, rig));
    } catch (error) {
      rig.signal.throwIfAborted();
      rig.log.info(`${describe(error)} It is copied from the snapshot instead.`);
    }
  }
  return startCopy({ ...request, source: source.sas }, copyRigOf(source, undefined, rig));
}

/** Verifies what was copied, and only then marks it as complete. */
async function completeReplica(
  source: Source,
  url: string,
  metadata: Readonly<Record<string, string>>,
  rig: CopyingRig,
): Promise<{ readonly lengthBytes: number; readonly etag: string }> {
  const verified = await verifyReplica(rig.blobs, url, source.disk, source.footer, rig.signal);
  try {
    const etag = await rig.blobs.setMetadata(url, metadata, rig.signal);
    return { lengthBytes: verified.lengthBytes, etag };
  } catch (error) {
    throw explain(`Could not mark blob "${url}" as complete`, error);
  }
}

/**
 * Puts a finished draft in the place of the blob that it overwrites, and removes the draft. From the moment that the
 * old blob may be gone, the draft stays until the new one is whole.
 */
async function swapIn(
  source: Source,
  { outcome, draft }: { readonly outcome: Copied; readonly draft: { lease: BlobLease } },
  rig: CopyingRig,
): Promise<Outcome> {
  const { replica } = outcome;
  const { draftUrl, etag } = replica.overwrite ?? { draftUrl: '', etag: '' };
  try {
    rig.signal.throwIfAborted();
    amend(draft, { swap: { url: replica.url, etag } }, rig);
    const copyRig = copyRigOf(source, draftUrl, rig);
    const metadata = copyingMetadata(source, draftUrl, rig);
    const request = { source: draftUrl, destination: replica.url, metadata, overwriteEtag: etag };
    const copyId = await startCopy(request, copyRig);
    await followCopy(replica.url, copyId, copyRig, () => undefined);
    const done = metadataOf(source, 'complete', rig.runKey);
    const completed = await completeReplica(source, replica.url, done, rig);
    await rig.leases.release(draft.lease);
    return { ...outcome, copyId, etag: completed.etag };
  } catch (error) {
    const failed = explain(`Could not overwrite blob "${replica.url}"`, error);
    await rig.leases.release(draft.lease);
    return { kind: 'failed', replica, error: failed };
  }
}

function amend(
  held: { lease: BlobLease },
  change: Pick<BlobLease, 'copyId' | 'swap'>,
  rig: CopyingRig,
): void {
  const amended: BlobLease = { ...held.lease, ...change };
  rig.leases.amend(held.lease, amended);
  held.lease = amended;
}

/** A copy from the snapshot ends with its SAS; one inside the account has a limit of its own. */
function copyRigOf(source: Source, near: string | undefined, rig: CopyingRig): CopyRig {
  const deadlineMs = near === undefined ? source.endsAt : rig.clock.now() + NEAR_COPY_LIMIT_MS;
  const { blobs, clock, signal, runKey } = rig;
  return { blobs, clock, signal, runKey, deadlineMs };
}

/** A blob is named as done only when it is: `complete` comes last. */
function metadataOf(
  source: Source,
  state: 'copying' | 'complete',
  runKey: string,
): Readonly<Record<string, string>> {
  return {
    [KEY_METADATA]: runKey,
    [STATE_METADATA]: state,
    [DISK_METADATA]: source.disk.label,
    [SNAPSHOT_METADATA]: source.snapshotUniqueId,
  };
}

/** As long as this run may still follow the copy, a sweep leaves the blob alone. */
function copyingMetadata(
  source: Source,
  near: string | undefined,
  rig: CopyingRig,
): Readonly<Record<string, string>> {
  const expires = Math.max(source.endsAt, copyRigOf(source, near, rig).deadlineMs);
  return {
    ...metadataOf(source, 'copying', rig.runKey),
    [EXPIRES_METADATA]: new Date(expires).toISOString(),
  };
}

/** A draft is temporary also when it is complete. */
function completeMetadata(
  source: Source,
  replica: PlannedReplica,
  near: string | undefined,
  rig: CopyingRig,
): Readonly<Record<string, string>> {
  const metadata = metadataOf(source, 'complete', rig.runKey);
  return replica.overwrite === undefined
    ? metadata
    : { ...copyingMetadata(source, near, rig), ...metadata };
}

function targetOf(replica: PlannedReplica): string {
  return replica.overwrite?.draftUrl ?? replica.url;
}

function byAccount(replicas: readonly PlannedReplica[]): readonly (readonly PlannedReplica[])[] {
  return [...Map.groupBy(replicas, ({ account }) => account.id.toLowerCase()).values()];
}

/** Keeps how far every copy is, and says so every few seconds. */
class ProgressBoard {
  readonly #copies: Map<string, CopyProgress>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #startedAt: number;
  #printedAt: number;

  constructor(sources: readonly Source[], { clock, log }: TransferRig) {
    this.#copies = new Map(
      sources.flatMap(({ disk, footer }) =>
        disk.replicas.map((replica) => [
          targetOf(replica),
          { copiedBytes: 0, totalBytes: disk.sizeBytes + footer.length, isDone: false },
        ]),
      ),
    );
    this.#clock = clock;
    this.#log = log;
    this.#startedAt = this.#printedAt = clock.now();
  }

  report(url: string, copiedBytes: number): void {
    this.#change(url, { copiedBytes });
    if (this.#clock.now() - this.#printedAt >= PROGRESS_INTERVAL_MS) this.print();
  }

  finish(url: string): void {
    this.#change(url, { isDone: true });
  }

  print(): void {
    this.#printedAt = this.#clock.now();
    const elapsedSeconds = (this.#printedAt - this.#startedAt) / 1000;
    this.#log.info(
      `Copying: ${renderProgress(summarizeProgress([...this.#copies.values()], elapsedSeconds))}`,
    );
  }

  #change(url: string, change: Partial<CopyProgress>): void {
    const copy = this.#copies.get(url);
    if (copy !== undefined) this.#copies.set(url, { ...copy, ...change });
  }
}
