/** Bytes of a VHD footer; a fixed VHD ends with one. */
export const FOOTER_BYTES = 512;

const COOKIE = 'conectix';
const NO_OFFSET = 0xffff_ffff_ffff_ffffn;
const FIXED = 2;

export interface VhdFooter {
  /** Of the disk, without the footer. */
  readonly sizeBytes: number;
  /** 16 bytes. */
  readonly uniqueId: Buffer;
  /** Seconds since 2000-01-01 UTC. */
  readonly createdSeconds: number;
}

export interface DiskGeometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

/**
 * The footer of a fixed VHD.
 * {@link https://learn.microsoft.com/windows/win32/vstor/about-vhd}
 */
export function writeVhdFooter({ sizeBytes, uniqueId, createdSeconds }: VhdFooter): Buffer {
  const footer = Buffer.alloc(FOOTER_BYTES);
  const { cylinders, heads, sectorsPerTrack } = computeGeometry(sizeBytes);
  footer.write(COOKIE, 0, 'latin1');
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x0001_0000, 12);
  footer.writeBigUInt64BE(NO_OFFSET, 16);
  footer.writeUInt32BE(createdSeconds, 24);
  footer.write('win ', 28, 'latin1');
  footer.writeUInt32BE(0x000a_0000, 32);
  footer.write('Wi2k', 36, 'latin1');
  footer.writeBigUInt64BE(BigInt(sizeBytes), 40);
  footer.writeBigUInt64BE(BigInt(sizeBytes), 48);
  footer.writeUInt16BE(cylinders, 56);
  footer.writeUInt8(heads, 58);
  footer.writeUInt8(sectorsPerTrack, 59);
  footer.writeUInt32BE(FIXED, 60);
  uniqueId.copy(footer, 68, 0, 16);
  footer.writeUInt32BE(computeChecksum(footer), 64);
  return footer;
}

/** Reads the footer of a fixed VHD; an error says what is wrong with it. */
export function readVhdFooter(footer: Buffer): VhdFooter {
  if (footer.length !== FOOTER_BYTES) {
    throw new Error(`a VHD footer has ${FOOTER_BYTES} bytes, not ${footer.length}`);
  }
  if (footer.toString('latin1', 0, 8) !== COOKIE) {
    throw new Error('there is no VHD footer in its last 512 bytes');
  }
  const type = footer.readUInt32BE(60);
  if (type !== FIXED) {
    throw new Error(`it is a ${nameDiskType(type)} VHD, not a fixed one`);
  }
  if (footer.readUInt32BE(64) !== computeChecksum(footer)) {
    throw new Error('the checksum of its VHD footer is wrong');
  }
  return {
    sizeBytes: Number(footer.readBigUInt64BE(48)),
    uniqueId: Buffer.from(footer.subarray(68, 84)),
    createdSeconds: footer.readUInt32BE(24),
  };
}

/** Cylinders, heads and sectors by the algorithm in the appendix of the VHD specification. */
export function computeGeometry(sizeBytes: number): DiskGeometry {
  const sectors = Math.min(Math.floor(sizeBytes / 512), 65_535 * 16 * 255);
  if (sectors >= 65_535 * 16 * 63) {
    return { cylinders: Math.floor(sectors / 255 / 16), heads: 16, sectorsPerTrack: 255 };
  }
  let sectorsPerTrack = 17;
  let tracks = Math.floor(sectors / sectorsPerTrack);
  let heads = Math.max(4, Math.floor((tracks + 1023) / 1024));
  if (tracks >= heads * 1024 || heads > 16) {
    sectorsPerTrack = 31;
    heads = 16;
    tracks = Math.floor(sectors / sectorsPerTrack);
  }
  if (tracks >= heads * 1024) {
    sectorsPerTrack = 63;
    heads = 16;
    tracks = Math.floor(sectors / sectorsPerTrack);
  }
  return { cylinders: Math.floor(tracks / heads), heads, sectorsPerTrack };
}

function computeChecksum(footer: Buffer): number {
  let sum = 0;
  for (const [index, byte] of footer.entries()) {
    sum += index >= 64 && index < 68 ? 0 : byte;
  }
  return ~sum >>> 0;
}

function nameDiskType(type: number): string {
  return { 3: 'dynamic', 4: 'differencing' }[type] ?? `type-${type}`;
}
