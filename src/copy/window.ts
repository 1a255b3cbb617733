export interface WindowOptions {
  /** Requests in flight in the beginning. */
  readonly start?: number;
  readonly min?: number;
  readonly max?: number;
  /**
   * No growth while requests take more than so many times the shortest one: they wait in a queue already. Infinity
   * where only throughput counts, as for a whole run, whose requests wait for their blobs.
   */
  readonly patience?: number;
}

/** Doubling goes on as long as it brings this much more. */
const WORTH_DOUBLING = 1.1;
/** Of what one more request in flight promises, this share must come true. */
const WORTH_KEEPING = 0.5;
/** The shortest time is forgotten slowly, in shares a second: services change. */
const FORGET_PER_SECOND = 0.01;
/** A round tells something only when the window was in use. */
const IN_USE = 0.75;
/** What is left of the window when the service pushes back. */
const SHRINK = 0.65;
/** Milliseconds until a size that was of no use, or too much, is tried again. */
const TRY_AGAIN_MS = 20_000;
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 120_000;

interface Round {
  readonly startedAt: number;
  bytes: number;
  requests: number;
  /** The sum of what the requests took. */
  milliseconds: number;
}

/**
 * How many requests may be in flight to one blob in one direction (or in a whole run): grows while more bring more,
 * holds where they would only wait, shrinks when the service pushes back. Pure: the time, in milliseconds, is told.
 */
export class Window {
  readonly #min: number;
  readonly #max: number;
  readonly #patience: number;
  #size: number;
  #isDoubling = true;
  #round: Round | undefined;
  #lastRate = 0;
  #shortestMs = Infinity;
  #latencyMs = 0;
  /** Of this round and the mean of the last. */
  #longestMs = 0;
  /** The size that was pushed back; below it there is nothing to try. */
  #ceiling = Infinity;
  #tryAgainAt = -Infinity;
  /** The size and rate before the last step up, until it has shown its worth. */
  #trial: { readonly size: number; readonly rate: number } | undefined;
  /** Until then those end that were in flight when it shrank: they say nothing new. */
  #deafUntil = -Infinity;
  #pausedUntil = -Infinity;

  constructor({ start = 8, min = 1, max = 32, patience = 2 }: WindowOptions = {}) {
    this.#patience = patience;
    this.#min = min;
    this.#max = max;
    this.#size = start;
  }

  /** Requests in flight at most. */
  get size(): number {
    return this.#size;
  }

  /** No request before this time. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /** A request of so many bytes has succeeded, after so many milliseconds. */
  landed(bytes: number, milliseconds: number, now: number): void {
    this.#shortestMs = Math.min(this.#shortestMs, milliseconds);
    this.#longestMs = Math.max(this.#longestMs, milliseconds);
    this.#round ??= { startedAt: now - milliseconds, bytes: 0, requests: 0, milliseconds: 0 };
    const round = this.#round;
    round.bytes += bytes;
    round.requests += 1;
    round.milliseconds += milliseconds;
    const mean = round.milliseconds / round.requests;
    const elapsed = now - round.startedAt;
    if (round.requests < Math.max(2 * this.#size, 8) || elapsed < mean || elapsed <= 0) return;
    this.#latencyMs = mean;
    const isInUse = round.milliseconds / elapsed >= IN_USE * this.#size;
    this.#longestMs = mean;
    this.#shortestMs *= 1 + (FORGET_PER_SECOND * elapsed) / 1000;
    if (isInUse) this.#judge(round.bytes / elapsed, now);
    this.#round = { startedAt: now, bytes: 0, requests: 0, milliseconds: 0 };
  }

  /** The service pushed back (503 or 429). Shrinks once per round trip, and pauses as long as it asks, up to 2 minutes. */
  throttled(now: number, retryAfterMs: number = PAUSE_MS): void {
    const pause = Math.min(Math.max(retryAfterMs, 0), LONGEST_PAUSE_MS);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + pause);
    if (now < this.#deafUntil) return;
    this.#deafUntil = now + Math.max(pause, this.#longestMs);
    this.#ceiling = this.#size;
    this.#tryAgainAt = now + TRY_AGAIN_MS;
    this.#isDoubling = false;
    this.#trial = undefined;
    this.#round = undefined;
    this.#resize(Math.floor(this.#size * SHRINK));
  }

  get #isQueued(): boolean {
    return this.#latencyMs > this.#patience * this.#shortestMs;
  }

  #judge(rate: number, now: number): void {
    const before = this.#lastRate;
    this.#lastRate = rate;
    if (this.#isDoubling) {
      this.#double(rate, before);
      return;
    }
    if (this.#trial !== undefined && !this.#isWorth(this.#trial, rate)) {
      this.#resize(this.#trial.size);
      this.#trial = undefined;
      this.#tryAgainAt = now + TRY_AGAIN_MS;
      return;
    }
    this.#trial = undefined;
    this.#stepUp(rate, now);
  }

  #double(rate: number, before: number): void {
    if (!this.#isQueued && rate >= before * WORTH_DOUBLING && this.#size < this.#max) {
      this.#resize(this.#size * 2);
      return;
    }
    this.#isDoubling = false;
    if (!this.#isQueued && rate < before * WORTH_DOUBLING)
      this.#resize(Math.ceil(this.#size * 0.75));
  }

  #stepUp(rate: number, now: number): void {
    const next = this.#size + Math.max(1, Math.floor(this.#size / 16));
    if (next < this.#ceiling && this.#ceiling < Infinity) {
      this.#resize(next);
      return;
    }
    if (now < this.#tryAgainAt || this.#isQueued) return;
    this.#ceiling = Infinity;
    if (this.#size >= this.#max) return;
    this.#trial = { size: this.#size, rate };
    this.#resize(next);
  }

  #isWorth(trial: { readonly size: number; readonly rate: number }, rate: number): boolean {
    const promised = this.#size / trial.size - 1;
    return rate >= trial.rate * (1 + WORTH_KEEPING * promised);
  }

  #resize(size: number): void {
    this.#size = Math.max(this.#min, Math.min(this.#max, size));
  }
}
