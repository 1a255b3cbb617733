import { expect, test } from '@jest/globals';
import { formatBytes, formatSeconds, GIBIBYTE, MEBIBYTE, TEBIBYTE } from '../../src/units.ts';

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
