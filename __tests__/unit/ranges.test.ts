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

/** Windows begin with it, so that a disk of this length is one. */
const FIRST = GIBIBYTE;
const LARGEST = 64 * GIBIBYTE;
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

/** The answer of an export with a page of data at every step. */
function everyStep(step: number, { offset, length }: ByteRange): readonly ByteRange[] {
  const first = Math.ceil(offset / step);
  const count = Math.ceil((offset + length) / step) - first;
  return Array.from({ length: count }, (_, index) => ({
    offset: (first + index) * step,
    length: PAGE,
  }));
}

/** An answer of so many ranges at the begin of a window. */
function answerOf(count: number, { offset }: ByteRange): readonly ByteRange[] {
  return Array.from({ length: count }, (_, index) => ({
    offset: offset + 2 * PAGE * index,
    length: PAGE,
  }));
}

interface Reading {
  readonly ranges: MergedRanges | undefined;
  readonly error: unknown;
  readonly windows: readonly ByteRange[];
  /** What was answered, in the order of the answers. */
  readonly answers: readonly { readonly window: ByteRange; readonly ranges: number }[];
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
  const answers: { window: ByteRange; ranges: number }[] = [];
  const asked = new Map<string, number>();
  let atOnce = 0;
  let mostAtOnce = 0;
  const read: RangeReader = async (window, linked) => {
    const key = `${window.offset} ${window.length}`;
    const repeats = asked.get(key) ?? 0;
    asked.set(key, repeats + 1);
    windows.push(window);
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    try {
      await Promise.resolve();
      const ranges = await answer(window, repeats, linked);
      answers.push({ window, ranges: ranges.length });
      return ranges;
    } finally {
      atOnce -= 1;
    }
  };
  const result = await readRanges(read, lengthBytes, { clock, log, signal }).then(
    (ranges) => ({ ranges, error: undefined }),
    (error: unknown) => ({ ranges: undefined, error }),
  );
  return { ...result, windows, answers, clock, log, mostAtOnce, leftRunning: atOnce };
}

function found({ ranges, error }: Reading): readonly ByteRange[] {
  if (ranges === undefined) throw error;
  return [...ranges];
}

/** How long windows are, in GiB. */
function gibibytes(windows: readonly ByteRange[]): readonly number[] {
  return windows.map(({ length }) => length / GIBIBYTE);
}

/** The whole disk is answered: every byte once, in windows of whole pages. */
function expectWhole({ answers }: Reading, lengthBytes: number): void {
  const sorted = answers
    .map(({ window }) => window)
    .toSorted((left, right) => left.offset - right.offset);
  let end = 0;
  const ends = sorted.map(({ length }) => (end += length));
  expect(sorted.map(({ offset }) => offset)).toEqual([0, ...ends.slice(0, -1)]);
  expect(end).toBe(lengthBytes);
  expect(sorted.filter(({ offset, length }) => offset % PAGE !== 0 || length % PAGE !== 0)).toEqual(
    [],
  );
}

describe('an export is asked', () => {
  test('as a whole when it is small', async () => {
    const lengthBytes = 512 * MEBIBYTE + PAGE;
    const reading = await readWith(() => Promise.resolve([]), lengthBytes);
    expect(reading.windows).toEqual([{ offset: 0, length: lengthBytes }]);
    expect(found(reading)).toEqual([]);
    expect(reading.clock.pauses).toEqual([]);
  });

  test('in windows that grow up to 64 GiB, the first one alone', async () => {
    const lengthBytes = 146 * GIBIBYTE + PAGE;
    let asked = 0;
    let askedBeforeAnswer = 0;
    const reading = await readWith(async ({ offset }) => {
      asked += 1;
      if (offset === 0) {
        await afterManyTurns();
        askedBeforeAnswer = asked;
      }
      return [];
    }, lengthBytes);
    expect(askedBeforeAnswer).toBe(1);
    expect(gibibytes(reading.windows)).toEqual([
      ...[1, 4, 4, 4, 4, 16, 16, 16, 16, 64],
      1 + PAGE / GIBIBYTE,
    ]);
    expectWhole(reading, lengthBytes);
    expect(found(reading)).toEqual([]);
  });

  test('for four windows at once, and every one once, of 8 TiB: 136 queries when it is empty', async () => {
    const reading = await readWith(() => Promise.resolve([]), 8 * TEBIBYTE);
    expectWhole(reading, 8 * TEBIBYTE);
    expect(reading.windows).toHaveLength(136);
    expect(Math.max(...gibibytes(reading.windows))).toBe(64);
    expect(reading.mostAtOnce).toBe(4);
  });
});

