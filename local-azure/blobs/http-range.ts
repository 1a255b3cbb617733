import type { IncomingMessage } from 'node:http';
import type { ByteRange } from '../world.ts';

/**
 * The range that a request asks for, cut to the size; undefined when it asks for none, `'invalid'` when it starts
 * beyond the end. `x-ms-range` wins over `Range`, and a header that is no byte range is ignored.
 * {@link https://learn.microsoft.com/rest/api/storageservices/specifying-the-range-header-for-blob-service-operations}
 */
export function readRange(
  request: IncomingMessage,
  sizeBytes: number,
): ByteRange | 'invalid' | undefined {
  const asked = parseRange(request);
  if (asked === undefined) {
    return undefined;
  }
  return asked.start >= sizeBytes
    ? 'invalid'
    : { start: asked.start, end: Math.min(asked.end, sizeBytes) };
}

/** The range that a request names, as far as it goes; an open end is `Infinity`. */
export function parseRange({ headers }: IncomingMessage): ByteRange | undefined {
  return parseRangeHeader(headers['x-ms-range'] ?? headers.range);
}

/** The range in the value of a header; undefined for one that is no byte range. */
export function parseRangeHeader(
  value: string | readonly string[] | undefined,
): ByteRange | undefined {
  const found = typeof value === 'string' ? /^bytes=(\d+)-(\d*)$/.exec(value.trim()) : undefined;
  if (!found) {
    return undefined;
  }
  const start = Number(found[1]);
  const end = found[2] === '' ? Infinity : Number(found[2]) + 1;
  return end > start ? { start, end } : undefined;
}
