import { describe, expect, test } from '@jest/globals';
import { crc64 as crc64OfLocalAzure } from '../../local-azure/blobs/crc64.ts';
import {
  combineCrc64,
  crc64,
  crc64FromBytes,
  formatCrc64,
  wholeCrc64,
  zerosCrc64,
  type Crc64,
} from '../../src/copy/crc64.ts';
import type { ByteRange } from '../../src/facts.ts';
import { cutPieces, PAGE_BYTES } from '../../src/copy/pieces.ts';
import { GIBIBYTE, MEBIBYTE, TEBIBYTE } from '../../src/units.ts';

/** Bit by bit, as the polynomial is written. */
function crc64ByBits(bytes: Uint8Array): Crc64 {
  const all = 2n ** 64n - 1n;
  let crc = all;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x9a6c_9329_ac4b_c9b5n : crc >> 1n;
    }
  }
  return crc ^ all;
}

/** Whole numbers from 0 up to a limit, the same for the same seed. */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function drawBytes(draw: (limit: number) => number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) bytes[at] = draw(256);
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

describe('the CRC-64 of bytes', () => {
  test.each([
    ['nothing', '', '0000000000000000'],
    ['the check value of its catalogue', '123456789', 'ae8b14860a799888'],
  ])('%s', (_name, text, expected) => {
    expect(formatCrc64(crc64(new TextEncoder().encode(text)))).toBe(expected);
  });

  test.each([1, 2, 3])('is what its definition bit by bit says (seed %d)', (seed) => {
    const draw = numbersFrom(seed);
    for (const length of [0, 1, 7, 8, 9, 15, 16, 17, 63, 511, 512, draw(3000), draw(3000)]) {
      const bytes = drawBytes(draw, length);
      expect(crc64(bytes)).toBe(crc64ByBits(bytes));
    }
  });

  test.each([4, 5])('is what the local Azure puts into its headers (seed %d)', (seed) => {
    const draw = numbersFrom(seed);
    for (const length of [0, 1, 512, draw(70_000), MEBIBYTE + draw(9)]) {
      const bytes = drawBytes(draw, length);
      const header = Buffer.from(crc64OfLocalAzure(bytes), 'base64');
      expect(crc64FromBytes(header)).toBe(crc64(bytes));
    }
  });

  test('does not depend on where they lie in memory', () => {
    const bytes = drawBytes(numbersFrom(6), 1009);
    for (let shift = 0; shift < 9; shift += 1) {
      const moved = new Uint8Array(shift + bytes.length + 3);
      moved.set(bytes, shift);
      expect(crc64(moved.subarray(shift, shift + bytes.length))).toBe(crc64(bytes));
    }
  });

  test('goes on from that of the bytes before', () => {
    const draw = numbersFrom(7);
    const bytes = drawBytes(draw, 70_000);
    for (let round = 0; round < 20; round += 1) {
      const cuts = [draw(70_001), draw(70_001)].sort((left, right) => left - right);
      const [first = 0, second = 0] = cuts;
      const parts = [
        bytes.subarray(0, first),
        bytes.subarray(first, second),
        bytes.subarray(second),
      ];
      expect(parts.reduce((crc, part) => crc64(part, crc), 0n)).toBe(crc64(bytes));
    }
  });

  test('is read from eight bytes, the lowest first, and written as hex, the highest first', () => {
    const padded = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    expect(formatCrc64(crc64FromBytes(padded.subarray(2)))).toBe('0001020304050607');
    expect(formatCrc64(0xabcn)).toBe('0000000000000abc');
    expect(formatCrc64(2n ** 64n - 1n)).toBe('ffffffffffffffff');
  });

  test.each([0, 7, 9])('is not read from %d bytes', (length) => {
    expect(() => crc64FromBytes(new Uint8Array(length))).toThrow(RangeError);
  });
});

