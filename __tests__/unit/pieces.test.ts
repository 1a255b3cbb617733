import { describe, expect, test } from '@jest/globals';
import type { ByteRange } from '../../src/facts.ts';
import {
  cutPieces,
  HOLE_BYTES,
  mergeRanges,
  PAGE_BYTES,
  PIECE_BYTES,
  type Pieces,
} from '../../src/copy/pieces.ts';
import { GIBIBYTE, MEBIBYTE, TEBIBYTE } from '../../src/units.ts';

/** Offset and end in bytes: easier on the eye than a length. */
type Span = readonly [offset: number, end: number];

const DISK = 16 * MEBIBYTE;
const VHD = DISK + PAGE_BYTES;
const footer: Span = [DISK, VHD];

function rangesOf(spans: readonly Span[]): readonly ByteRange[] {
  return spans.map(([offset, end]) => ({ offset, length: end - offset }));
}

function spansOf(pieces: Pieces): readonly Span[] {
  return Array.from({ length: pieces.count }, (_, index) => [
    pieces.offset(index),
    pieces.offset(index) + pieces.length(index),
  ]);
}

/** Whole numbers from 0 up to a limit, the same for the same seed. */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

describe('a disk is cut', () => {
  test.each<readonly [string, readonly Span[], readonly Span[]]>([
    ['without data into its footer', [], [footer]],
    [
      'that is full into pieces of 4 MiB',
      [[0, VHD]],
      [
        [0, PIECE_BYTES],
        [PIECE_BYTES, 2 * PIECE_BYTES],
        [2 * PIECE_BYTES, 3 * PIECE_BYTES],
        [3 * PIECE_BYTES, DISK],
        footer,
      ],
    ],
    [
      'across a hole of a page less than 128 KiB',
      [
        [0, PAGE_BYTES],
        [HOLE_BYTES, HOLE_BYTES + PAGE_BYTES],
      ],
      [[0, HOLE_BYTES + PAGE_BYTES], footer],
    ],
    [
      'at a hole of 128 KiB',
      [
        [0, PAGE_BYTES],
        [HOLE_BYTES + PAGE_BYTES, HOLE_BYTES + 2 * PAGE_BYTES],
      ],
      [[0, PAGE_BYTES], [HOLE_BYTES + PAGE_BYTES, HOLE_BYTES + 2 * PAGE_BYTES], footer],
    ],
    [
      'at a border inside a range',
      [[PIECE_BYTES - PAGE_BYTES, PIECE_BYTES + PAGE_BYTES]],
      [[PIECE_BYTES - PAGE_BYTES, PIECE_BYTES], [PIECE_BYTES, PIECE_BYTES + PAGE_BYTES], footer],
    ],
    [
      'at a border that touches ranges on both sides',
      [
        [0, PIECE_BYTES],
        [PIECE_BYTES, PIECE_BYTES + PAGE_BYTES],
      ],
      [[0, PIECE_BYTES], [PIECE_BYTES, PIECE_BYTES + PAGE_BYTES], footer],
    ],
    [
      'at a short hole that a border splits anyway, which is not copied',
      [
        [0, PIECE_BYTES - PAGE_BYTES],
        [PIECE_BYTES + PAGE_BYTES, PIECE_BYTES + 2 * PAGE_BYTES],
      ],
      [
        [0, PIECE_BYTES - PAGE_BYTES],
        [PIECE_BYTES + PAGE_BYTES, PIECE_BYTES + 2 * PAGE_BYTES],
        footer,
      ],
    ],
    [
      'whatever the order of the ranges',
      [
        [MEBIBYTE, 2 * MEBIBYTE],
        [PIECE_BYTES, PIECE_BYTES + PAGE_BYTES],
        [0, PAGE_BYTES],
      ],
      [[0, PAGE_BYTES], [MEBIBYTE, 2 * MEBIBYTE], [PIECE_BYTES, PIECE_BYTES + PAGE_BYTES], footer],
    ],
    [
      'where ranges overlap, touch, repeat and lie in one another',
      [
        [MEBIBYTE, 3 * MEBIBYTE],
        [0, 2 * MEBIBYTE],
        [0, 2 * MEBIBYTE],
        [PAGE_BYTES, 2 * PAGE_BYTES],
        [3 * MEBIBYTE, 3 * MEBIBYTE + PAGE_BYTES],
      ],
      [[0, 3 * MEBIBYTE + PAGE_BYTES], footer],
    ],
    ['without its empty ranges', [[MEBIBYTE, MEBIBYTE]], [footer]],
    ['with its footer named alone', [footer], [footer]],
    [
      'with a footer that touches data',
      [[DISK - PAGE_BYTES, VHD]],
      [[DISK - PAGE_BYTES, DISK], footer],
    ],
    [
      'with a footer close to data',
      [[DISK - 2 * PAGE_BYTES, DISK - PAGE_BYTES], footer],
      [[DISK - 2 * PAGE_BYTES, DISK - PAGE_BYTES], footer],
    ],
  ])('%s', (_name, spans, expected) => {
    const pieces = cutPieces(rangesOf(spans), VHD);
    expect(spansOf(pieces)).toEqual(expected);
    expect(pieces.bytes).toBe(expected.reduce((sum, [offset, end]) => sum + end - offset, 0));
    expect(pieces.lengthBytes).toBe(VHD);
  });

  test('whose end is no border: the footer is apart from the data in its 4 MiB', () => {
    const disk = 5 * MEBIBYTE;
    const pieces = cutPieces([{ offset: 0, length: disk + PAGE_BYTES }], disk + PAGE_BYTES);
    expect(spansOf(pieces)).toEqual([
      [0, PIECE_BYTES],
      [PIECE_BYTES, disk],
      [disk, disk + PAGE_BYTES],
    ]);
  });

  test('of 8 TiB with little data into as little', () => {
    const disk = 8 * TEBIBYTE - GIBIBYTE;
    const spans: readonly Span[] = [
      [0, MEBIBYTE],
      [4 * TEBIBYTE - PAGE_BYTES, 4 * TEBIBYTE + PAGE_BYTES],
      [disk - PAGE_BYTES, disk],
    ];
    const pieces = cutPieces(rangesOf(spans), disk + PAGE_BYTES);
    expect(spansOf(pieces)).toEqual([
      [0, MEBIBYTE],
      [4 * TEBIBYTE - PAGE_BYTES, 4 * TEBIBYTE],
      [4 * TEBIBYTE, 4 * TEBIBYTE + PAGE_BYTES],
      [disk - PAGE_BYTES, disk],
      [disk, disk + PAGE_BYTES],
    ]);
  });

  test('of 8 TiB that is full into two million pieces', () => {
    const disk = 8 * TEBIBYTE - MEBIBYTE;
    const pieces = cutPieces([{ offset: 0, length: disk }], disk + PAGE_BYTES);
    expect(pieces.count).toBe(2 ** 21 + 1);
    expect(pieces.bytes).toBe(disk + PAGE_BYTES);
    expect(pieces.length(2 ** 21 - 1)).toBe(3 * MEBIBYTE);
  });

  test('with a million tiny ranges, whose objects live no longer than they are looked at', () => {
    function* tiny(): Generator<ByteRange> {
      for (let index = 0; index < 1_000_000; index += 1) {
        yield { offset: index * 256 * 1024, length: PAGE_BYTES };
      }
    }
    const lengthBytes = TEBIBYTE + PAGE_BYTES;
    const pieces = cutPieces(tiny(), lengthBytes);
    expect(pieces.count).toBe(1_000_001);
    expect(pieces.bytes).toBe(1_000_001 * PAGE_BYTES);
    expect([pieces.offset(999_999), pieces.length(999_999)]).toEqual([999_999 * 256 * 1024, 512]);
  });

  test.each<readonly [string, ByteRange]>([
    ['begins inside a page', { offset: 1, length: PAGE_BYTES }],
    ['is one byte short of a page', { offset: 0, length: PAGE_BYTES - 1 }],
    ['begins before the disk', { offset: -PAGE_BYTES, length: PAGE_BYTES }],
    ['has a negative length', { offset: MEBIBYTE, length: -PAGE_BYTES }],
    ['ends behind the VHD', { offset: DISK, length: 2 * PAGE_BYTES }],
    ['is no number', { offset: Number.NaN, length: PAGE_BYTES }],
  ])('never by a range that %s', (_name, range) => {
    expect(() => cutPieces([range], VHD)).toThrow(RangeError);
  });

  test.each([0, 511, 513, -512, Number.NaN])('never with a length of %d bytes', (lengthBytes) => {
    expect(() => cutPieces([], lengthBytes)).toThrow(RangeError);
  });
});

