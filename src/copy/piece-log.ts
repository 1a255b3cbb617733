import type { Blobs } from '../azure/blobs.ts';
import { reasonOf } from '../errors.ts';
import type { Lease, Leases } from '../lease.ts';
import type { Clock, Log } from '../ports.ts';
import type { Crc64 } from './crc64.ts';
import { sidecarUrl, writeSidecar, type SidecarOf } from './sidecar.ts';

/** What keeping a log of pieces needs. */
export interface PieceLogRig {
  readonly blobs: Pick<Blobs, 'writeBlob'>;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Log;
  readonly runKey: string;
}

const SAVE_INTERVAL_MS = 30_000;
const SAVE_TIMEOUT_MS = 60_000;

/**
 * Writes down in a sidecar blob which pieces have landed in a VHD, so that a re-run copies only the others. What landed
 * since the last time that it was saved is copied again.
 */
export class PieceLog {
  readonly #of: SidecarOf;
  readonly #url: string;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #rig: PieceLogRig;
  readonly #lease: Lease;
  readonly #landed: Map<number, Crc64>;
  #savedAt: number;
  #saving: Promise<void> = Promise.resolve();
  #isHeld = false;
  #isNew: boolean;

  /** `metadata` is that of the unfinished VHD: it marks the sidecar as temporary too. */
  constructor(
    vhdUrl: string,
    of: SidecarOf,
    landed: ReadonlyMap<number, Crc64>,
    metadata: Readonly<Record<string, string>>,
    rig: PieceLogRig,
  ) {
    this.#of = of;
    this.#url = sidecarUrl(vhdUrl);
    this.#metadata = metadata;
    this.#rig = rig;
    this.#lease = { kind: 'blob', url: this.#url, key: rig.runKey, stays: true };
    this.#landed = new Map(landed);
    // Nobody else's blob of that name is touched; that of an earlier attempt is taken over.
    this.#isNew = landed.size === 0;
    this.#savedAt = rig.clock.now();
  }

  add(piece: number, crc: Crc64): void {
    this.#landed.set(piece, crc);
    const now = this.#rig.clock.now();
    if (now - this.#savedAt < SAVE_INTERVAL_MS) return;
    this.#savedAt = now;
    void this.save();
  }

  /** Writes the sidecar. Never throws: one that cannot be written costs a re-run some time, and nothing else. */
  save(): Promise<void> {
    const { blobs, leases, log } = this.#rig;
    const write = async (): Promise<void> => {
      const bytes = writeSidecar(this.#of, this.#landed);
      const signal = AbortSignal.timeout(SAVE_TIMEOUT_MS);
      const blob = { url: this.#url, bytes, metadata: this.#metadata, isNew: this.#isNew };
      await blobs.writeBlob(blob, signal);
      this.#isNew = false;
    };
    this.#saving = this.#saving.then(async () => {
      try {
        const isHeld = this.#isHeld;
        this.#isHeld = true;
        await (isHeld ? write() : leases.hold(this.#lease, write));
      } catch (error) {
        log.debug(`Sidecar "${this.#url}" was not written: ${reasonOf(error)}`);
      }
    });
    return this.#saving;
  }

  /** The VHD is complete, or not to be gone on with: the sidecar goes. */
  async remove(): Promise<void> {
    await this.#saving;
    if (this.#isHeld) await this.#rig.leases.release(this.#lease);
  }
}
