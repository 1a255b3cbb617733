import type { Compute } from '../azure/compute.ts';
import { untilFree } from '../busy.ts';
import { ActionError, azureFailure, explain, reasonOf } from '../errors.ts';
import type { Lease, Leases } from '../lease.ts';
import { EXPIRES_TAG } from '../marks.ts';
import type { Clock, Log } from '../ports.ts';
import { requireResourceId } from '../resource-id.ts';
import { formatSeconds } from '../units.ts';

/** What opening an export needs. */
export interface ExportRig {
  readonly compute: Pick<Compute, 'grantRead' | 'revokeAccess' | 'tagSnapshot'>;
  readonly leases: Leases;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly runKey: string;
  readonly sasDurationInSeconds: number;
  /** Of the snapshot: they say until when the run may live. */
  readonly tags: Readonly<Record<string, string>>;
}

/** A grant is renewed this long before it ends, or after three quarters of its life where that is short. */
const RENEWAL_MARGIN_MS = 15 * 60_000;

/**
 * The export of a snapshot: the SAS that reads it, and when that ends, which its URL does not tell. The SAS is masked
 * as soon as it is there; it is a secret.
 */
export class DiskExport {
  readonly snapshotId: string;
  readonly #rig: ExportRig;
  #sas = '';
  #endsAt = 0;
  #renewing: Promise<void> | undefined;
  #users = 0;

  private constructor(snapshotId: string, rig: ExportRig) {
    this.snapshotId = snapshotId;
    this.#rig = rig;
  }

  /** Grants read access under a lease. Throws one sentence when Azure refuses. */
  static async open(snapshotId: string, rig: ExportRig): Promise<DiskExport> {
    const opened = new DiskExport(snapshotId, rig);
    const lease: Lease = { kind: 'grant', id: snapshotId, key: rig.runKey };
    try {
      await rig.leases.hold(lease, () => opened.#grant());
      return opened;
    } catch (error) {
      throw explain(`Could not get read access to snapshot "${opened.name}"`, error);
    }
  }

  get name(): string {
    return requireResourceId(this.snapshotId).name;
  }

  /** A secret. */
  get sas(): string {
    return this.#sas;
  }

  /** Milliseconds since 1970. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** True when it ends soon, and nobody reads it who could not bear its renewal. */
  get isDue(): boolean {
    const lifeMs = this.#rig.sasDurationInSeconds * 1000;
    const margin = Math.min(RENEWAL_MARGIN_MS, lifeMs / 4);
    return this.#users === 0 && this.#rig.clock.now() > this.#endsAt - margin;
  }

  /** Lends the SAS to a Copy Blob, which would die of a renewal. */
  async lend<T>(use: (sas: string) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await use(this.#sas);
    } finally {
      this.#users -= 1;
    }
  }

  /** Reads by the SAS; once more by a new one where Azure refuses it (403), also because somebody else renews it. */
  async read<T>(use: (sas: string) => Promise<T>): Promise<T> {
    const sas = this.#sas;
    try {
      return await use(sas);
    } catch (error) {
      this.#rig.signal.throwIfAborted();
      if (azureFailure(error).status !== 403) throw error;
      await this.renew(sas);
      return use(this.#sas);
    }
  }

  /**
   * Revokes the grant and makes it anew, whatever the number of those who ask at once. Those who name a SAS that was
   * renewed already have it at once.
   */
  async renew(staleSas: string): Promise<void> {
    if (staleSas !== this.#sas) return;
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  async #renewOnce(): Promise<void> {
    const { compute, signal, log } = this.#rig;
    try {
      await compute.revokeAccess(this.snapshotId, signal);
      await this.#grant();
      await this.#tellExpiry();
      const life = formatSeconds(this.#rig.sasDurationInSeconds);
      log.info(`Read access to snapshot "${this.name}" is renewed for ${life}.`);
    } catch (error) {
      throw explain(`Could not renew read access to snapshot "${this.name}"`, error);
    }
  }

  /** So that a sweep leaves the snapshot alone as long as the new grant lives. */
  async #tellExpiry(): Promise<void> {
    const { compute, tags, log, signal } = this.#rig;
    const expires = { [EXPIRES_TAG]: new Date(this.#endsAt).toISOString() };
    try {
      await compute.tagSnapshot(this.snapshotId, { ...tags, ...expires }, signal);
    } catch (error) {
      log.debug(`Snapshot "${this.name}" keeps its old expiry: ${reasonOf(error)}`);
    }
  }

  /**
   * A snapshot that is open already (the answer to a first grant was lost) is closed and opened again: whether Azure
   * gives the same SAS a second time is not documented.
   */
  async #grant(): Promise<void> {
    const { compute, clock, signal, sasDurationInSeconds, log } = this.#rig;
    const endsAt = clock.now() + sasDurationInSeconds * 1000;
    const sas = await untilFree(
      () => compute.grantRead(this.snapshotId, sasDurationInSeconds, signal),
      () => compute.revokeAccess(this.snapshotId, signal),
      { clock, signal },
    );
    maskSas(sas, log);
    if (!sas.startsWith('https://')) {
      throw new ActionError('azure', `The SAS of snapshot "${this.name}" is not an https address.`);
    }
    this.#sas = sas;
    this.#endsAt = endsAt;
  }
}

/** Masks a SAS whole, and its signature as it stands in the URL and decoded. */
function maskSas(sas: string, log: Log): void {
  log.mask(sas);
  const raw = /[?&]sig=([^&]+)/.exec(sas)?.[1];
  if (raw !== undefined) {
    log.mask(raw);
    log.mask(decodeURIComponent(raw));
  }
}
