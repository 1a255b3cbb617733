import type { Clock } from '../ports.ts';

/** Of the runner's time, this share may go into copying piece by piece. */
const FULL = 0.8;
/** Less than this is not measured well. */
const LEAST_SHARE = 0.01;

/** How many more replicas the runner can drive piece by piece, from how busy those are keeping it that it drives now. */
export class Headroom {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #busyMs: () => number;
  #at: number;
  #busyAt: number;

  /** `busyMs` tells the milliseconds that the runner was busy so far. */
  constructor(clock: Pick<Clock, 'now'>, busyMs: () => number) {
    this.#clock = clock;
    this.#busyMs = busyMs;
    this.#at = clock.now();
    this.#busyAt = busyMs();
  }

  /** Measured since the last question. At most as many again: what was measured may be of their beginning. */
  room(members: number): number {
    const [at, busyAt] = [this.#clock.now(), this.#busyMs()];
    const elapsed = at - this.#at;
    if (elapsed <= 0) return 0;
    const share = Math.max(LEAST_SHARE, (busyAt - this.#busyAt) / elapsed);
    this.#at = at;
    this.#busyAt = busyAt;
    const most = Math.min(2 * members, Math.floor((members * FULL) / share));
    return Math.max(0, most - members);
  }
}
