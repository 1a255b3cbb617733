import pLimit, { type LimitFunction } from 'p-limit';
import { ActionError, azureFailure, explain, reasonOf, type AzureFailure } from '../errors.ts';
import type { Clock, Log } from '../ports.ts';
import { formatBytes, GIBIBYTE, MEBIBYTE } from '../units.ts';
import type { ByteRange } from '../facts.ts';
import { mergeRanges, PAGE_BYTES, type MergedRanges } from './pieces.ts';

/** One Get Page Ranges of a window, whose length is given by `x-ms-range`. Throws as the SDK does. */
export type RangeReader = (window: ByteRange, signal: AbortSignal) => Promise<readonly ByteRange[]>;

/** What reading ranges needs. */
export interface RangesRig {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** How the log and errors call what is read. */
  readonly what?: string;
}

/** An export gives all ranges of a window in one answer, so that a window must not be too large. */
const WINDOW_BYTES = 64 * GIBIBYTE;
const SMALLEST_WINDOW_BYTES = 64 * MEBIBYTE;
const QUERIES_AT_ONCE = 4;
const MAX_REPEATS = 8;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Reads which ranges of an export hold data, window by window; a window whose query times out is split in halves.
 * Exports answer as service version 2018-03-28, without paging. What a query may not read is thrown as it is.
 * https://learn.microsoft.com/rest/api/storageservices/get-page-ranges
 */
export async function readRanges(
  read: RangeReader,
  lengthBytes: number,
  rig: RangesRig,
): Promise<MergedRanges> {
  const stop = new AbortController();
  const queries: Queries = {
    ...rig,
    what: rig.what ?? 'the disk export',
    read,
    lengthBytes,
    stop,
    signal: AbortSignal.any([rig.signal, stop.signal]),
    limit: pLimit(QUERIES_AT_ONCE),
  };
  queries.signal.throwIfAborted();
  return mergeRanges(inOrder(await readWindows(windowsOf(lengthBytes), 0, queries)));
}

interface Queries extends Required<RangesRig> {
  readonly read: RangeReader;
  readonly lengthBytes: number;
  /** Ends all queries with the first failure. */
  readonly stop: AbortController;
  readonly limit: LimitFunction;
}

function windowsOf(lengthBytes: number): readonly ByteRange[] {
  return Array.from({ length: Math.ceil(lengthBytes / WINDOW_BYTES) }, (_, index) => {
    const offset = index * WINDOW_BYTES;
    return { offset, length: Math.min(WINDOW_BYTES, lengthBytes - offset) };
  });
}

function* inOrder(parts: readonly MergedRanges[]): Generator<ByteRange> {
  for (const part of parts) yield* part;
}

/** Ends only when all queries have ended; then the first failure is thrown. */
async function readWindows(
  windows: readonly ByteRange[],
  depth: number,
  queries: Queries,
): Promise<readonly MergedRanges[]> {
  const settled = await Promise.allSettled(
    windows.map((window) => readWindow(window, depth, queries)),
  );
  queries.signal.throwIfAborted();
  return settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
}

async function readWindow(
  window: ByteRange,
  depth: number,
  queries: Queries,
): Promise<readonly MergedRanges[]> {
  const ranges = await queries.limit(async () => {
    try {
      return await query(window, depth, queries);
    } catch (error) {
      queries.stop.abort(error);
      throw error;
    }
  });
  return ranges === undefined ? readWindows(halvesOf(window), depth + 1, queries) : [ranges];
}

function halvesOf({ offset, length }: ByteRange): readonly ByteRange[] {
  const first = Math.round(length / 2 / SMALLEST_WINDOW_BYTES) * SMALLEST_WINDOW_BYTES;
  return [
    { offset, length: first },
    { offset: offset + first, length: length - first },
  ];
}

/** The ranges of a window, or undefined when it is too large for one query. */
async function query(
  window: ByteRange,
  depth: number,
  queries: Queries,
): Promise<MergedRanges | undefined> {
  const { read, clock, signal, log } = queries;
  const name = `${formatBytes(window.length)} at byte ${window.offset} of ${queries.what}`;
  for (let repeats = 0; ; repeats += 1) {
    signal.throwIfAborted();
    try {
      const ranges = await read(window, signal);
      return mergeRanges(checked(ranges, window, name, queries.lengthBytes));
    } catch (error) {
      signal.throwIfAborted();
      const failure = azureFailure(error);
      if (error instanceof ActionError || !isPassing(failure)) throw error;
      if (isTimeout(failure) && window.length > SMALLEST_WINDOW_BYTES) {
        log.debug(`The page ranges of ${name} are asked for in halves: ${reasonOf(error)}`);
        // A service that is busy wants fewer queries for a while, not twice as many at once.
        if (failure.status === 503) await clock.sleep(pauseFor(depth, failure), signal);
        return undefined;
      }
      if (repeats === MAX_REPEATS) {
        throw explain(`Could not read the page ranges of ${name}`, error, 'Run again.');
      }
      log.debug(`The page ranges of ${name} are asked for again: ${reasonOf(error)}`);
      await clock.sleep(pauseFor(repeats, failure), signal);
    }
  }
}

/** No answer, throttling and failures of the service pass; a refusal does not. */
function isPassing({ status }: AzureFailure): boolean {
  return status === undefined || status === 408 || status === 429 || status >= 500;
}

function isTimeout({ status, code }: AzureFailure): boolean {
  return code === 'ETIMEDOUT' || code === 'OperationTimedOut' || status === 503;
}

function pauseFor(failures: number, { retryAfterMs = 0 }: AzureFailure): number {
  const pause = Math.max(FIRST_PAUSE_MS * 2 ** failures, retryAfterMs);
  return Math.min(pause, LONGEST_PAUSE_MS);
}

/** Clips an answer to its window, since a range may go on in the next. Throws for ranges that cannot be an answer. */
function checked(
  ranges: readonly ByteRange[],
  window: ByteRange,
  name: string,
  lengthBytes: number,
): readonly ByteRange[] {
  const windowEnd = window.offset + window.length;
  return ranges.map(({ offset, length }) => {
    const end = offset + length;
    const isInside = offset < windowEnd && end > window.offset && offset >= 0 && end <= lengthBytes;
    const isWhole = length > 0 && offset % PAGE_BYTES === 0 && length % PAGE_BYTES === 0;
    if (!isInside || !isWhole) {
      throw new ActionError(
        'verify',
        `The page ranges of ${name} are not right: ${length} bytes at byte ${offset} are ${isWhole ? 'outside of it' : 'no whole pages'}. Run again.`,
      );
    }
    const start = Math.max(offset, window.offset);
    return { offset: start, length: Math.min(end, windowEnd) - start };
  });
}
