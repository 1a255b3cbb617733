/** A budget of so much per second, whose users wait for each other. */
export class Bucket {
  readonly #perMs: number;
  readonly #longestQueueMs: number;
  /** When everything that was promised is done. */
  #freeAtMs = 0;

  /** A queue longer than `longestQueueMs` takes nobody more, and from half of that on not everybody. */
  constructor(perSecond: number, longestQueueMs: number) {
    this.#perMs = perSecond / 1000;
    this.#longestQueueMs = longestQueueMs;
  }

  /**
   * Whether the queue takes one more. `luck` is a share from 0 to 1: who comes again has the same chance as all others,
   * so that nobody is kept out by those who always come at the right moment.
   */
  isOpen(nowMs: number, luck: number): boolean {
    const free = this.#longestQueueMs - (this.#freeAtMs - nowMs);
    return free >= 0 && free >= (luck * this.#longestQueueMs) / 2;
  }

  /** Promises an amount; gives the milliseconds until it is through. */
  take(amount: number, nowMs: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + amount / this.#perMs;
    return this.#freeAtMs - nowMs;
  }
}
