import type { PageBlobClient } from '@azure/storage-blob';
import pLimit from 'p-limit';
import { cutRanges, mergeRanges } from '../local-azure/disks/byte-ranges.ts';
import { FOOTER_BYTES } from '../local-azure/disks/vhd-footer.ts';
import type { ByteRange, DiskImage } from '../local-azure/world.ts';

const PIECE_BYTES = 4 * 1024 * 1024;
const PIECES_AT_ONCE = 4;

/** What was found to be equal. */
export interface Equality {
  readonly dataBytes: number;
  /** Bytes for which neither the source has data nor the blob has pages. */
  readonly holeBytes: number;
}

/** The first thing in which a captured VHD is not its source. */
export class Difference extends Error {}

/**
 * Compares a captured VHD with its source: every byte for which the source has data or the blob has a page, footer
 * included. What is left is a hole in both, by the scan of the source and by the page list of the blob.
 * Throws a Difference.
 */
export async function compareVhd(
  blob: PageBlobClient,
  source: DiskImage,
  signal: AbortSignal,
): Promise<Equality> {
  const vhdBytes = source.sizeBytes + FOOTER_BYTES;
  const { contentLength } = await blob.getProperties({ abortSignal: signal });
  if (contentLength !== vhdBytes) {
    throw new Difference(`it has ${contentLength ?? 0} bytes instead of ${vhdBytes}`);
  }
  const footer = { start: source.sizeBytes, end: vhdBytes };
  const touched = mergeRanges([...source.ranges, ...(await listPages(blob, signal)), footer]);
  const limit = pLimit(PIECES_AT_ONCE);
  const found = await limit.map(cutRanges(touched, PIECE_BYTES), (piece) =>
    compareBytes(blob, source, piece, signal),
  );
  const first = found.find((offset) => offset !== undefined);
  if (first !== undefined) throw new Difference(describeDifference(first, source));
  return { dataBytes: sumBytes(source.ranges), holeBytes: vhdBytes - sumBytes(touched) };
}

/** The ranges of a page blob that hold pages. */
export async function listPages(
  blob: PageBlobClient,
  signal: AbortSignal,
): Promise<readonly ByteRange[]> {
  const pages: ByteRange[] = [];
  for await (const { start, end, isClear } of blob.listPageRanges(0, undefined, {
    abortSignal: signal,
  })) {
    // The list names the last byte of a range, not the one after it.
    if (!isClear) pages.push({ start, end: end + 1 });
  }
  return pages;
}

/** The offset of the first byte that differs. */
async function compareBytes(
  blob: PageBlobClient,
  source: DiskImage,
  { start, end }: ByteRange,
  signal: AbortSignal,
): Promise<number | undefined> {
  const [captured, original] = await Promise.all([
    blob.downloadToBuffer(start, end - start, { abortSignal: signal }),
    source.read(start, end),
  ]);
  if (captured.equals(original)) return undefined;
  return start + original.findIndex((byte, index) => byte !== captured[index]);
}

function describeDifference(offset: number, { sizeBytes, ranges }: DiskImage): string {
  if (offset >= sizeBytes) return `its footer differs at byte ${offset - sizeBytes}`;
  return ranges.some(({ start, end }) => start <= offset && offset < end)
    ? `it differs at byte ${offset}`
    : `it has data at byte ${offset}, where its source has a hole`;
}

function sumBytes(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}
