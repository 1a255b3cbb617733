import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { clipRanges, cutRanges, mergeRanges } from '../../local-azure/disks/byte-ranges.ts';
import { createDiskImages } from '../../local-azure/disks/images.ts';
import {
  computeGeometry,
  readVhdFooter,
  writeVhdFooter,
} from '../../local-azure/disks/vhd-footer.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;
const uniqueId = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-azure-vhd-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A fixed VHD whose disk holds a byte at each of the offsets. */
async function writeVhd(
  name: string,
  { sizeBytes = 2 * MIB, footer = writeVhdFooter({ sizeBytes, uniqueId, createdSeconds: 1 }) } = {},
  offsets: readonly number[] = [],
): Promise<string> {
  const disk = Buffer.alloc(sizeBytes);
  for (const offset of offsets) disk[offset] = 1;
  const file = join(folder, name);
  await writeFile(file, Buffer.concat([disk, footer]));
  return file;
}

describe('footer', () => {
  test('is a fixed VHD footer byte for byte', () => {
    const footer = writeVhdFooter({ sizeBytes: GIB, uniqueId, createdSeconds: 5 });
    expect(footer.toString('latin1', 0, 8)).toBe('conectix');
    expect(footer.toString('hex', 8, 28)).toBe('0000000200010000ffffffffffffffff00000005');
    expect(footer.readBigUInt64BE(40)).toBe(1_073_741_824n);
    expect(footer.readBigUInt64BE(48)).toBe(1_073_741_824n);
    expect(footer.toString('hex', 60, 64)).toBe('00000002');
    expect(footer.subarray(68, 84)).toEqual(uniqueId);
    expect(footer.subarray(84).equals(Buffer.alloc(428))).toBe(true);
  });

  test('reads back what it wrote', () => {
    const written = { sizeBytes: 30 * GIB, uniqueId, createdSeconds: 77 };
    expect(readVhdFooter(writeVhdFooter(written))).toEqual(written);
  });

  test('has a checksum that notices one changed byte', () => {
    const footer = writeVhdFooter({ sizeBytes: GIB, uniqueId, createdSeconds: 5 });
    footer[70] = 0xff;
    expect(() => readVhdFooter(footer)).toThrow('the checksum of its VHD footer is wrong');
  });

  test.each([
    { sizeBytes: 1 * MIB, geometry: { cylinders: 30, heads: 4, sectorsPerTrack: 17 } },
    { sizeBytes: 127 * MIB, geometry: { cylinders: 1019, heads: 15, sectorsPerTrack: 17 } },
    { sizeBytes: 1 * GIB, geometry: { cylinders: 2080, heads: 16, sectorsPerTrack: 63 } },
    { sizeBytes: 4 * GIB, geometry: { cylinders: 8322, heads: 16, sectorsPerTrack: 63 } },
    { sizeBytes: 127 * GIB, geometry: { cylinders: 65278, heads: 16, sectorsPerTrack: 255 } },
    { sizeBytes: 8 * TIB, geometry: { cylinders: 65535, heads: 16, sectorsPerTrack: 255 } },
  ])('tells the geometry of $sizeBytes bytes', ({ sizeBytes, geometry }) => {
    expect(computeGeometry(sizeBytes)).toEqual(geometry);
  });
});

describe('ranges', () => {
  test('are merged where they touch or overlap', () => {
    const ranges = [
      { start: 1024, end: 2048 },
      { start: 0, end: 512 },
      { start: 512, end: 1024 },
      { start: 4096, end: 8192 },
      { start: 4608, end: 5120 },
    ];
    expect(mergeRanges(ranges)).toEqual([
      { start: 0, end: 2048 },
      { start: 4096, end: 8192 },
    ]);
  });

  test('are cut to a window and into pieces', () => {
    const ranges = [
      { start: 0, end: 1024 },
      { start: 2048, end: 4096 },
    ];
    expect(clipRanges(ranges, { start: 512, end: 2560 })).toEqual([
      { start: 512, end: 1024 },
      { start: 2048, end: 2560 },
    ]);
    expect(cutRanges(ranges, 1536)).toEqual([
      { start: 0, end: 1024 },
      { start: 2048, end: 3584 },
      { start: 3584, end: 4096 },
    ]);
  });
});

