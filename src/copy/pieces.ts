import type { ByteRange } from '../facts.ts';
import { VHD_FOOTER_BYTES } from '../vhd.ts';
import { MEBIBYTE } from '../units.ts';

/** Page blobs are read and written in pages. */
export const PAGE_BYTES = 512;
/** What one Put Page From URL takes at most. */
export const PIECE_BYTES = 4 * MEBIBYTE;
/** A hole that is shorter costs less as bytes of a piece than as a request more. */
export const HOLE_BYTES = 128 * 1024;

/**
 * What one request copies: at most 4 MiB, never across a 4 MiB border, with data at both ends. In order of the
 * offsets; the footer of the VHD is the last one. Ten bytes of memory each.
 */
export class Pieces {
  readonly count: number;
  /** Sum of the lengths. */
  readonly bytes: number;
  /** Of the whole VHD, with its footer. */
  readonly lengthBytes: number;
  readonly #offsets: Float64Array;
  readonly #pages: Uint16Array;

  /** Takes the offsets in bytes, in order, and the lengths in pages. */
  constructor(offsets: Float64Array, pages: Uint16Array, lengthBytes: number) {
    this.count = offsets.length;
    this.bytes = pages.reduce((sum, count) => sum + count, 0) * PAGE_BYTES;
    this.lengthBytes = lengthBytes;
    this.#offsets = offsets;
    this.#pages = pages;
  }

