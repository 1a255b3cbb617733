import { describe, expect, test } from '@jest/globals';
import { comparePages, heldPieces } from '../../src/copy/page-check.ts';
import type { ByteRange } from '../../src/facts.ts';
import { cutPieces } from '../../src/copy/pieces.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const LENGTH = 16 * MIB + 512;
const footer = { offset: 16 * MIB, length: 512 };
const range = (offset: number, length: number): ByteRange => ({ offset, length });

/** 1 MiB at the start, 6 MiB from 5 MiB on in three pieces, and the footer. */
const pieces = cutPieces([range(0, MIB), range(5 * MIB, 6 * MIB)], LENGTH);

interface Case {
  readonly name: string;
  readonly ranges: readonly ByteRange[];
  readonly stray?: ByteRange;
  readonly coveredBytes: number;
}

describe('the pages of a replica beside its pieces', () => {
  const cases: readonly Case[] = [
    {
      name: 'are those of the pieces',
      ranges: [range(0, MIB), range(5 * MIB, 6 * MIB), footer],
      coveredBytes: 7 * MIB + 512,
    },
    { name: 'are none', ranges: [], coveredBytes: 0 },
    {
      name: 'lack some inside a piece, which were zeros',
      ranges: [range(0, 4096), range(8192, 4096), footer],
      coveredBytes: 8192 + 512,
    },
    {
      name: 'go on behind a piece',
      ranges: [range(0, MIB + 512)],
      stray: range(MIB, 512),
      coveredBytes: MIB,
    },
    {
      name: 'begin before a piece',
      ranges: [range(0, MIB), range(5 * MIB - 1024, 2048)],
      stray: range(5 * MIB - 1024, 1024),
      coveredBytes: MIB,
    },
    {
      name: 'lie between pieces',
      ranges: [range(2 * MIB, 512), footer],
      stray: range(2 * MIB, 512),
      coveredBytes: 0,
    },
    {
      name: 'span several pieces and the hole between them',
      ranges: [range(0, 11 * MIB)],
      stray: range(MIB, 4 * MIB),
      coveredBytes: MIB,
    },
    {
      name: 'lie before the footer',
      ranges: [range(16 * MIB - 512, 1024)],
      stray: range(16 * MIB - 512, 512),
      coveredBytes: 0,
    },
    {
      name: 'lie behind the end',
      ranges: [footer, range(16 * MIB + 512, 512)],
      stray: range(16 * MIB + 512, 512),
      coveredBytes: 512,
    },
  ];

  test.each(cases)('$name', ({ ranges, stray, coveredBytes }) => {
    expect(comparePages(ranges, pieces)).toEqual({ stray, coveredBytes });
  });
});

/** Whole numbers below a limit, the same in every run. */
function drawer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('random pages are told apart as page by page', () => {
  const draw = drawer(7);
  const pages = 2048;
  for (let round = 0; round < 200; round += 1) {
    const copied = Array.from({ length: 3 }, () => range(draw(pages) * 512, (1 + draw(64)) * 512));
    const inside = copied.map(({ offset, length }) =>
      range(offset, Math.min(length, pages * 512 - offset)),
    );
    const some = cutPieces(inside, pages * 512 + 512);
    const isCopied = new Uint8Array(pages + 1);
    for (let piece = 0; piece < some.count; piece += 1) {
      const first = some.offset(piece) / 512;
      isCopied.fill(1, first, first + some.length(piece) / 512);
    }
    const first = draw(pages);
    const found = range(first * 512, (1 + draw(pages - first)) * 512);
    const { stray, coveredBytes } = comparePages([found], some);
    const inFound = isCopied.subarray(first, first + found.length / 512);
    const hole = inFound.indexOf(0);
    expect(stray?.offset).toBe(hole < 0 ? undefined : (first + hole) * 512);
    expect(coveredBytes).toBe((hole < 0 ? inFound.length : hole) * 512);
  }
});

describe('the pieces of which a replica holds every page', () => {
  test.each([
    { name: 'all', ranges: [range(0, LENGTH)], held: Array.from(pieceNumbers()) },
    { name: 'none', ranges: [], held: [] },
    { name: 'the first', ranges: [range(0, MIB)], held: [0] },
    { name: 'none of which only a part is there', ranges: [range(512, MIB)], held: [] },
    { name: 'the footer', ranges: [footer], held: [pieces.count - 1] },
  ])('$name', ({ ranges, held }) => {
    expect(heldPieces(ranges, pieces)).toEqual(held);
  });

  function* pieceNumbers(): Generator<number> {
    for (let piece = 0; piece < pieces.count; piece += 1) yield piece;
  }
});
