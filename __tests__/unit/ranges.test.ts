import { describe, expect, test } from '@jest/globals';
import type { ByteRange } from '../../src/facts.ts';
import { cutPieces, type MergedRanges } from '../../src/copy/pieces.ts';
import { readRanges, type RangeReader } from '../../src/copy/ranges.ts';
import { ActionError } from '../../src/errors.ts';
import { GIBIBYTE, MEBIBYTE, TEBIBYTE } from '../../src/units.ts';
import { sas, signature } from '../support/facts.ts';
import {
  literalClock,
  literalLog,
  type LiteralClock,
  type LiteralLog,
} from '../support/literal-ports.ts';

const WINDOW = 64 * GIBIBYTE;
const SMALLEST = 64 * MEBIBYTE;
const PAGE = 512;

/** An error as the SDK throws it. */
function failureOf(
  status: number | undefined,
  code?: string,
  headers?: Map<string, string>,
): Error {
  return Object.assign(new Error('No answer.'), {
    ...(status !== undefined && { statusCode: status }),
    ...(code !== undefined && { code }),
    ...(headers !== undefined && { response: { headers } }),
  });
}

const timedOut = failureOf(undefined, 'ETIMEDOUT');
const operationTimedOut = failureOf(500, 'OperationTimedOut');
const busy = failureOf(503, 'ServerBusy');

/** The answer of an export that holds these ranges: what lies in the window, cut at its ends. */
function dataIn(ranges: readonly ByteRange[], window: ByteRange): readonly ByteRange[] {
  return ranges.flatMap(({ offset, length }) => {
    const start = Math.max(offset, window.offset);
    const end = Math.min(offset + length, window.offset + window.length);
    return end > start ? [{ offset: start, length: end - start }] : [];
  });
}

interface Reading {
  readonly ranges: MergedRanges | undefined;
  readonly error: unknown;
  readonly windows: readonly ByteRange[];
  readonly clock: LiteralClock;
  readonly log: LiteralLog;
  /** Queries under way at the same time, at most. */
  readonly mostAtOnce: number;
  /** Queries that had not ended when the reading had. */
  readonly leftRunning: number;
}

/** Reads ranges with a reader that is told how often a window was asked for before. */
async function readWith(
  answer: (window: ByteRange, repeats: number, signal: AbortSignal) => ReturnType<RangeReader>,
  lengthBytes: number,
  signal = new AbortController().signal,
): Promise<Reading> {
  const clock = literalClock();
  const log = literalLog();
  const windows: ByteRange[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const read: RangeReader = async (window, linked) => {
    const isSame = (other: ByteRange): boolean =>
      other.offset === window.offset && other.length === window.length;
    const repeats = windows.filter(isSame).length;
    windows.push(window);
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    try {
      await Promise.resolve();
      return await answer(window, repeats, linked);
    } finally {
      atOnce -= 1;
    }
  };
  const result = await readRanges(read, lengthBytes, { clock, log, signal }).then(
    (ranges) => ({ ranges, error: undefined }),
    (error: unknown) => ({ ranges: undefined, error }),
  );
  return { ...result, windows, clock, log, mostAtOnce, leftRunning: atOnce };
}

function found({ ranges, error }: Reading): readonly ByteRange[] {
  if (ranges === undefined) throw error;
  return [...ranges];
}

describe('an export is asked', () => {
  test.each<readonly [string, number, readonly ByteRange[]]>([
    [
      'as a whole when it is small',
      30 * GIBIBYTE + PAGE,
      [{ offset: 0, length: 30 * GIBIBYTE + PAGE }],
    ],
    [
      'in windows of 64 GiB when it is large',
      130 * GIBIBYTE + PAGE,
      [
        { offset: 0, length: WINDOW },
        { offset: WINDOW, length: WINDOW },
        { offset: 2 * WINDOW, length: 2 * GIBIBYTE + PAGE },
      ],
    ],
  ])('%s', async (_name, lengthBytes, expected) => {
    const reading = await readWith(() => Promise.resolve([]), lengthBytes);
    expect(reading.windows).toEqual(expected);
    expect(found(reading)).toEqual([]);
    expect(reading.clock.pauses).toEqual([]);
  });

  test('for four windows at once, and every one once, of 8 TiB', async () => {
    const lengthBytes = 8 * TEBIBYTE;
    const reading = await readWith(() => Promise.resolve([]), lengthBytes);
    expect(reading.windows.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 128 }, (_, index) => index * WINDOW),
    );
    expect(reading.mostAtOnce).toBe(4);
  });
});

