import { describe, expect, test } from '@jest/globals';
import { ProgressBook, renderProgress } from '../../src/copy/progress.ts';
import { GIBIBYTE, MEBIBYTE } from '../../src/units.ts';

const start = Date.UTC(2026, 2, 1, 10);

/** The time so many seconds after the start. */
function at(seconds: number): number {
  return start + seconds * 1000;
}

/** A book of replicas "a", "b" and so on, with so many bytes each. */
function bookOf(...bytes: readonly number[]): ProgressBook {
  const book = new ProgressBook(start);
  for (const [index, total] of bytes.entries()) book.expect('abcdef'[index] ?? '', total, start);
  return book;
}

/** Moves so many bytes of "a" every second, from the second after `from` to `to`. */
function moveEverySecond(book: ProgressBook, bytes: number, from: number, to: number): void {
  for (let second = from + 1; second <= to; second += 1) book.moved('a', bytes, at(second));
}

function lineOf(book: ProgressBook, seconds: number): string {
  return renderProgress(book.summary(at(seconds)));
}

describe('the line', () => {
  test('tells percent, bytes, rate, time left, VHDs and pieces, summed over all replicas', () => {
    const book = bookOf(4 * GIBIBYTE, 4 * GIBIBYTE);
    book.moved('a', 4 * GIBIBYTE, at(10));
    book.done('a');
    book.moved('b', 2 * GIBIBYTE, at(20));
    book.inFlight(24);
    expect(lineOf(book, 20)).toBe(
      '75 % (6.0 GiB of 8.0 GiB), 307 MiB/s, 6.7 s left, 1 of 2 VHDs done, 24 pieces in flight',
    );
  });

  test('has no time left as long as nothing has moved', () => {
    expect(lineOf(bookOf(MEBIBYTE), 5)).toBe(
      '0 % (0 B of 1 MiB), 0 B/s, 0 of 1 VHDs done, 0 pieces in flight',
    );
  });

  test('has the whole time and its mean rate at the end', () => {
    const book = bookOf(600 * MEBIBYTE);
    moveEverySecond(book, 10 * MEBIBYTE, 0, 60);
    book.inFlight(1);
    expect(lineOf(book, 75)).toBe(
      '100 % (600 MiB of 600 MiB), 5.0 MiB/s, 0 of 1 VHDs done, 1 piece in flight',
    );
    book.done('a');
    expect(lineOf(book, 75)).toBe(
      '100 % (600 MiB of 600 MiB) in 1 min 15 s, 8.0 MiB/s, 1 of 1 VHDs done',
    );
  });
});

describe('the percentage', () => {
  test.each([
    ['of nothing, with no copies', [], 0, 0],
    ['of no bytes yet', [0], 0, 0],
    ['of the last byte but one', [GIBIBYTE], GIBIBYTE - 1, 99],
    ['of the last byte but one of eight pebibytes', [2 ** 53 - 2], 2 ** 53 - 3, 99],
    ['of all', [GIBIBYTE], GIBIBYTE, 100],
    ['of what lands twice', [GIBIBYTE], 2 * GIBIBYTE, 100],
  ])('%s', (_name, totals, moved, percent) => {
    const book = bookOf(...totals);
    book.moved('a', moved, at(1));
    expect(book.summary(at(1)).percent).toBe(percent);
  });

  test('is 100 when an earlier run had landed everything', () => {
    const book = bookOf(0, 0);
    book.done('a');
    expect(book.summary(at(1)).percent).toBe(0);
    book.done('b');
    expect(lineOf(book, 1)).toBe('100 % (0 B of 0 B) in 1.0 s, 0 B/s, 2 of 2 VHDs done');
  });
});

