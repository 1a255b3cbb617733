import type { Pieces } from './pieces.ts';

/** A CRC-64 of Azure Storage, as `x-ms-content-crc64` carries it. */
export type Crc64 = bigint;

/** The polynomial with its bits reflected, as two words: the highest bit is the coefficient of 1, the lowest of x^63. */
const POLYNOMIAL_HIGH = 0x9a6c_9329;
const POLYNOMIAL_LOW = 0xac4b_c9b5;
/** Of the header. */
const CRC_BYTES = 8;
const ALL_BITS = 0xffff_ffff_ffff_ffffn;

/** Two words of a CRC or of a polynomial modulo that of Azure. */
interface Words {
  high: number;
  low: number;
}

/** The checksum of one byte with 0 to 7 zero bytes behind it, as two words each: eight bytes are taken at a time. */
const [tableHigh, tableLow] = makeTables();

/** Through which a bigint becomes two words without another bigint. */
const scratch = new DataView(new ArrayBuffer(CRC_BYTES));

/** The CRC-64 of bytes, or of bytes behind those whose CRC is the seed. */
export function crc64(bytes: Uint8Array, seed: Crc64 = 0n): Crc64 {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const steps = bytes.length - (bytes.length % 8);
  const start = wordsOf(seed);
  let high = ~start.high;
  let low = ~start.low;
  for (let at = 0; at < steps; at += 8) {
    const first = low ^ view.getInt32(at, true);
    const second = high ^ view.getInt32(at + 4, true);
    const a = 1792 + (first & 0xff);
    const b = 1536 + ((first >>> 8) & 0xff);
    const c = 1280 + ((first >>> 16) & 0xff);
    const d = 1024 + (first >>> 24);
    const e = 768 + (second & 0xff);
    const f = 512 + ((second >>> 8) & 0xff);
    const g = 256 + ((second >>> 16) & 0xff);
    const h = second >>> 24;
    high =
      highAt(a) ^ highAt(b) ^ highAt(c) ^ highAt(d) ^ highAt(e) ^ highAt(f) ^ highAt(g) ^ highAt(h);
    low = lowAt(a) ^ lowAt(b) ^ lowAt(c) ^ lowAt(d) ^ lowAt(e) ^ lowAt(f) ^ lowAt(g) ^ lowAt(h);
  }
  for (let at = steps; at < bytes.length; at += 1) {
    const index = (low ^ view.getUint8(at)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ lowAt(index);
    high = (high >>> 8) ^ highAt(index);
  }
  return crcOf({ high: ~high, low: ~low });
}

/** The CRC-64 that the eight bytes of a header carry, the lowest first. Throws a RangeError for another number of them. */
export function crc64FromBytes(bytes: Uint8Array): Crc64 {
  if (bytes.length !== CRC_BYTES) {
    throw new RangeError(`A CRC-64 has ${CRC_BYTES} bytes, got ${bytes.length}.`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset, CRC_BYTES).getBigUint64(0, true);
}

/** The CRC-64 of bytes and those behind them, from the CRC-64 of each and the length of the second in bytes. */
export function combineCrc64(left: Crc64, right: Crc64, rightLength: number): Crc64 {
  const crc = wordsOf(left);
  appendZeros(crc, rightLength);
  append(crc, right);
  return crcOf(crc);
}

/** The CRC-64 of so many zero bytes. */
export function zerosCrc64(length: number): Crc64 {
  const crc = wordsOf(ALL_BITS);
  appendZeros(crc, length);
  return ALL_BITS ^ crcOf(crc);
}

/** `0123456789abcdef`: 16 lower-case hex digits. */
export function formatCrc64(crc: Crc64): string {
  return crc.toString(16).padStart(16, '0');
}

/** The CRC-64 of a whole VHD: of its pieces in order, with the zeros of the holes between them. */
export function wholeCrc64(pieces: Pieces, crcOfPiece: (index: number) => Crc64): Crc64 {
  const crc: Words = { high: 0, low: 0 };
  let end = 0;
  for (let index = 0; index < pieces.count; index += 1) {
    const length = pieces.length(index);
    // A CRC is kept inverted; the state behind it is what zeros move on.
    invert(crc);
    appendZeros(crc, pieces.offset(index) - end);
    invert(crc);
    appendZeros(crc, length);
    append(crc, crcOfPiece(index));
    end = pieces.offset(index) + length;
  }
  return crcOf(crc);
}

function invert(crc: Words): void {
  crc.high = ~crc.high;
  crc.low = ~crc.low;
}

function append(crc: Words, other: Crc64): void {
  scratch.setBigUint64(0, other, true);
  crc.low ^= scratch.getInt32(0, true);
  crc.high ^= scratch.getInt32(4, true);
}

/** Multiplies by x^8 for every byte. Throws a RangeError unless the length is a whole number from 0 up to 2^53. */
function appendZeros(crc: Words, length: number): void {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RangeError(`A length is a whole number of bytes, got ${length}.`);
  }
  let rest = length;
  for (let place = 0; rest > 0; place += 1) {
    const digit = rest % 256;
    rest = (rest - digit) / 256;
    if (digit > 0) {
      const { high, low } = shiftsOf(place);
      multiply(crc, high[digit] ?? 0, low[digit] ?? 0);
    }
  }
}

/** x^(8 digit 256^place), by digit. */
interface Shifts {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

/** Made when first needed, one place after the other. */
const shifts: Shifts[] = [];

function shiftsOf(place: number): Shifts {
  for (let next = shifts.length; next <= place; next += 1) {
    const before = shifts[next - 1];
    // One digit's step is the 256th of the place before; in the first place it is x^8.
    const step: Words = { high: before?.high[255] ?? 0x80_0000, low: before?.low[255] ?? 0 };
    if (before !== undefined) multiply(step, before.high[1] ?? 0, before.low[1] ?? 0);
    const made = { high: new Int32Array(256), low: new Int32Array(256) };
    const shift: Words = { high: 0x8000_0000, low: 0 };
    for (let digit = 0; digit < 256; digit += 1) {
      made.high[digit] = shift.high;
      made.low[digit] = shift.low;
      multiply(shift, step.high, step.low);
    }
    shifts.push(made);
  }
  return shifts[place] ?? { high: new Int32Array(256), low: new Int32Array(256) };
}

/** The multiples of a factor by four coefficients, which `multiply` fills. */
const multipleHigh = new Int32Array(16);
const multipleLow = new Int32Array(16);

/** Multiplies modulo the polynomial, four coefficients at a time from the highest power down. */
function multiply(product: Words, factorHigh: number, factorLow: number): void {
  fillMultiples(factorHigh, factorLow);
  let high = 0;
  let low = 0;
  for (let shift = 0; shift < 64; shift += 4) {
    const word = shift < 32 ? product.low : product.high;
    const digit = (word >>> (shift & 31)) & 0xf;
    // Four zero bits are moved in as the tables move in eight: a byte whose lower half is zero.
    const carry = (low & 0xf) << 4;
    low = ((low >>> 4) | (high << 28)) ^ lowAt(carry) ^ (multipleLow[digit] ?? 0);
    high = (high >>> 4) ^ highAt(carry) ^ (multipleHigh[digit] ?? 0);
  }
  product.high = high;
  product.low = low;
}

/** The digit 8 is the factor itself: in a reflected digit the highest bit is the lowest power. */
function fillMultiples(factorHigh: number, factorLow: number): void {
  let high = factorHigh;
  let low = factorLow;
  for (let bit = 8; bit > 0; bit >>>= 1) {
    multipleHigh[bit] = high;
    multipleLow[bit] = low;
    for (let digit = 2 * bit; digit < 16; digit += 2 * bit) {
      multipleHigh[digit + bit] = (multipleHigh[digit] ?? 0) ^ high;
      multipleLow[digit + bit] = (multipleLow[digit] ?? 0) ^ low;
    }
    const carries = (low & 1) === 1;
    low = ((low >>> 1) | (high << 31)) ^ (carries ? POLYNOMIAL_LOW : 0);
    high = (high >>> 1) ^ (carries ? POLYNOMIAL_HIGH : 0);
  }
}

function wordsOf(crc: Crc64): Words {
  scratch.setBigUint64(0, crc, true);
  return { high: scratch.getInt32(4, true), low: scratch.getInt32(0, true) };
}

function crcOf({ high, low }: Words): Crc64 {
  scratch.setInt32(4, high, true);
  scratch.setInt32(0, low, true);
  return scratch.getBigUint64(0, true);
}

function makeTables(): readonly [high: Int32Array, low: Int32Array] {
  const high = new Int32Array(256 * CRC_BYTES);
  const low = new Int32Array(256 * CRC_BYTES);
  for (let index = 0; index < high.length; index += 1) {
    const isFirst = index < 256;
    let crcHigh = isFirst ? 0 : (high[index - 256] ?? 0);
    let crcLow = isFirst ? index : (low[index - 256] ?? 0);
    if (isFirst) {
      for (let bit = 0; bit < 8; bit += 1) {
        const carries = (crcLow & 1) === 1;
        crcLow = ((crcLow >>> 1) | (crcHigh << 31)) ^ (carries ? POLYNOMIAL_LOW : 0);
        crcHigh = (crcHigh >>> 1) ^ (carries ? POLYNOMIAL_HIGH : 0);
      }
    } else {
      const carry = crcLow & 0xff;
      crcLow = ((crcLow >>> 8) | (crcHigh << 24)) ^ (low[carry] ?? 0);
      crcHigh = (crcHigh >>> 8) ^ (high[carry] ?? 0);
    }
    high[index] = crcHigh;
    low[index] = crcLow;
  }
  return [high, low];
}

function highAt(index: number): number {
  return tableHigh[index] ?? 0;
}

function lowAt(index: number): number {
  return tableLow[index] ?? 0;
}