describe('ranges', () => {
  test.each<readonly [string, readonly ByteRange[], readonly ByteRange[]]>([
    [
      'are sorted',
      [
        { offset: 4096, length: PAGE },
        { offset: 0, length: PAGE },
      ],
      [
        { offset: 0, length: PAGE },
        { offset: 4096, length: PAGE },
      ],
    ],
    [
      'that touch or overlap are one',
      [
        { offset: 0, length: 1024 },
        { offset: PAGE, length: 1024 },
        { offset: 1536, length: PAGE },
      ],
      [{ offset: 0, length: 2048 }],
    ],
  ])('%s', async (_name, answer, expected) => {
    expect(found(await readWith(() => Promise.resolve(answer), GIBIBYTE))).toEqual(expected);
  });

  test('are merged where windows meet, and stay in order whichever window answers first', async () => {
    const data = [
      { offset: PAGE, length: PAGE },
      { offset: WINDOW - PAGE, length: WINDOW + 2 * PAGE },
      { offset: 3 * WINDOW - PAGE, length: PAGE },
    ];
    const first = Promise.withResolvers<undefined>();
    const reading = await readWith(async (window) => {
      if (window.offset === 0) await first.promise;
      if (window.offset === 2 * WINDOW) first.resolve(undefined);
      return dataIn(data, window);
    }, 3 * WINDOW);
    expect(found(reading)).toEqual(data);
  });

  test.each<readonly [string, number, ByteRange]>([
    ['end', 0, { offset: WINDOW - PAGE, length: PAGE }],
    ['begin', WINDOW, { offset: WINDOW, length: PAGE }],
  ])(
    'count for the window that was asked for, also where they %s outside',
    async (_name, asked, expected) => {
      const across = { offset: WINDOW - PAGE, length: 2 * PAGE };
      const reading = await readWith(
        ({ offset }) => Promise.resolve(offset === asked ? [across] : []),
        2 * WINDOW,
      );
      expect(found(reading)).toEqual([expected]);
    },
  );

  test('of a million tiny ones are compact, and pieces are cut from them as they are', async () => {
    const step = 256 * 1024;
    const perWindow = WINDOW / step;
    const reading = await readWith(
      ({ offset }) =>
        Promise.resolve(
          Array.from({ length: perWindow }, (_, index) => ({
            offset: offset + index * step,
            length: PAGE,
          })),
        ),
      4 * WINDOW,
    );
    expect(reading.ranges?.count).toBe(4 * perWindow);
    const pieces = cutPieces(reading.ranges ?? [], 4 * WINDOW + PAGE);
    expect(pieces.count).toBe(4 * perWindow + 1);
    expect(pieces.count).toBeGreaterThan(1_000_000);
  });

  test.each<readonly [string, ByteRange, string]>([
    ['before the window', { offset: 0, length: PAGE }, '512 bytes at byte 0 are outside of it'],
    [
      'behind the disk',
      { offset: WINDOW + GIBIBYTE, length: PAGE },
      '512 bytes at byte 69793218560 are outside of it',
    ],
    [
      'that go on behind the disk',
      { offset: WINDOW + GIBIBYTE - PAGE, length: 1024 },
      '1024 bytes at byte 69793218048 are outside of it',
    ],
    [
      'one byte short of a page',
      { offset: WINDOW, length: PAGE - 1 },
      '511 bytes at byte 68719476736 are no whole pages',
    ],
    [
      'inside a page',
      { offset: WINDOW + 1, length: PAGE },
      '512 bytes at byte 68719476737 are no whole pages',
    ],
    [
      'without bytes',
      { offset: WINDOW + PAGE, length: 0 },
      '0 bytes at byte 68719477248 are no whole pages',
    ],
  ])('%s are no answer, and not asked for again', async (_name, range, problem) => {
    const reading = await readWith(
      ({ offset }) => Promise.resolve(offset === 0 ? [] : [range]),
      WINDOW + GIBIBYTE,
    );
    expect(reading.error).toMatchObject({
      code: 'verify',
      message: `The page ranges of 1.0 GiB at byte 68719476736 of the disk export are not right: ${problem}. Run again.`,
    });
    expect(reading.windows).toHaveLength(2);
  });
});

