import { randomBytes, randomInt } from 'node:crypto';
import { open } from 'node:fs/promises';
import { writeVhdFooter } from '../local-azure/disks/vhd-footer.ts';
import { PARTITION_OFFSET, writePartitionTable } from './partition-table.ts';
import { runTool } from './tools.ts';

/** VHD footers count their seconds from here. */
const VHD_EPOCH_MS = Date.UTC(2000, 0, 1);

export interface LinuxVhd {
  /** Path of the VHD; a file that is there is not overwritten. */
  readonly file: string;
  /** Of the disk, in whole MiB. */
  readonly sizeBytes: number;
  /** What the file system holds. */
  readonly folder: string;
  /** Path of mkfs.ext4. */
  readonly mkfs: string;
  readonly signal?: AbortSignal;
}

/** Makes a fixed VHD, sparse on disk: a partition table, one ext4 partition with a folder's files, and the footer. */
export async function makeLinuxVhd({
  file,
  sizeBytes,
  folder,
  mkfs,
  signal,
}: LinuxVhd): Promise<void> {
  await using handle = await open(file, 'wx');
  await handle.truncate(sizeBytes);
  const kibibytes = (sizeBytes - PARTITION_OFFSET) / 1024;
  const options = `offset=${PARTITION_OFFSET},root_owner=0:0`;
  await runTool(mkfs, ['-q', '-F', '-E', options, '-d', folder, file, `${kibibytes}k`], signal);
  const table = writePartitionTable(sizeBytes, randomInt(1, 2 ** 32));
  await handle.write(table, 0, table.length, 0);
  const createdSeconds = Math.floor((Date.now() - VHD_EPOCH_MS) / 1000);
  const footer = writeVhdFooter({ sizeBytes, uniqueId: randomBytes(16), createdSeconds });
  await handle.write(footer, 0, footer.length, sizeBytes);
}
