import { expect, test } from '@jest/globals';
import { renderProgress, summarizeProgress } from '../../src/copy/progress.ts';
import { GIBIBYTE, MEBIBYTE } from '../../src/units.ts';

test('copies are summed up', () => {
  const copies = [
    { copiedBytes: 4 * GIBIBYTE, totalBytes: 4 * GIBIBYTE, isDone: true },
    { copiedBytes: 2 * GIBIBYTE, totalBytes: 4 * GIBIBYTE, isDone: false },
  ];
  const progress = summarizeProgress(copies, 100);
  expect(progress).toEqual({
    percent: 75,
    copiedBytes: 6 * GIBIBYTE,
    totalBytes: 8 * GIBIBYTE,
    bytesPerSecond: (6 * GIBIBYTE) / 100,
    secondsLeft: 2 / (6 / 100),
    done: 1,
    copies: 2,
  });
  expect(renderProgress(progress)).toBe(
    '75 % (6.0 GiB of 8.0 GiB), 61 MiB/s, 33 s left, 1 of 2 VHDs done',
  );
});

test('a copy that has not moved yet has no time left', () => {
  const copies = [{ copiedBytes: 0, totalBytes: MEBIBYTE, isDone: false }];
  expect(renderProgress(summarizeProgress(copies, 5))).toBe(
    '0 % (0 B of 1 MiB), 0 MiB/s, 0 of 1 VHDs done',
  );
});

test('no time and no copies are no division by zero', () => {
  const copies = [{ copiedBytes: 5, totalBytes: 10, isDone: false }];
  expect(summarizeProgress(copies, 0)).toMatchObject({ bytesPerSecond: 0, secondsLeft: undefined });
  expect(summarizeProgress([], 5)).toMatchObject({ percent: 0, totalBytes: 0, copies: 0 });
});

test('100 % is not said before the last byte', () => {
  const copies = [{ copiedBytes: GIBIBYTE - 1, totalBytes: GIBIBYTE, isDone: false }];
  expect(summarizeProgress(copies, 1).percent).toBe(99);
});
