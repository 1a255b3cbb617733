import type { Clock, Log } from './ports.ts';

/** A part of the run, and when. */
export interface Phase {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly succeeded: boolean;
}

/** Times the phases of a run. */
export class Timeline {
  readonly #phases: Phase[] = [];
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Phases that have ended, in the order of their starts. */
  get phases(): readonly Phase[] {
    return [...this.#phases].sort((left, right) => left.startedAt - right.startedAt);
  }

  /** Runs a phase that others wait for, as a group of the log. */
  async phase<T>(name: string, task: () => Promise<T>): Promise<T> {
    return this.#log.group(name, () => this.aside(name, task));
  }

  /** Runs a phase beside others: timed, without a group of its own. */
  async aside<T>(name: string, task: () => Promise<T>): Promise<T> {
    const startedAt = this.#clock.now();
    let succeeded = false;
    try {
      const result = await task();
      succeeded = true;
      return result;
    } finally {
      this.#phases.push({ name, startedAt, endedAt: this.#clock.now(), succeeded });
    }
  }
}
