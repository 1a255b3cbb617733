import type { ByteRange } from '../facts.ts';
import type { Pieces } from './pieces.ts';

/** What the page ranges of a replica say beside what was copied into it. */
export interface PageCheck {
  /** The first bytes that hold data where nothing was copied. */
  readonly stray: ByteRange | undefined;
  /** Bytes of what was copied that hold data in the replica. */
  readonly coveredBytes: number;
}

/** Compares the data ranges of a replica, in order and without overlaps, with the pieces that were copied into it. */
export function comparePages(ranges: Iterable<ByteRange>, pieces: Pieces): PageCheck {
  let piece = 0;
  let coveredBytes = 0;
  for (const { offset, length } of ranges) {
    const end = offset + length;
    let at = offset;
    while (at < end) {
      while (piece < pieces.count && endOf(pieces, piece) <= at) piece += 1;
      const begin = piece < pieces.count ? pieces.offset(piece) : Infinity;
      if (begin > at) {
        return { stray: { offset: at, length: Math.min(end, begin) - at }, coveredBytes };
      }
      const next = Math.min(end, endOf(pieces, piece));
      coveredBytes += next - at;
      at = next;
    }
  }
  return { stray: undefined, coveredBytes };
}

/** The pieces that a blob with these data ranges has pages for throughout, in order. */
export function heldPieces(ranges: Iterable<ByteRange>, pieces: Pieces): readonly number[] {
  const held: number[] = [];
  let piece = 0;
  for (const { offset, length } of ranges) {
    while (piece < pieces.count && pieces.offset(piece) < offset) piece += 1;
    while (piece < pieces.count && endOf(pieces, piece) <= offset + length) {
      held.push(piece);
      piece += 1;
    }
  }
  return held;
}

function endOf(pieces: Pieces, piece: number): number {
  return pieces.offset(piece) + pieces.length(piece);
}