describe('a replica', () => {
  test('that failed is not waited for, and late pieces of it do not count', () => {
    const book = bookOf(GIBIBYTE, GIBIBYTE);
    book.moved('a', GIBIBYTE / 4, at(5));
    book.failed('a');
    book.moved('a', GIBIBYTE / 4, at(6));
    book.moved('b', GIBIBYTE, at(10));
    book.done('b');
    const progress = book.summary(at(10));
    expect(progress).toMatchObject({ percent: 100, movedBytes: 1.25 * GIBIBYTE, isOver: true });
    expect(renderProgress(progress)).toContain('1 of 2 VHDs done, 1 failed');
  });

  test('that begins anew has everything to do again', () => {
    const book = bookOf(100, 100);
    book.moved('a', 60, at(1));
    book.expect('a', 80, at(2));
    expect(book.summary(at(2))).toMatchObject({ movedBytes: 0, totalBytes: 180, copies: 2 });
    book.done('a');
    book.expect('a', 50, at(3));
    expect(book.summary(at(3))).toMatchObject({ movedBytes: 0, totalBytes: 150, done: 0 });
  });

  test('has no more than its bytes, whatever lands twice', () => {
    const book = bookOf(100, 100);
    for (const second of [1, 2, 3]) book.moved('a', 60, at(second));
    expect(book.summary(at(3))).toMatchObject({ movedBytes: 100, percent: 50 });
    expect(book.summary(at(3)).bytesPerSecond).toBe(60);
  });

  test('that ends is counted once', () => {
    const book = bookOf(100);
    book.done('a');
    book.failed('a');
    book.done('a');
    expect(book.summary(at(1))).toMatchObject({ done: 1, failed: 0, movedBytes: 100 });
  });

  test('that nobody expects counts for the rate only', () => {
    const book = bookOf(100);
    book.moved('x', 50, at(1));
    book.reached('x', 50, 100, at(1));
    book.done('x');
    expect(book.summary(at(1))).toMatchObject({ movedBytes: 0, bytesPerSecond: 50, copies: 1 });
  });

  test('by Copy Blob is as far in its data as the copy is in the blob', () => {
    const book = bookOf(GIBIBYTE);
    book.reached('a', 2 * GIBIBYTE, 8 * GIBIBYTE, at(10));
    expect(book.summary(at(10)).movedBytes).toBe(GIBIBYTE / 4);
    book.reached('a', GIBIBYTE, 8 * GIBIBYTE, at(12));
    book.reached('a', 0, 0, at(13));
    expect(book.summary(at(13)).movedBytes).toBe(GIBIBYTE / 4);
    book.reached('a', 8 * GIBIBYTE + 512, 8 * GIBIBYTE, at(20));
    expect(book.summary(at(20))).toMatchObject({ movedBytes: GIBIBYTE, percent: 100 });
    expect(book.summary(at(20)).bytesPerSecond).toBe(GIBIBYTE / 20);
  });
});

describe('the rate', () => {
  test('is that of the last half minute', () => {
    const book = bookOf(GIBIBYTE);
    moveEverySecond(book, 2 * MEBIBYTE, 0, 100);
    moveEverySecond(book, MEBIBYTE, 100, 130);
    expect(book.summary(at(115)).bytesPerSecond).toBeGreaterThan(MEBIBYTE);
    expect(book.summary(at(130)).bytesPerSecond).toBe(MEBIBYTE);
    expect(book.summary(at(130)).secondsLeft).toBe(1024 - 230);
  });

  test('is that of the time so far in the first half minute', () => {
    const book = bookOf(GIBIBYTE);
    expect(book.summary(start).bytesPerSecond).toBe(0);
    moveEverySecond(book, MEBIBYTE, 0, 10);
    expect(book.summary(at(10)).bytesPerSecond).toBe(MEBIBYTE);
    expect(book.summary(at(20)).bytesPerSecond).toBe(MEBIBYTE / 2);
  });

  test('falls to nothing in a stall, and does not count it when the bytes move again', () => {
    const book = bookOf(GIBIBYTE);
    moveEverySecond(book, MEBIBYTE, 0, 60);
    expect(book.summary(at(75)).bytesPerSecond).toBe(MEBIBYTE / 2);
    expect(book.summary(at(90))).toMatchObject({ bytesPerSecond: 0, secondsLeft: undefined });
    moveEverySecond(book, MEBIBYTE, 600, 615);
    expect(book.summary(at(615)).bytesPerSecond).toBe(MEBIBYTE / 2);
  });

  test('is steady between the polls of Copy Blob', () => {
    const book = bookOf(GIBIBYTE);
    for (let second = 15; second <= 300; second += 15) {
      book.reached('a', second * MEBIBYTE, GIBIBYTE, at(second));
      if (second < 45) continue;
      for (const later of [0, 5, 10, 14.9]) {
        expect(book.summary(at(second + later)).bytesPerSecond).toBe(MEBIBYTE);
      }
    }
  });

  test('is right to a second for many small pieces', () => {
    const book = bookOf(GIBIBYTE);
    for (let piece = 1; piece <= 40_000; piece += 1) book.moved('a', 4096, at(piece / 400));
    const rate = book.summary(at(100)).bytesPerSecond;
    expect(Math.abs(rate / (400 * 4096) - 1)).toBeLessThanOrEqual(1 / 30);
  });
});

