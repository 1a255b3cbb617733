import type { Blobs } from '../azure/blobs.ts';
import type { Pages } from '../azure/pages.ts';
import { azureFailure, explain } from '../errors.ts';
import { staysOpen, type Lease, type Leases } from '../lease.ts';
import {
  CRC64_METADATA,
  DISK_METADATA,
  EXPIRES_METADATA,
  KEY_METADATA,
  RUN_METADATA,
  SNAPSHOT_METADATA,
  STATE_METADATA,
} from '../marks.ts';
import { runMark } from '../earlier.ts';
import type { PlannedReplica } from '../plan.ts';
import type { Clock } from '../ports.ts';
import type { Run } from '../run.ts';
import { VHD_FOOTER_BYTES } from '../vhd.ts';
import type { DiskSource } from './disk-source.ts';
import type { Proof } from './outcome.ts';

/** What making a replica's blob needs. */
export interface ReplicaRig {
  readonly blobs: Blobs;
  readonly pages: Pages;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly runKey: string;
  readonly run: Run;
  /** What is unfinished when the run fails stays for its re-run. */
  readonly keepPartial: boolean;
}

type BlobLease = Extract<Lease, { kind: 'blob' }>;

const NEAR_COPY_MS = 24 * 3600 * 1000;

/**
 * The blob that becomes a replica, held by a lease until it is done. One that overwrites is written under its draft's
 * name first.
 */
export class ReplicaBlob {
  readonly replica: PlannedReplica;
  /** Where it is written first. */
  readonly url: string;
  readonly source: DiskSource;
  readonly #rig: ReplicaRig;
  #lease: BlobLease;

  constructor(replica: PlannedReplica, source: DiskSource, rig: ReplicaRig) {
    this.replica = replica;
    this.url = urlOf(replica);
    this.source = source;
    this.#rig = rig;
    const stays = rig.keepPartial && replica.overwrite === undefined;
    this.#lease = { kind: 'blob', url: this.url, key: rig.runKey, ...(stays && { stays: true }) };
  }

  /** Makes the page blob, empty. When the answer was lost, a blob that carries the run's key tells of it. */
  async create(): Promise<void> {
    const { pages, leases, signal } = this.#rig;
    const lengthBytes = this.source.disk.sizeBytes + VHD_FOOTER_BYTES;
    signal.throwIfAborted();
    try {
      await leases.hold(this.#lease, () =>
        pages
          .create(this.url, lengthBytes, this.copyingMetadata())
          .catch(async (error: unknown) => {
            if (!(await this.#isOurs(error))) throw error;
          }),
      );
    } catch (error) {
      throw explain(`Could not make blob "${this.url}"`, error, remedyFor(error));
    }
  }

  /** Takes over the page blob that an earlier attempt left unfinished, as it was when it was looked at. */
  async takeOver(etag: string): Promise<void> {
    const { blobs, leases, signal } = this.#rig;
    signal.throwIfAborted();
    try {
      await leases.hold(this.#lease, () =>
        blobs.setMetadata(this.url, this.copyingMetadata(), signal, etag),
      );
    } catch (error) {
      throw explain(`Could not go on with blob "${this.url}"`, error);
    }
  }

  /** Leaves what is unfinished to the end of the run, which keeps it for a re-run if that is wished. Never throws. */
  async leave(): Promise<void> {
    if (!staysOpen(this.#lease)) await this.release();
  }

  /** Begins a Copy Blob into it under its lease, and writes down the copy's ID. */
  async hold(start: () => Promise<string>): Promise<string> {
    // Unlike pieces, a Copy Blob cannot be gone on with.
    this.#lease = { kind: 'blob', url: this.url, key: this.#rig.runKey };
    const copyId = await this.#rig.leases.hold(this.#lease, start);
    this.#amend({ copyId });
    return copyId;
  }

  /** Another Copy Blob was begun in its place. */
  restarted(copyId: string): void {
    this.#amend({ copyId });
  }

  /** Removes what is written so far. Never throws. */
  release(): Promise<void> {
    return this.#rig.leases.release(this.#lease);
  }

  /** It is done, and the user's. */
  keep(): void {
    this.#rig.leases.keep(this.#lease);
  }

  /**
   * Marks a blob as complete, which comes last of all. Returns the new ETag. A complete draft is temporary all the
   * same: its lease says so first.
   */
  async complete(url: string, proof: Proof): Promise<string> {
    if (url !== this.replica.url) this.#swaps();
    const metadata = {
      ...(url === this.replica.url ? this.#metadata() : this.copyingMetadata()),
      [STATE_METADATA]: 'complete',
      ...(proof.kind !== 'copy-status' && { [CRC64_METADATA]: proof.crc64 }),
    };
    try {
      return await this.#rig.blobs.setMetadata(url, metadata, this.#rig.signal);
    } catch (error) {
      throw explain(`Could not mark blob "${url}" as complete`, error);
    }
  }

  /**
   * What it carries as long as it is not complete. A sweep leaves it alone as long as this run may go on: until the SAS
   * ends, or for a day where it is copied inside its account.
   */
  copyingMetadata(from: 'snapshot' | 'account' = 'snapshot'): Readonly<Record<string, string>> {
    const near = from === 'account' ? this.#rig.clock.now() + NEAR_COPY_MS : 0;
    const expires = Math.max(this.source.first.endsAt, near);
    return {
      ...this.#metadata(),
      [STATE_METADATA]: 'copying',
      [EXPIRES_METADATA]: new Date(expires).toISOString(),
    };
  }

  #metadata(): Readonly<Record<string, string>> {
    return {
      [KEY_METADATA]: this.#rig.runKey,
      [RUN_METADATA]: runMark(this.#rig.run),
      [DISK_METADATA]: this.source.disk.label,
      [SNAPSHOT_METADATA]: this.source.snapshotUniqueId,
    };
  }

  async #isOurs(error: unknown): Promise<boolean> {
    if (![409, 412].includes(azureFailure(error).status ?? 0)) return false;
    const { blobs, signal, runKey } = this.#rig;
    const blob = await blobs.blobState(this.url, signal).catch(() => undefined);
    return blob?.metadata[KEY_METADATA] === runKey && blob.metadata[STATE_METADATA] === 'copying';
  }

  /** From here on the blob that is overwritten may be gone, and the draft is all there is. */
  #swaps(): void {
    const { overwrite, url } = this.replica;
    if (overwrite !== undefined) this.#amend({ swap: { url, etag: overwrite.etag } });
  }

  #amend(change: Pick<BlobLease, 'copyId' | 'swap'>): void {
    const amended: BlobLease = { ...this.#lease, ...change };
    this.#rig.leases.amend(this.#lease, amended);
    this.#lease = amended;
  }
}

/** Where a replica is written first. */
export function urlOf(replica: PlannedReplica): string {
  return replica.overwrite?.draftUrl ?? replica.url;
}

function remedyFor(error: unknown): string | undefined {
  return azureFailure(error).code === 'BlobAlreadyExists'
    ? 'It appeared during this run and was not touched; choose another "blob-name".'
    : undefined;
}
