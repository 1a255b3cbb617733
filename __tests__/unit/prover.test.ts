import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Blobs } from '../../src/azure/blobs.ts';
import type { Pages } from '../../src/azure/pages.ts';
import { crc64, formatCrc64 } from '../../src/copy/crc64.ts';
import type { DiskExport } from '../../src/copy/disk-export.ts';
import type { CheckedSource } from '../../src/copy/disk-source.ts';
import { cutPieces } from '../../src/copy/pieces.ts';
import { Prover } from '../../src/copy/prover.ts';
import type { ByteRange } from '../../src/facts.ts';
import { generateImage } from '../../local-azure/disks/generated-image.ts';
import { blobOf, planOf, worldOf } from '../support/facts.ts';
import { literalClock, literalLog } from '../support/literal-ports.ts';

const MIB = 1024 ** 2;
const url = 'https://a.blob.core.windows.net/vhds/x.vhd';
const image = generateImage(3, 16 * MIB, 1);
const ranges: readonly ByteRange[] = image.ranges.map(({ start, end }) => ({
  offset: start,
  length: end - start,
}));
const lengthBytes = image.sizeBytes + 512;
const pieces = cutPieces(ranges, lengthBytes);
const footer: ByteRange = { offset: image.sizeBytes, length: 512 };

let renewals: number;
let world: {
  /** What the blob holds. */
  bytes: Buffer;
  pages: readonly ByteRange[];
  /** Answers to reads of the export before it can be read. */
  refusals: Error[];
};

beforeEach(async () => {
  renewals = 0;
  world = { bytes: await image.read(0, lengthBytes), pages: [...ranges, footer], refusals: [] };
});

function proverOf(verify: 'checksums' | 'full', known = true): Prover {
  let sas = 'https://md-1.blob.storage.azure.net/a/abcd?sig=1';
  const first = {
    get sas() {
      return sas;
    },
    renew: () => {
      renewals += 1;
      sas = `${sas}1`;
      return Promise.resolve();
    },
  } as unknown as DiskExport;
  const [planned] = planOf(worldOf()).disks;
  if (planned === undefined) throw new Error('no disk');
  const disk = { ...planned, sizeBytes: image.sizeBytes };
  const source: CheckedSource = {
    disk,
    first,
    more: [],
    snapshotUniqueId: 'u',
    footer: image.footer,
  };
  const blobs = {
    blobState: () => Promise.resolve(blobOf(url, { blobType: 'PageBlob', lengthBytes })),
    readTail: () => Promise.resolve({ bytes: world.bytes.subarray(image.sizeBytes), lengthBytes }),
  } as unknown as Blobs;
  const pages = {
    list: () => Promise.resolve(world.pages),
    read: (from: string, { offset, length }: ByteRange) => {
      if (from === url) return Promise.resolve(world.bytes.subarray(offset, offset + length));
      const refusal = world.refusals.shift();
      return refusal === undefined ? image.read(offset, offset + length) : Promise.reject(refusal);
    },
  } as unknown as Pages;
  const signal = new AbortController().signal;
  const rig = { blobs, pages, clock: literalClock(), log: literalLog(), signal, verify };
  return new Prover(source, known ? pieces : undefined, rig);
}

const whole = async (): Promise<string> => formatCrc64(crc64(await image.read(0, lengthBytes)));

describe('a proof', () => {
  test('by checksums is the one that the copy had, after form and pages were looked at', async () => {
    expect(await proverOf('checksums').prove(url, 0xabcn)).toEqual({
      lengthBytes,
      proof: { kind: 'checksums', crc64: '0000000000000abc' },
    });
  });

  test('of a Copy Blob is its form', async () => {
    expect((await proverOf('checksums').prove(url)).proof).toEqual({ kind: 'copy-status' });
  });

  test.each([
    ['page by page', true],
    ['whole where the pages are not known', false],
  ])('by reading back is the checksum of the file, %s', async (_name, known) => {
    expect((await proverOf('full', known).prove(url)).proof).toEqual({
      kind: 'read-back',
      crc64: await whole(),
    });
  });

  test('that reads back names the first piece that differs', async () => {
    const at = pieces.offset(1) + 5;
    world.bytes[at] = (world.bytes[at] ?? 0) ^ 1;
    const last = pieces.offset(1) + pieces.length(1) - 1;
    await expect(proverOf('full').prove(url)).rejects.toMatchObject({
      code: 'verify',
      message: `Blob "${url}" differs from the snapshot in bytes ${pieces.offset(1)} to ${last} when both are read back. Run again.`,
    });
  });

  test('that reads back has a SAS that ended granted anew', async () => {
    world.refusals = [Object.assign(new Error('ended'), { statusCode: 403 })];
    expect((await proverOf('full').prove(url)).proof).toMatchObject({ kind: 'read-back' });
    expect(renewals).toBe(1);
  });

  test('whose source cannot be read says so, and is tried again for the next VHD', async () => {
    world.refusals = Array.from({ length: 8 }, () => new Error('broken'));
    const prover = proverOf('full');
    await expect(prover.prove(url)).rejects.toThrow('Could not read the snapshot back: broken.');
    world.refusals = [];
    expect((await prover.prove(url)).proof).toMatchObject({ kind: 'read-back' });
  });

  test('fails for data where the disk has none', async () => {
    const hole = { offset: (image.ranges[0]?.end ?? 0) + 512, length: 1024 };
    const stray = [...world.pages, hole].sort((left, right) => left.offset - right.offset);
    world.pages = stray;
    await expect(proverOf('checksums').prove(url, 1n)).rejects.toMatchObject({
      code: 'verify',
      message: `Blob "${url}" holds data where the disk has none, in bytes ${hole.offset} to ${hole.offset + 1023}. Somebody else wrote to it; run again.`,
    });
  });

  test('does not mind pages of zeros that are not listed', async () => {
    world.pages = [footer];
    expect((await proverOf('checksums').prove(url, 1n)).proof.kind).toBe('checksums');
  });
});

describe('pieces that an earlier attempt landed', () => {
  test('are those that are recorded and that the blob has pages for', async () => {
    world.pages = ranges.slice(0, 1);
    const recorded = new Map([...Array(pieces.count).keys()].map((piece) => [piece, 1n]));
    const landed = await proverOf('checksums').keepLanded(url, recorded);
    const end = image.ranges[0]?.end ?? 0;
    const expected = [...recorded.keys()].filter(
      (piece) => pieces.offset(piece) + pieces.length(piece) <= end,
    );
    expect(expected.length).toBeGreaterThan(0);
    expect([...landed.keys()]).toEqual(expected);
  });

  test('are none without a record', async () => {
    expect((await proverOf('checksums').keepLanded(url, new Map())).size).toBe(0);
  });
});
