import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createDiskImages } from '../local-azure/disks/images.ts';
import type { DiskContent } from '../local-azure/scenario.ts';
import type { DiskImage } from '../local-azure/world.ts';
import { writeGuestFiles } from './guest-files.ts';
import { makeLinuxVhd } from './linux-vhd.ts';
import { findTool } from './tools.ts';

const GIB = 1024 ** 3;
const OS_SIZE_GIB = 8;
const DATA_SIZE_GIB = 1;

/** A disk of the VM that the demo captures. */
export interface SourceDisk {
  readonly name: string;
  readonly sizeGiB: number;
  readonly content: DiskContent;
  /** The same bytes as the local Azure has them, for the proof. */
  readonly image: DiskImage;
  /** Its VHD file, where there is one. */
  readonly file?: string;
  /** What the file that is read back holds, where the demo has made its file system. */
  readonly hello?: string;
}

/** Why a VHD of the user's own cannot be taken. */
export class UnusableDisk extends Error {}

/** The user's own fixed VHD as OS disk; throws an UnusableDisk that names the file and what is wrong with it. */
export async function openOwnDisk(path: string): Promise<SourceDisk> {
  const file = resolve(path);
  try {
    return await openDisk('builder-os', 0, { vhd: file }, { file });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnusableDisk(reason, { cause: error });
  }
}

/** An OS disk with an ext4 file system, as a VHD in a folder; undefined where mkfs.ext4 is not installed. */
export async function makeOsDisk(
  folder: string,
  signal: AbortSignal,
): Promise<SourceDisk | undefined> {
  const mkfs = await findTool('mkfs.ext4');
  if (mkfs === undefined) return undefined;
  const guest = join(folder, 'guest');
  const hello = `Hello from run ${randomUUID()} of the demo.\n`;
  await mkdir(guest);
  await writeGuestFiles(guest, hello);
  const file = join(folder, 'builder-os.vhd');
  await makeLinuxVhd({ file, sizeBytes: OS_SIZE_GIB * GIB, folder: guest, mkfs, signal });
  return openDisk('builder-os', OS_SIZE_GIB, { vhd: file }, { file, hello });
}

/** An OS disk of the same size, with content that the local Azure generates. */
export function generateOsDisk(): Promise<SourceDisk> {
  return openDisk('builder-os', OS_SIZE_GIB, { seed: 1, dataMiB: 64 });
}

/** A data disk with content that the local Azure generates. */
export function generateDataDisk(): Promise<SourceDisk> {
  return openDisk('builder-data', DATA_SIZE_GIB, { seed: 2, dataMiB: 16 });
}

async function openDisk(
  name: string,
  sizeGiB: number,
  content: DiskContent,
  made: Pick<SourceDisk, 'file' | 'hello'> = {},
): Promise<SourceDisk> {
  const image = await createDiskImages().open(content, name, sizeGiB * GIB);
  return { name, sizeGiB: Math.ceil(image.sizeBytes / GIB), content, image, ...made };
}
