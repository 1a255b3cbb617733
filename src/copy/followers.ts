import type { PlannedReplica } from '../plan.ts';
import type { Clock } from '../ports.ts';

/** The estimate is made anew so often, in milliseconds. */
const LOOK_AGAIN_MS = 2_000;

/** What was measured of both ways to make a replica. */
export interface Measured {
  /** Replicas that wait. */
  readonly waiting: number;
  /** Copies inside accounts that have ended, and the seconds since the first of them began. */
  readonly nearDone: number;
  readonly nearSeconds: number;
  /** Seconds that a replica took from the exports and the other replicas. */
  readonly broadcastSeconds: number;
}

/**
 * True when it is quicker to copy one more replica piece by piece than to wait for its turn inside its account: several
 * pending copies of one account may be served one after another.
 */
export function paysOff(measured: Measured): boolean {
  const secondsEach = measured.nearSeconds / Math.max(1, measured.nearDone);
  return secondsEach * measured.waiting > measured.broadcastSeconds;
}

/**
 * The replicas beyond those that are copied piece by piece from the start. They are taken by whichever is quicker, as
 * measured: Copy Blob inside an account that has a finished replica, or the pieces again.
 */
export class Followers {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #usesNear: boolean;
  readonly #waiting = new Map<string, PlannedReplica[]>();
  readonly #leads = new Map<
    string,
    { url: PromiseWithResolvers<string | undefined>; open: number }
  >();
  /** Accounts none of whose leads succeeded. */
  readonly #orphans = new Set<string>();
  #nearStartedAt: number | undefined;
  #nearDone = 0;
  #broadcastSeconds = Infinity;

  /** `leads` are copied from the start. Without `usesNear` all followers are for the pieces. */
  constructor(
    leads: readonly PlannedReplica[],
    followers: readonly PlannedReplica[],
    rig: { readonly clock: Clock; readonly signal: AbortSignal; readonly usesNear: boolean },
  ) {
    this.#clock = rig.clock;
    this.#signal = rig.signal;
    this.#usesNear = rig.usesNear;
    for (const replica of followers) {
      const account = accountOf(replica);
      this.#waiting.set(account, [...(this.#waiting.get(account) ?? []), replica]);
    }
    for (const replica of leads) this.#lead(replica);
  }

  /** The accounts that have followers. */
  get accounts(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** Whether some wait, and none of them can be copied inside its account yet. */
  get isOpen(): boolean {
    const hasNear = this.#usesNear && this.#nearStartedAt !== undefined;
    return this.#count > 0 && !hasNear;
  }

  /** At most so many of those that wait, to be copied piece by piece like the leads. */
  join(count: number): readonly PlannedReplica[] {
    const joining: PlannedReplica[] = [];
    while (this.isOpen && joining.length < count) {
      const next = this.#longest()?.shift();
      if (next === undefined) break;
      this.#lead(next);
      joining.push(next);
    }
    return joining;
  }

  /** A lead has ended; with the URL of what others may be copied from when it succeeded. */
  ended(replica: PlannedReplica, url: string | undefined, seconds: number): void {
    const lead = this.#leads.get(accountOf(replica));
    if (lead === undefined) return;
    lead.open -= 1;
    if (url !== undefined) {
      this.#broadcastSeconds = seconds;
      this.#nearStartedAt ??= this.#clock.now();
      lead.url.resolve(url);
    } else if (lead.open === 0) {
      lead.url.resolve(undefined);
      this.#orphans.add(accountOf(replica));
    }
  }

  /** The next one of an account for a copy inside it, and what to copy it from; undefined when none is left. */
  async forNear(account: string): Promise<{ replica: PlannedReplica; near: string } | undefined> {
    if (!this.#usesNear) return undefined;
    const near = await this.#leads.get(account)?.url.promise;
    const replica = near === undefined ? undefined : this.#waiting.get(account)?.shift();
    return near === undefined || replica === undefined ? undefined : { replica, near };
  }

  /** A copy inside an account has ended. */
  nearEnded(): void {
    this.#nearDone += 1;
  }

  /** The next one to copy piece by piece, once that pays off; undefined when none is left. */
  async forBroadcast(): Promise<PlannedReplica | undefined> {
    while (this.#count > 0 && !this.#signal.aborted) {
      const orphan = this.#orphan();
      if (orphan !== undefined) return orphan;
      if (!this.#usesNear || paysOff(this.#measure())) return this.#longest()?.shift();
      // A cancelled run waits for what is under way, so that it is closed after that.
      await this.#clock.sleep(LOOK_AGAIN_MS, this.#signal).catch(() => undefined);
    }
    return undefined;
  }

  #lead(replica: PlannedReplica): void {
    const account = accountOf(replica);
    const lead = this.#leads.get(account) ?? { url: Promise.withResolvers(), open: 0 };
    lead.open += 1;
    this.#leads.set(account, lead);
  }

  #measure(): Measured {
    const since = this.#nearStartedAt ?? this.#clock.now();
    return {
      waiting: this.#count,
      nearDone: this.#nearDone,
      nearSeconds: (this.#clock.now() - since) / 1000,
      broadcastSeconds: this.#broadcastSeconds,
    };
  }

  get #count(): number {
    return [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** The next one that cannot be copied inside its account, because nothing is there to copy. */
  #orphan(): PlannedReplica | undefined {
    const account = [...this.#orphans].find((name) => (this.#waiting.get(name)?.length ?? 0) > 0);
    return account === undefined ? undefined : this.#waiting.get(account)?.shift();
  }

  #longest(): PlannedReplica[] | undefined {
    return [...this.#waiting.values()].sort((left, right) => right.length - left.length)[0];
  }
}

function accountOf(replica: PlannedReplica): string {
  return replica.account.id.toLowerCase();
}
