import type { Slots } from './copy-node.ts';

// Bound once: in the loops below a look-up of the global each time is slow in sandboxes, as tests run in.
const { max } = Math;

/** When a transfer began, and how many were in front of it. */
export interface PaceStart {
  readonly landed: number;
  readonly ahead: number;
}

/** The share of a new value in a mean: it is quickly believed that a node is fast, slowly that it is slow. */
const FASTER = 0.5;
const SLOWER = 0.125;
const OVERALL = 0.01;

/**
 * How slow each node is against the others, without a clock: time is counted in pieces that landed meanwhile. A
 * transfer that took long is put down to that of its two ends which is not known to be slow for a reason.
 */
export class Pace {
  #landed = 0;
  #mean = 0;

  /** A transfer begins behind others at its source. */
  start(ahead: number): PaceStart {
    return { landed: this.#landed, ahead };
  }

  landed(start: PaceStart, reads: Slots, writes: Slots): void {
    this.#landed += 1;
    const taken = (this.#landed - start.landed) / (start.ahead + 1);
    this.#mean = this.#mean === 0 ? taken : this.#mean + (taken - this.#mean) * OVERALL;
    const slowness = taken / this.#mean;
    const read = slowness / max(1, writes.slowness);
    const write = slowness / max(1, reads.slowness);
    reads.slowness = blend(reads.slowness, read);
    writes.slowness = blend(writes.slowness, write);
  }
}

function blend(mean: number, value: number): number {
  return mean + (value - mean) * (value < mean ? FASTER : SLOWER);
}
