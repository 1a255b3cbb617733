/** A budget of so much per second, whose users wait for each other. */
export class Bucket {
  readonly #perMs: number;
  readonly #longestQueueMs: number;
  /** When everything that was promised is done. */
  #freeAtMs = 0;

  /** A queue longer than `longestQueueMs` takes nobody more. */
  constructor(perSecond: number, longestQueueMs: number) {
    this.#perMs = perSecond / 1000;
    this.#longestQueueMs = longestQueueMs;
  }

  /** Whether the queue takes one more. */
  isOpen(nowMs: number): boolean {
    return this.#freeAtMs - nowMs <= this.#longestQueueMs;
  }

  /** Promises an amount; gives the milliseconds until it is through. */
  take(amount: number, nowMs: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + amount / this.#perMs;
    return this.#freeAtMs - nowMs;
  }
}
