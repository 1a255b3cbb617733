import type { Blobs } from '../azure/blobs.ts';
import type { Pages } from '../azure/pages.ts';
import { ActionError, azureFailure, explain } from '../errors.ts';
import type { ByteRange } from '../facts.ts';
import type { Verify } from '../inputs.ts';
import type { Clock, Log } from '../ports.ts';
import { formatBytes } from '../units.ts';
import { formatCrc64, wholeCrc64, type Crc64 } from './crc64.ts';
import type { CheckedSource } from './disk-source.ts';
import type { Proof } from './outcome.ts';
import { comparePages, heldPieces } from './page-check.ts';
import { cutPieces, type Pieces } from './pieces.ts';
import { readRanges } from './ranges.ts';
import { readBackPieces } from './read-back.ts';
import { verifyReplica } from './verify.ts';

/** What proving needs. */
export interface ProverRig {
  readonly blobs: Blobs;
  readonly pages: Pages;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly verify: Verify;
}

/** What was shown of a replica. */
export interface Proven {
  readonly lengthBytes: number;
  readonly proof: Proof;
}

/** Shows that the replicas of a disk are right, by what can be known of each. */
export class Prover {
  readonly #source: CheckedSource;
  readonly #pieces: Pieces | undefined;
  readonly #rig: ProverRig;
  #sourceChecksums: Promise<BigUint64Array> | undefined;

  /** Without pieces page ranges are not compared. */
  constructor(source: CheckedSource, pieces: Pieces | undefined, rig: ProverRig) {
    this.#source = source;
    this.#pieces = pieces;
    this.#rig = rig;
  }

  /**
   * Checks type, length, footer and page ranges of a replica; with `verify: full` reads it back. `crc64` is what the
   * service computed while it was written, where there is that. Throws an ActionError that names what is wrong.
   */
  async prove(url: string, crc64?: Crc64): Promise<Proven> {
    const { blobs, verify, signal } = this.#rig;
    const { disk, footer } = this.#source;
    const { lengthBytes } = await verifyReplica(blobs, url, disk, footer, signal);
    if (this.#pieces !== undefined) await this.#checkPages(url, this.#pieces);
    if (verify === 'full') return { lengthBytes, proof: await this.#readBack(url, lengthBytes) };
    if (crc64 === undefined) return { lengthBytes, proof: { kind: 'copy-status' } };
    return { lengthBytes, proof: { kind: 'checksums', crc64: formatCrc64(crc64) } };
  }

  /** Of the pieces that are recorded as landed, those that the blob has pages for: others are copied again. */
  async keepLanded(
    url: string,
    recorded: ReadonlyMap<number, Crc64>,
  ): Promise<ReadonlyMap<number, Crc64>> {
    if (recorded.size === 0 || this.#pieces === undefined) return new Map();
    const held = new Set(heldPieces(await this.#listPages(url, this.#pieces), this.#pieces));
    return new Map([...recorded].filter(([piece]) => held.has(piece)));
  }

  #listPages(url: string, { lengthBytes }: Pieces): Promise<Iterable<ByteRange>> {
    const read = (window: ByteRange, signal: AbortSignal): Promise<readonly ByteRange[]> =>
      this.#rig.pages.list(url, window, signal);
    return readRanges(read, lengthBytes, { ...this.#rig, what: `blob "${url}"` });
  }

  async #checkPages(url: string, pieces: Pieces): Promise<void> {
    const ranges = await this.#listPages(url, pieces);
    const { stray, coveredBytes } = comparePages(ranges, pieces);
    if (stray !== undefined) {
      throw new ActionError(
        'verify',
        `Blob "${url}" holds data where the disk has none, in ${bytesOf(stray)}. Somebody else wrote to it; run again.`,
      );
    }
    if (coveredBytes < pieces.bytes) {
      const missing = formatBytes(pieces.bytes - coveredBytes);
      this.#rig.log.debug(`Blob "${url}" has no pages for ${missing} that were copied as zeros.`);
    }
  }

  async #readBack(url: string, lengthBytes: number): Promise<Proof> {
    const { pages, signal } = this.#rig;
    const pieces = this.#pieces ?? cutPieces([{ offset: 0, length: lengthBytes }], lengthBytes);
    const expected = await (this.#sourceChecksums ??= this.#readSourceBack(pieces));
    const found = await readBackPieces((range, inner) => pages.read(url, range, inner), pieces, {
      signal,
    });
    const differing = found.findIndex((crc, piece) => crc !== expected[piece]);
    if (differing >= 0) {
      const range = { offset: pieces.offset(differing), length: pieces.length(differing) };
      throw new ActionError(
        'verify',
        `Blob "${url}" differs from the snapshot in ${bytesOf(range)} when both are read back. Run again.`,
      );
    }
    const crc64 = wholeCrc64(pieces, (piece) => found[piece] ?? 0n);
    return { kind: 'read-back', crc64: formatCrc64(crc64) };
  }

  /** For all replicas once; one that failed is tried again for the next. */
  async #readSourceBack(pieces: Pieces): Promise<BigUint64Array> {
    try {
      const read = (range: ByteRange, signal: AbortSignal): Promise<Uint8Array> =>
        this.#readSource(range, signal);
      return await readBackPieces(read, pieces, this.#rig);
    } catch (error) {
      this.#sourceChecksums = undefined;
      throw explain('Could not read the snapshot back', error);
    }
  }

  /** A SAS that has ended is granted anew. */
  async #readSource(range: ByteRange, signal: AbortSignal): Promise<Uint8Array> {
    const { pages } = this.#rig;
    const { first } = this.#source;
    const { sas } = first;
    try {
      return await pages.read(sas, range, signal);
    } catch (error) {
      if (azureFailure(error).status !== 403) throw error;
      await first.renew(sas);
      return pages.read(first.sas, range, signal);
    }
  }
}

function bytesOf({ offset, length }: ByteRange): string {
  return `bytes ${offset} to ${offset + length - 1}`;
}
