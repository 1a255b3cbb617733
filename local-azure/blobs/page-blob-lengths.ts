import { keyOf, type BlobPath } from './copies.ts';

/** The lengths of page blobs, known until anything but their pages is changed: asking the store takes as long as writing. */
export class PageBlobLengths {
  readonly #lengths = new Map<string, number>();
  #changes = 0;

  /** The length in bytes that is known, or that `read` finds. */
  async find(path: BlobPath, read: () => Promise<number>): Promise<number> {
    const key = keyOf(path);
    const known = this.#lengths.get(key);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const length = await read();
    // What was read while something changed may be what it was before.
    if (changes === this.#changes) this.#lengths.set(key, length);
    return length;
  }

  /** Called before a blob is changed, or any of them, and when that is done. */
  forget(path?: BlobPath): void {
    this.#changes += 1;
    if (path === undefined) this.#lengths.clear();
    else this.#lengths.delete(keyOf(path));
  }
}
