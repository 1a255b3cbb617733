/** How many tokens a bucket holds, and how many come back in a minute. */
export interface Refill {
  readonly capacity: number;
  readonly perMinute: number;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Buckets of tokens that refill with time, made full at their first use. */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  /** `now` is the time in milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Takes a token; the whole tokens that are left, or the seconds until there is one. */
  take(
    name: string,
    { capacity, perMinute }: Refill,
  ): { readonly left: number } | { readonly waitSeconds: number } {
    const now = this.#now();
    const bucket = this.#buckets.get(name) ?? { tokens: capacity, filledAtMs: now };
    const refilled = ((now - bucket.filledAtMs) / 60_000) * perMinute;
    const tokens = Math.min(capacity, bucket.tokens + refilled);
    const isEmpty = tokens < 1;
    this.#buckets.set(name, { tokens: isEmpty ? tokens : tokens - 1, filledAtMs: now });
    return isEmpty
      ? { waitSeconds: Math.ceil(Math.round(((1 - tokens) / perMinute) * 60_000) / 1000) }
      : { left: Math.floor(tokens - 1) };
  }
}