describe('the samples', () => {
  test('are one for each second of a short copy', () => {
    const book = bookOf(GIBIBYTE);
    book.moved('a', 100, at(0.5));
    book.moved('a', 100, at(1));
    book.moved('a', 300, at(2.6));
    expect(book.samples(at(2.6))).toEqual([
      { seconds: 1, bytesPerSecond: 200 },
      { seconds: 2, bytesPerSecond: 0 },
      { seconds: 2.6, bytesPerSecond: 500 },
    ]);
  });

  test('put a short rest to its neighbour', () => {
    const book = bookOf(GIBIBYTE);
    book.moved('a', 1000, at(2));
    book.moved('a', 250, at(2.01));
    expect(book.samples(at(2.25))).toEqual([
      { seconds: 1, bytesPerSecond: 0 },
      { seconds: 2.25, bytesPerSecond: 1000 },
    ]);
  });

  test('are none before anything can have moved', () => {
    expect(bookOf(1).samples(start)).toEqual([]);
    expect(bookOf(1).samples(start - 5000)).toEqual([]);
  });

  test('of Copy Blob are spread over the time since it was last heard of', () => {
    const book = bookOf(8000);
    book.reached('a', 4000, 8000, at(4));
    book.reached('a', 4000, 8000, at(6));
    book.reached('a', 8000, 8000, at(8));
    expect(book.samples(at(8)).map(({ bytesPerSecond }) => bytesPerSecond)).toEqual([
      1000, 1000, 1000, 1000, 0, 0, 2000, 2000,
    ]);
  });

  test.each([59.4, 60, 60.1, 61, 119, 121, 3600, 21_600, 86_399.7, 5_184_000])(
    'of %d seconds are at most 60, even, and lose no byte',
    (seconds) => {
      const book = bookOf(1e15);
      const pieces = 1000;
      for (let piece = 1; piece <= pieces; piece += 1) {
        book.moved('a', 1e6, at((seconds * piece) / pieces));
      }
      const samples = book.samples(at(seconds));
      expect(samples.length).toBeLessThanOrEqual(60);
      expect(samples.length).toBeGreaterThanOrEqual(29);
      expect(samples.at(-1)?.seconds).toBeCloseTo(seconds, 3);
      const widths = samples.map(
        (sample, index) => sample.seconds - (samples[index - 1]?.seconds ?? 0),
      );
      expect(new Set(widths.slice(0, -1)).size).toBe(1);
      const bytes = samples.reduce(
        (sum, sample, index) => sum + sample.bytesPerSecond * (widths[index] ?? 0),
        0,
      );
      expect(Math.abs(bytes - pieces * 1e6)).toBeLessThan(seconds);
    },
  );

  test('go on through a stall to the end', () => {
    const book = bookOf(GIBIBYTE);
    book.moved('a', MEBIBYTE, at(1));
    const samples = book.samples(at(600));
    expect(samples.at(-1)).toEqual({ seconds: 600, bytesPerSecond: 0 });
    expect(samples[0]).toEqual({ seconds: 16, bytesPerSecond: MEBIBYTE / 16 });
  });
});

test('a clock that goes back breaks nothing', () => {
  const book = bookOf(1000);
  book.moved('a', 100, at(5));
  book.moved('a', 100, at(-5));
  book.reached('a', 500, 1000, at(3));
  expect(book.summary(at(-1))).toMatchObject({ movedBytes: 500, bytesPerSecond: 0 });
  expect(book.samples(at(10)).reduce((sum, sample) => sum + sample.bytesPerSecond, 0)).toBe(500);
});
