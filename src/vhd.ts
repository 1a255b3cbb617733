/**
 * The footer of a fixed VHD, the only kind that Azure takes: 512 bytes after the disk's own, big-endian.
 * https://learn.microsoft.com/windows/win32/vstor/about-vhd
 */
export interface VhdFooter {
  /** Bytes of the disk, without the footer. */
  readonly currentSizeBytes: number;
  /** 2 fixed, 3 dynamic, 4 differencing. */
  readonly diskType: number;
  /** Lower-case hex, 32 digits. */
  readonly uniqueId: string;
  readonly checksum: number;
}

export const VHD_FOOTER_BYTES = 512;

const COOKIE = 'conectix';
const FIXED_DISK = 2;
const CHECKSUM_OFFSET = 64;
const MEBIBYTE = 1024 * 1024;

/** Reads a footer. The values are as found; `footerProblems` judges them. Throws a RangeError unless 512 bytes long. */
export function parseFooter(bytes: Uint8Array): VhdFooter {
  if (bytes.length !== VHD_FOOTER_BYTES) {
    throw new RangeError(`A VHD footer has ${VHD_FOOTER_BYTES} bytes, got ${bytes.length}.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    currentSizeBytes: Number(view.getBigUint64(48)),
    diskType: view.getUint32(60),
    checksum: view.getUint32(CHECKSUM_OFFSET),
    uniqueId: hex(bytes.subarray(68, 84)),
  };
}

/**
 * What is wrong with the footer of a VHD whose disk has so many bytes; empty for a right one.
 * Checked: cookie, type (fixed), size, whole MiB, checksum.
 */
export function footerProblems(bytes: Uint8Array, diskSizeBytes: number): readonly string[] {
  if (bytes.length !== VHD_FOOTER_BYTES) {
    return [`the footer has ${bytes.length} bytes instead of ${VHD_FOOTER_BYTES}`];
  }
  const cookie = String.fromCharCode(...bytes.subarray(0, COOKIE.length));
  if (cookie !== COOKIE) return [`there is no VHD footer (cookie "${COOKIE}") at its end`];
  const footer = parseFooter(bytes);
  const problems: string[] = [];
  if (footer.diskType !== FIXED_DISK) {
    problems.push(`the VHD is of type ${footer.diskType} instead of ${FIXED_DISK} (fixed)`);
  }
  if (footer.currentSizeBytes !== diskSizeBytes) {
    problems.push(`the footer names ${footer.currentSizeBytes} bytes instead of ${diskSizeBytes}`);
  }
  if (footer.currentSizeBytes % MEBIBYTE !== 0) {
    problems.push(`the size of ${footer.currentSizeBytes} bytes is not a whole number of MiB`);
  }
  const checksum = footerChecksum(bytes);
  if (footer.checksum !== checksum) {
    problems.push(`the footer's checksum is ${footer.checksum} instead of ${checksum}`);
  }
  return problems;
}

/** One's complement of the sum of all footer bytes but the checksum's own four. */
export function footerChecksum(bytes: Uint8Array): number {
  let sum = 0;
  bytes.forEach((byte, offset) => {
    if (offset < CHECKSUM_OFFSET || offset >= CHECKSUM_OFFSET + 4) sum += byte;
  });
  return ~sum >>> 0;
}

/** True when both footers have the same bytes. */
export function sameFooter(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, offset) => byte === right[offset]);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
