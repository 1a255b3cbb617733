import { clipRanges, mergeRanges, PAGE_BYTES } from '../disks/byte-ranges.ts';
import type { ByteRange } from '../world.ts';
import { readText } from './body.ts';
import type { BlobCall } from './call.ts';
import { returnHeaders, sendToStore } from './forward.ts';
import { parseRange } from './http-range.ts';
import { readPageList, writePageList } from './page-list.ts';
import { problems, Refusal } from './problems.ts';

const MAX_RESULTS = 10_000;

/**
 * Answers Get Page Ranges: merged, cut to the range asked for, and in pages of a list where there are many.
 * {@link https://learn.microsoft.com/rest/api/storageservices/get-page-ranges}
 */
export async function sendPageRanges(call: BlobCall): Promise<void> {
  const { query } = call.operation;
  const answer = await sendToStore(call, ['range', 'x-ms-range']);
  const stored = readPageList(await readText(answer));
  const window = parseRange(call.request);
  if (window && window.start >= Number(answer.headers['x-ms-blob-content-length'])) {
    throw new Refusal(problems.invalidRange);
  }
  const all = clipRanges(mergeRanges(stored), window ? alignRange(window) : wholeBlob);
  const first = readMarker(query.get('marker'));
  const count = readMaxResults(query.get('maxresults'));
  const next = first + count < all.length ? writeMarker(first + count) : undefined;
  const body = writePageList(all.slice(first, first + count), next);
  call.response
    .writeHead(200, {
      ...returnHeaders(call, answer),
      'content-type': 'application/xml',
      'content-length': Buffer.byteLength(body),
    })
    .end(body);
}

const wholeBlob: ByteRange = { start: 0, end: Infinity };

function alignRange({ start, end }: ByteRange): ByteRange {
  return {
    start: Math.floor(start / PAGE_BYTES) * PAGE_BYTES,
    end: Math.ceil(end / PAGE_BYTES) * PAGE_BYTES,
  };
}

function readMaxResults(value: string | null): number {
  const count = value === null ? MAX_RESULTS : Number(value);
  if (!Number.isInteger(count) || count < 1) {
    throw new Refusal({
      status: 400,
      code: 'OutOfRangeQueryParameterValue',
      message:
        'One of the query parameters specified in the request URI is outside the permissible range.',
    });
  }
  return Math.min(count, MAX_RESULTS);
}

/** Markers look like Azure's, whose content is not for clients to read. */
function writeMarker(index: number): string {
  const text = Buffer.from(String(index).padStart(6, '0')).toString('base64');
  return `2!${text.length}!${text}`;
}

function readMarker(marker: string | null): number {
  if (marker === null || marker === '') return 0;
  const index = Number(Buffer.from(marker.split('!')[2] ?? '', 'base64').toString() || NaN);
  if (Number.isNaN(index)) throw new Refusal(problems.invalidMarker);
  return index;
}
