import type { Crc64 } from './crc64.ts';

/** The checksum of each piece as the first replica got it; those of the others are compared with it. */
export class PieceChecksums {
  readonly #crcs: BigUint64Array;
  readonly #isKnown: Uint8Array;

  constructor(pieces: number) {
    this.#crcs = new BigUint64Array(pieces);
    this.#isKnown = new Uint8Array(pieces);
  }

  /** Keeps the first checksum of a piece. False for one that is not the one kept. */
  agree(piece: number, crc: Crc64): boolean {
    const known = this.of(piece);
    if (known === undefined) this.correct(piece, crc);
    return known === undefined || known === crc;
  }

  /** Puts a checksum in the place of one that was found wrong. */
  correct(piece: number, crc: Crc64): void {
    this.#crcs[piece] = crc;
    this.#isKnown[piece] = 1;
  }

  /** Undefined as long as no replica has the piece. */
  of(piece: number): Crc64 | undefined {
    return this.#isKnown[piece] === 1 ? this.#crcs[piece] : undefined;
  }
}
