import { expect, test } from '@jest/globals';
import {
  formatBytes,
  formatCount,
  formatRate,
  formatSeconds,
  formatShare,
  GIBIBYTE,
  MEBIBYTE,
  TEBIBYTE,
} from '../../src/units.ts';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [3 * 1024, '3 KiB'],
  [MEBIBYTE, '1 MiB'],
  [512 * MEBIBYTE, '512 MiB'],
  [GIBIBYTE, '1.0 GiB'],
  [8.25 * GIBIBYTE, '8.3 GiB'],
  [TEBIBYTE, '1.0 TiB'],
  [32 * TEBIBYTE, '32.0 TiB'],
])('%d bytes are %s', (bytes, expected) => {
  expect(formatBytes(bytes)).toBe(expected);
});

test.each([
  [0, '0.0 s'],
  [1.25, '1.3 s'],
  [12.4, '12 s'],
  [59.6, '1 min 0 s'],
  [123, '2 min 3 s'],
  [3599.7, '1 h 0 min'],
  [3900, '1 h 5 min'],
  [86_400, '24 h 0 min'],
])('%d seconds are %s', (seconds, expected) => {
  expect(formatSeconds(seconds)).toBe(expected);
});

test.each([
  [0, '0 B/s'],
  [0.2, '1 B/s'],
  [512 * 1024, '512 KiB/s'],
  [MEBIBYTE, '1.0 MiB/s'],
  [7.24 * MEBIBYTE, '7.2 MiB/s'],
  [60.4 * MEBIBYTE, '60 MiB/s'],
  [2 * GIBIBYTE, '2048 MiB/s'],
])('%d bytes a second are %s', (bytesPerSecond, expected) => {
  expect(formatRate(bytesPerSecond)).toBe(expected);
});

test.each([
  [0, '0 pieces'],
  [1, '1 piece'],
  [999, '999 pieces'],
  [7680, '7,680 pieces'],
  [1_234_567, '1,234,567 pieces'],
])('%d are %s', (count, expected) => {
  expect(formatCount(count, 'piece')).toBe(expected);
});

test.each([
  [0, 0, '0 %'],
  [0, 8, '0 %'],
  [1, 1000, '<1 %'],
  [62, 100, '62 %'],
  [999, 1000, '>99 %'],
  [8, 8, '100 %'],
])('%d of %d are %s', (part, whole, expected) => {
  expect(formatShare(part, whole)).toBe(expected);
});
