import type { ByteRange, DiskImage } from '../world.ts';
import { clipRanges, mergeRanges, PAGE_BYTES } from './byte-ranges.ts';

const MIB = 1024 * 1024;

/**
 * The OS disk of a VM that has been started: a system that runs writes to its disk. One page in the data and one in the
 * last MiB, as a log would be, tell how often.
 */
export function bootImage(image: DiskImage, boots: number): DiskImage {
  const page = Buffer.alloc(PAGE_BYTES, `boot ${boots}\n`);
  const written: readonly ByteRange[] = [PAGE_BYTES, image.sizeBytes - MIB].map((start) => ({
    start,
    end: start + PAGE_BYTES,
  }));
  return {
    sizeBytes: image.sizeBytes,
    ranges: mergeRanges([...image.ranges, ...written]),
    footer: image.footer,
    read: async (start, end) => {
      const bytes = Buffer.from(await image.read(start, end));
      for (const from of written) {
        for (const part of clipRanges([from], { start, end })) {
          page.copy(bytes, part.start - start, part.start - from.start, part.end - from.start);
        }
      }
      return bytes;
    },
  };
}
