import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { DiskImage, DiskImages } from '../world.ts';
import { generateImage } from './generated-image.ts';
import { openVhdFile } from './vhd-file-image.ts';

const DEFAULT_SIZE_BYTES = 4 * 1024 ** 3;
const DEFAULT_DATA_MIB = 1;

/** Images of disks. A VHD file is scanned once for as long as its size and time of change stay the same. */
export function createDiskImages(): DiskImages {
  const scanned = new Map<string, Promise<DiskImage>>();
  return {
    open: async (content, name, sizeBytes) => {
      if (content !== undefined && 'vhd' in content) {
        return openCached(scanned, content.vhd);
      }
      const seed = content?.seed ?? createHash('sha256').update(name).digest().readUInt32BE();
      const data = content?.extents ?? content?.dataMiB ?? DEFAULT_DATA_MIB;
      return generateImage(seed, sizeBytes ?? DEFAULT_SIZE_BYTES, data);
    },
  };
}

async function openCached(
  scanned: Map<string, Promise<DiskImage>>,
  file: string,
): Promise<DiskImage> {
  const found = await stat(file).catch((error: unknown) => {
    throw new Error(`VHD file "${file}" cannot be used: there is no such file.`, { cause: error });
  });
  const key = `${file}\n${found.size}\n${found.mtimeMs}`;
  const image = scanned.get(key) ?? openVhdFile(file, found.size);
  scanned.set(key, image);
  return image;
}
