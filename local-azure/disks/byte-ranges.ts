import type { ByteRange } from '../world.ts';

/** Bytes of one page of a page blob, the unit of every range. */
export const PAGE_BYTES = 512;

/** Sorts ranges and joins those that touch or overlap. */
export function mergeRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last === undefined || range.start > last.end) {
      merged.push(range);
    } else if (range.end > last.end) {
      merged[merged.length - 1] = { start: last.start, end: range.end };
    }
  }
  return merged;
}

/** The parts of merged ranges that lie inside a window; there may be a million outside of it. */
export function clipRanges(ranges: readonly ByteRange[], window: ByteRange): ByteRange[] {
  const first = findFirst(ranges, (range) => range.end > window.start);
  const last = findFirst(ranges, (range) => range.start >= window.end);
  return ranges.slice(first, last).map(({ start, end }) => ({
    start: Math.max(start, window.start),
    end: Math.min(end, window.end),
  }));
}

/** Index of the first range for which it is so, given that it is so for all behind that one; the count for none. */
function findFirst(ranges: readonly ByteRange[], isSo: (range: ByteRange) => boolean): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && isSo(range)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Cuts ranges into pieces of at most `pieceBytes`, in order. */
export function cutRanges(ranges: readonly ByteRange[], pieceBytes: number): ByteRange[] {
  return ranges.flatMap(({ start, end }) =>
    Array.from({ length: Math.ceil((end - start) / pieceBytes) }, (_, index) => ({
      start: start + index * pieceBytes,
      end: Math.min(start + (index + 1) * pieceBytes, end),
    })),
  );
}
