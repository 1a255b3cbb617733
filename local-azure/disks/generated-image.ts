import { createHash } from 'node:crypto';
import type { ScenarioExtents } from '../scenario.ts';
import type { ByteRange, DiskImage } from '../world.ts';
import { clipRanges, PAGE_BYTES } from './byte-ranges.ts';
import { FOOTER_BYTES, writeVhdFooter } from './vhd-footer.ts';

const MIB = 1024 * 1024;
const TABLE_BYTES = MIB;

/** A fixed date, so that the same seed gives the same bytes whenever it runs: 2020-01-01, counted from 2000. */
const CREATED_SECONDS = 631_152_000;

/** What the pages of a generated disk are: so many MiB in runs, or extents of one size at one distance. */
export type GeneratedData = number | ScenarioExtents;

/**
 * An image whose pages are computed when they are read: a disk of any size costs one table of 1 MiB.
 * `sizeBytes` is a multiple of 512. The same arguments give the same bytes.
 */
export function generateImage(seed: number, sizeBytes: number, data: GeneratedData): DiskImage {
  const ranges =
    typeof data === 'number' ? planRuns(seed, sizeBytes, data * MIB) : placeExtents(data);
  const footer = writeVhdFooter({
    sizeBytes,
    uniqueId: createHash('sha256').update(`vhd ${seed}`).digest().subarray(0, 16),
    createdSeconds: CREATED_SECONDS,
  });
  let table: Buffer | undefined;
  return {
    sizeBytes,
    ranges,
    footer,
    read: (start, end) => {
      table ??= makeTable(seed);
      const bytes = Buffer.alloc(end - start);
      for (const range of clipRanges(ranges, { start, end })) {
        fillPages(bytes.subarray(range.start - start, range.end - start), range.start, table);
      }
      for (const { start: from, end: to } of clipRanges(
        [{ start: sizeBytes, end: sizeBytes + FOOTER_BYTES }],
        { start, end },
      )) {
        footer.copy(bytes, from - start, from - sizeBytes, to - sizeBytes);
      }
      return Promise.resolve(bytes);
    },
  };
}

/** Runs of different lengths with holes between them; the first starts at 0, as a partition table does. */
function planRuns(seed: number, sizeBytes: number, dataBytes: number): ByteRange[] {
  const dataPages = Math.min(Math.round(dataBytes / PAGE_BYTES), sizeBytes / PAGE_BYTES);
  const holePages = sizeBytes / PAGE_BYTES - dataPages;
  if (dataPages === 0) {
    return [];
  }
  const wanted = Math.min(64, Math.max(3, Math.round(dataBytes / MIB)));
  const count = Math.max(1, Math.min(wanted, dataPages, holePages));
  const random = makeRandom(seed);
  const lengths = splitPages(dataPages, count, random);
  const holes = splitPages(holePages, count, random);
  const runs: ByteRange[] = [];
  let page = 0;
  for (const [index, length] of lengths.entries()) {
    runs.push({ start: page * PAGE_BYTES, end: (page + length) * PAGE_BYTES });
    page += length + (holes[index] ?? 0);
  }
  return runs;
}

/** Extents that touch are one range. */
function placeExtents({ count, bytes, everyBytes }: ScenarioExtents): ByteRange[] {
  if (bytes === everyBytes) return [{ start: 0, end: count * bytes }];
  return Array.from({ length: count }, (_, index) => ({
    start: index * everyBytes,
    end: index * everyBytes + bytes,
  }));
}

/** Splits pages into `count` parts of different sizes, none empty while there are enough. */
function splitPages(pages: number, count: number, random: () => number): number[] {
  const weights = Array.from({ length: count }, () => 1 + (random() % 1000));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const spare = Math.max(0, pages - count);
  const parts = weights.map((weight) => Math.floor((spare * weight) / total) + 1);
  const rest = pages - parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part, index) => (index === count - 1 ? Math.max(0, part + rest) : part));
}

function makeTable(seed: number): Buffer {
  const random = makeRandom(seed);
  const words = new Uint32Array(TABLE_BYTES / 4);
  for (let index = 0; index < words.length; index += 1) {
    words[index] = random();
  }
  return Buffer.from(words.buffer);
}

/** Bytes from the table, each page stamped with its number so that no two pages are the same. */
function fillPages(target: Buffer, offset: number, table: Buffer): void {
  for (let done = 0; done < target.length;) {
    const from = (offset + done) % TABLE_BYTES;
    const length = Math.min(TABLE_BYTES - from, target.length - done);
    table.copy(target, done, from, from + length);
    done += length;
  }
  const stamp = Buffer.alloc(8);
  const first = Math.floor(offset / PAGE_BYTES) * PAGE_BYTES;
  for (let page = first; page < offset + target.length; page += PAGE_BYTES) {
    stamp.writeBigUInt64LE(BigInt(page / PAGE_BYTES + 1));
    for (let index = Math.max(0, offset - page); index < 8; index += 1) {
      const at = page - offset + index;
      if (at < target.length) {
        target.writeUInt8(stamp.readUInt8(index), at);
      }
    }
  }
}

/** 32-bit numbers of an xorshift generator; cheap, and the same on every machine. */
function makeRandom(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ 0x85eb_ca6b) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
