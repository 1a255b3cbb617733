import type { ByteRange } from '../world.ts';
import { keyOf, type BlobPath } from './copies.ts';

interface Kept {
  readonly range: ByteRange;
  readonly bytes: Buffer;
}

/** A write that the store has not answered yet. */
export interface PageWrite {
  readonly key: string;
  readonly range: ByteRange;
  readonly changes: number;
  /** Whether another one was under way to some of the same pages, so that nobody knows which came last. */
  isMixed: boolean;
}

/** The pages that were written last, which are likely to be read next: each read saves asking the store. */
export class RecentPages {
  readonly #mostBytes: number;
  readonly #blobs = new Map<string, Map<number, Kept>>();
  /** The oldest first. */
  readonly #order = new Set<readonly [key: string, kept: Kept]>();
  readonly #underWay = new Set<PageWrite>();
  #bytes = 0;
  #changes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Called before pages are written: what is kept of them no longer counts. */
  start(path: BlobPath, range: ByteRange): PageWrite {
    const key = keyOf(path);
    const others = [...this.#underWay].filter(
      (one) => one.key === key && overlap(one.range, range),
    );
    for (const other of others) other.isMixed = true;
    this.#drop(key, range);
    const write = { key, range, changes: this.#changes, isMixed: others.length > 0 };
    this.#underWay.add(write);
    return write;
  }

  /** Called when the store has answered; keeps the bytes, which are not given where it refused. */
  end(write: PageWrite, bytes?: Buffer): void {
    this.#underWay.delete(write);
    if (bytes === undefined || write.isMixed || write.changes !== this.#changes) return;
    const { key, range } = write;
    const kept = { range, bytes };
    const blob = this.#blobs.get(key) ?? new Map<number, Kept>();
    this.#blobs.set(key, blob.set(range.start, kept));
    this.#order.add([key, kept]);
    this.#bytes += bytes.length;
    this.#shrink();
  }

  /** Pages that were written in one write and are still as it wrote them. */
  read(path: BlobPath, { start, end }: ByteRange): Buffer | undefined {
    const kept = this.#blobs.get(keyOf(path))?.get(start);
    return kept?.range.end === end ? kept.bytes : undefined;
  }

  /** Called before more than pages of a blob is changed, or of any of them, and when that is done. */
  forget(path?: BlobPath): void {
    this.#changes += 1;
    if (path === undefined) this.#blobs.clear();
    else this.#blobs.delete(keyOf(path));
  }

  #drop(key: string, range: ByteRange): void {
    const blob = this.#blobs.get(key);
    for (const [start, kept] of blob ?? []) if (overlap(kept.range, range)) blob?.delete(start);
  }

  /** What was dropped still counts until it is the oldest. */
  #shrink(): void {
    for (const item of this.#order) {
      if (this.#bytes <= this.#mostBytes) return;
      const [key, kept] = item;
      const blob = this.#blobs.get(key);
      if (blob?.get(kept.range.start) === kept) blob.delete(kept.range.start);
      this.#order.delete(item);
      this.#bytes -= kept.bytes.length;
    }
  }
}

function overlap(left: ByteRange, right: ByteRange): boolean {
  return left.start < right.end && right.start < left.end;
}