describe('a window whose query times out', () => {
  test.each<readonly [string, Error, readonly number[]]>([
    ['without an answer', timedOut, []],
    ['in Azure', operationTimedOut, []],
    ['because Azure is busy, after a pause,', busy, [1000]],
  ])('%s is asked for in halves', async (_name, failure, pauses) => {
    const data = [{ offset: 32 * GIBIBYTE - PAGE, length: 2 * PAGE }];
    const reading = await readWith(
      (window) =>
        window.length > 32 * GIBIBYTE
          ? Promise.reject(failure)
          : Promise.resolve(dataIn(data, window)),
      WINDOW,
    );
    expect(found(reading)).toEqual(data);
    expect(reading.windows).toEqual([
      { offset: 0, length: WINDOW },
      { offset: 0, length: 32 * GIBIBYTE },
      { offset: 32 * GIBIBYTE, length: 32 * GIBIBYTE },
    ]);
    expect(reading.clock.pauses).toEqual(pauses);
    expect(reading.log.lines).toContainEqual(
      expect.stringContaining('64.0 GiB at byte 0 of the disk export are asked for in halves'),
    );
  });

  test.each([
    ['a power of two', WINDOW],
    ['a disk of any size', 30 * GIBIBYTE + 7 * MEBIBYTE + PAGE],
    ['hardly more than the smallest', SMALLEST + PAGE],
  ])('is split down to 64 MiB, and nothing is lost: %s', async (_name, lengthBytes) => {
    const data = Array.from({ length: 999 }, (_, index) => ({
      offset: Math.floor((index * lengthBytes) / 999 / 1024) * 1024,
      length: PAGE,
    }));
    const all = [...data, { offset: lengthBytes - PAGE, length: PAGE }];
    const reading = await readWith(
      (window) =>
        window.length > SMALLEST ? Promise.reject(timedOut) : Promise.resolve(dataIn(all, window)),
      lengthBytes,
    );
    expect(found(reading)).toEqual(all);
    const answered = reading.windows.filter(({ length }) => length <= SMALLEST);
    const inOrder = answered.toSorted((left, right) => left.offset - right.offset);
    expect(answered.length).toBe(Math.ceil(lengthBytes / SMALLEST));
    expect(reading.windows.length).toBe(2 * answered.length - 1);
    expect(inOrder.map(({ offset }) => offset)).toEqual(
      Array.from({ length: answered.length }, (_, index) => index * SMALLEST),
    );
    expect(reading.mostAtOnce).toBeLessThanOrEqual(4);
  });

  test('only where it does: the other windows stay whole', async () => {
    const reading = await readWith(
      ({ offset, length }) =>
        offset < GIBIBYTE && length > GIBIBYTE ? Promise.reject(timedOut) : Promise.resolve([]),
      4 * WINDOW,
    );
    expect(found(reading)).toEqual([]);
    expect(reading.windows.length).toBe(4 + 6 * 2);
  });

  test('at 64 MiB is asked for again, and then given up with one clear error', async () => {
    const reading = await readWith(() => Promise.reject(timedOut), SMALLEST);
    expect(reading.error).toBeInstanceOf(ActionError);
    expect(reading.error).toMatchObject({
      code: 'azure',
      message:
        'Could not read the page ranges of 64 MiB at byte 0 of the disk export: ETIMEDOUT: no answer. Run again.',
    });
    expect(reading.windows).toHaveLength(9);
    expect(reading.clock.pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((s) => s * 1000));
  });

  test('in a storm of 503 makes no storm of queries', async () => {
    const lengthBytes = 8 * TEBIBYTE;
    let asked = 0;
    const reading = await readWith(() => {
      asked += 1;
      return asked <= 200 ? Promise.reject(busy) : Promise.resolve([]);
    }, lengthBytes);
    expect(found(reading)).toEqual([]);
    expect(reading.clock.pauses).toHaveLength(200);
    expect(Math.min(...reading.clock.pauses)).toBe(1000);
    expect(reading.windows.length).toBe(128 + 2 * 200);
  });
});

