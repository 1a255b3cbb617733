import type { Azure } from './azure/session.ts';
import { LEASE_SECONDS } from './azure/lock-blobs.ts';
import { holderOf, isEarlierMark, runMark } from './earlier.ts';
import { ActionError, azureFailure, explain, reasonOf } from './errors.ts';
import { lockLeaseId, type Lease, type Leases } from './lease.ts';
import type { PlannedLock } from './lock-names.ts';
import {
  EXPIRES_METADATA,
  EXPIRES_TAG,
  KEY_METADATA,
  RUN_METADATA,
  STATE_METADATA,
} from './marks.ts';
import type { Plan } from './plan.ts';
import type { Clock, Log } from './ports.ts';
import { requireUnclaimed } from './vm-claims.ts';

/** What holding locks needs. */
export interface RunLocksRig {
  readonly azure: Pick<Azure, 'blobs' | 'compute' | 'lockBlobs'>;
  readonly leases: Leases;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Held {
  readonly lock: PlannedLock;
  readonly lease: Lease;
  /** When the request that took or renewed it last was sent. */
  renewedAt: number;
  /** Why it is lost; undefined while it is not. */
  lost: string | undefined;
}

const RENEWAL_INTERVAL_MS = 15_000;
const RENEWAL_TIMEOUT_MS = 10_000;
/** So long after its last renewal a lock is sure to be held, also where somebody breaks its lease in this very time. */
const SURE_MS = 20_000;
/** A lock of an earlier attempt that is still renewed ends within `SURE_MS`; one that is just let go, at once. */
const PATIENCE_MS = 2 * SURE_MS;
const RETRY_MS = 1_000;

/**
 * The locks of a run: leased blobs that name it. They keep two runs from working on one VM or one set of names at the
 * same time. A lock whose lease has ended is free: its run is dead, or has not renewed it for a minute and does nothing
 * more that cannot be undone, since it looks at its locks first. An earlier attempt of the same workflow run has ended
 * by the word of GitHub, so its lease is broken. Disposal only ends the renewing; the leases delete the blobs.
 */
export class RunLocks implements Disposable {
  readonly #plan: Plan;
  readonly #rig: RunLocksRig;
  readonly #held: Held[] = [];
  readonly #over = new AbortController();
  /** One was not renewed for so long that a run which shares no container may have taken this one for dead. */
  #mayBeClaimed = false;

  constructor(plan: Plan, rig: RunLocksRig) {
    this.#plan = plan;
    this.#rig = rig;
  }

  /** Takes all of them, one after another, and renews them from then on. Throws when another run has one. */
  async take(): Promise<void> {
    for (const lock of this.#plan.locks) {
      try {
        await this.#takeOne(lock);
      } catch (error) {
        throw explain(`Could not take the lock "${lock.url}"`, error);
      }
    }
    void this.#renewAll();
  }

