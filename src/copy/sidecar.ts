import { crc64, type Crc64 } from './crc64.ts';
import type { Pieces } from './pieces.ts';

/** The name of the sidecar of a VHD that is not complete: what has landed in it, with the checksums. */
export function sidecarUrl(vhdUrl: string): string {
  return `${vhdUrl}.pieces`;
}

/** What makes a sidecar belong to a VHD. */
export interface SidecarOf {
  /** Unique ID of the snapshot that the pieces come from. */
  readonly snapshot: string;
  readonly pieces: Pieces;
}

interface Header {
  readonly version: 1;
  readonly snapshot: string;
  readonly lengthBytes: number;
  readonly bytes: number;
  readonly count: number;
  readonly landed: number;
  /** Of everything behind the header, as 16 hex digits: a sidecar that was cut off is of no use. */
  readonly crc64: string;
}

const RECORD_BYTES = 12;

/** Writes a sidecar: a line of JSON, then the index (4 bytes) and checksum (8 bytes) of each piece, little-endian. */
export function writeSidecar(
  { snapshot, pieces }: SidecarOf,
  landed: ReadonlyMap<number, Crc64>,
): Uint8Array {
  const records = new DataView(new ArrayBuffer(landed.size * RECORD_BYTES));
  let at = 0;
  for (const [piece, crc] of landed) {
    records.setUint32(at, piece, true);
    records.setBigUint64(at + 4, crc, true);
    at += RECORD_BYTES;
  }
  const body = new Uint8Array(records.buffer);
  const header: Header = {
    version: 1,
    snapshot,
    lengthBytes: pieces.lengthBytes,
    bytes: pieces.bytes,
    count: pieces.count,
    landed: landed.size,
    crc64: crc64(body).toString(16),
  };
  const line = new TextEncoder().encode(`${JSON.stringify(header)}\n`);
  const whole = new Uint8Array(line.length + body.length);
  whole.set(line);
  whole.set(body, line.length);
  return whole;
}

/** Reads a sidecar. Empty for one that is damaged, or of another snapshot or other pieces: then all is copied again. */
export function readSidecar(
  bytes: Uint8Array,
  { snapshot, pieces }: SidecarOf,
): ReadonlyMap<number, Crc64> {
  const end = bytes.indexOf(10);
  const header = parseHeader(bytes.subarray(0, Math.max(0, end)));
  // Copied: a Buffer shares its memory with others, and its slices do so too.
  const body = new Uint8Array(bytes.subarray(end + 1));
  const fits =
    header?.version === 1 &&
    header.snapshot === snapshot &&
    header.lengthBytes === pieces.lengthBytes &&
    header.bytes === pieces.bytes &&
    header.count === pieces.count &&
    body.length === header.landed * RECORD_BYTES &&
    crc64(body).toString(16) === header.crc64;
  if (!fits) return new Map();
  const records = new DataView(body.buffer);
  const landed = new Map<number, Crc64>();
  for (let at = 0; at < body.length; at += RECORD_BYTES) {
    landed.set(records.getUint32(at, true), records.getBigUint64(at + 4, true));
  }
  return landed;
}

function parseHeader(line: Uint8Array): Header | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(line)) as Header;
  } catch {
    return undefined;
  }
}
