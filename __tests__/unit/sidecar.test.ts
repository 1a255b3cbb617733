import { describe, expect, test } from '@jest/globals';
import { cutPieces } from '../../src/copy/pieces.ts';
import { readSidecar, sidecarUrl, writeSidecar } from '../../src/copy/sidecar.ts';

const MIB = 1024 ** 2;
const pieces = cutPieces([{ offset: 0, length: 16 * MIB }], 64 * MIB + 512);
const of = { snapshot: 'unique', pieces };
const landed = new Map([
  [3, 0xffff_ffff_ffff_ffffn],
  [0, 0n],
]);

describe('a sidecar', () => {
  test('tells what has landed, with the checksums', () => {
    expect(readSidecar(writeSidecar(of, landed), of)).toEqual(landed);
    expect(readSidecar(writeSidecar(of, new Map()), of).size).toBe(0);
  });

  test('is read out of the middle of a larger buffer', () => {
    const bytes = writeSidecar(of, landed);
    const large = Buffer.alloc(bytes.length + 100, 7);
    large.set(bytes, 51);
    expect(readSidecar(large.subarray(51, 51 + bytes.length), of)).toEqual(landed);
  });

  test('stands beside its VHD', () => {
    expect(sidecarUrl('https://a/vhds/x.vhd')).toBe('https://a/vhds/x.vhd.pieces');
  });

  const whole = writeSidecar(of, landed);
  const flipped = Uint8Array.from(whole, (byte, at) => (at === whole.length - 1 ? byte ^ 1 : byte));
  test.each([
    ['of another snapshot', whole, { ...of, snapshot: 'other' }],
    ['of other pieces', whole, { ...of, pieces: cutPieces([], 64 * MIB + 512) }],
    ['that was cut off', whole.subarray(0, whole.length - 12), of],
    ['with a changed byte', flipped, of],
    ['that is empty', new Uint8Array(), of],
    ['that is no JSON', new TextEncoder().encode('hello\n'), of],
    ['that is JSON of something else', new TextEncoder().encode('null\n'), of],
  ])('%s is of no use', (_name, bytes, expected) => {
    expect(readSidecar(bytes, expected).size).toBe(0);
  });
});
