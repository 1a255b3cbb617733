import { expect, test } from '@jest/globals';
import { PieceChecksums } from '../../src/copy/piece-checksums.ts';

test('the first checksum of a piece counts; others agree with it or not', () => {
  const checksums = new PieceChecksums(2);
  expect(checksums.of(0)).toBeUndefined();
  expect(checksums.agree(0, 7n)).toBe(true);
  expect(checksums.of(0)).toBe(7n);
  expect(checksums.agree(0, 7n)).toBe(true);
  expect(checksums.agree(0, 8n)).toBe(false);
  expect(checksums.of(0)).toBe(7n);
  expect(checksums.of(1)).toBeUndefined();
});

test('0 is a checksum as any other', () => {
  const checksums = new PieceChecksums(1);
  expect(checksums.agree(0, 0n)).toBe(true);
  expect(checksums.of(0)).toBe(0n);
  expect(checksums.agree(0, 1n)).toBe(false);
});

test('all 64 bits are kept', () => {
  const checksums = new PieceChecksums(1);
  const crc = 0xffff_ffff_ffff_fffen;
  expect(checksums.agree(0, crc)).toBe(true);
  expect(checksums.agree(0, crc)).toBe(true);
  expect(checksums.agree(0, crc + 1n)).toBe(false);
});

test('one that was wrong is put right', () => {
  const checksums = new PieceChecksums(1);
  checksums.agree(0, 7n);
  checksums.correct(0, 8n);
  expect(checksums.agree(0, 8n)).toBe(true);
  expect(checksums.agree(0, 7n)).toBe(false);
});
