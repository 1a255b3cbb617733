import { Window } from './window.ts';

/** Requests in flight of all copies of a run together: what the runner itself can carry is found by trying. */
export class Gate {
  readonly #window = new Window({ start: 64, min: 8, max: 256, patience: Infinity });
  readonly #waiting = new Set<() => void>();
  #inFlight = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  get isOpen(): boolean {
    return this.#inFlight < this.#window.size;
  }

  /** Calls back whenever somebody has left, until the returned function is called. */
  listen(callback: () => void): () => void {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  enter(): void {
    this.#inFlight += 1;
  }

  /** One that landed tells how many bytes it took how long. */
  leave(landed?: {
    readonly bytes: number;
    readonly milliseconds: number;
    readonly now: number;
  }): void {
    this.#inFlight -= 1;
    if (landed) this.#window.landed(landed.bytes, landed.milliseconds, landed.now);
    for (const callback of this.#waiting) callback();
  }
}