/** One flag a page, as plain as can be. */
function bitmapOf(ranges: readonly ByteRange[], lengthBytes: number): Uint8Array {
  const pages = new Uint8Array(lengthBytes / PAGE_BYTES);
  for (const { offset, length } of ranges) {
    pages.fill(1, offset / PAGE_BYTES, (offset + length) / PAGE_BYTES);
  }
  return pages;
}

/** Random ranges, long and short ones in any order, some close to each other and to the end. */
function drawRanges(draw: (limit: number) => number, lengthBytes: number): readonly ByteRange[] {
  const pages = lengthBytes / PAGE_BYTES;
  return Array.from({ length: draw(40) }, () => {
    const longest = [2, 300, 3000, 20_000][draw(4)] ?? 2;
    const first = draw(pages);
    const count = Math.min(draw(longest), pages - first);
    return { offset: first * PAGE_BYTES, length: count * PAGE_BYTES };
  });
}

/** The longest run of pages without data between two pages of a piece. */
function longestHole(bitmap: Uint8Array, [offset, end]: Span): number {
  let longest = 0;
  let run = 0;
  for (const page of bitmap.subarray(offset / PAGE_BYTES, end / PAGE_BYTES)) {
    run = page === 1 ? 0 : run + 1;
    longest = Math.max(longest, run);
  }
  return longest * PAGE_BYTES;
}