  /**
   * Throws unless every lock is held for sure; asked before each step that another run would suffer from. Where there
   * was doubt since it was asked last, a run that shares no container may have claimed the VM.
   */
  async require(step: string): Promise<void> {
    const { clock } = this.#rig;
    const doubtful = this.#held.filter(({ renewedAt }) => clock.now() - renewedAt > SURE_MS);
    await Promise.all(doubtful.map((held) => this.#renew(held)));
    for (const { lock, lost, renewedAt } of this.#held) {
      const why =
        lost ?? (clock.now() - renewedAt > SURE_MS ? 'it could not be renewed.' : undefined);
      if (why === undefined) continue;
      throw new ActionError(
        'azure',
        `Could not ${step}: the lock "${lock.url}" was lost: ${why} Another run may work on the same by now; see that none does, and run again.`,
      );
    }
    if (!this.#mayBeClaimed || this.#plan.claim?.snapshot === undefined) return;
    await requireUnclaimed(this.#plan, this.#rig);
    this.#mayBeClaimed = false;
  }

  /** Whether one is known to be lost. */
  get isLost(): boolean {
    return this.#held.some(({ lost }) => lost !== undefined);
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #takeOne(lock: PlannedLock): Promise<void> {
    const { leases, clock, signal } = this.#rig;
    const lease: Lease = { kind: 'lock', url: lock.url, key: this.#plan.run.key };
    await leases.hold(lease, async () => {
      const startedAt = clock.now();
      for (;;) {
        signal.throwIfAborted();
        const renewedAt = await this.#tryOnce(lock);
        if (renewedAt !== undefined) {
          this.#held.push({ lock, lease, renewedAt, lost: undefined });
          return;
        }
        if (clock.now() - startedAt > PATIENCE_MS) throw await this.#refusal(lock);
        await clock.sleep(RETRY_MS, signal);
      }
    });
  }

  /** When it was taken; undefined when it may be free in a moment. */
  async #tryOnce(lock: PlannedLock): Promise<number | undefined> {
    const { azure, clock, log, signal } = this.#rig;
    const { run } = this.#plan;
    const isNew = await azure.lockBlobs.create(lock.url, this.#metadata());
    const askedAt = clock.now();
    const answer = await azure.lockBlobs.acquire(lock.url, lockLeaseId(run.key), signal);
    if (answer === 'gone') return undefined;
    if (answer === 'held') {
      if (!isNew) await this.#name(lock);
      return askedAt;
    }
    const blob = await azure.blobs.blobState(lock.url, signal);
    const mark = blob?.metadata[RUN_METADATA];
    if (mark === undefined || blob?.metadata[KEY_METADATA] === run.key) return undefined;
    if (!isEarlierMark(mark, run)) throw await this.#refusal(lock);
    log.info(`${lock.what} is still locked by an earlier attempt; its lock is broken.`);
    await azure.lockBlobs.break(lock.url, SURE_MS / 1000, signal);
    return undefined;
  }

  /** Puts this run's name on a lock that another one left; nothing to do where only the first answer was lost. */
  async #name(lock: PlannedLock): Promise<void> {
    const { azure, log, signal } = this.#rig;
    const { run } = this.#plan;
    const blob = await azure.blobs.blobState(lock.url, signal);
    if (blob?.metadata[KEY_METADATA] === run.key) return;
    await azure.lockBlobs.setMetadata(lock.url, lockLeaseId(run.key), this.#metadata(), signal);
    log.info(
      `${lock.what} was locked by ${holderOf(blob?.metadata[RUN_METADATA])}, which is gone.`,
    );
  }

  async #refusal(lock: PlannedLock): Promise<ActionError> {
    const { azure, signal } = this.#rig;
    const blob = await azure.blobs.blobState(lock.url, signal);
    return new ActionError(
      'refused',
      `${lock.what} is worked on by ${holderOf(blob?.metadata[RUN_METADATA])}, which holds the lock "${lock.url}". Nothing was stopped or copied. Run again when that run has ended; the lock of a dead one is free after a minute.`,
    );
  }

  #metadata(): Readonly<Record<string, string>> {
    const { run, tags } = this.#plan;
    return {
      [KEY_METADATA]: run.key,
      [RUN_METADATA]: runMark(run),
      [STATE_METADATA]: 'lock',
      [EXPIRES_METADATA]: tags[EXPIRES_TAG] ?? '',
    };
  }

  async #renewAll(): Promise<void> {
    const { clock } = this.#rig;
    const isTime = (): Promise<boolean> =>
      clock.sleep(RENEWAL_INTERVAL_MS, this.#over.signal).then(
        () => true,
        () => false,
      );
    while (await isTime()) await Promise.all(this.#held.map((held) => this.#renew(held)));
  }

  /** Never throws. One that is released meanwhile is not renewed, and what comes of a renewal under way is nothing. */
  async #renew(held: Held): Promise<void> {
    const { azure, leases, clock, log } = this.#rig;
    const { lock, lease } = held;
    const isOver = (): boolean => !leases.holds(lease) || this.#over.signal.aborted;
    if (held.lost !== undefined || isOver()) return;
    const askedAt = clock.now();
    const timeout = AbortSignal.timeout(RENEWAL_TIMEOUT_MS);
    try {
      const signal = AbortSignal.any([this.#over.signal, timeout]);
      await azure.lockBlobs.renew(lock.url, lockLeaseId(this.#plan.run.key), signal);
      if (askedAt - held.renewedAt > SURE_MS) this.#mayBeClaimed = true;
      held.renewedAt = askedAt;
    } catch (error) {
      if (isOver()) return;
      const isLost = [404, 409, 412].includes(azureFailure(error).status ?? 0);
      if (!isLost && clock.now() - held.renewedAt < LEASE_SECONDS * 1000) {
        log.debug(`Lock "${lock.url}" was not renewed: ${reasonOf(error)}`);
        return;
      }
      held.lost = reasonOf(error);
      log.warn(
        `The lock "${lock.url}" was lost: ${held.lost} This run goes on with what harms nobody, and stops before anything else.`,
      );
    }
  }
}
