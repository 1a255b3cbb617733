import { keyOf, type BlobPath } from './copies.ts';

interface Written {
  inFlight: number;
  lastMs: number;
}

/** Which blobs are being written: a write is in flight, or the last one ended a moment ago. */
export class Writes {
  readonly #writtenForMs: number;
  readonly #blobs = new Map<string, Written>();

  constructor(writtenForMs: number) {
    this.#writtenForMs = writtenForMs;
  }

  /** Begins a write, which ends when it is disposed of. */
  start(blob: BlobPath, now: () => number): Disposable {
    const key = keyOf(blob);
    const written = this.#blobs.get(key) ?? { inFlight: 0, lastMs: 0 };
    this.#blobs.set(key, written);
    written.inFlight += 1;
    return {
      [Symbol.dispose]: () => {
        written.inFlight -= 1;
        written.lastMs = now();
      },
    };
  }

  isWritten(blob: BlobPath, nowMs: number): boolean {
    const written = this.#blobs.get(keyOf(blob));
    if (written === undefined) return false;
    return written.inFlight > 0 || nowMs - written.lastMs < this.#writtenForMs;
  }
}