describe('a query that fails', () => {
  test.each<readonly [string, Error]>([
    ['throttled', failureOf(429, 'TooManyRequests')],
    ['by a failure of the service', failureOf(500, 'InternalError')],
    ['without an answer', new Error('socket hang up')],
    ['by a request that was too slow', failureOf(408)],
    ['by a gateway', failureOf(502)],
  ])('%s is repeated, not split', async (_name, failure) => {
    const data = [{ offset: PAGE, length: PAGE }];
    const reading = await readWith(
      (_window, repeats) => (repeats < 3 ? Promise.reject(failure) : Promise.resolve(data)),
      WINDOW,
    );
    expect(found(reading)).toEqual(data);
    expect(reading.windows).toEqual(
      Array.from({ length: 4 }, () => ({ offset: 0, length: WINDOW })),
    );
    expect(reading.clock.pauses).toEqual([1000, 2000, 4000]);
  });

  test('is repeated eight times, and not once more', async () => {
    const failing = (times: number) =>
      readWith(
        (_window, repeats) =>
          repeats < times
            ? Promise.reject(Object.assign(new Error(`GET ${sas} failed`), { statusCode: 500 }))
            : Promise.resolve([]),
        WINDOW,
      );
    expect(found(await failing(8))).toEqual([]);
    const { error, windows } = await failing(9);
    expect(windows).toHaveLength(9);
    expect(error).toMatchObject({ code: 'azure' });
    expect(String(error)).toContain('Could not read the page ranges of 64.0 GiB at byte 0');
    expect(String(error)).not.toContain(signature);
  });

  test.each([
    ['as Azure asks', '20', 20_000],
    ['no less than its own pause', '0', 1000],
    ['no longer than a minute', '3600', 60_000],
  ])('waits %s', async (_name, retryAfter, expected) => {
    const throttled = failureOf(429, 'TooManyRequests', new Map([['retry-after', retryAfter]]));
    const { clock } = await readWith(
      (_window, repeats) => (repeats < 1 ? Promise.reject(throttled) : Promise.resolve([])),
      WINDOW,
    );
    expect(clock.pauses).toEqual([expected]);
  });

  test.each([400, 401, 403, 404, 409, 416])(
    'with %d is thrown at once as it is',
    async (status) => {
      const refused = failureOf(status, 'Refused');
      const reading = await readWith(
        ({ offset }, _repeats, signal) =>
          offset === WINDOW ? Promise.reject(refused) : untilStopped(signal),
        8 * WINDOW,
      );
      expect(reading.error).toBe(refused);
      expect(reading.clock.pauses).toEqual([]);
      expect(reading.windows).toHaveLength(4);
      expect(reading.leftRunning).toBe(0);
    },
  );

  test('is the first of many that is thrown', async () => {
    const reading = await readWith(
      ({ offset }) => Promise.reject(failureOf(403, `At${offset / WINDOW}`)),
      8 * WINDOW,
    );
    expect(reading.error).toMatchObject({ statusCode: 403, code: 'At0' });
  });

  test('in a half ends the other half', async () => {
    const refused = failureOf(403);
    const reading = await readWith(({ offset, length }, _repeats, signal) => {
      if (length === WINDOW) return Promise.reject(timedOut);
      return offset === 0 ? untilStopped(signal) : Promise.reject(refused);
    }, WINDOW);
    expect(reading.error).toBe(refused);
    expect(reading.leftRunning).toBe(0);
  });
});

/** Waits until the signal is aborted, and then rejects as an Azure call does. */
function untilStopped(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => {
      reject(Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' }));
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
}

describe('a cancelled run', () => {
  const reason = new Error('cancelled by the user');

  test('asks for nothing', async () => {
    const signal = AbortSignal.abort(reason);
    const reading = await readWith(() => Promise.resolve([]), WINDOW, signal);
    expect(reading.error).toBe(reason);
    expect(reading.windows).toEqual([]);
  });

  test('stops in a query, and all of them have ended', async () => {
    const run = new AbortController();
    const work = readWith(
      (window, _repeats, signal) => {
        if (window.offset === 3 * WINDOW) run.abort(reason);
        return untilStopped(signal);
      },
      8 * WINDOW,
      run.signal,
    );
    const { error, windows, leftRunning } = await work;
    expect(error).toBe(reason);
    expect(windows).toHaveLength(4);
    expect(leftRunning).toBe(0);
  });

  test('does not repeat what failed', async () => {
    const run = new AbortController();
    const { error, windows, log } = await readWith(
      () => {
        run.abort(reason);
        return Promise.reject(timedOut);
      },
      WINDOW,
      run.signal,
    );
    expect(error).toBe(reason);
    expect(windows).toHaveLength(1);
    expect(log.lines).toEqual([]);
  });
});
