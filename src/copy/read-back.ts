import { ActionError } from '../errors.ts';
import { crc64, wholeCrc64, type Crc64 } from './crc64.ts';
import type { ByteRange } from '../facts.ts';
import type { Pieces } from './pieces.ts';

/** Reads bytes of an export or a replica through the runner. */
export type RangeBytes = (range: ByteRange, signal: AbortSignal) => Promise<Uint8Array>;

/** What reading back needs. */
export interface ReadBackRig {
  readonly signal: AbortSignal;
  /** Pieces that are read, and thus held, at once. */
  readonly atOnce?: number;
  /** Told after every piece. */
  readonly onRead?: (bytes: number) => void;
}

const PIECES_AT_ONCE = 8;

/** Reads all pieces of a VHD and gives the CRC-64 of the whole. Throws as `readBackPieces` does. */
export async function readBackCrc64(
  read: RangeBytes,
  pieces: Pieces,
  rig: ReadBackRig,
): Promise<Crc64> {
  const crcs = await readBackPieces(read, pieces, rig);
  return wholeCrc64(pieces, (index) => crcs[index] ?? 0n);
}

/**
 * Reads all pieces of a VHD and gives the CRC-64 of each. The first failure ends the others and is thrown as it is;
 * a piece that comes with too many or too few bytes is one. Throws a RangeError unless some are read at once.
 */
export async function readBackPieces(
  read: RangeBytes,
  pieces: Pieces,
  rig: ReadBackRig,
): Promise<BigUint64Array> {
  const atOnce = rig.atOnce ?? PIECES_AT_ONCE;
  if (!Number.isSafeInteger(atOnce) || atOnce < 1) {
    throw new RangeError(`At least one piece is read at once, got ${atOnce}.`);
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([rig.signal, stop.signal]);
  const crcs = new BigUint64Array(pieces.count);
  let next = 0;
  // Millions of pieces must not wait in a queue, so that each reader takes the next one when it is free.
  async function readOn(): Promise<void> {
    while (next < pieces.count) {
      signal.throwIfAborted();
      const index = next;
      next += 1;
      const range = { offset: pieces.offset(index), length: pieces.length(index) };
      crcs[index] = crc64(await readWhole(read, range, signal));
      rig.onRead?.(range.length);
    }
  }
  const readers = Array.from({ length: atOnce }, () =>
    readOn().catch((error: unknown) => {
      stop.abort(error);
    }),
  );
  await Promise.all(readers);
  signal.throwIfAborted();
  return crcs;
}

async function readWhole(
  read: RangeBytes,
  range: ByteRange,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await read(range, signal);
  if (bytes.length !== range.length) {
    throw new ActionError(
      'verify',
      `Reading back ${range.length} bytes at byte ${range.offset} gave ${bytes.length}. Run again.`,
    );
  }
  return bytes;
}
