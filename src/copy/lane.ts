import { Window, type WindowOptions } from './window.ts';

/** Pauses after rounds of failures, in milliseconds: they double up to the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** After so many rounds without any success nobody tries again: five minutes of pauses at least. */
const MAX_ROUNDS = 16;

/** One blob in one direction, reading or writing: how many requests it takes at once, and when it is left alone. */
export class Lane {
  readonly #window: Window;
  #rounds = 0;
  #pausedAt = -Infinity;
  #isPaused = false;

  constructor(options: WindowOptions = {}) {
    this.#window = new Window(options);
  }

  /** Requests in flight that it takes; 0 during a pause. */
  get size(): number {
    return this.#isPaused ? 0 : this.#window.size;
  }

  /** True when trying again is of no use. */
  get isHopeless(): boolean {
    return this.#rounds > MAX_ROUNDS;
  }

  /** A request of so many bytes was through after so many milliseconds. */
  landed(bytes: number, milliseconds: number, now: number): void {
    this.#rounds = 0;
    this.#window.landed(bytes, milliseconds, now);
  }

  /**
   * A request failed that passes later. Returns the milliseconds of the pause that begins now; undefined when it was
   * in flight together with one that began a pause already.
   */
  failed(startedAt: number, now: number, retryAfterMs = 0): number | undefined {
    if (startedAt <= this.#pausedAt) return undefined;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#rounds, LONGEST_PAUSE_MS);
    this.#rounds += 1;
    this.#pausedAt = now;
    this.#isPaused = true;
    this.#window.throttled(now);
    return Math.max(pause, retryAfterMs);
  }

  /** The pause is over. */
  resume(): void {
    this.#isPaused = false;
  }
}