describe('generated image', () => {
  const open = (seed: number, sizeBytes = GIB, dataMiB = 16) =>
    createDiskImages().open({ seed, dataMiB }, 'disk', sizeBytes);

  test('is the same for the same seed and another for another', async () => {
    const [one, same, other] = await Promise.all([open(7), open(7), open(8)]);
    expect(same.ranges).toEqual(one.ranges);
    expect(other.ranges).not.toEqual(one.ranges);
    expect((await same.read(0, MIB)).equals(await one.read(0, MIB))).toBe(true);
    expect((await other.read(0, MIB)).equals(await one.read(0, MIB))).toBe(false);
    expect(same.footer).toEqual(one.footer);
  });

  test('takes its seed from the name of the disk', async () => {
    const images = createDiskImages();
    const one = await images.open(undefined, 'one', GIB);
    const two = await images.open(undefined, 'two', GIB);
    expect(two.footer).not.toEqual(one.footer);
  });

  test('has as much data as asked for, in runs with holes between them', async () => {
    const { ranges, sizeBytes } = await open(1);
    expect(ranges.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(16 * MIB);
    expect(mergeRanges(ranges)).toEqual(ranges);
    expect(ranges.length).toBeGreaterThan(3);
    expect(ranges[0]?.start).toBe(0);
    expect(ranges.at(-1)?.end).toBeLessThanOrEqual(sizeBytes);
    expect(ranges.every(({ start, end }) => start % 512 === 0 && end % 512 === 0)).toBe(true);
    expect(ranges.some(({ start }) => start % 4096 !== 0)).toBe(true);
  });

  test('reads the same bytes however the reads are cut', async () => {
    const image = await open(3);
    const border = image.ranges[0]?.end ?? 0;
    const whole = await image.read(0, border + 4096);
    const parts = await Promise.all(
      [0, 7, 513, 1000, border - 3, border + 5].map((start, index, starts) =>
        image.read(start, starts[index + 1] ?? border + 4096),
      ),
    );
    expect(Buffer.concat(parts).equals(whole)).toBe(true);
    expect(whole.subarray(border).equals(Buffer.alloc(4096))).toBe(true);
    expect(whole.subarray(0, 512).equals(whole.subarray(512, 1024))).toBe(false);
  });

  test('has extents of one size at one distance, with the bytes of its seed in them', async () => {
    const extents = { count: 3, bytes: 1024, everyBytes: MIB };
    const image = await createDiskImages().open({ seed: 1, extents }, 'disk', GIB);
    expect(image.ranges).toEqual([0, MIB, 2 * MIB].map((start) => ({ start, end: start + 1024 })));
    const read = await image.read(MIB - 512, MIB + 2048);
    const isData = [0, 512, 1024, 1536, 2048].map((at) =>
      read.subarray(at, at + 512).some(Boolean),
    );
    expect(isData).toEqual([false, true, true, false, false]);
  });

  test('has one range where its extents touch', async () => {
    const extents = { count: 8, bytes: 4096, everyBytes: 4096 };
    const image = await createDiskImages().open({ extents }, 'disk', GIB);
    expect(image.ranges).toEqual([{ start: 0, end: 32_768 }]);
  });

  test('reads in the midst of a million extents', async () => {
    const extents = { count: 1_000_000, bytes: 512, everyBytes: 8192 };
    const image = await createDiskImages().open({ seed: 1, extents }, 'disk', 8 * GIB);
    expect(image.ranges).toHaveLength(1_000_000);
    const window = { start: 999_000 * 8192, end: 999_003 * 8192 };
    expect(clipRanges(image.ranges, window)).toEqual(image.ranges.slice(999_000, 999_003));
    const read = await image.read(window.start, window.end);
    expect(read.subarray(8192, 8704).some(Boolean)).toBe(true);
    expect(read.subarray(8704, 16_384).some(Boolean)).toBe(false);
  });

  test('costs nothing for 8 TiB and ends with a footer', async () => {
    const image = await open(4, 8 * TIB, 1024);
    const end = await image.read(8 * TIB - 100, 8 * TIB + 512);
    expect(readVhdFooter(end.subarray(100)).sizeBytes).toBe(8 * TIB);
    expect(end.subarray(100)).toEqual(image.footer);
    expect(mergeRanges(image.ranges)).toEqual(image.ranges);
  });

  test.each([
    { dataMiB: 0, ranges: [] },
    { dataMiB: 1024, ranges: [{ start: 0, end: GIB }] },
    { dataMiB: 4096, ranges: [{ start: 0, end: GIB }] },
  ])('copes with $dataMiB MiB of data on 1 GiB', async ({ dataMiB, ranges }) => {
    expect((await open(5, GIB, dataMiB)).ranges).toEqual(ranges);
  });
});

describe('VHD file', () => {
  test('has the blocks that are not zero as its data', async () => {
    const vhd = await writeVhd('data.vhd', {}, [5, 70_000, 131_071, 1_500_000, 2 * MIB - 1]);
    const image = await createDiskImages().open({ vhd }, 'disk', undefined);
    expect(image.sizeBytes).toBe(2 * MIB);
    expect(image.ranges).toEqual([
      { start: 0, end: 131_072 },
      { start: 1_441_792, end: 1_507_328 },
      { start: 2_031_616, end: 2_097_152 },
    ]);
    expect(await image.read(4, 7)).toEqual(Buffer.from([0, 1, 0]));
    expect(await image.read(2 * MIB, 2 * MIB + 512)).toEqual(image.footer);
  });

  test('is scanned once until it changes', async () => {
    const vhd = await writeVhd('cached.vhd', {}, [5]);
    const images = createDiskImages();
    const first = await images.open({ vhd }, 'disk', undefined);
    expect(await images.open({ vhd }, 'disk', undefined)).toBe(first);
    await utimes(vhd, 1, 1);
    expect(await images.open({ vhd }, 'disk', undefined)).not.toBe(first);
  });

  test.each([
    {
      name: 'raw.vhd',
      footer: Buffer.alloc(512),
      reason: 'there is no VHD footer in its last 512 bytes',
    },
    {
      name: 'dynamic.vhd',
      footer: Buffer.concat([Buffer.from('conectix'), Buffer.alloc(52), Buffer.from([0, 0, 0, 3])]),
      reason: 'it is a dynamic VHD, not a fixed one',
    },
    {
      name: 'longer.vhd',
      footer: writeVhdFooter({ sizeBytes: MIB, uniqueId, createdSeconds: 0 }),
      reason: 'its footer speaks of 1048576 bytes, but 2097152 come before it',
    },
  ])('is refused with its reason: $name', async ({ name, footer, reason }) => {
    const vhd = await writeVhd(name, { footer: Buffer.concat([footer], 512) });
    await expect(createDiskImages().open({ vhd }, 'disk', undefined)).rejects.toThrow(
      `VHD file "${vhd}" cannot be used: ${reason}.`,
    );
  });

  test('is refused when its size is no whole number of MiB', async () => {
    const vhd = await writeVhd('odd.vhd', { sizeBytes: MIB + 512 });
    await expect(createDiskImages().open({ vhd }, 'disk', undefined)).rejects.toThrow(
      'its virtual size of 1049088 bytes is no whole number of MiB',
    );
  });

  test('is refused when it is empty or missing', async () => {
    const empty = await writeVhd('empty.vhd');
    await truncate(empty);
    const images = createDiskImages();
    await expect(images.open({ vhd: empty }, 'disk', undefined)).rejects.toThrow(
      'a VHD footer has 512 bytes, not 0',
    );
    await expect(images.open({ vhd: `${empty}x` }, 'disk', undefined)).rejects.toThrow(
      'there is no such file',
    );
  });

  const hasQemu = (() => {
    try {
      return execFileSync('qemu-img', ['--version'], { stdio: 'pipe' }).length > 0;
    } catch {
      return false;
    }
  })();

  if (process.env['CI_TOOLS'] === 'required' && !hasQemu) {
    throw new Error('CI_TOOLS=required, but qemu-img is not installed.');
  }

  (hasQemu ? test : test.skip)('is a VHD to qemu-img too', async () => {
    const vhd = await writeVhd('qemu.vhd');
    const info = execFileSync('qemu-img', ['info', '-f', 'vpc', '--output', 'json', vhd]);
    expect(JSON.parse(info.toString())).toMatchObject({ format: 'vpc' });
  });
});
