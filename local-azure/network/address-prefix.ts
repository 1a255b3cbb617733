/** A range of IPv4 addresses, as 10.0.0.0/24 names it. */
export interface AddressRange {
  readonly start: number;
  readonly size: number;
}

/** Azure keeps the first four addresses of a subnet and the last one. */
const keptAtStart = 4;
const keptAtEnd = 1;

/** Reads a prefix; undefined for what is none, or not at the start of its range. */
export function readPrefix(prefix: string): AddressRange | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(prefix);
  const bits = Number(match?.[2]);
  const bytes = (match?.[1] ?? '').split('.').map(Number);
  if (match === null || bits > 32 || bytes.some((byte) => byte > 255)) return undefined;
  const start = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - bits);
  return start % size === 0 ? { start, size } : undefined;
}

/** Whether a range lies within another one. */
export function isWithin(inner: AddressRange, outer: AddressRange): boolean {
  return inner.start >= outer.start && inner.start + inner.size <= outer.start + outer.size;
}

/** The first address of a range that is free; undefined when it is full. */
export function freeAddress(
  range: AddressRange,
  isTaken: (address: string) => boolean,
): string | undefined {
  for (let at = keptAtStart; at < range.size - keptAtEnd; at += 1) {
    const address = write(range.start + at);
    if (!isTaken(address)) return address;
  }
  return undefined;
}

function write(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