/** What is wrong with the pieces of a disk whose data a bitmap shows. */
function problemsOf(pieces: Pieces, bitmap: Uint8Array): readonly string[] {
  const problems: string[] = [];
  const covered = new Uint8Array(bitmap.length);
  let before: Span = [0, 0];
  const disk = pieces.lengthBytes - PAGE_BYTES;
  for (const span of spansOf(pieces)) {
    const [offset, end] = span;
    const name = `${offset} to ${end}`;
    const isFooter = offset === disk;
    for (let page = offset / PAGE_BYTES; page < end / PAGE_BYTES; page += 1) {
      covered[page] = (covered[page] ?? 0) + 1;
    }
    const isWithin = Math.floor(offset / PIECE_BYTES) === Math.floor((end - 1) / PIECE_BYTES);
    if (end <= offset || offset < before[1]) problems.push(`${name} is out of order`);
    if (!isWithin) problems.push(`${name} crosses a border`);
    if (longestHole(bitmap, span) >= HOLE_BYTES) problems.push(`${name} has a long hole`);
    const ends = [bitmap[offset / PAGE_BYTES], bitmap[end / PAGE_BYTES - 1]];
    if (!isFooter && ends.includes(0)) problems.push(`${name} does not end on data`);
    const isNear =
      offset % PIECE_BYTES !== 0 &&
      Math.floor((before[1] - 1) / PIECE_BYTES) === Math.floor(offset / PIECE_BYTES) &&
      offset - before[1] < HOLE_BYTES;
    if (!isFooter && before[1] > 0 && isNear) problems.push(`${name} is split at a short hole`);
    before = span;
  }
  if (before[0] !== disk || before[1] !== pieces.lengthBytes)
    problems.push('the footer is missing');
  bitmap.forEach((page, index) => {
    if (page === 1 && covered[index] !== 1) problems.push(`page ${index} is not in one piece`);
  });
  return problems;
}

describe('pieces of random disks', () => {
  test.each([1, 2, 3, 4])('hold what a bitmap of the pages says (seed %d)', (seed) => {
    const draw = numbersFrom(seed);
    for (let round = 0; round < 50; round += 1) {
      const lengthBytes = (1 + draw(24)) * MEBIBYTE + PAGE_BYTES;
      const ranges = drawRanges(draw, lengthBytes);
      const pieces = cutPieces(ranges, lengthBytes);
      expect(problemsOf(pieces, bitmapOf(ranges, lengthBytes))).toEqual([]);
    }
  });

  test.each([5, 6])('are found by their offset and length alone (seed %d)', (seed) => {
    const draw = numbersFrom(seed);
    const pieces = cutPieces(drawRanges(draw, VHD), VHD);
    spansOf(pieces).forEach(([offset, end], index) => {
      expect(pieces.find(offset, end - offset)).toBe(index);
      expect(pieces.find(offset, end - offset + PAGE_BYTES)).toBeUndefined();
      expect(pieces.find(offset + PAGE_BYTES / 2, end - offset)).toBeUndefined();
    });
    expect(pieces.find(VHD, PAGE_BYTES)).toBeUndefined();
  });

  test('are asked by their index only', () => {
    const pieces = cutPieces([], VHD);
    expect(() => pieces.offset(1)).toThrow(RangeError);
    expect(() => pieces.length(-1)).toThrow(RangeError);
  });
});

test('ranges that were merged are in order and apart, and merge to themselves', () => {
  const draw = numbersFrom(7);
  for (let round = 0; round < 50; round += 1) {
    const ranges = drawRanges(draw, VHD);
    const merged = [...mergeRanges(ranges)];
    expect(Buffer.compare(bitmapOf(merged, VHD), bitmapOf(ranges, VHD))).toBe(0);
    merged.slice(1).forEach(({ offset }, index) => {
      const before = merged[index] ?? { offset: 0, length: 0 };
      expect(offset).toBeGreaterThan(before.offset + before.length);
    });
    expect([...mergeRanges(merged)]).toEqual(merged);
  }
});

test('ranges that touch are merged in whichever order they come', () => {
  const spans: readonly Span[] = [
    [4 * PAGE_BYTES, 5 * PAGE_BYTES],
    [PAGE_BYTES, 2 * PAGE_BYTES],
    [0, PAGE_BYTES],
  ];
  expect([...mergeRanges(rangesOf(spans))]).toEqual([
    { offset: 0, length: 2 * PAGE_BYTES },
    { offset: 4 * PAGE_BYTES, length: PAGE_BYTES },
  ]);
});
