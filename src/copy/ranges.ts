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

/**
 * An export gives all ranges of a window in one answer, so that windows begin small and grow as long as the answers are
 * short: a disk with a million ranges must not come in one.
 */
const FIRST_WINDOW_BYTES = GIBIBYTE;
const SMALLEST_WINDOW_BYTES = 64 * MEBIBYTE;
const LARGEST_WINDOW_BYTES = 64 * GIBIBYTE;
const SHORT_ANSWER = 1_000;
const LONG_ANSWER = 10_000;
const GROWTH = 4;
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
  };
  queries.signal.throwIfAborted();
  return mergeRanges(inOrder(await readAll(queries)));
}

/** Takes one window after the other, some at once, each as large as the answers before it allow. */
async function readAll(queries: Queries): Promise<readonly MergedRanges[]> {
  const { lengthBytes, stop, signal } = queries;
  const parts: (readonly MergedRanges[])[] = [];
  let size = FIRST_WINDOW_BYTES;
  let next = 0;
  async function readUntil(end: number): Promise<void> {
    try {
      while (next < end) {
        const window = { offset: next, length: Math.min(size, lengthBytes - next) };
        next += window.length;
        const slot = parts.push([]) - 1;
        const found = await readWindow(window, 0, queries);
        parts[slot] = found.parts;
        size = sizeAfter(found, window.length, size);
      }
    } catch (error) {
      stop.abort(error);
    }
  }
  // Nothing is known before the first answer, so that no others come at the same time.
  await readUntil(Math.min(FIRST_WINDOW_BYTES, lengthBytes));
  await Promise.all(Array.from({ length: QUERIES_AT_ONCE }, () => readUntil(lengthBytes)));
  signal.throwIfAborted();
  return parts.flat();
}

interface Found {
  /** In order; more than one where the window was asked for in halves. */
  readonly parts: readonly MergedRanges[];
  /** Some query took too long, so that windows must be smaller. */
  readonly isTooLarge: boolean;
}

/**
 * How large the next windows are after an answer. One that was asked for before the size changed may shrink it, not
 * grow it: what it tells of is over. Halves because the service was busy tell nothing of the size.
 */
function sizeAfter({ parts, isTooLarge }: Found, length: number, size: number): number {
  const ranges = parts.reduce((sum, { count }) => sum + count, 0);
  let share = isTooLarge ? 1 / GROWTH : 1;
  while (ranges * share > LONG_ANSWER) share /= GROWTH;
  if (share < 1) return Math.min(size, Math.max(length * share, SMALLEST_WINDOW_BYTES));
  const mayGrow = ranges < SHORT_ANSWER && parts.length === 1 && length === size;
  return mayGrow ? Math.min(size * GROWTH, LARGEST_WINDOW_BYTES) : size;
}

interface Queries extends Required<RangesRig> {
  readonly read: RangeReader;
  readonly lengthBytes: number;
  /** Ends all queries with the first failure. */
  readonly stop: AbortController;
}

function* inOrder(parts: readonly MergedRanges[]): Generator<ByteRange> {
  for (const part of parts) yield* part;
}

/** The halves of a window come one after the other, so that a service that is busy hears no more queries than before. */
async function readWindow(window: ByteRange, depth: number, queries: Queries): Promise<Found> {
  const answer = await query(window, depth, queries);
  if (typeof answer === 'object') return { parts: [answer], isTooLarge: false };
  const [first, second] = halvesOf(window);
  const left = await readWindow(first, depth + 1, queries);
  const right = await readWindow(second, depth + 1, queries);
  return {
    parts: [...left.parts, ...right.parts],
    isTooLarge: answer === 'too large' || left.isTooLarge || right.isTooLarge,
  };
}

function halvesOf({ offset, length }: ByteRange): readonly [ByteRange, ByteRange] {
  const first = Math.round(length / 2 / SMALLEST_WINDOW_BYTES) * SMALLEST_WINDOW_BYTES;
  return [
    { offset, length: first },
    { offset: offset + first, length: length - first },
  ];
}

/** The ranges of a window, or why it is asked for in halves. */
async function query(
  window: ByteRange,
  depth: number,
  queries: Queries,
): Promise<MergedRanges | 'too large' | 'busy'> {
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
        if (failure.status !== 503) return 'too large';
        // A service that is busy wants fewer queries for a while.
        await clock.sleep(pauseFor(depth, failure), signal);
        return 'busy';
      }
      if (repeats === MAX_REPEATS) {
        throw explain(`Could not read the page ranges of ${name}`, error);
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