describe('combination', () => {
  test.each([1, 2, 3])('is the CRC-64 of both together (seed %d)', (seed) => {
    const draw = numbersFrom(seed);
    const lengths = [0, 1, 255, 256, 257, 512, 65_535, 65_536, 70_000];
    for (let round = 0; round < 40; round += 1) {
      const left = drawBytes(draw, lengths[draw(9)] ?? 0);
      const right = drawBytes(draw, round % 2 === 0 ? (lengths[draw(9)] ?? 0) : draw(70_001));
      const combined = combineCrc64(crc64(left), crc64(right), right.length);
      expect(combined).toBe(crc64(joined(left, right)));
    }
  });

  test.each([0, 1, 255, 256, 257, 512, 65_536, 70_000, 2 ** 24])('of %d zeros', (length) => {
    const zeros = new Uint8Array(length);
    expect(zerosCrc64(length)).toBe(crc64(zeros));
    const bytes = drawBytes(numbersFrom(length), 100);
    expect(combineCrc64(crc64(bytes), zerosCrc64(length), length)).toBe(crc64(zeros, crc64(bytes)));
  });

  test.each([
    ['2^40', 40],
    ['2^52', 52],
  ])('of %s zeros is that of doubling them', (_name, power) => {
    let crc = crc64(new Uint8Array(1));
    for (let step = 0; step < power; step += 1) crc = combineCrc64(crc, crc, 2 ** step);
    expect(zerosCrc64(2 ** power)).toBe(crc);
  });

  test.each([
    [2 ** 40 - 1, 1],
    [2 ** 40 + 12_345, 2 ** 33 - 512],
    [2 ** 52 - 1, 2 ** 52],
  ])('of %d and %d zeros is that of their sum', (left, right) => {
    const combined = combineCrc64(zerosCrc64(left), zerosCrc64(right), right);
    expect(combined).toBe(zerosCrc64(left + right));
    expect(combined).not.toBe(zerosCrc64(left + right - 1));
  });

  test('does not mind in which order parts are combined', () => {
    const draw = numbersFrom(8);
    const [a, b, c] = [draw(2 ** 31), draw(2 ** 31), draw(2 ** 31)].map((value) => BigInt(value));
    const [first, second, third] = [a ?? 0n, b ?? 0n, c ?? 0n];
    const leftFirst = combineCrc64(combineCrc64(first, second, 3 * GIBIBYTE), third, TEBIBYTE);
    const rightFirst = combineCrc64(second, third, TEBIBYTE);
    expect(combineCrc64(first, rightFirst, 3 * GIBIBYTE + TEBIBYTE)).toBe(leftFirst);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])('never takes a length of %d', (length) => {
    expect(() => zerosCrc64(length)).toThrow(RangeError);
    expect(() => combineCrc64(1n, 1n, length)).toThrow(RangeError);
  });
});

/** A disk with data in random places, and zeros elsewhere. */
function drawDisk(draw: (limit: number) => number): {
  readonly bytes: Uint8Array;
  readonly ranges: readonly ByteRange[];
} {
  const pages = 2048 * (1 + draw(6)) + 1;
  const bytes = new Uint8Array(pages * PAGE_BYTES);
  const ranges = Array.from({ length: draw(8) }, () => {
    const first = draw(pages);
    const length = Math.min(1 + draw(500), pages - first) * PAGE_BYTES;
    bytes.set(drawBytes(draw, length), first * PAGE_BYTES);
    return { offset: first * PAGE_BYTES, length };
  });
  bytes.set(drawBytes(draw, PAGE_BYTES), bytes.length - PAGE_BYTES);
  return { bytes, ranges };
}

describe('the CRC-64 of a whole VHD', () => {
  test.each([1, 2, 3, 4])('is that of its bytes, holes included (seed %d)', (seed) => {
    const draw = numbersFrom(seed);
    for (let round = 0; round < 5; round += 1) {
      const { bytes, ranges } = drawDisk(draw);
      const pieces = cutPieces(ranges, bytes.length);
      const crcs = Array.from({ length: pieces.count }, (_, index) => {
        const offset = pieces.offset(index);
        return crc64(bytes.subarray(offset, offset + pieces.length(index)));
      });
      const whole = wholeCrc64(pieces, (index) => crcs[index] ?? 0n);
      expect(whole).toBe(crc64(bytes));
      expect(wholeCrc64(pieces, (index) => (crcs[index] ?? 0n) ^ BigInt(index === 0))).not.toBe(
        whole,
      );
    }
  });

  test('of 8 TiB with nothing but a footer is that of the zeros and the footer', () => {
    const lengthBytes = 8 * TEBIBYTE - GIBIBYTE + PAGE_BYTES;
    const footer = crc64(drawBytes(numbersFrom(9), PAGE_BYTES));
    const zeros = zerosCrc64(lengthBytes - PAGE_BYTES);
    expect(wholeCrc64(cutPieces([], lengthBytes), () => footer)).toBe(
      combineCrc64(zeros, footer, PAGE_BYTES),
    );
  });

  test('of two million pieces of zeros is that of the zeros', () => {
    const lengthBytes = 8 * TEBIBYTE - MEBIBYTE + PAGE_BYTES;
    const pieces = cutPieces([{ offset: 0, length: lengthBytes }], lengthBytes);
    const lengths = [512, 3 * MEBIBYTE, 4 * MEBIBYTE];
    const crcs = new Map(lengths.map((length) => [length, zerosCrc64(length)]));
    const whole = wholeCrc64(pieces, (index) => crcs.get(pieces.length(index)) ?? 0n);
    expect(pieces.count).toBeGreaterThan(2_000_000);
    expect(whole).toBe(zerosCrc64(lengthBytes));
  });
});
