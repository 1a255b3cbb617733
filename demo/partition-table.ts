/** Where the only partition begins, as partitioning tools align it. */
export const PARTITION_OFFSET = 1024 * 1024;

const SECTOR_BYTES = 512;
const ENTRY_OFFSET = 446;
const LINUX = 0x83;
/** Cylinder, head and sector of what lies beyond their reach: the sector numbers count. */
const NO_CHS = Buffer.from([0xfe, 0xff, 0xff]);

/** A master boot record with one Linux partition from 1 MiB to the end of the disk. */
export function writePartitionTable(diskBytes: number, signature: number): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES);
  sector.writeUInt32LE(signature, 440);
  NO_CHS.copy(sector, ENTRY_OFFSET + 1);
  sector.writeUInt8(LINUX, ENTRY_OFFSET + 4);
  NO_CHS.copy(sector, ENTRY_OFFSET + 5);
  sector.writeUInt32LE(PARTITION_OFFSET / SECTOR_BYTES, ENTRY_OFFSET + 8);
  sector.writeUInt32LE((diskBytes - PARTITION_OFFSET) / SECTOR_BYTES, ENTRY_OFFSET + 12);
  sector.writeUInt16BE(0x55aa, SECTOR_BYTES - 2);
  return sector;
}
