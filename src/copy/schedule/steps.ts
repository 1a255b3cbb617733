/** Counts the words that were looked at, and ends a search that has looked at enough of them. */
export class Steps {
  #left = 0;
  #taken = 0;

  /** Words that were looked at since the beginning. */
  get taken(): number {
    return this.#taken;
  }

  /** From here on, `words` more may be looked at. */
  allow(words: number): void {
    this.#left = words;
  }

  /** Counts one word; false when no more may be looked at. */
  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    this.#taken += 1;
    return true;
  }
}
