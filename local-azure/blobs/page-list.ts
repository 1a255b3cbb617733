import type { ByteRange } from '../world.ts';

/** The body of Get Page Ranges, with the marker of the next page of the list where there is one. */
export function writePageList(ranges: readonly ByteRange[], nextMarker?: string): string {
  const items = ranges.map(
    ({ start, end }) => `<PageRange><Start>${start}</Start><End>${end - 1}</End></PageRange>`,
  );
  const marker = nextMarker === undefined ? '' : `<NextMarker>${nextMarker}</NextMarker>`;
  return `\ufeff<?xml version="1.0" encoding="utf-8"?><PageList>${items.join('')}${marker}</PageList>`;
}

/** The ranges in a body of Get Page Ranges, as they stand there. */
export function readPageList(xml: string): ByteRange[] {
  return [...xml.matchAll(/<PageRange>\s*<Start>(\d+)<\/Start>\s*<End>(\d+)<\/End>/g)].map(
    ([, start, end]) => ({ start: Number(start), end: Number(end) + 1 }),
  );
}
