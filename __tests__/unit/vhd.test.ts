import { describe, expect, test } from '@jest/globals';
import { footerChecksum, footerProblems, parseFooter, sameFooter } from '../../src/vhd.ts';

const sizeBytes = 30 * 1024 ** 3;

/** A footer by the published layout, written with a Buffer; changes come before the checksum, damage after it. */
function footer({
  change = () => undefined,
  damage = () => undefined,
}: {
  change?: (bytes: Buffer) => unknown;
  damage?: (bytes: Buffer) => unknown;
} = {}): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write('conectix', 0, 'latin1');
  bytes.writeUInt32BE(2, 8);
  bytes.writeUInt32BE(0x00010000, 12);
  bytes.writeBigUInt64BE(0xffff_ffff_ffff_ffffn, 16);
  bytes.write('tap ', 28, 'latin1');
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 40);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 48);
  bytes.writeUInt32BE(2, 60);
  bytes.write('0123456789abcdef0123456789abcdef', 68, 'hex');
  change(bytes);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.writeUInt32BE(0xffff_ffff - sum, 64);
  damage(bytes);
  return bytes;
}

describe('the footer of a fixed VHD', () => {
  test('is read as it stands, also inside a larger buffer', () => {
    const whole = Buffer.concat([Buffer.alloc(7), footer(), Buffer.alloc(3)]);
    expect(parseFooter(whole.subarray(7, 519))).toEqual({
      currentSizeBytes: sizeBytes,
      diskType: 2,
      uniqueId: '0123456789abcdef0123456789abcdef',
      checksum: footer().readUInt32BE(64),
    });
  });

  test('has a checksum that leaves out its own four bytes', () => {
    expect(footerChecksum(new Uint8Array(512))).toBe(0xffff_ffff);
    const ones = new Uint8Array(512).fill(1);
    expect(footerChecksum(ones)).toBe(0xffff_ffff - 508);
    expect(footerChecksum(footer())).toBe(footer().readUInt32BE(64));
  });

  test('is right', () => {
    expect(footerProblems(footer(), sizeBytes)).toEqual([]);
  });

  test.each<readonly [string, Parameters<typeof footer>[0], number, string]>([
    [
      'another cookie',
      { change: (bytes) => bytes.write('cxsparse', 0) },
      sizeBytes,
      'there is no VHD footer (cookie "conectix") at its end',
    ],
    [
      'a dynamic disk',
      { change: (bytes) => bytes.writeUInt32BE(3, 60) },
      sizeBytes,
      'the VHD is of type 3 instead of 2 (fixed)',
    ],
    [
      'another size',
      {},
      sizeBytes * 2,
      `the footer names ${sizeBytes} bytes instead of ${sizeBytes * 2}`,
    ],
    [
      'half a MiB',
      { change: (bytes) => bytes.writeBigUInt64BE(1_572_864n, 48) },
      1_572_864,
      'the size of 1572864 bytes is not a whole number of MiB',
    ],
    [
      'a flipped bit',
      { damage: (bytes) => bytes.writeUInt8(1, 511) },
      sizeBytes,
      `the footer's checksum is ${footer().readUInt32BE(64)} instead of ${footer().readUInt32BE(64) - 1}`,
    ],
  ])('with %s is not right', (_name, changes, diskSizeBytes, expected) => {
    expect(footerProblems(footer(changes), diskSizeBytes)).toEqual([expected]);
  });

  test('has several problems at once', () => {
    const bytes = footer({ damage: (damaged) => damaged.writeUInt32BE(4, 60) });
    expect(footerProblems(bytes, 1)).toHaveLength(3);
  });

  test('has 512 bytes', () => {
    expect(footerProblems(new Uint8Array(511), sizeBytes)).toEqual([
      'the footer has 511 bytes instead of 512',
    ]);
    expect(() => parseFooter(new Uint8Array(511))).toThrow(RangeError);
  });

  test('is the same as another when every byte is', () => {
    expect(sameFooter(footer(), footer())).toBe(true);
    expect(sameFooter(footer(), footer({ damage: (bytes) => bytes.writeUInt8(1, 511) }))).toBe(
      false,
    );
    expect(sameFooter(footer(), footer().subarray(0, 511))).toBe(false);
  });
});