/** So many turns that whatever could go on without an answer has. */
async function afterManyTurns(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
}

describe('the next windows', () => {
  test.each([
    [0, 4 * GIBIBYTE],
    [999, 4 * GIBIBYTE],
    [1000, GIBIBYTE],
    [10_000, GIBIBYTE],
    [10_001, 256 * MEBIBYTE],
    [40_000, 256 * MEBIBYTE],
    [40_001, SMALLEST],
    [200_000, SMALLEST],
  ])('after an answer of %d ranges are of %d bytes', async (ranges, expected) => {
    const reading = await readWith(
      (window) => Promise.resolve(window.offset === 0 ? answerOf(ranges, window) : []),
      FIRST + 4 * expected,
    );
    expect(reading.windows.slice(1, 5)).toEqual(
      [0, 1, 2, 3].map((index) => ({ offset: FIRST + index * expected, length: expected })),
    );
    expect(reading.ranges?.count).toBe(ranges);
  });

  test('shrink where the data is, and grow again behind it', async () => {
    const dense = { from: 149 * GIBIBYTE, to: 152 * GIBIBYTE };
    const lengthBytes = 800 * GIBIBYTE;
    const reading = await readWith((window) => {
      const from = Math.max(window.offset, dense.from);
      const to = Math.min(window.offset + window.length, dense.to);
      const length = Math.max(to - from, 0);
      return Promise.resolve(everyStep(64 * 1024, { offset: from, length }));
    }, lengthBytes);
    expectWhole(reading, lengthBytes);
    expect(reading.ranges?.count).toBe((3 * GIBIBYTE) / (64 * 1024));
    const sizes = gibibytes(reading.windows);
    const fromLargest = sizes.slice(sizes.indexOf(64), -1);
    const shrunk = fromLargest.indexOf(Math.min(...fromLargest));
    expect(fromLargest[shrunk]).toBeLessThanOrEqual(16);
    expect(fromLargest.indexOf(64, shrunk)).toBeGreaterThan(shrunk);
  });

  test.each([
    ['timed out are a quarter of it', timedOut, [1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 1]],
    ['was refused as busy are as large as before', busy, [1, 0.5, 0.5, 1, 1]],
  ])('after one that %s', async (_name, failure, expected) => {
    const reading = await readWith(
      (window) =>
        window.offset === 0 && window.length === FIRST
          ? Promise.reject(failure)
          : Promise.resolve([]),
      3 * FIRST,
    );
    expect(gibibytes(reading.windows)).toEqual(expected);
    expectWhole(reading, 3 * FIRST);
  });

  test('do not shrink for the late answer of a small one', async () => {
    const late = Promise.withResolvers<undefined>();
    const reading = await readWith(async ({ offset, length }) => {
      if (length === LARGEST) late.resolve(undefined);
      if (offset === FIRST) await late.promise;
      return [];
    }, TEBIBYTE);
    const sizes = gibibytes(reading.windows);
    expect(sizes.slice(sizes.indexOf(64), -1).filter((size) => size !== 64)).toEqual([]);
    expectWhole(reading, TEBIBYTE);
  });

  test.each([
    ['empty', TEBIBYTE],
    ['long, but not for its size', 256 * 1024],
  ])('do not grow for the late answer of a large one that was %s', async (_name, step) => {
    const late = Promise.withResolvers<undefined>();
    const lengthBytes = 30 * GIBIBYTE;
    const reading = await readWith(async (window) => {
      if (window.offset === 0) return [];
      if (window.offset === 18 * GIBIBYTE) late.resolve(undefined);
      if (window.offset !== 13 * GIBIBYTE) return everyStep(64 * 1024, window);
      await late.promise;
      return everyStep(step, window);
    }, lengthBytes);
    expect(gibibytes(reading.windows)).toEqual([
      ...[1, 4, 4, 4, 4],
      ...Array.from({ length: 52 }, () => 0.25),
    ]);
    expectWhole(reading, lengthBytes);
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
      { offset: FIRST - PAGE, length: 4 * GIBIBYTE + 2 * PAGE },
      { offset: 9 * GIBIBYTE - PAGE, length: PAGE },
    ];
    const last = Promise.withResolvers<undefined>();
    const reading = await readWith(async (window) => {
      if (window.offset === FIRST) await last.promise;
      if (window.offset === 5 * GIBIBYTE) last.resolve(undefined);
      return dataIn(data, window);
    }, 9 * GIBIBYTE);
    expect(reading.answers.map(({ window }) => window.offset / GIBIBYTE)).toEqual([0, 5, 1]);
    expect(found(reading)).toEqual(data);
  });

  test.each<readonly [string, number, ByteRange]>([
    ['end', 0, { offset: FIRST - PAGE, length: PAGE }],
    ['begin', FIRST, { offset: FIRST, length: PAGE }],
  ])(
    'count for the window that was asked for, also where they %s outside',
    async (_name, asked, expected) => {
      const across = { offset: FIRST - PAGE, length: 2 * PAGE };
      const reading = await readWith(
        ({ offset }) => Promise.resolve(offset === asked ? [across] : []),
        2 * FIRST,
      );
      expect(found(reading)).toEqual([expected]);
    },
  );

  test.each([4, 32, 512, 8192])(
    'of a million tiny ones on %d GiB never come in one answer again after the first',
    async (gibibytesOfDisk) => {
      const step = gibibytesOfDisk * 1024;
      const lengthBytes = gibibytesOfDisk * GIBIBYTE;
      const reading = await readWith(
        (window) => Promise.resolve(everyStep(step, window)),
        lengthBytes,
      );
      expectWhole(reading, lengthBytes);
      expect(reading.ranges?.count).toBe(2 ** 20);
      const [, ...later] = reading.answers.map(({ ranges }) => ranges);
      expect(Math.max(...later)).toBeLessThanOrEqual(20_000);
      expect(reading.windows.length).toBeLessThanOrEqual(1100);
    },
  );

  test('of a million tiny ones are compact, and pieces are cut from them as they are', async () => {
    const reading = await readWith(
      (window) => Promise.resolve(everyStep(256 * 1024, window)),
      256 * GIBIBYTE,
    );
    const pieces = cutPieces(reading.ranges ?? [], 256 * GIBIBYTE + PAGE);
    expect(pieces.count).toBe(2 ** 20 + 1);
  });

  test.each<readonly [string, ByteRange, string]>([
    ['before the window', { offset: 0, length: PAGE }, '512 bytes at byte 0 are outside of it'],
    [
      'behind the disk',
      { offset: 2 * FIRST, length: PAGE },
      '512 bytes at byte 2147483648 are outside of it',
    ],
    [
      'that go on behind the disk',
      { offset: 2 * FIRST - PAGE, length: 1024 },
      '1024 bytes at byte 2147483136 are outside of it',
    ],
    [
      'one byte short of a page',
      { offset: FIRST, length: PAGE - 1 },
      '511 bytes at byte 1073741824 are no whole pages',
    ],
    [
      'inside a page',
      { offset: FIRST + 1, length: PAGE },
      '512 bytes at byte 1073741825 are no whole pages',
    ],
    [
      'without bytes',
      { offset: FIRST + PAGE, length: 0 },
      '0 bytes at byte 1073742336 are no whole pages',
    ],
  ])('%s are no answer, and not asked for again', async (_name, range, problem) => {
    const reading = await readWith(
      ({ offset }) => Promise.resolve(offset === 0 ? [] : [range]),
      2 * FIRST,
    );
    expect(reading.error).toMatchObject({
      code: 'verify',
      message: `The page ranges of 1.0 GiB at byte 1073741824 of the disk export are not right: ${problem}. Run again.`,
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
    const data = [{ offset: 512 * MEBIBYTE - PAGE, length: 2 * PAGE }];
    const reading = await readWith(
      (window) =>
        window.length > 512 * MEBIBYTE
          ? Promise.reject(failure)
          : Promise.resolve(dataIn(data, window)),
      FIRST,
    );
    expect(found(reading)).toEqual(data);
    expect(reading.windows).toEqual([
      { offset: 0, length: FIRST },
      { offset: 0, length: 512 * MEBIBYTE },
      { offset: 512 * MEBIBYTE, length: 512 * MEBIBYTE },
    ]);
    expect(reading.clock.pauses).toEqual(pauses);
    expect(reading.log.lines).toContainEqual(
      expect.stringContaining('1.0 GiB at byte 0 of the disk export are asked for in halves'),
    );
  });

  test.each([
    ['a power of two', LARGEST],
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
    expectWhole(reading, lengthBytes);
    expect(reading.answers.length).toBe(Math.ceil(lengthBytes / SMALLEST));
    expect(reading.windows.length).toBeLessThan(2 * reading.answers.length);
    const keys = reading.windows.map(({ offset, length }) => `${offset} ${length}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(reading.mostAtOnce).toBeLessThanOrEqual(4);
  });

  test('only where it does: the other windows stay whole', async () => {
    const reading = await readWith(
      ({ offset, length }) =>
        offset < 256 * MEBIBYTE && length > 256 * MEBIBYTE
          ? Promise.reject(timedOut)
          : Promise.resolve([]),
      5 * GIBIBYTE,
    );
    expectWhole(reading, 5 * GIBIBYTE);
    expect(gibibytes(reading.windows)).toEqual([
      ...[1, 0.5, 0.25, 0.25, 0.5],
      ...[0.25, 0.25, 0.25, 0.25, 1, 1, 1],
    ]);
  });

  test('at 64 MiB is asked for again, and then given up with one clear error', async () => {
    const reading = await readWith(() => Promise.reject(timedOut), SMALLEST);
    expect(reading.error).toBeInstanceOf(ActionError);
    expect(reading.error).toMatchObject({
      code: 'azure',
      message:
        'Could not read the page ranges of 64 MiB at byte 0 of the disk export: ETIMEDOUT: no answer. The runner does not reach the service: check its network, proxy and firewall, and run again.',
    });
    expect(reading.windows).toHaveLength(9);
    expect(reading.clock.pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((s) => s * 1000));
  });

  test('in a storm of 503 that passes makes no storm of queries, and loses nothing', async () => {
    const data = Array.from({ length: 64 }, (_, index) => ({
      offset: index * 128 * GIBIBYTE + 64 * GIBIBYTE - PAGE,
      length: 2 * PAGE,
    }));
    let asked = 0;
    const reading = await readWith((window) => {
      asked += 1;
      return asked > 40 && asked <= 80
        ? Promise.reject(busy)
        : Promise.resolve(dataIn(data, window));
    }, 8 * TEBIBYTE);
    expect(found(reading)).toEqual(data);
    expectWhole(reading, 8 * TEBIBYTE);
    expect(reading.clock.pauses).toHaveLength(40);
    expect(Math.min(...reading.clock.pauses)).toBe(1000);
    expect(reading.windows.length).toBeLessThanOrEqual(136 + 2 * 40 + 20);
  });

  test('makes no storm of queries either where every third one is refused as busy', async () => {
    let asked = 0;
    const reading = await readWith(() => {
      asked += 1;
      return asked % 3 === 0 ? Promise.reject(busy) : Promise.resolve([]);
    }, 8 * TEBIBYTE);
    expect(found(reading)).toEqual([]);
    expectWhole(reading, 8 * TEBIBYTE);
    expect(reading.windows.length).toBeLessThanOrEqual(500);
  });

  test.each([
    ['from the first query', 0, 4 + 9],
    ['that begins when windows are large', 40, 40 + 4 * (10 + 9)],
  ])('in a storm of 503 without end, %s, is given up soon', async (_name, good, most) => {
    let asked = 0;
    const reading = await readWith(() => {
      asked += 1;
      return asked > good ? Promise.reject(busy) : Promise.resolve([]);
    }, 8 * TEBIBYTE);
    expect(reading.error).toMatchObject({ code: 'azure' });
    expect(String(reading.error)).toContain('Could not read the page ranges of 64 MiB at byte');
    expect(reading.windows.length).toBeLessThanOrEqual(most);
    expect(Math.max(...reading.clock.pauses)).toBe(60_000);
    expect(reading.leftRunning).toBe(0);
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
      FIRST,
    );
    expect(found(reading)).toEqual(data);
    expect(reading.windows).toEqual(
      Array.from({ length: 4 }, () => ({ offset: 0, length: FIRST })),
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
        FIRST,
      );
    expect(found(await failing(8))).toEqual([]);
    const { error, windows } = await failing(9);
    expect(windows).toHaveLength(9);
    expect(error).toMatchObject({ code: 'azure' });
    expect(String(error)).toContain('Could not read the page ranges of 1.0 GiB at byte 0');
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
      FIRST,
    );
    expect(clock.pauses).toEqual([expected]);
  });

  test.each([400, 401, 403, 404, 409, 416])(
    'with %d is thrown at once as it is',
    async (status) => {
      const refused = failureOf(status, 'Refused');
      const reading = await readWith(({ offset }, _repeats, signal) => {
        if (offset === 0) return Promise.resolve([]);
        return offset === 5 * GIBIBYTE ? Promise.reject(refused) : untilStopped(signal);
      }, TEBIBYTE);
      expect(reading.error).toBe(refused);
      expect(reading.clock.pauses).toEqual([]);
      expect(reading.windows).toHaveLength(5);
      expect(reading.leftRunning).toBe(0);
    },
  );

  test('is the only one when it is the first', async () => {
    const refused = failureOf(403, 'Refused');
    const reading = await readWith(() => Promise.reject(refused), TEBIBYTE);
    expect(reading.error).toBe(refused);
    expect(reading.windows).toHaveLength(1);
  });

  test('is the first of many that is thrown', async () => {
    const reading = await readWith(
      ({ offset }) =>
        offset === 0
          ? Promise.resolve([])
          : Promise.reject(failureOf(403, `At${offset / GIBIBYTE}`)),
      TEBIBYTE,
    );
    expect(reading.error).toMatchObject({ statusCode: 403, code: 'At1' });
  });

  test('is the last that is asked, also where others answer in spite of it', async () => {
    const refused = failureOf(403);
    const reading = await readWith(async ({ offset }, _repeats, signal) => {
      if (offset === FIRST) throw refused;
      if (offset > FIRST) await untilStopped(signal).catch(() => undefined);
      return [];
    }, TEBIBYTE);
    expect(reading.error).toBe(refused);
    expect(reading.windows).toHaveLength(5);
    expect(reading.answers).toHaveLength(4);
    expect(reading.leftRunning).toBe(0);
  });

  test('in a half ends the other half and the other windows', async () => {
    const refused = failureOf(403);
    const reading = await readWith(({ offset, length }, _repeats, signal) => {
      if (offset === 0) return Promise.resolve([]);
      if (offset > FIRST) return untilStopped(signal);
      return Promise.reject(length === 4 * GIBIBYTE ? timedOut : refused);
    }, TEBIBYTE);
    expect(reading.error).toBe(refused);
    expect(gibibytes(reading.windows)).toEqual([1, 4, 4, 4, 4, 2]);
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
    const reading = await readWith(() => Promise.resolve([]), FIRST, signal);
    expect(reading.error).toBe(reason);
    expect(reading.windows).toEqual([]);
  });

  test('stops in a query, and all of them have ended', async () => {
    const run = new AbortController();
    const { error, windows, leftRunning } = await readWith(
      ({ offset }, _repeats, signal) => {
        if (offset === 0) return Promise.resolve([]);
        if (offset === 13 * GIBIBYTE) run.abort(reason);
        return untilStopped(signal);
      },
      TEBIBYTE,
      run.signal,
    );
    expect(error).toBe(reason);
    expect(windows).toHaveLength(5);
    expect(leftRunning).toBe(0);
  });

  test('has no ranges, also when all of them were answered', async () => {
    const run = new AbortController();
    const { error, answers } = await readWith(
      () => {
        run.abort(reason);
        return Promise.resolve([]);
      },
      FIRST,
      run.signal,
    );
    expect(error).toBe(reason);
    expect(answers).toHaveLength(1);
  });

  test('does not repeat what failed', async () => {
    const run = new AbortController();
    const { error, windows, log } = await readWith(
      () => {
        run.abort(reason);
        return Promise.reject(timedOut);
      },
      FIRST,
      run.signal,
    );
    expect(error).toBe(reason);
    expect(windows).toHaveLength(1);
    expect(log.lines).toEqual([]);
  });
});
