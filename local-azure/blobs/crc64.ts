/** Azure Storage's polynomial with its bits reflected, as two words. */
const POLYNOMIAL_HIGH = 0x9a6c_9329;
const POLYNOMIAL_LOW = 0xac4b_c9b5;

const STEP_BYTES = 8;

/** The checksum of one byte with 0 to 7 zero bytes behind it, as two words each: eight bytes are taken at a time. */
const [high, low] = makeTables();

/**
 * The CRC-64 of Azure Storage as its headers carry it: eight bytes, the lowest first, in base64.
 * {@link https://learn.microsoft.com/rest/api/storageservices/put-page#response-headers}
 */
export function crc64(bytes: Uint8Array): string {
  const words = asWords(bytes);
  let crcHigh = -1;
  let crcLow = -1;
  for (let at = 0; at + 1 < words.length; at += 2) {
    const first = crcLow ^ valueAt(words, at);
    const second = crcHigh ^ valueAt(words, at + 1);
    const a = 1792 + (first & 0xff);
    const b = 1536 + ((first >>> 8) & 0xff);
    const c = 1280 + ((first >>> 16) & 0xff);
    const d = 1024 + (first >>> 24);
    const e = 768 + (second & 0xff);
    const f = 512 + ((second >>> 8) & 0xff);
    const g = 256 + ((second >>> 16) & 0xff);
    const h = second >>> 24;
    crcHigh =
      valueAt(high, a) ^
      valueAt(high, b) ^
      valueAt(high, c) ^
      valueAt(high, d) ^
      valueAt(high, e) ^
      valueAt(high, f) ^
      valueAt(high, g) ^
      valueAt(high, h);
    crcLow =
      valueAt(low, a) ^
      valueAt(low, b) ^
      valueAt(low, c) ^
      valueAt(low, d) ^
      valueAt(low, e) ^
      valueAt(low, f) ^
      valueAt(low, g) ^
      valueAt(low, h);
  }
  for (const byte of bytes.subarray(words.byteLength)) {
    const index = (crcLow ^ byte) & 0xff;
    crcLow = ((crcLow >>> 8) | (crcHigh << 24)) ^ valueAt(low, index);
    crcHigh = (crcHigh >>> 8) ^ valueAt(high, index);
  }
  const result = Buffer.alloc(STEP_BYTES);
  result.writeInt32LE(~crcLow, 0);
  result.writeInt32LE(~crcHigh, 4);
  return result.toString('base64');
}

/** The whole steps of the bytes as words, which must lie on a border of four in memory. */
function asWords(bytes: Uint8Array): Int32Array {
  const count = Math.floor(bytes.length / STEP_BYTES) * 2;
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(aligned.buffer, aligned.byteOffset, count);
}

function makeTables(): readonly [high: Int32Array, low: Int32Array] {
  const tables = [new Int32Array(256 * STEP_BYTES), new Int32Array(256 * STEP_BYTES)] as const;
  const [tableHigh, tableLow] = tables;
  for (let index = 0; index < tableHigh.length; index += 1) {
    const isFirst = index < 256;
    let crcHigh = isFirst ? 0 : valueAt(tableHigh, index - 256);
    let crcLow = isFirst ? index : valueAt(tableLow, index - 256);
    for (let bit = 0; bit < 8; bit += 1) {
      const carries = (crcLow & 1) === 1;
      crcLow = (crcLow >>> 1) | (crcHigh << 31);
      crcHigh >>>= 1;
      if (carries) {
        crcHigh ^= POLYNOMIAL_HIGH;
        crcLow ^= POLYNOMIAL_LOW;
      }
    }
    tableHigh[index] = crcHigh;
    tableLow[index] = crcLow;
  }
  return tables;
}

function valueAt(table: Int32Array, index: number): number {
  return table[index] ?? 0;
}