  /** Throws a RangeError for an index that no piece has; so does `length`. */
  offset(index: number): number {
    return at(this.#offsets, index);
  }

  length(index: number): number {
    return at(this.#pages, index) * PAGE_BYTES;
  }

  /** True for the same pieces of a VHD of the same length. */
  equals(other: Pieces): boolean {
    const isLike = this.count === other.count && this.lengthBytes === other.lengthBytes;
    return (
      isLike &&
      this.#offsets.every((offset, index) => offset === other.#offsets[index]) &&
      this.#pages.every((pages, index) => pages === other.#pages[index])
    );
  }

  /** Index of the piece with exactly this offset and length. */
  find(offset: number, length: number): number | undefined {
    let first = 0;
    let end = this.count;
    while (first < end) {
      const middle = (first + end) >>> 1;
      if (this.offset(middle) < offset) first = middle + 1;
      else end = middle;
    }
    const isFound =
      first < this.count && this.offset(first) === offset && this.length(first) === length;
    return isFound ? first : undefined;
  }
}

/**
 * Cuts the data ranges of a VHD, in any order, into pieces. Holes shorter than 128 KiB are copied, not split, unless a
 * 4 MiB border splits them anyway. The footer is always a piece of its own, also when no range names it.
 * Throws a RangeError for ranges that are no whole pages of the VHD.
 */
export function cutPieces(ranges: Iterable<ByteRange>, lengthBytes: number): Pieces {
  if (!isWholePages(lengthBytes) || lengthBytes < VHD_FOOTER_BYTES) {
    throw new RangeError(`A VHD has whole pages and a footer, got ${lengthBytes} bytes.`);
  }
  const merged = mergeRanges(ranges);
  const end = merged.count === 0 ? 0 : merged.end(merged.count - 1);
  if (end > lengthBytes) {
    throw new RangeError(`A range ends at byte ${end} of a VHD of ${lengthBytes} bytes.`);
  }
  const footerOffset = lengthBytes - VHD_FOOTER_BYTES;
  let count = 1;
  eachPiece(merged, footerOffset, () => (count += 1));
  const offsets = new Float64Array(count);
  const pages = new Uint16Array(count);
  let index = 0;
  eachPiece(merged, footerOffset, (offset, pieceEnd) => {
    offsets[index] = offset;
    pages[index] = (pieceEnd - offset) / PAGE_BYTES;
    index += 1;
  });
  offsets[index] = footerOffset;
  pages[index] = VHD_FOOTER_BYTES / PAGE_BYTES;
  return new Pieces(offsets, pages, lengthBytes);
}

/** Visits the pieces of the disk, which ends where the footer begins. */
function eachPiece(
  ranges: MergedRanges,
  diskBytes: number,
  visit: (offset: number, end: number) => void,
): void {
  let offset = 0;
  let end = 0;
  for (let index = 0; index < ranges.count; index += 1) {
    const rangeEnd = Math.min(ranges.end(index), diskBytes);
    let start = ranges.offset(index);
    while (start < rangeEnd) {
      const border = start - (start % PIECE_BYTES) + PIECE_BYTES;
      const isJoined = end > border - PIECE_BYTES && start - end < HOLE_BYTES;
      if (!isJoined) {
        if (end > offset) visit(offset, end);
        offset = start;
      }
      end = Math.min(rangeEnd, border);
      start = end;
    }
  }
  if (end > offset) visit(offset, end);
}

/** Ranges in order, without overlaps, none touching the next. Sixteen bytes of memory each. */
export class MergedRanges implements Iterable<ByteRange> {
  readonly count: number;
  readonly #offsets: Float64Array;
  readonly #ends: Float64Array;

  constructor(offsets: Float64Array, ends: Float64Array) {
    this.count = offsets.length;
    this.#offsets = offsets;
    this.#ends = ends;
  }

  /** Throws a RangeError for an index that no range has; so does `end`. */
  offset(index: number): number {
    return at(this.#offsets, index);
  }

  end(index: number): number {
    return at(this.#ends, index);
  }

  *[Symbol.iterator](): Generator<ByteRange> {
    for (let index = 0; index < this.count; index += 1) {
      const offset = this.offset(index);
      yield { offset, length: this.end(index) - offset };
    }
  }
}

/** Sorts and merges ranges that overlap or touch. Throws a RangeError for one that is no whole pages. */
export function mergeRanges(ranges: Iterable<ByteRange>): MergedRanges {
  let offsets = new Float64Array(64);
  let ends = new Float64Array(64);
  let count = 0;
  let isSorted = true;
  for (const { offset, length } of ranges) {
    if (!isWholePages(offset) || !isWholePages(length)) {
      throw new RangeError(`${length} bytes at ${offset} are no whole pages.`);
    }
    if (length === 0) continue;
    const last = count - 1;
    if (count > 0 && offset >= at(offsets, last) && offset <= at(ends, last)) {
      ends[last] = Math.max(at(ends, last), offset + length);
      continue;
    }
    isSorted &&= count === 0 || offset > at(offsets, last);
    if (count === offsets.length) [offsets, ends] = [doubled(offsets), doubled(ends)];
    offsets[count] = offset;
    ends[count] = offset + length;
    count += 1;
  }
  const [someOffsets, someEnds] = [offsets.slice(0, count), ends.slice(0, count)];
  return isSorted
    ? new MergedRanges(someOffsets, someEnds)
    : mergeSorted(someOffsets.sort(), someEnds.sort());
}

/**
 * Offsets and ends may be sorted each on their own: there is a hole behind the nth end exactly where the offset after
 * the nth one lies behind it, because then as many ranges have ended as have begun.
 */
function mergeSorted(offsets: Float64Array, ends: Float64Array): MergedRanges {
  let count = 0;
  for (let index = 0; index < offsets.length; index += 1) {
    if (index === 0 || at(offsets, index) > at(ends, index - 1)) {
      offsets[count] = at(offsets, index);
      count += 1;
    }
    ends[count - 1] = at(ends, index);
  }
  return new MergedRanges(offsets.slice(0, count), ends.slice(0, count));
}

function doubled(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(values.length * 2);
  longer.set(values);
  return longer;
}

function isWholePages(bytes: number): boolean {
  return Number.isSafeInteger(bytes) && bytes >= 0 && bytes % PAGE_BYTES === 0;
}

function at(values: Float64Array | Uint16Array, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`There is no entry ${index} of ${values.length}.`);
  return value;
}
