interface Event {
  readonly at: number;
  readonly run: () => void;
}

/** The time of a guest in seconds. It passes with each look, so that a test sees the same in every run, or as the clock does. */
export class GuestClock {
  readonly #secondsPerLook: number;
  readonly #startedAt = Date.now();
  #seconds = 0;
  /** The time of the event that is happening. */
  #eventAt: number | undefined;
  #events: readonly Event[] = [];

  /** 0 is the clock's time. */
  constructor(secondsPerLook: number) {
    this.#secondsPerLook = secondsPerLook;
  }

  /** Somebody looks: time passes, and what is due happens. */
  look(): void {
    this.#seconds += this.#secondsPerLook;
    this.settle();
  }

  /** Lets what is due happen. */
  settle(): void {
    for (;;) {
      const [next, ...rest] = this.#events;
      if (next === undefined || next.at > this.#now) break;
      this.#events = rest;
      this.#eventAt = next.at;
      next.run();
    }
    this.#eventAt = undefined;
  }

  /** Something that happens so many seconds from now, after what was set for the same time before. */
  after(seconds: number, run: () => void): void {
    const event = { at: (this.#eventAt ?? this.#now) + seconds, run };
    this.#events = [...this.#events, event].sort((one, other) => one.at - other.at);
  }

  /** Nothing of what was to come happens. */
  clear(): void {
    this.#events = [];
  }

  get #now(): number {
    return this.#secondsPerLook > 0 ? this.#seconds : (Date.now() - this.#startedAt) / 1000;
  }
}
